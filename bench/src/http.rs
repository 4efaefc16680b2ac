//! Just enough of HTTP/1.1 to make load without using the processors that are measured: requests
//! whose bytes are made before, connections that are kept, answers with a length.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest head of an answer, in bytes.
const HEAD_MAX: usize = 16 * 1_024;
/// How much is read at once, in bytes.
const READ: usize = 16 * 1_024;

/// A connection for one request after the other.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// An answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Connection {
    /// A connection that is opened by its first request.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            buffer: Vec::new(),
        }
    }

    /// Opens it now.
    pub(crate) async fn open(&mut self) -> io::Result<()> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        self.stream = Some(stream);
        Ok(())
    }

    /// Sends a whole request and reads the whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.send(request).await?;
        self.answer().await
    }

    /// Sends a part of a request.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.stream.is_none() {
            self.open().await?;
        }
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        stream.write_all(bytes).await
    }

    /// Reads the answer to what was sent.
    pub(crate) async fn answer(&mut self) -> io::Result<Answer<'_>> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = end_of_head(&self.buffer) {
                break end;
            }
            if self.buffer.len() > HEAD_MAX {
                return Err(odd("the head of an answer is too long"));
            }
            read(stream, &mut self.buffer).await?;
        };
        let told = Told::read(&self.buffer[..head]).ok_or_else(|| odd("an answer is not HTTP"))?;
        let whole = head + told.length;
        while self.buffer.len() < whole {
            read(stream, &mut self.buffer).await?;
        }
        if told.closes {
            self.stream = None;
        }
        Ok(Answer {
            status: told.status,
            body: &self.buffer[head..whole],
        })
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.reserve(READ);
    match stream.read_buf(buffer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Where the body begins.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")?;
    Some(end + 4)
}

/// What the head of an answer tells.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    status: u16,
    length: usize,
    closes: bool,
}

impl Told {
    fn read(head: &[u8]) -> Option<Self> {
        let head = str::from_utf8(head).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let mut told = Self {
            status,
            length: 0,
            closes: false,
        };
        for (name, value) in lines.filter_map(|it| it.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                told.length = value.trim().parse().ok()?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                return None;
            } else if name.eq_ignore_ascii_case("connection") {
                told.closes = value.trim().eq_ignore_ascii_case("close");
            }
        }
        Some(told)
    }
}

fn odd(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The bytes of a request without a body.
pub(crate) fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n")
        .into_bytes()
}

/// The bytes of a request with a JSON body.
pub(crate) fn post(path: &str, token: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A text as a value of a query.
pub(crate) fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_status_and_length() {
        let head = b"HTTP/1.1 202 Accepted\r\ncontent-length: 12\r\nConnection: Close\r\n\r\n";
        let told = Told {
            status: 202,
            length: 12,
            closes: true,
        };
        assert_eq!(Told::read(head), Some(told));
        assert_eq!(end_of_head(head), Some(head.len()));
    }

    #[test]
    fn an_answer_in_chunks_is_not_taken_for_an_empty_one() {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(Told::read(head), None);
    }
}
