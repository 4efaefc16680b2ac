//! A server that can be hurt.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::{Port, Process, RigError};

/// How long a server may take to start or to end.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// How long a server that answers at all takes for its first bytes.
const FIRST_BYTES: Duration = Duration::from_secs(1);
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How to see that a server answers, in its own protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It speaks first, with a greeting of version 10.
    Mysql,
    /// It answers a protocol header with a method frame.
    Amqp,
    /// It answers a ping.
    Redis,
}

impl Probe {
    /// Whether a server at `address` answers.
    pub async fn answers(self, address: SocketAddr) -> bool {
        timeout(FIRST_BYTES, self.ask(address))
            .await
            .is_ok_and(|answer| answer.unwrap_or(false))
    }

    async fn ask(self, address: SocketAddr) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address).await?;
        let question: &[u8] = match self {
            Self::Mysql => b"",
            Self::Amqp => b"AMQP\x00\x00\x09\x01",
            Self::Redis => b"PING\r\n",
        };
        stream.write_all(question).await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        Ok(match self {
            Self::Mysql => answer[4] == 10,
            Self::Amqp => answer[..3] == [1, 0, 0],
            Self::Redis => answer == *b"+PONG",
        })
    }
}

/// How to start a server.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) log: PathBuf,
}

impl Launch {
    fn command(&self) -> Command {
        let mut command = crate::tethered(&self.program);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// One server on a port of its own.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    launch: Launch,
    port: Port,
    probe: Probe,
    process: Option<Process>,
}

impl Server {
    pub(crate) fn new(name: &'static str, launch: Launch, port: Port, probe: Probe) -> Self {
        Self {
            name,
            launch,
            port,
            probe,
            process: None,
        }
    }

    /// Where it listens, running or not.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The number of its process; none while it does not run.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Starts it on the data it had, and waits until it answers.
    ///
    /// # Errors
    ///
    /// [`RigError::NotReady`] with the end of its log.
    pub async fn start(&mut self) -> Result<(), RigError> {
        self.spawn()?;
        self.ready().await
    }

    /// Starts it without waiting.
    ///
    /// # Errors
    ///
    /// [`RigError::Spawn`].
    pub fn spawn(&mut self) -> Result<(), RigError> {
        let process = Process::spawn(self.launch.command(), &self.launch.log);
        self.process = Some(process.map_err(|error| RigError::Spawn {
            name: self.name,
            error,
        })?);
        Ok(())
    }

    /// Waits until it answers.
    ///
    /// # Errors
    ///
    /// [`RigError::NotReady`].
    pub async fn ready(&mut self) -> Result<(), RigError> {
        let started = Instant::now();
        while !self.probe.answers(self.address()).await {
            let ended = self.process.as_mut().and_then(Process::ended);
            if ended.is_some() || PATIENCE < started.elapsed() {
                return Err(RigError::NotReady {
                    name: self.name,
                    log: self.log_end(),
                });
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Asks it to end, and waits until it did.
    pub async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let ended = process.terminate(PATIENCE).await;
            assert!(ended.is_some(), "{} does not end", self.name);
        }
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops its clockwork: connections stay, nothing moves.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on after [`Server::pause`].
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let process = self.process.as_ref();
        process.expect("the server runs").signal(name);
    }

    fn log_end(&self) -> String {
        const LINES: usize = 20;
        let log = std::fs::read(&self.launch.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}
