//! The programs that are measured, built beside this one.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use test_rig::{Port, Process, tethered};
use tokio::time::sleep;

use crate::Failure;
use crate::http::{self, Connection};

/// How long a program may take until it is ready.
const READY_MAX: Duration = Duration::from_secs(30);
/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(2);

/// What every program is told beside where its servers are. Limits on how often are raised, not
/// off; all else is as it comes.
const RAISED: [(&str, &str); 4] = [
    ("SKYNET_RATE_LIMIT_PER_MINUTE", "4000000000"),
    ("SKYNET_LOGIN_RATE_PER_MINUTE", "1000"),
    ("SKYNET_METRICS_BIND", "off"),
    ("RUST_LOG", "warn"),
];

/// A program that runs; it ends with this value.
pub(crate) struct Program {
    pub(crate) process: Process,
    /// Where it answers, if it does.
    pub(crate) address: SocketAddr,
    spawned: Instant,
    _port: Port,
}

impl Program {
    /// Starts a program in a folder, with nothing of the environment but what it is told.
    pub(crate) fn start(
        name: &str,
        arguments: &[&str],
        folder: &Path,
        settings: &[(&'static str, String)],
    ) -> Result<Self, Failure> {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        fs::create_dir_all(folder)?;
        let port = Port::free();
        let mut command = command(name, folder)?;
        command
            .args(arguments)
            .env("SKYNET_BIND", port.address().to_string())
            .envs(settings.iter().map(|(name, value)| (name, value)));
        let log = folder.join(format!("{name}-{number}.log"));
        let spawned = Instant::now();
        Ok(Self {
            process: Process::spawn(command, &log)?,
            address: port.address(),
            spawned,
            _port: port,
        })
    }

    /// Waits until it says that it is ready, and tells how long that took since it was started.
    pub(crate) async fn ready(&mut self) -> Result<Duration, Failure> {
        let request = http::get("/api/v1/health/ready", "");
        self.wait(async |address| {
            let mut connection = Connection::new(address);
            let answer = connection.exchange(&request).await;
            answer.is_ok_and(|it| it.status == 200)
        })
        .await
    }

    /// Waits until it has written a line, and tells how long that took since it was started.
    pub(crate) async fn written(&mut self, line: &str) -> Result<Duration, Failure> {
        let began = self.spawned;
        while !self.process.log().contains(line) {
            self.lives(began)?;
            sleep(ASK_EVERY).await;
        }
        Ok(began.elapsed())
    }

    async fn wait(
        &mut self,
        is_ready: impl AsyncFn(SocketAddr) -> bool,
    ) -> Result<Duration, Failure> {
        let began = self.spawned;
        while !is_ready(self.address).await {
            self.lives(began)?;
            sleep(ASK_EVERY).await;
        }
        Ok(began.elapsed())
    }

    fn lives(&mut self, began: Instant) -> Result<(), Failure> {
        if let Some(status) = self.process.ended() {
            return Err(format!("a program ended with {status}: {}", self.process.log()).into());
        }
        if began.elapsed() > READY_MAX {
            return Err(format!("a program is not ready: {}", self.process.log()).into());
        }
        Ok(())
    }
}

/// A command with nothing of the environment.
pub(crate) fn command(name: &str, folder: &Path) -> Result<Command, Failure> {
    let mut command = tethered(path_of(name)?);
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .envs(RAISED);
    Ok(command)
}

/// Where a program of this workspace is.
fn path_of(name: &str) -> Result<PathBuf, Failure> {
    let path = env::current_exe()?.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    let told = path.display();
    Err(format!("{told} is not built: make bench builds it").into())
}
