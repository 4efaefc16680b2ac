//! The real program on a data folder of its own.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use test_rig::Port;
use test_rig::load::Api;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(10);

pub(crate) struct Server {
    dir: TempDir,
    address: String,
    _port: Port,
    child: Option<Child>,
    api: Api,
}

impl Server {
    /// A server that was never started, with an empty data folder and an address of its own.
    pub(crate) fn new() -> Self {
        let port = Port::free();
        let address = port.address().to_string();
        Self {
            dir: TempDir::new().unwrap(),
            api: Api::new(format!("http://{address}")),
            address,
            _port: port,
            child: None,
        }
    }

    /// Starts the process; it may not be ready yet.
    pub(crate) fn spawn(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("server.log"))
            .unwrap();
        let child = serve(self.dir.path(), &self.address)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Waits until the server is ready.
    pub(crate) async fn ready(&mut self) {
        let started = Instant::now();
        loop {
            if self.api.is_ready().await {
                return;
            }
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(
                ended.is_none(),
                "the server ended: {ended:?}\n{}",
                self.log()
            );
            assert!(started.elapsed() < PATIENCE, "not ready\n{}", self.log());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Starts the process and waits until it is ready.
    pub(crate) async fn start(&mut self) {
        self.spawn();
        self.ready().await;
    }

    /// Kills the process with SIGKILL.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks the process to end with SIGTERM and waits until it did.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let sent = Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        let asked = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            assert!(asked.elapsed() < PATIENCE, "did not end\n{}", self.log());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Runs a second process on the same data folder until it ends.
    pub(crate) async fn run_second(&self) -> Output {
        let port = Port::free();
        let mut command = serve(self.dir.path(), &port.address().to_string());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    /// What the processes logged, for failures.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read_to_string(self.dir.path().join("server.log")).unwrap();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// The server, as the administrator calls it that development starts with.
    pub(crate) async fn sign_in(&self) -> Api {
        self.api.sign_in().await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn serve(dir: &Path, address: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skynet"));
    command
        .arg("serve")
        .current_dir(dir)
        .env_clear()
        .env("SKYNET_BIND", address)
        .env("SKYNET_METRICS_BIND", "off")
        .env("SKYNET_RATE_LIMIT_PER_MINUTE", "10000000")
        .env("SKYNET_LOGIN_RATE_PER_MINUTE", "1000")
        .stdin(Stdio::null());
    command
}
