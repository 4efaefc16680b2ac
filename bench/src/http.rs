//! Just enough of HTTP/1.1 to make load without using the processors that are measured: requests
//! whose bytes are made before, connections that are kept, answers with a length.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest head of an answer, in bytes.
const HEAD_MAX: usize = 16 * 1_024;
/// The most headers of an answer.
const HEADERS_MAX: usize = 64;
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
        let told = loop {
            read(stream, &mut self.buffer).await?;
            if let Some(told) = Told::read(&self.buffer)? {
                break told;
            }
            if self.buffer.len() > HEAD_MAX {
                return Err(odd("the head of an answer is too long"));
            }
        };
        let whole = told.head + told.length;
        while self.buffer.len() < whole {
            read(stream, &mut self.buffer).await?;
        }
        if told.closes {
            self.stream = None;
        }
        Ok(Answer {
            status: told.status,
            body: &self.buffer[told.head..whole],
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

/// What the head of an answer tells.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    /// Bytes of the head.
    head: usize,
    status: u16,
    /// Bytes of the body.
    length: usize,
    closes: bool,
}

impl Told {
    /// None where the head is not all there.
    fn read(bytes: &[u8]) -> io::Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(bytes);
        let httparse::Status::Complete(head) = parsed.map_err(|_| odd("an answer is not HTTP"))?
        else {
            return Ok(None);
        };
        let mut told = Self {
            head,
            status: response
                .code
                .ok_or_else(|| odd("an answer has no status"))?,
            length: 0,
            closes: false,
        };
        for header in response.headers.iter() {
            if header.name.eq_ignore_ascii_case("content-length") {
                let length = str::from_utf8(header.value).ok();
                let length = length.and_then(|it| it.parse().ok());
                told.length = length.ok_or_else(|| odd("the length of an answer is no number"))?;
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                return Err(odd("an answer comes in chunks"));
            } else if header.name.eq_ignore_ascii_case("connection") {
                told.closes = header.value.eq_ignore_ascii_case(b"close");
            }
        }
        Ok(Some(told))
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
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_status_and_length() {
        let head = b"HTTP/1.1 202 Accepted\r\ncontent-length: 12\r\nConnection: Close\r\n\r\n";
        let told = Told {
            head: head.len(),
            status: 202,
            length: 12,
            closes: true,
        };
        assert_eq!(Told::read(head).unwrap(), Some(told));
        assert_eq!(Told::read(&head[..head.len() - 1]).unwrap(), None);
    }

    #[test]
    fn an_answer_in_chunks_is_not_taken_for_an_empty_one() {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(Told::read(head).is_err());
    }
}
