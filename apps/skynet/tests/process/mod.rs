//! The binary as a process, in a folder of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A folder to work in; nothing of the environment reaches the binary but what a test gives it.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn command(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skynet"));
        command
            .args(arguments)
            .env_clear()
            .env("SKYNET_BIND", "127.0.0.1:0")
            .envs(settings.iter().copied())
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Ended {
        let began = Instant::now();
        let output = self.command(arguments, settings).output().unwrap();
        Ended::new(&output, began.elapsed())
    }

    /// Runs a command to its end that reads `input`.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ended {
        let began = Instant::now();
        let mut command = self.command(arguments, &[]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        Ended::new(&output, began.elapsed())
    }

    /// Starts a server and waits until it says where it answers.
    pub(crate) fn serve(&self, settings: &[(&str, &str)]) -> Server {
        self.serve_logging_to(Stdio::null(), settings)
    }

    /// As [`Place::serve`], with a place for its logs.
    pub(crate) fn serve_logging_to(&self, logs: Stdio, settings: &[(&str, &str)]) -> Server {
        let began = Instant::now();
        let mut child = self
            .command(&["serve"], settings)
            .stderr(logs)
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        out.read_line(&mut first).unwrap();
        let base = first
            .trim()
            .strip_prefix("skynet is ready at ")
            .unwrap_or_else(|| panic!("the server said {first:?}"))
            .to_owned();
        Server {
            child,
            out,
            base,
            ready_after: began.elapsed(),
        }
    }
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
    fn new(output: &Output, took: Duration) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
            took,
        }
    }

    /// What it wrote, when it ended well.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }
}

/// A server, killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    pub(crate) base: String,
    pub(crate) ready_after: Duration,
}

impl Server {
    pub(crate) async fn sign_in(&self, username: &str, password: &str) -> (u16, Value) {
        let body = serde_json::json!({"username": username, "password": password});
        self.post("", "/api/v1/login", &body).await
    }

    pub(crate) async fn admin(&self) -> String {
        let (status, answer) = self.sign_in("admin", "password").await;
        assert_eq!(status, 200, "{answer}");
        answer["user"]["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = reqwest::Client::new().post(format!("{}{path}", self.base));
        answer(request.bearer_auth(token).json(body)).await
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> (u16, Value) {
        let request = reqwest::Client::new().get(format!("{}{path}", self.base));
        answer(request.bearer_auth(token)).await
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end; what it wrote after the first line, and its exit code.
    pub(crate) fn ended(&mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}
