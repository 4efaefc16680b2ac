//! A private database server: `MariaDB` or `MySQL`.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::programs::{find, is_root};
use crate::server::{Launch, Probe, Server};
use crate::{Port, RigError, Session, Setup, tethered};

/// Names the server program, where it is not the one that is found.
const PROGRAM_VARIABLE: &str = "SKYNET_RIG_MYSQLD";
const PACKAGE: &str = "mariadb-server-core";

/// `root` may do everything. `skynet` is what an application is: it owns the databases whose names
/// begin with `skynet`, of which one is there, and is held to `read_only`. Both without a password.
const ACCOUNTS: &str = "\
CREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY '';
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
CREATE USER IF NOT EXISTS skynet@'%' IDENTIFIED BY '';
GRANT ALL ON `skynet%`.* TO skynet@'%';
CREATE DATABASE IF NOT EXISTS skynet;
";

/// A private `MariaDB` or `MySQL`.
#[derive(Debug)]
pub struct Database(Server);

impl Database {
    /// Makes a data folder inside `folder`, unless one is there that is kept; the server is not
    /// started.
    ///
    /// # Errors
    ///
    /// [`RigError::Missing`], [`RigError::Spawn`] or [`RigError::NotReady`].
    pub fn prepare(folder: &Path, setup: &Setup) -> Result<Self, RigError> {
        let (program, installer) = Self::programs()?;
        let data = setup.data.clone().unwrap_or(folder.join("database"));
        let log = folder.join("database.log");
        let accounts = folder.join("accounts.sql");
        fs::write(&accounts, ACCOUNTS).map_err(RigError::Folder)?;
        let is_mariadb = installer.is_some();
        let mut installer = if let Some(installer) = installer {
            let mut command = tethered(installer);
            command
                .arg("--no-defaults")
                .args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
            command
        } else {
            let mut command = tethered(&program);
            command.args([
                "--no-defaults",
                "--initialize-insecure",
                "--secure-file-priv=NULL",
            ]);
            command
        };
        // A server that starts takes away what it finds in there from another one.
        let temporary = folder.join("database.tmp");
        fs::create_dir_all(&temporary).map_err(RigError::Folder)?;
        let environment = ("TMPDIR".to_owned(), temporary.display().to_string());
        installer.env(&environment.0, &environment.1);
        if !data.join("mysql").exists() {
            install(installer, &data, &log)?;
        }

        let port = Port::free();
        let mut arguments = vec!["--no-defaults".to_owned()];
        let mut add = |name: &str, value: &str| arguments.push(format!("--{name}={value}"));
        add("datadir", &data.to_string_lossy());
        add("bind-address", "127.0.0.1");
        add("port", &port.number().to_string());
        add("socket", &folder.join("database.sock").to_string_lossy());
        add("pid-file", &folder.join("database.pid").to_string_lossy());
        add("init-file", &accounts.to_string_lossy());
        add("innodb-buffer-pool-size", "128M");
        if !is_mariadb {
            add("mysqlx", "OFF");
            add("secure-file-priv", "NULL");
            // What is said can be read on the way, as it can to a MariaDB.
            add("tls-version", "");
        }
        if is_root() {
            add("user", "root");
        }
        arguments.push("--skip-log-bin".to_owned());
        arguments.extend(setup.arguments.iter().map(|it| format!("--{it}")));
        let launch = Launch {
            program,
            arguments,
            environment: vec![environment],
            log,
        };
        Ok(Self(Server::new("database", launch, port, Probe::Mysql)))
    }
}

impl Database {
    /// Signs in with all rights.
    pub async fn session(&self) -> Session {
        Session::open(&format!("mysql://root@{}/skynet", self.address())).await
    }

    /// The server, and what makes a data folder where the server itself does not.
    pub(crate) fn programs() -> Result<(PathBuf, Option<PathBuf>), RigError> {
        let program = match std::env::var_os(PROGRAM_VARIABLE) {
            Some(program) => PathBuf::from(program),
            None => find(&["mariadbd", "mysqld"], PACKAGE)?,
        };
        let installers = ["mariadb-install-db", "mysql_install_db"];
        let installer = if says_mariadb(&program)? {
            Some(find(&installers, PACKAGE)?)
        } else {
            None
        };
        Ok((program, installer))
    }
}

impl Deref for Database {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl DerefMut for Database {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}

fn says_mariadb(program: &Path) -> Result<bool, RigError> {
    let said = Command::new(program).arg("--version").output();
    let said = said.map_err(|error| RigError::Spawn {
        name: "database",
        error,
    })?;
    Ok(String::from_utf8_lossy(&said.stdout).contains("MariaDB"))
}

fn install(mut installer: Command, data: &Path, log: &Path) -> Result<(), RigError> {
    installer.arg(format!("--datadir={}", data.display()));
    if is_root() {
        installer.arg("--user=root");
    }
    let output = installer.stdin(Stdio::null()).output();
    let output = output.map_err(|error| RigError::Spawn {
        name: "database",
        error,
    })?;
    let said = [output.stdout, output.stderr].concat();
    fs::write(log, &said).map_err(RigError::Folder)?;
    if output.status.success() {
        Ok(())
    } else {
        Err(RigError::NotReady {
            name: "database",
            log: String::from_utf8_lossy(&said).into_owned(),
        })
    }
}
