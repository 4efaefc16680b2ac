//! A connection takes no buffers until something comes.

use std::io;
use std::time::Duration;

use actix_http::error::DispatchError;
use tokio::net::TcpStream;

/// Gives the connection back once it can be read, and closes it when nothing comes within `limit`
/// or before the server stops. Unlike one whose head is late it is told nothing.
///
/// `actix-http` takes two buffers of 8 KiB for each connection that it is given.
pub(crate) async fn first_byte(
    stream: TcpStream,
    limit: Duration,
    stopping: impl Future<Output = ()>,
) -> Result<TcpStream, DispatchError> {
    tokio::select! {
        ready = stream.readable() => ready?,
        () = tokio::time::sleep(limit) => return Err(DispatchError::SlowRequestTimeout),
        () = stopping => return Err(io::Error::from(io::ErrorKind::ConnectionAborted).into()),
    }
    Ok(stream)
}
