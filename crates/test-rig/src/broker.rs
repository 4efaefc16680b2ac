//! A private `RabbitMQ`.

use std::fs;
use std::io::Write as _;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio::time::sleep;

use crate::programs::find;
use crate::server::{LOOK_EVERY, Launch, PATIENCE, Probe, Server};
use crate::{Port, Process, RigError, tethered};

/// Names the folder of the server's programs, where they are not those that are found.
const FOLDER_VARIABLE: &str = "SKYNET_RIG_RABBITMQ";
const PACKAGE: &str = "rabbitmq-server";

/// A private `RabbitMQ` with a port mapper of its own.
#[derive(Debug)]
pub struct Broker {
    server: Server,
    control: PathBuf,
    environment: Vec<(String, String)>,
    // Outlives the server, which is registered with it.
    _port_mapper: Process,
    /// Those of the port mapper and of the talk between nodes.
    _ports: [Port; 2],
}

impl Broker {
    /// A server that is not started.
    ///
    /// # Errors
    ///
    /// [`RigError`].
    pub fn prepare(folder: &Path) -> Result<Self, RigError> {
        let [program, control, mapper] = Self::programs()?;
        let home = folder.join("broker");
        fs::create_dir(&home).map_err(RigError::Folder)?;
        write_cookie(&home).map_err(RigError::Folder)?;
        fs::write(home.join("rabbitmq.conf"), "loopback_users = none\n")
            .and_then(|()| fs::write(home.join("enabled_plugins"), "[].\n"))
            .map_err(RigError::Folder)?;

        let (port, others) = (Port::free(), [Port::free(), Port::free()]);
        let [mapper_port, nodes_port] = others.each_ref().map(Port::number);
        let path = |name: &str| home.join(name).to_string_lossy().into_owned();
        let environment = [
            ("HOME", home.to_string_lossy().into_owned()),
            ("ERL_EPMD_PORT", mapper_port.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            (
                "RABBITMQ_NODENAME",
                format!("rig{}@localhost", port.number()),
            ),
            ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_NODE_PORT", port.number().to_string()),
            ("RABBITMQ_DIST_PORT", nodes_port.to_string()),
            ("RABBITMQ_MNESIA_BASE", path("mnesia")),
            ("RABBITMQ_LOG_BASE", path("log")),
            ("RABBITMQ_LOGS", "-".to_owned()),
            ("RABBITMQ_CONF_ENV_FILE", path("none")),
            ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", path("none")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
            // Then the script becomes the server, and signals reach it.
            ("RUNNING_UNDER_SYSTEMD", "true".to_owned()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value));

        let log = folder.join("broker.log");
        let mut mapper = tethered(mapper);
        mapper.args(["-address", "127.0.0.1", "-port", &mapper_port.to_string()]);
        let mapper = Process::spawn(mapper, &log).map_err(|error| RigError::Spawn {
            name: "epmd",
            error,
        })?;
        let launch = Launch {
            program,
            arguments: Vec::new(),
            environment: environment.to_vec(),
            log,
        };
        Ok(Self {
            server: Server::new("broker", launch, port, Probe::Amqp),
            control,
            environment: environment.to_vec(),
            _port_mapper: mapper,
            _ports: others,
        })
    }

    /// The server, its tool, and the port mapper.
    pub(crate) fn programs() -> Result<[PathBuf; 3], RigError> {
        let folder = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from);
        let find = |name| match &folder {
            Some(folder) => Ok(folder.join(name)),
            None => find(&[name], PACKAGE),
        };
        Ok([
            find("rabbitmq-server")?,
            find("rabbitmqctl")?,
            find("epmd")?,
        ])
    }

    /// Runs `rabbitmqctl` on this server and gives what it wrote.
    pub async fn control(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.control);
        let command = command
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("rabbitmqctl runs");
        let started = Instant::now();
        while child.try_wait().expect("it is a child").is_none() {
            assert!(started.elapsed() < PATIENCE, "rabbitmqctl does not end");
            sleep(LOOK_EVERY).await;
        }
        let output = child.wait_with_output().expect("it is a child");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "rabbitmqctl {arguments:?}: {said} {}",
            String::from_utf8_lossy(&output.stderr)
        );
        said
    }

    /// Puts bytes into a queue by hand.
    pub async fn put(&self, queue: &str, bytes: &[u8]) {
        let (_connection, channel) = self.channel().await;
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        confirms.await.unwrap();
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let properties = BasicProperties::default();
        let sent = channel.basic_publish("".into(), queue.into(), options, bytes, properties);
        assert_eq!(sent.await.unwrap().await.unwrap(), Confirmation::Ack(None));
    }

    /// Deletes a queue with everything in it.
    pub async fn delete(&self, queue: &str) {
        let (_connection, channel) = self.channel().await;
        let options = QueueDeleteOptions::default();
        channel.queue_delete(queue.into(), options).await.unwrap();
    }

    /// Messages that wait in a queue.
    pub async fn depth(&self, queue: &str) -> u32 {
        let (_connection, channel) = self.channel().await;
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let looked = channel.queue_declare(queue.into(), options, FieldTable::default());
        looked.await.unwrap().message_count()
    }

    async fn channel(&self) -> (Connection, Channel) {
        let url = format!("amqp://guest:guest@{}/%2f", self.server.address());
        let connection = Connection::connect(&url, ConnectionProperties::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }
}

impl Deref for Broker {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for Broker {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

/// What the server and its tool know each other by; nobody else may read it.
fn write_cookie(home: &Path) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o400);
    let mut file = options.open(home.join(".erlang.cookie"))?;
    file.write_all(b"ABCDEFGHIJKLMNOPQRST")
}
