//! A private Redis.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::programs::find;
use crate::server::{Launch, Probe, Server};
use crate::{Port, RigError};

/// A private Redis that keeps nothing over a restart.
#[derive(Debug)]
pub struct Cache(Server);

impl Cache {
    /// A server that is not started.
    ///
    /// # Errors
    ///
    /// [`RigError::Missing`].
    pub fn prepare(folder: &Path) -> Result<Self, RigError> {
        let program = Self::program()?;
        let port = Port::free();
        let folder_text = folder.to_string_lossy();
        let port_text = port.number().to_string();
        let arguments = [
            ["--bind", "127.0.0.1"],
            ["--port", &port_text],
            ["--dir", &folder_text],
            ["--save", ""],
            ["--appendonly", "no"],
        ];
        let launch = Launch {
            program,
            arguments: arguments.concat().into_iter().map(str::to_owned).collect(),
            environment: Vec::new(),
            log: folder.join("cache.log"),
        };
        Ok(Self(Server::new("cache", launch, port, Probe::Redis)))
    }

    pub(crate) fn program() -> Result<PathBuf, RigError> {
        find(&["redis-server", "valkey-server"], "redis-server")
    }

    /// Gives a command of plain words and reads the first line of the answer.
    ///
    /// # Errors
    ///
    /// When the server is away.
    pub async fn command(&self, words: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address()).await?;
        stream.write_all(format!("{words}\r\n").as_bytes()).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n") {
            answer.push(stream.read_u8().await?);
        }
        Ok(String::from_utf8_lossy(&answer).trim_end().to_owned())
    }
}

impl Deref for Cache {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl DerefMut for Cache {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}
