//! Just enough of the protocol of Redis for one question at a time.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How much is read at once, in bytes.
const READ: usize = 16 * 1_024;

/// A connection for one command after the other.
#[derive(Debug)]
pub(crate) struct Redis {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Redis {
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    /// Gives a command and reads its answer, a word or bytes.
    pub(crate) async fn ask(&mut self, words: &[&[u8]]) -> io::Result<&[u8]> {
        self.stream.write_all(&command(words)).await?;
        self.buffer.clear();
        let line = loop {
            if let Some(end) = self.buffer.windows(2).position(|it| it == b"\r\n") {
                break end;
            }
            self.read().await?;
        };
        let (kind, told) = self.buffer[..line].split_first().ok_or_else(odd)?;
        match kind {
            b'+' | b':' => Ok(&self.buffer[1..line]),
            b'$' => {
                let told = str::from_utf8(told).ok().and_then(|it| it.parse().ok());
                let length: usize = told.ok_or_else(odd)?;
                let from = line + 2;
                while self.buffer.len() < from + length + 2 {
                    self.read().await?;
                }
                Ok(&self.buffer[from..from + length])
            }
            _ => Err(odd()),
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        self.buffer.reserve(READ);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// The bytes of a command.
fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn odd() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the cache has no such answer")
}
