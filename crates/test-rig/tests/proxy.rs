//! The door in front of a server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics has failed"
)]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use test_rig::{Direction, Proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Longer than anything takes that happens at all.
const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough to see that nothing comes.
const QUIET: Duration = Duration::from_millis(200);

/// A server that sends back what it gets.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

async fn door() -> Proxy {
    Proxy::start(echo().await).await.unwrap()
}

async fn connect(door: &Proxy) -> TcpStream {
    TcpStream::connect(door.address()).await.unwrap()
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

async fn expect(stream: &mut TcpStream, text: &str) {
    let mut bytes = vec![0; text.len()];
    let read = timeout(PATIENCE, stream.read_exact(&mut bytes)).await;
    read.unwrap().unwrap();
    assert_eq!(bytes, text.as_bytes());
}

async fn expect_nothing(stream: &mut TcpStream) {
    let read = timeout(QUIET, stream.read_u8()).await;
    assert!(read.is_err(), "{read:?}");
}

async fn expect_end(stream: &mut TcpStream) {
    let read = timeout(PATIENCE, stream.read_u8()).await.unwrap();
    assert!(read.is_err(), "{read:?}");
}

#[tokio::test]
async fn it_passes_both_ways() {
    let door = door().await;
    let mut stream = connect(&door).await;
    send(&mut stream, "hello").await;
    expect(&mut stream, "hello").await;
}

#[tokio::test]
async fn closed_it_cuts_and_refuses_and_opens_at_the_same_address() {
    let door = door().await;
    let mut stream = connect(&door).await;
    send(&mut stream, "hello").await;
    expect(&mut stream, "hello").await;
    door.refuse();
    expect_end(&mut stream).await;
    assert!(TcpStream::connect(door.address()).await.is_err());
    door.pass();
    let opened = async {
        loop {
            if let Ok(stream) = TcpStream::connect(door.address()).await {
                return stream;
            }
            tokio::task::yield_now().await;
        }
    };
    let mut stream = timeout(PATIENCE, opened).await.unwrap();
    send(&mut stream, "again").await;
    expect(&mut stream, "again").await;
}

#[tokio::test]
async fn stalled_it_takes_connections_and_delivers_later() {
    let door = door().await;
    let mut old = connect(&door).await;
    send(&mut old, "a").await;
    expect(&mut old, "a").await;
    door.stall();
    let mut new = connect(&door).await;
    send(&mut old, "b").await;
    send(&mut new, "c").await;
    expect_nothing(&mut old).await;
    expect_nothing(&mut new).await;
    door.pass();
    expect(&mut old, "b").await;
    expect(&mut new, "c").await;
}

#[tokio::test]
async fn what_was_swallowed_never_comes_and_a_deaf_connection_stays_deaf() {
    for direction in [Direction::ToServer, Direction::ToClient] {
        let door = door().await;
        let mut deaf = connect(&door).await;
        send(&mut deaf, "a").await;
        expect(&mut deaf, "a").await;
        door.swallow(direction);
        send(&mut deaf, "b").await;
        expect_nothing(&mut deaf).await;
        door.pass();
        send(&mut deaf, "c").await;
        expect_nothing(&mut deaf).await;
        let mut fresh = connect(&door).await;
        send(&mut fresh, "d").await;
        expect(&mut fresh, "d").await;
    }
}

#[tokio::test]
async fn a_watch_sees_its_bytes_once_however_they_are_cut() {
    let door = door().await;
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    door.watch(Direction::ToServer, "COMMIT", move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let mut stream = connect(&door).await;
    for part in ["...COM", "MIT...", "xCOMMITx", "COMMI", "x"] {
        send(&mut stream, part).await;
        expect(&mut stream, part).await;
    }
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    door.forget();
    send(&mut stream, "COMMIT").await;
    expect(&mut stream, "COMMIT").await;
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}
