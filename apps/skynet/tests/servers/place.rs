//! Servers of a test's own, and programs that are told to use them.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use tempfile::TempDir;
use test_rig::load::Api;
use test_rig::{Port, Process, Servers, tethered};

/// How long anything may take that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(10);

pub(crate) struct Place {
    pub(crate) servers: Servers,
    /// What every program is told beside where the servers are.
    pub(crate) told: Vec<(&'static str, String)>,
    folder: TempDir,
    /// Programs so far, for the names of their logs.
    started: AtomicUsize,
}

impl Place {
    pub(crate) async fn new() -> Self {
        Self {
            servers: Servers::start().await.unwrap(),
            told: Vec::new(),
            folder: TempDir::new().unwrap(),
            started: AtomicUsize::default(),
        }
    }

    /// What is said of a setting unless a test says otherwise.
    pub(crate) fn setting(&self, name: &str) -> String {
        let settings = self.servers.settings();
        settings.into_iter().find(|it| it.0 == name).unwrap().1
    }

    /// A command with nothing of the environment but what it is told; later settings win.
    pub(crate) fn command(
        &self,
        program: &str,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> Command {
        let mut command = tethered(path_of(program));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.servers.settings())
            .env("SKYNET_METRICS_BIND", "off")
            .env("SKYNET_BCRYPT_COST", "4")
            .env("SKYNET_RATE_LIMIT_PER_MINUTE", "10000000")
            .env("SKYNET_LOGIN_RATE_PER_MINUTE", "1000")
            .envs(self.told.iter().map(|(name, value)| (name, value)))
            .envs(settings.iter().copied())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) async fn run(
        &self,
        program: &str,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> Ended {
        let mut command = self.command(program, arguments, settings);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let began = Instant::now();
        let child = command.spawn().unwrap();
        let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
        let output = output.await.unwrap();
        Ended {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            took: began.elapsed(),
        }
    }

    /// Starts a program; it may not be ready yet.
    pub(crate) fn start(
        &self,
        program: &str,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> Process {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let log = self.folder.path().join(format!("{program}-{number}"));
        Process::spawn(self.command(program, arguments, settings), &log).unwrap()
    }

    /// Where programs keep their files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts an API at an address of its own.
    pub(crate) fn start_api(&self) -> Node {
        self.start_api_with(&[])
    }

    /// As [`Place::start_api`], with settings of its own.
    pub(crate) fn start_api_with(&self, settings: &[(&'static str, String)]) -> Node {
        self.start_node("skynet-api", &[], settings)
    }

    /// Starts an API and a worker in one process.
    pub(crate) fn serve(&self) -> Node {
        self.start_node("skynet", &["serve"], &[])
    }

    fn start_node(
        &self,
        program: &str,
        arguments: &[&str],
        settings: &[(&'static str, String)],
    ) -> Node {
        let port = Port::free();
        let address = port.address().to_string();
        let mut settings = settings.to_vec();
        settings.push(("SKYNET_BIND", address.clone()));
        Node {
            process: self.start(program, arguments, &texts(&settings)),
            api: Api::new(format!("http://{address}")),
            address,
            settings,
            _port: port,
        }
    }

    /// Starts a worker.
    pub(crate) fn start_worker(&self) -> Process {
        self.start_worker_with(&[])
    }

    /// As [`Place::start_worker`], with settings of its own.
    pub(crate) fn start_worker_with(&self, settings: &[(&'static str, String)]) -> Process {
        self.start("skynet-worker", &["--queues", "leads"], &texts(settings))
    }
}

/// A process that serves the API.
pub(crate) struct Node {
    pub(crate) process: Process,
    pub(crate) api: Api,
    pub(crate) address: String,
    settings: Vec<(&'static str, String)>,
    _port: Port,
}

impl Node {
    /// The node, once it is ready.
    pub(crate) async fn once_ready(mut self) -> Self {
        self.ready().await;
        self
    }

    /// Waits until it is ready.
    pub(crate) async fn ready(&mut self) {
        let started = Instant::now();
        while !self.api.is_ready().await {
            let ended = self.process.ended();
            assert!(ended.is_none(), "{ended:?}\n{}", self.process.log());
            assert!(started.elapsed() < PATIENCE, "{}", self.process.log());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Where it answers.
    pub(crate) fn api_base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills it and starts another one at its address.
    pub(crate) fn replace(&mut self, place: &Place) {
        self.process.kill();
        self.process = place.start("skynet-api", &[], &texts(&self.settings));
    }

    /// The status of a GET; none while nobody listens.
    pub(crate) async fn status(&self, path: &str) -> Option<u16> {
        let answer = self.api.try_call(Method::GET, path, String::new()).await;
        answer.map(|(status, _)| status.as_u16())
    }
}

/// Looks until `condition` holds.
pub(crate) async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Asks a process to end, and waits until it did.
pub(crate) async fn terminated(process: &mut Process) -> ExitStatus {
    let ended = process.terminate(PATIENCE).await;
    ended.unwrap_or_else(|| panic!("it does not end\n{}", process.log()))
}

/// What a command left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) took: Duration,
}

impl Ended {
    /// What it wrote, when it ended well.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }
}

/// A program of this workspace; those of other packages are built beside this one's by
/// `cargo test --workspace`.
fn path_of(program: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_skynet")).with_file_name(program);
    assert!(
        path.exists(),
        "{program} is not built: test the whole workspace, or name its package too"
    );
    path
}

fn texts<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    let pairs = settings.iter().map(|(name, value)| (*name, value.as_str()));
    pairs.collect()
}
