//! The real program on a data folder of its own.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(10);

pub(crate) struct Server {
    dir: TempDir,
    address: String,
    child: Option<Child>,
    pub(crate) client: Client,
}

impl Server {
    /// A server that was never started, with an empty data folder and an address of its own.
    pub(crate) fn new() -> Self {
        // Connections die with the process; none is used for a second request.
        let client = Client::builder()
            .pool_max_idle_per_host(0)
            .timeout(PATIENCE)
            .no_proxy()
            .build()
            .unwrap();
        Self {
            dir: TempDir::new().unwrap(),
            address: free_address(),
            child: None,
            client,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
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
        let url = self.url("/api/v1/health/ready");
        loop {
            let answer = self.client.get(&url).send().await;
            if answer.is_ok_and(|it| it.status() == StatusCode::OK) {
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
        let mut command = serve(self.dir.path(), &free_address());
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

    /// A token of the administrator that development starts with.
    pub(crate) async fn sign_in(&self) -> String {
        let body = json!({"username": "admin", "password": "password"});
        let request = self.client.post(self.url("/api/v1/login"));
        let answer = request.body(body.to_string());
        let answer = answer.header("Content-Type", "application/json");
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let answer: Value = answer.json().await.unwrap();
        answer["user"]["token"].as_str().unwrap().to_owned()
    }

    /// A read or an order that has to succeed.
    pub(crate) async fn call(&self, token: &str, method: Method, path: &str, body: &str) -> Value {
        let request = self.client.request(method, self.url(path));
        let request = request.header("Content-Type", "application/json");
        let answer = request
            .bearer_auth(token)
            .body(body.to_owned())
            .send()
            .await;
        let answer = answer.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(
            status.is_success(),
            "{path}: {status} {text}\n{}",
            self.log()
        );
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Value {
        self.call(token, Method::GET, path, "").await
    }

    /// Waits until no message waits and none is in a worker's hands.
    pub(crate) async fn drained(&self, token: &str) {
        let started = Instant::now();
        loop {
            let answer = self.get(token, "/api/v1/queue").await;
            let queues = answer["data"]["queues"].as_array().unwrap();
            let busy = |it: &Value| it["ready"] != 0 || it["in_flight"].as_u64().unwrap_or(0) != 0;
            if !queues.iter().any(busy) {
                return;
            }
            assert!(started.elapsed() < PATIENCE * 2, "{answer}\n{}", self.log());
            tokio::time::sleep(LOOK_EVERY * 10).await;
        }
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

/// An address on which nothing listens.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
