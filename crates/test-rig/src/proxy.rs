//! A door in front of a server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::Port;

const CHUNK_BYTES: usize = 16 * 1024;
/// Another socket may hold the port for a moment while the door opens again.
const BIND_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// A way through the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What happens to bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flow {
    #[default]
    Pass,
    /// They wait.
    Stall,
    /// They vanish, and so does everything after them on their connection.
    Swallow,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    is_closed: bool,
    to_server: Flow,
    to_client: Flow,
    /// How often all connections were cut.
    cuts: u64,
}

impl State {
    fn flow(&self, direction: Direction) -> Flow {
        match direction {
            Direction::ToServer => self.to_server,
            Direction::ToClient => self.to_client,
        }
    }
}

/// Waits for bytes to come by.
struct Watch {
    direction: Direction,
    needle: Vec<u8>,
    action: Box<dyn Fn() + Send + Sync>,
}

/// Passes connections on to a server until it is told otherwise.
#[derive(Debug)]
pub struct Proxy {
    port: Port,
    shared: Arc<Shared>,
    doorman: JoinHandle<()>,
}

struct Shared {
    server: SocketAddr,
    state: watch::Sender<State>,
    watches: Mutex<Vec<Arc<Watch>>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("server", &self.server)
            .field("state", &*self.state.borrow())
            .finish_non_exhaustive()
    }
}

impl Proxy {
    /// An open door in front of `server`, at a port of its own.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn start(server: SocketAddr) -> std::io::Result<Self> {
        let port = Port::free();
        let address = port.address();
        let listener = TcpListener::bind(address).await?;
        let shared = Arc::new(Shared {
            server,
            state: watch::Sender::default(),
            watches: Mutex::default(),
        });
        let doorman = tokio::spawn(Arc::clone(&shared).keep(listener, address));
        Ok(Self {
            port,
            shared,
            doorman,
        })
    }

    /// Where clients come.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Cuts what is there and refuses what comes.
    pub fn refuse(&self) {
        self.change(|it| {
            it.is_closed = true;
            it.cuts += 1;
        });
    }

    /// Takes connections, and moves no byte of any.
    pub fn stall(&self) {
        self.change(|it| (it.to_server, it.to_client) = (Flow::Stall, Flow::Stall));
    }

    /// Loses what goes in one direction. A connection that lost bytes stays deaf until it is cut
    /// or one of its ends closes it.
    pub fn swallow(&self, direction: Direction) {
        self.change(|it| match direction {
            Direction::ToServer => it.to_server = Flow::Swallow,
            Direction::ToClient => it.to_client = Flow::Swallow,
        });
    }

    /// Ends the connections that are there.
    pub fn cut(&self) {
        self.change(|it| it.cuts += 1);
    }

    /// Lets everything through again.
    pub fn pass(&self) {
        self.change(|it| {
            *it = State {
                cuts: it.cuts,
                ..State::default()
            }
        });
    }

    /// Calls `action` each time `needle` comes by, before it is passed on. It must not wait.
    pub fn watch(
        &self,
        direction: Direction,
        needle: impl Into<Vec<u8>>,
        action: impl Fn() + Send + Sync + 'static,
    ) {
        self.shared.watches.lock().unwrap().push(Arc::new(Watch {
            direction,
            needle: needle.into(),
            action: Box::new(action),
        }));
    }

    /// Watches for nothing any more.
    pub fn forget(&self) {
        self.shared.watches.lock().unwrap().clear();
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        self.shared.state.send_modify(change);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.doorman.abort();
    }
}

impl Shared {
    async fn keep(self: Arc<Self>, listener: TcpListener, address: SocketAddr) {
        let mut listener = Some(listener);
        let mut connections = JoinSet::new();
        let mut state = self.state.subscribe();
        let mut cuts = 0;
        loop {
            let now = *state.borrow_and_update();
            if now.cuts != cuts {
                cuts = now.cuts;
                connections.shutdown().await;
            }
            if now.is_closed {
                listener = None;
                if state.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let open = match listener.take() {
                Some(open) => open,
                None => open_again(address).await,
            };
            tokio::select! {
                changed = state.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                client = open.accept() => {
                    if let Ok((client, _)) = client {
                        connections.spawn(Arc::clone(&self).serve(client));
                    }
                }
                // Keeps the set small.
                Some(_) = connections.join_next() => {}
            }
            listener = Some(open);
        }
    }

    async fn serve(self: Arc<Self>, client: TcpStream) {
        // A connection stays open on the client's side while the door is stalled.
        let mut state = self.state.subscribe();
        if wait_while_stalled(&mut state, Direction::ToServer)
            .await
            .is_none()
        {
            return;
        }
        let Ok(server) = TcpStream::connect(self.server).await else {
            return;
        };
        let (Ok(()), Ok(())) = (client.set_nodelay(true), server.set_nodelay(true)) else {
            return;
        };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let up = self.carry(from_client, to_server, Direction::ToServer);
        let down = self.carry(from_server, to_client, Direction::ToClient);
        // When one end is gone, so is the connection.
        tokio::select! {
            () = up => {}
            () = down => {}
        }
    }

    async fn carry(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, direction: Direction) {
        let mut state = self.state.subscribe();
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut tail = Vec::new();
        let mut is_deaf = false;
        loop {
            if wait_while_stalled(&mut state, direction).await.is_none() {
                return;
            }
            let Ok(length @ 1..) = from.read(&mut buffer).await else {
                return;
            };
            let bytes = &buffer[..length];
            self.look(&mut tail, bytes, direction);
            let Some(flow) = wait_while_stalled(&mut state, direction).await else {
                return;
            };
            is_deaf |= flow == Flow::Swallow;
            if !is_deaf && to.write_all(bytes).await.is_err() {
                return;
            }
        }
    }

    /// Looks for what is watched for in bytes that follow `tail`, which keeps what the next look
    /// needs of them.
    fn look(&self, tail: &mut Vec<u8>, bytes: &[u8], direction: Direction) {
        let watches: Vec<Arc<Watch>> = self.watches.lock().unwrap().clone();
        let watches = watches.iter().filter(|it| it.direction == direction);
        let old = tail.len();
        tail.extend_from_slice(bytes);
        let mut keep = 0;
        for watch in watches {
            let size = watch.needle.len();
            keep = keep.max(size.saturating_sub(1));
            // What ends inside the old bytes was seen before.
            let start = old.saturating_sub(size.saturating_sub(1));
            if tail[start..].windows(size).any(|it| it == watch.needle) {
                (watch.action)();
            }
        }
        tail.drain(..tail.len().saturating_sub(keep));
    }
}

async fn open_again(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(BIND_AGAIN_AFTER).await,
        }
    }
}

/// Waits until bytes may move; none when the door is gone.
async fn wait_while_stalled(
    state: &mut watch::Receiver<State>,
    direction: Direction,
) -> Option<Flow> {
    let state = state
        .wait_for(|it| it.flow(direction) != Flow::Stall)
        .await
        .ok()?;
    Some(state.flow(direction))
}
