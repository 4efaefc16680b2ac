//! What stands in front of several APIs: it sends connections to one that says it is ready.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use test_rig::load::Api;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A balancer at an address of its own; gone when it is dropped.
pub(super) struct Balancer {
    address: String,
    _tasks: JoinSet<()>,
}

struct Target {
    address: String,
    is_ready: AtomicBool,
}

impl Balancer {
    pub(super) async fn start(addresses: [String; 2]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let targets = addresses.map(|address| {
            Arc::new(Target {
                address,
                is_ready: AtomicBool::new(true),
            })
        });
        let mut tasks = JoinSet::new();
        for target in &targets {
            tasks.spawn(Arc::clone(target).look());
        }
        tasks.spawn(serve(listener, targets));
        Self {
            address,
            _tasks: tasks,
        }
    }

    pub(super) fn base(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Target {
    async fn look(self: Arc<Self>) {
        let api = Api::new(format!("http://{}", self.address));
        loop {
            self.is_ready.store(api.is_ready().await, Ordering::SeqCst);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// In turn, those that are ready.
async fn serve(listener: TcpListener, targets: [Arc<Target>; 2]) {
    let next = AtomicUsize::default();
    let mut connections = JoinSet::new();
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let at = next.fetch_add(1, Ordering::SeqCst);
        let in_turn = [&targets[at % 2], &targets[(at + 1) % 2]];
        let ready = in_turn.iter().find(|it| it.is_ready.load(Ordering::SeqCst));
        let address = ready.unwrap_or(&in_turn[0]).address.clone();
        connections.spawn(async move {
            if let Ok(mut server) = TcpStream::connect(address).await {
                // Either side may end it at any time.
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
