//! What a node has itself, and what it asks Redis then.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

mod place;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use lead::ports::{CACHE_MAX_AGE, LeadCache as _, ReadKey};
use tempfile::TempDir;
use test_rig::Cache;
use testkit::contract::eventually;
use testkit::fixtures::unique;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time::Instant;

use place::{a_lead, a_list, node_with, options_at, read};

struct World {
    server: Cache,
    connection: redis::aio::MultiplexedConnection,
    _folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut server = Cache::prepare(folder.path()).unwrap();
        server.start().await.unwrap();
        let client = redis::Client::open(format!("redis://{}", server.address())).unwrap();
        Self {
            connection: client.get_multiplexed_async_connection().await.unwrap(),
            server,
            _folder: folder,
        }
    }

    /// How often a command was run.
    async fn calls(&self, command: &str) -> u64 {
        let begin = format!("cmdstat_{command}:calls=");
        let calls = self.info("commandstats", &begin).await;
        calls.map_or(0, |it| it.split_once(',').unwrap().0.parse().unwrap())
    }

    /// How many connections the server has.
    async fn clients(&self) -> u64 {
        let clients = self.info("clients", "connected_clients:").await;
        clients.unwrap().parse().unwrap()
    }

    /// What the server says of itself in the line that begins so.
    async fn info(&self, section: &str, begin: &str) -> Option<String> {
        let mut info = redis::cmd("INFO");
        let info = info.arg(section);
        let said: String = info
            .query_async(&mut self.connection.clone())
            .await
            .unwrap();
        said.lines()
            .find_map(|line| line.strip_prefix(begin))
            .map(str::to_owned)
    }
}

#[tokio::test]
async fn of_what_was_read_lately_only_the_token_is_asked_for() {
    let world = World::new().await;
    let node = node_with(&options_at(world.server.address())).await;
    for key in [a_list(), a_lead()] {
        read(&node, &key, "kept").await;
        let before = (world.calls("mget").await, world.calls("get").await);
        for _ in 0..5 {
            assert_eq!(read(&node, &key, "other").await, "kept");
        }
        let after = (world.calls("mget").await, world.calls("get").await);
        assert_eq!(after, (before.0, before.1 + 5));
    }
}

#[tokio::test]
async fn those_who_read_at_once_ask_together() {
    let world = World::new().await;
    let node = node_with(&options_at(world.server.address())).await;
    let key = a_list();
    read(&node, &key, "kept").await;
    let before = world.calls("get").await;

    let answers = join_all((0..50).map(|_| read(&node, &key, "other"))).await;

    assert!(answers.iter().all(|it| it == "kept"));
    let asked = world.calls("get").await - before;
    assert!((1..=2).contains(&asked), "{asked}");
}

#[tokio::test]
async fn an_answer_of_another_node_is_had_no_longer_than_redis_has_it() {
    let world = World::new().await;
    let options = options_at(world.server.address());
    let (one, other) = (node_with(&options).await, node_with(&options).await);
    let text = unique();
    let key = ReadKey::List(text.clone());
    let began_at = Instant::now();
    read(&one, &key, "old").await;
    let mut shorten = redis::cmd("PEXPIRE");
    shorten
        .arg(format!("{}:list:{text}", options.namespace))
        .arg(500);
    let mut connection = world.connection.clone();
    let shortened: u8 = shorten.query_async(&mut connection).await.unwrap();
    assert_eq!(shortened, 1);
    assert_eq!(read(&other, &key, "new").await, "old");

    eventually("the other node reads anew", async || {
        (read(&other, &key, "new").await == "new").then_some(())
    })
    .await;

    assert!(began_at.elapsed() + Duration::from_secs(1) < CACHE_MAX_AGE);
}

#[tokio::test]
async fn nothing_outlives_a_clearing_elsewhere_or_a_server_that_forgets() {
    let world = World::new().await;
    let options = options_at(world.server.address());
    let (one, other) = (node_with(&options).await, node_with(&options).await);
    let key = a_lead();
    read(&one, &key, "first").await;

    other.clear().await;
    assert_eq!(read(&one, &key, "second").await, "second");
    assert_eq!(world.server.command("FLUSHALL").await.unwrap(), "+OK");
    assert_eq!(read(&one, &key, "third").await, "third");
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_thread_drives_its_own_connection() {
    let serving = runtime();
    let world = serving.block_on(World::new());
    let options = options_at(world.server.address());
    let (send, node) = mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let connecting = thread::spawn(move || {
        let connecting = runtime();
        connecting.block_on(async {
            send.send(node_with(&options).await).unwrap();
            let _ = stopped.await;
        });
        // Its connections stay, and nobody drives them from here on.
        connecting
    });
    let node = node.recv().unwrap();
    let key = a_list();
    serving.block_on(async {
        let before = world.clients().await;
        read(&node, &key, "kept").await;
        eventually("the thread has a connection", async || {
            (world.clients().await > before).then_some(())
        })
        .await;
    });
    drop(stop);
    let _idle = connecting.join().unwrap();

    serving.block_on(async {
        let before = world.calls("get").await;
        for _ in 0..5 {
            assert_eq!(read(&node, &key, "other").await, "kept");
        }
        assert_eq!(world.calls("get").await, before + 5);
    });
}
