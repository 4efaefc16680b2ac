//! A `skynet serve` of its own, on an empty data folder.

use std::env;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use tempfile::TempDir;

use crate::Failure;

/// A running server; it ends with this value.
pub(crate) struct Server {
    child: Child,
    base: String,
    folder: TempDir,
}

impl Server {
    /// Starts one and waits until it is ready. Its limits on how often are raised, not off.
    pub(crate) async fn start(program: &Path, client: &Client) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(program)
            .arg("serve")
            .current_dir(folder.path())
            .env("SKYNET_BIND", format!("127.0.0.1:{port}"))
            .env("SKYNET_DATA_DIR", folder.path())
            .env("SKYNET_METRICS_BIND", "off")
            .env("SKYNET_RATE_LIMIT_PER_MINUTE", u32::MAX.to_string())
            .env("RUST_LOG", "warn")
            .stdout(Stdio::null())
            .spawn()?;
        let mut server = Self {
            child,
            base: format!("http://127.0.0.1:{port}"),
            folder,
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let ready = client.get(server.url("/api/v1/health/ready")).send().await;
            if ready.is_ok_and(|it| it.status().is_success()) {
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("the server ended with {status}").into());
            }
            if Instant::now() > deadline {
                return Err("the server is not ready after 20 s".into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A token of the administrator that a first start makes.
    pub(crate) async fn token(&self, client: &Client) -> Result<String, Failure> {
        let body = serde_json::json!({"username": "admin", "password": "password"});
        let answer = client
            .post(self.url("/api/v1/login"))
            .json(&body)
            .send()
            .await?;
        let answer: serde_json::Value = answer.error_for_status()?.json().await?;
        let token = answer["user"]["token"].as_str().ok_or("no token")?;
        Ok(token.to_owned())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The file of the store.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("skynet.db")
    }

    /// A file beside the store.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Ends the process and keeps its files.
    pub(crate) fn stop(&mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds the program, optimised, and says where it is.
pub(crate) fn program() -> Result<PathBuf, Failure> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--release",
            "--locked",
            // Together, as whoever builds this one does: alone, what they share would be built anew.
            "--package",
            "skynet",
            "--package",
            "skynet-bench",
        ])
        .status()?;
    if !built.success() {
        return Err("skynet cannot be built".into());
    }
    Ok(env::current_exe()?.with_file_name("skynet"))
}
