//! What goes wrong between a node and Redis, and how it goes on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

mod place;

use std::time::Duration;

use auth::ports::Throttle as _;
use auth::{Quota, ThrottleKey};
use cache_redis::{OpenError, Options, RedisCache};
use kernel::{Batch, Probe as _, Secret};
use lead::ports::{CACHE_MAX_AGE, Claims as _, LeadCache as _, WaitingLeads as _};
use lead::{ClaimKey, Fingerprint, KeyText, LeadId};
use tempfile::TempDir;
use test_rig::{Cache, Proxy};
use testkit::contract::eventually;
use testkit::fixtures::{any_id, any_user, now};
use tokio::time::{Instant, sleep};

use place::{a_list, keeps, node_with, options_at, read};

/// What Redis may take of one request.
const REQUEST_LIMIT: Duration = Duration::from_millis(50);
/// What recording an idempotency key may take.
const RECORD_LIMIT: Duration = Duration::from_secs(1);

async fn server() -> (Cache, TempDir) {
    let folder = TempDir::new().unwrap();
    let mut server = Cache::prepare(folder.path()).unwrap();
    server.start().await.unwrap();
    (server, folder)
}

async fn command(server: &Cache, words: &str) {
    assert_eq!(server.command(words).await.unwrap(), "+OK", "{words}");
}

/// Requests as the API makes them, with Redis away: nothing is kept, limits hold, and Redis takes
/// its share of time at most. Single ones may be held up by other programs; together they are not.
async fn goes_on_without(node: &RedisCache) {
    const REQUESTS: u32 = 40;
    let key = ThrottleKey::Caller(any_user());
    let quota = Quota {
        limit: 10,
        window: Duration::from_hours(10),
    };
    let list = a_list();
    let mut allowed = 0;
    let began_at = Instant::now();
    for at in 0..REQUESTS {
        allowed += u32::from(node.take(&key, quota).await.allowed);
        let stored = at.to_string();
        assert_eq!(read(node, &list, &stored).await, stored);
    }
    let took = began_at.elapsed();
    assert_eq!(allowed, 10);
    assert!(took < REQUEST_LIMIT * REQUESTS / 4, "{took:?}");

    let began_at = Instant::now();
    node.bump().await;
    node.hold(&Batch::one(LeadId(any_id())), any_user(), now())
        .await;
    assert_eq!(node.owner(LeadId(any_id())).await, None);
    let took = began_at.elapsed();
    assert!(took < 3 * REQUEST_LIMIT, "{took:?}");
    records_no_key(node).await;
}

/// A key that cannot be recorded is an error, and soon.
async fn records_no_key(node: &RedisCache) {
    let key = ClaimKey {
        owner: any_user(),
        path: "/".to_owned(),
        key: KeyText::parse("key").unwrap(),
    };
    let began_at = Instant::now();
    assert!(node.claim(&key, Fingerprint([1; 32]), now()).await.is_err());
    let took = began_at.elapsed();
    assert!(took < 2 * RECORD_LIMIT, "{took:?}");
}

async fn is_away(node: &RedisCache) {
    let away = async || node.probe().await.is_err().then_some(());
    eventually("redis is away", away).await;
}

async fn is_back(node: &RedisCache) {
    eventually("answers are kept again", async || keeps(node).await).await;
    eventually("redis is there", async || node.probe().await.ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_and_starts_empty() {
    let (mut server, _folder) = server().await;
    let node = node_with(&options_at(server.address())).await;
    is_back(&node).await;

    server.stop().await;
    is_away(&node).await;
    goes_on_without(&node).await;

    server.start().await.unwrap();
    is_back(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still() {
    let (server, _folder) = server().await;
    let node = node_with(&options_at(server.address())).await;
    is_back(&node).await;

    server.pause();
    // From the first moment on, before anybody knows.
    goes_on_without(&node).await;
    is_away(&node).await;
    goes_on_without(&node).await;

    server.resume();
    is_back(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_where_bytes_get_stuck() {
    let (server, _folder) = server().await;
    let proxy = Proxy::start(server.address()).await.unwrap();
    let node = node_with(&options_at(proxy.address())).await;
    is_back(&node).await;

    proxy.stall();
    goes_on_without(&node).await;
    is_away(&node).await;
    goes_on_without(&node).await;

    proxy.pass();
    is_back(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_yet() {
    let (mut server, _folder) = server().await;
    server.stop().await;
    let node = RedisCache::connect_lazily(options_at(server.address())).unwrap();
    assert!(matches!(node.check().await, Err(OpenError::Unreachable(_))));
    goes_on_without(&node).await;

    server.start().await.unwrap();
    is_back(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lost_everything() {
    let (server, _folder) = server().await;
    let node = node_with(&options_at(server.address())).await;
    let key = a_list();
    read(&node, &key, "old").await;

    command(&server, "FLUSHALL").await;

    assert_eq!(read(&node, &key, "new").await, "new");
    assert_eq!(read(&node, &key, "newer").await, "new");
    node.bump().await;
    assert_eq!(read(&node, &key, "newest").await, "newest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_nothing() {
    let (server, _folder) = server().await;
    let node = node_with(&options_at(server.address())).await;
    is_back(&node).await;

    for (refuse, take) in [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
    ] {
        command(&server, refuse).await;
        is_away(&node).await;
        goes_on_without(&node).await;

        command(&server, take).await;
        is_back(&node).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bump_that_redis_did_not_take_is_made_up_for() {
    let (server, _folder) = server().await;
    let proxy = Proxy::start(server.address()).await.unwrap();
    let writer = node_with(&options_at(proxy.address())).await;
    let reader = node_with(&options_at(server.address())).await;
    let key = a_list();
    proxy.stall();

    let began_at = Instant::now();
    read(&reader, &key, "old").await;
    writer.bump().await;
    assert!(began_at.elapsed() < 3 * REQUEST_LIMIT);
    assert_eq!(read(&writer, &key, "new").await, "new");
    assert_eq!(read(&reader, &key, "new").await, "old");

    proxy.pass();
    eventually("the other node sees it", async || {
        (read(&reader, &key, "new").await == "new").then_some(())
    })
    .await;
    // Not by growing old.
    assert!(began_at.elapsed() < CACHE_MAX_AGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_that_is_refused_is_no_outage_at_first_and_one_later() {
    const PASSWORD: &str = "kept-to-ourselves";
    let (server, _folder) = server().await;
    let address = server.address();
    let with = |user: &str, database: u32| {
        let url = format!("redis://{user}{address}/{database}");
        Options::new(Secret::new(url))
    };
    let node = node_with(&with("", 0)).await;
    command(&server, &format!("CONFIG SET requirepass {PASSWORD}")).await;

    for refused in [
        with("", 0),
        with(":wrong@", 0),
        with(&format!("nobody:{PASSWORD}@"), 0),
        with(&format!(":{PASSWORD}@"), 9_999),
    ] {
        let refused = RedisCache::connect_lazily(refused).unwrap();
        let error = refused.check().await.unwrap_err();
        assert!(matches!(error, OpenError::Denied(_)), "{error:?}");
        assert!(!format!("{error:?}").contains(PASSWORD), "{error:?}");
        goes_on_without(&refused).await;
    }
    node_with(&with(&format!(":{PASSWORD}@"), 0)).await;

    // Who was let in stays in until the connection ends.
    is_back(&node).await;
    let owner = redis::Client::open(format!("redis://:{PASSWORD}@{address}")).unwrap();
    let mut owner = owner.get_multiplexed_async_connection().await.unwrap();
    let kill = "CLIENT KILL TYPE normal SKIPME yes".split(' ');
    let kill = kill.fold(redis::Cmd::new(), |mut cmd, word| cmd.arg(word).to_owned());
    let killed: redis::RedisResult<u32> = kill.query_async(&mut owner).await;
    assert!(killed.unwrap() > 0);
    is_away(&node).await;
    goes_on_without(&node).await;

    let opened: redis::RedisResult<()> = redis::cmd("CONFIG")
        .arg("SET")
        .arg("requirepass")
        .arg("")
        .query_async(&mut owner)
        .await;
    opened.unwrap();
    is_back(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_needs_the_rights_that_are_documented() {
    const OPERATIONS: &str = include_str!("../../../docs/operations.md");
    let rights = OPERATIONS.split_once("user of its own needs `").unwrap().1;
    let rights = rights.split_once('`').unwrap().0;
    let (server, _folder) = server().await;
    let url = format!("redis://own:own@{}/1", server.address());
    let options = Options::new(Secret::new(url));

    let fewer = rights.replace("+mget ", "").replace("+set ", "");
    command(&server, &format!("ACL SETUSER own on >own {fewer}")).await;
    let refused = RedisCache::connect_lazily(options.clone()).unwrap();
    let error = refused.check().await.unwrap_err();
    assert!(matches!(error, OpenError::Denied(_)), "{error:?}");

    command(&server, &format!("ACL SETUSER own {rights}")).await;
    let node = node_with(&options).await;
    is_back(&node).await;
    // A link in doubt would count in its own memory, and forget the sender.
    let quota = Quota {
        limit: 10,
        window: Duration::from_hours(10),
    };
    let key = ThrottleKey::Caller(any_user());
    assert_eq!(node.take(&key, quota).await.remaining, 9);
    let (lead, owner, at) = (LeadId(any_id()), any_user(), now());
    node.hold(&Batch::one(lead), owner, at).await;
    assert_eq!(node.owner(lead).await, Some((owner, at)));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_again_and_again() {
    let (server, _folder) = server().await;
    let proxy = Proxy::start(server.address()).await.unwrap();
    let node = node_with(&options_at(proxy.address())).await;
    for _ in 0..5 {
        proxy.cut();
        sleep(Duration::from_millis(50)).await;
        let key = a_list();
        assert_eq!(read(&node, &key, "there").await, "there");
    }
    is_back(&node).await;
}
