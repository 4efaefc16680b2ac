//! What nodes share, and what is in Redis then.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

mod place;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use auth::ports::Throttle as _;
use auth::{Quota, ThrottleKey};
use futures_util::future::join_all;
use kernel::{Batch, Probe as _};
use lead::ports::{Claims as _, LeadCache as _, ReadKey, WaitingLeads as _};
use lead::{Claim, ClaimKey, Fingerprint, KeyText, LeadId, StoredAnswer};
use tempfile::TempDir;
use test_rig::Cache;
use testkit::contract::eventually;
use testkit::fixtures::{any_id, any_user, now, unique};
use testkit::servers::cache_url;
use tokio::sync::oneshot;
use tokio::time::sleep;

use place::{a_lead, a_list, node, node_with, options, options_at, read};

async fn bare() -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(cache_url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_read_the_other_does_not() {
    let options = options();
    let (one, other) = (node_with(&options).await, node_with(&options).await);
    for key in [a_list(), a_lead()] {
        assert_eq!(read(&one, &key, "first").await, "first");
        assert_eq!(read(&other, &key, "second").await, "first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bump_on_one_node_hides_older_lists_on_the_other_and_no_lead() {
    let options = options();
    let (one, other) = (node_with(&options).await, node_with(&options).await);
    let (list, lead) = (a_list(), a_lead());
    for key in [&list, &lead] {
        read(&one, key, "old").await;
    }

    other.bump().await;
    assert_eq!(read(&one, &list, "new").await, "new");
    assert_eq!(read(&one, &lead, "new").await, "old");

    other.clear().await;
    for key in [&list, &lead] {
        assert_eq!(read(&one, key, "newest").await, "newest");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_began_before_a_bump_elsewhere_is_not_answered_after_it() {
    let options = options();
    let (one, other) = (node_with(&options).await, node_with(&options).await);
    let key = a_list();
    let ((began, has_begun), (go, may_go)) = (oneshot::channel(), oneshot::channel());
    let stale = async {
        let load = async {
            began.send(()).unwrap();
            may_go.await.unwrap();
            Ok(Some(b"stale".as_slice().into()))
        };
        one.read(&key, Box::pin(load)).await.unwrap()
    };
    let fresh = async {
        has_begun.await.unwrap();
        other.bump().await;
        let meanwhile = read(&one, &key, "fresh").await;
        go.send(()).unwrap();
        meanwhile
    };

    let (stale, meanwhile) = tokio::join!(stale, fresh);

    assert_eq!(stale.as_deref(), Some(b"stale".as_slice()));
    assert_eq!(meanwhile, "fresh");
    for node in [&one, &other] {
        assert_eq!(read(node, &key, "fresh").await, "fresh");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_share_a_quota_and_the_server_may_forget_the_script() {
    let options = options();
    let (one, other) = (node_with(&options).await, node_with(&options).await);
    let key = ThrottleKey::Caller(any_user());
    let quota = Quota {
        limit: 10,
        window: Duration::from_hours(10),
    };
    let mut allowed = 0;
    for _ in 0..10 {
        for node in [&one, &other] {
            allowed += u32::from(node.take(&key, quota).await.allowed);
        }
        let flushed: redis::RedisResult<()> = redis::cmd("SCRIPT")
            .arg("FLUSH")
            .query_async(&mut bare().await)
            .await;
        flushed.unwrap();
    }
    assert_eq!(allowed, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_large_quota_a_node_takes_a_block_and_asks_again_when_it_is_used_up() {
    let folder = TempDir::new().unwrap();
    let mut server = Cache::prepare(folder.path()).unwrap();
    server.start().await.unwrap();
    let node = node_with(&options_at(server.address())).await;
    let key = ThrottleKey::Caller(any_user());
    let take = async |count: u32| {
        for _ in 0..count {
            assert!(node.take(&key, THOUSAND).await.allowed);
        }
    };

    take(1).await;
    let after_one = scripts_run(&server).await;
    take(9).await;
    assert_eq!(scripts_run(&server).await, after_one);
    take(10).await;
    assert_eq!(scripts_run(&server).await, after_one + 1);
    // Those who ask at once ask together.
    join_all((0..10).map(|_| take(1))).await;
    assert_eq!(scripts_run(&server).await, after_one + 2);

    let few = Quota {
        limit: 199,
        ..THOUSAND
    };
    let key = ThrottleKey::Caller(any_user());
    for _ in 0..5 {
        assert!(node.take(&key, few).await.allowed);
    }
    assert_eq!(scripts_run(&server).await, after_one + 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_take_blocks_share_a_quota_to_the_last_one() {
    let options = options();
    let nodes = [node_with(&options).await, node_with(&options).await];
    let key = ThrottleKey::Caller(any_user());
    let taken = nodes.each_ref().map(|node| async {
        let mut allowed = 0;
        while node.take(&key, THOUSAND).await.allowed {
            allowed += 1;
        }
        allowed
    });
    let allowed: u32 = join_all(taken).await.into_iter().sum();
    assert_eq!(allowed, THOUSAND.limit);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_took_and_did_not_use_is_refilled_for_the_others() {
    let options = options();
    let (idle, busy) = (node_with(&options).await, node_with(&options).await);
    let key = ThrottleKey::Caller(any_user());
    let quota = Quota {
        limit: 1_000,
        window: Duration::from_mins(5),
    };
    assert!(idle.take(&key, quota).await.allowed);

    let mut allowed = 0;
    let mut refused = busy.take(&key, quota).await;
    while refused.allowed {
        allowed += 1;
        refused = busy.take(&key, quota).await;
    }

    // All but one block, and the next one as soon as the quota says.
    assert!(allowed >= quota.limit - quota.limit / 100, "{allowed}");
    assert!(refused.retry_after <= quota.window / quota.limit);
    eventually("another one may", async || {
        busy.take(&key, quota).await.allowed.then_some(())
    })
    .await;
}

/// Of which nothing is refilled while a test runs.
const THOUSAND: Quota = Quota {
    limit: 1_000,
    window: Duration::from_hours(10),
};

/// How often a script was run.
async fn scripts_run(server: &Cache) -> u64 {
    let client = redis::Client::open(format!("redis://{}", server.address())).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut info = redis::cmd("INFO");
    let said: String = info
        .arg("commandstats")
        .query_async(&mut connection)
        .await
        .unwrap();
    let calls = |line: &str| -> Option<u64> {
        let calls = line.strip_prefix("cmdstat_eval")?.split_once("calls=")?.1;
        calls.split_once(',')?.0.parse().ok()
    };
    said.lines().filter_map(calls).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_held_and_answered_on_every_node_for_a_day() {
    let options = options();
    let (one, other) = (node_with(&options).await, node_with(&options).await);
    let key = ClaimKey {
        owner: any_user(),
        path: "/api/v1/lead/process-async".to_owned(),
        key: KeyText::parse(&unique()).unwrap(),
    };
    let (content, now) = (Fingerprint([7; 32]), now());
    let answer = StoredAnswer {
        status: 202,
        location: None,
        body: b"queued".to_vec(),
    };

    let held = one.claim(&key, content, now).await.unwrap();
    assert_eq!(held, Claim::Held { accepted_at: now });
    let running = other.claim(&key, content, now).await.unwrap();
    assert_eq!(running, Claim::Running);
    one.finish(&key, &answer).await.unwrap();
    let again = other.claim(&key, content, now).await.unwrap();
    assert_eq!(again, Claim::Answered(answer.clone()));

    let too_large = StoredAnswer {
        body: vec![0; StoredAnswer::MAX_BODY_BYTES + 1],
        ..answer
    };
    assert!(one.finish(&key, &too_large).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn finishing_or_releasing_a_key_that_redis_lost_leaves_nothing_behind() {
    let options = options();
    let node = node_with(&options).await;
    let key = ClaimKey {
        owner: any_user(),
        path: "/".to_owned(),
        key: KeyText::parse("lost").unwrap(),
    };
    let answer = StoredAnswer {
        status: 202,
        location: None,
        body: Vec::new(),
    };

    node.finish(&key, &answer).await.unwrap();
    node.release(&key, true).await.unwrap();

    let (content, now) = (Fingerprint([1; 32]), now());
    let held = node.claim(&key, content, now).await.unwrap();
    assert_eq!(held, Claim::Held { accepted_at: now });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_is_known_on_every_node() {
    let options = options();
    let (one, other) = (node_with(&options).await, node_with(&options).await);
    let (lead, owner, at) = (LeadId(any_id()), any_user(), now());

    one.hold(&Batch::one(lead), owner, at).await;

    assert_eq!(other.owner(lead).await, Some((owner, at)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_ages_from_the_beginning_of_its_read() {
    let options = options();
    let node = node_with(&options).await;
    let text = unique();
    let took = Duration::from_secs(1);
    let load = async {
        sleep(took).await;
        Ok(Some(b"slowly".as_slice().into()))
    };
    let key = ReadKey::List(text.clone());
    node.read(&key, Box::pin(load)).await.unwrap();

    let left_ms: i64 = redis::cmd("PTTL")
        .arg(format!("{}:list:{text}", options.namespace))
        .query_async(&mut bare().await)
        .await
        .unwrap();
    assert!((1..=4_000).contains(&left_ms), "{left_ms} ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_over_a_mebibyte_is_not_kept() {
    let node = node().await;
    for (bytes, is_kept) in [(1024 * 1024, true), (1024 * 1024 + 1, false)] {
        let key = a_list();
        let large = "x".repeat(bytes);
        assert_eq!(read(&node, &key, &large).await.len(), bytes);
        assert_eq!(read(&node, &key, "again").await != "again", is_kept);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_is_in_the_namespace_and_expires() {
    let options = options();
    let node = node_with(&options).await;
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let name = "someone@example.com".to_owned();
    let quota = Quota {
        limit: 10,
        window: Duration::from_hours(1),
    };
    for key in [
        ThrottleKey::Caller(any_user()),
        ThrottleKey::Address(address),
        ThrottleKey::SignIn(name.clone(), address),
    ] {
        assert!(node.take(&key, quota).await.allowed);
    }
    for key in [a_list(), a_lead()] {
        read(&node, &key, "kept").await;
    }
    node.hold(&Batch::one(LeadId(any_id())), any_user(), now())
        .await;
    let claim = ClaimKey {
        owner: any_user(),
        path: "/".to_owned(),
        key: KeyText::parse(&name).unwrap(),
    };
    let content = Fingerprint([0; 32]);
    node.claim(&claim, content, now()).await.unwrap();
    node.release(&claim, true).await.unwrap();
    node.claim(&claim, content, now()).await.unwrap();
    let answer = StoredAnswer {
        status: 202,
        location: None,
        body: Vec::new(),
    };
    node.finish(&claim, &answer).await.unwrap();
    node.probe().await.unwrap();

    let mut connection = bare().await;
    let pattern = format!("{}*", options.namespace);
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS")
        .arg(pattern)
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(keys.len(), 10);
    for key in keys {
        let left_ms: i64 = redis::cmd("PTTL")
            .arg(&key)
            .query_async(&mut connection)
            .await
            .unwrap();
        let key = String::from_utf8_lossy(&key);
        assert!(left_ms > 0, "{key}: {left_ms} ms");
        assert!(!key.contains(&name), "{key}");
    }
}
