//! `LeadCache`: read-through, one load for many, nothing stale after a bump.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kernel::Cause;
use lead::LeadId;
use lead::ports::{LeadCache, ReadKey, StoreError};
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use super::{PATIENCE, eventually};
use crate::fixtures::{any_id, unique};

suite! {
    ($)
    /// What `LeadCache` promises. Takes a future of an `Arc` of the cache.
    lead_cache_contract, lead_cache:
    lead_cache {
        what_was_loaded_is_kept,
        keys_are_kept_apart,
        what_is_not_there_is_not_kept,
        an_error_is_passed_on_and_not_kept,
        of_many_that_miss_at_once_one_loads,
        one_that_gives_up_holds_nobody_back,
        a_bump_hides_every_older_list_and_no_lead,
        a_list_read_that_began_before_a_bump_is_not_answered_after_it,
        clearing_drops_everything,
    }
}

fn a_list() -> ReadKey {
    ReadKey::List(unique())
}

fn a_lead() -> ReadKey {
    ReadKey::Lead(LeadId(any_id()), "v1".to_owned())
}

/// What a load of that text answers.
#[allow(
    clippy::unnecessary_wraps,
    reason = "it is compared with answers, which may be none"
)]
fn bytes(text: &str) -> Option<Arc<[u8]>> {
    Some(text.as_bytes().into())
}

async fn read<C: LeadCache>(cache: &Arc<C>, key: &ReadKey, loaded: &str) -> Option<Arc<[u8]>> {
    cache
        .read(key, Box::pin(async { Ok(bytes(loaded)) }))
        .await
        .unwrap()
}

/// The second read loads nothing.
pub async fn what_was_loaded_is_kept<C: LeadCache>(cache: &Arc<C>) {
    for key in [a_list(), a_lead()] {
        assert_eq!(read(cache, &key, "first").await, bytes("first"));
        assert_eq!(read(cache, &key, "second").await, bytes("first"));
    }
}

/// A list is no lead, and a lead has several forms.
pub async fn keys_are_kept_apart<C: LeadCache>(cache: &Arc<C>) {
    let (id, word) = (LeadId(any_id()), unique());
    let keys = [
        ReadKey::Lead(id, word.clone()),
        ReadKey::Lead(id, format!("{word}?")),
        ReadKey::Lead(LeadId(any_id()), word.clone()),
        ReadKey::List(word.clone()),
        ReadKey::List(format!("{id}:{word}")),
        ReadKey::List(format!("{id}{word}")),
    ];
    for (at, key) in keys.iter().enumerate() {
        assert_eq!(
            read(cache, key, &at.to_string()).await,
            bytes(&at.to_string())
        );
    }
}

/// It may be there a moment later.
pub async fn what_is_not_there_is_not_kept<C: LeadCache>(cache: &Arc<C>) {
    let key = a_lead();
    assert_eq!(
        cache
            .read(&key, Box::pin(async { Ok(None) }))
            .await
            .unwrap(),
        None
    );
    assert_eq!(read(cache, &key, "now").await, bytes("now"));
}

/// The store's error is the caller's, as it is.
pub async fn an_error_is_passed_on_and_not_kept<C: LeadCache>(cache: &Arc<C>) {
    let key = a_list();
    let away = async { Err(StoreError::Unavailable(Cause::new("away"))) };
    let answer = cache.read(&key, Box::pin(away)).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))));
    let corrupt = async { Err(StoreError::Corrupt(Cause::new("corrupt"))) };
    let answer = cache.read(&key, Box::pin(corrupt)).await;
    assert!(matches!(answer, Err(StoreError::Corrupt(_))));

    assert_eq!(read(cache, &key, "back").await, bytes("back"));
}

/// And all get its answer.
pub async fn of_many_that_miss_at_once_one_loads<C: LeadCache>(cache: &Arc<C>) {
    for key in [a_list(), a_lead()] {
        let (loads, asked, go) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicUsize::new(0)),
            Arc::new(Notify::new()),
        );
        let mut readers = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (cache, key) = (Arc::clone(cache), key.clone());
            let (loads, asked, go) = (Arc::clone(&loads), Arc::clone(&asked), Arc::clone(&go));
            readers.spawn(async move {
                let load = async {
                    loads.fetch_add(1, Ordering::SeqCst);
                    go.notified().await;
                    Ok(bytes("loaded"))
                };
                asked.fetch_add(1, Ordering::SeqCst);
                cache.read(&key, Box::pin(load)).await.unwrap()
            });
        }
        eventually("all ask and one loads", async || {
            let all_ask = asked.load(Ordering::SeqCst) == 20;
            (all_ask && loads.load(Ordering::SeqCst) > 0).then_some(())
        })
        .await;
        go.notify_one();

        let answers = timeout(PATIENCE, readers.join_all()).await.unwrap();
        assert_eq!(answers, vec![bytes("loaded"); 20]);
        assert_eq!(loads.load(Ordering::SeqCst), 1);
    }
}

/// A client that goes away while it loads for others.
pub async fn one_that_gives_up_holds_nobody_back<C: LeadCache>(cache: &Arc<C>) {
    let key = a_list();
    let (began, has_begun) = oneshot::channel();
    let leader = {
        let (cache, key) = (Arc::clone(cache), key.clone());
        tokio::spawn(async move {
            let load = async {
                let _ = began.send(());
                std::future::pending().await
            };
            cache.read(&key, Box::pin(load)).await
        })
    };
    has_begun.await.unwrap();
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());

    let answer = timeout(PATIENCE, read(cache, &key, "by another"))
        .await
        .unwrap();
    assert_eq!(answer, bytes("by another"));
}

/// A lead by its id is not touched by the writing of others.
pub async fn a_bump_hides_every_older_list_and_no_lead<C: LeadCache>(cache: &Arc<C>) {
    let (lists, lead) = ([a_list(), a_list()], a_lead());
    for key in lists.iter().chain([&lead]) {
        read(cache, key, "old").await;
    }
    cache.bump().await;

    for key in &lists {
        assert_eq!(read(cache, key, "new").await, bytes("new"));
        assert_eq!(read(cache, key, "newer").await, bytes("new"));
    }
    assert_eq!(read(cache, &lead, "new").await, bytes("old"));
}

/// A reader loads, a writer commits and bumps, the reader puts what it loaded: nobody sees it who
/// came after the bump, neither while the reader is at it nor later.
pub async fn a_list_read_that_began_before_a_bump_is_not_answered_after_it<C: LeadCache>(
    cache: &Arc<C>,
) {
    for ends_first in [true, false] {
        let key = a_list();
        let ((began, has_begun), (go, may_go)) = (oneshot::channel(), oneshot::channel());
        let stale = {
            let (cache, key) = (Arc::clone(cache), key.clone());
            tokio::spawn(async move {
                let load = async {
                    let _ = began.send(());
                    let _ = may_go.await;
                    Ok(bytes("stale"))
                };
                cache.read(&key, Box::pin(load)).await.unwrap()
            })
        };
        has_begun.await.unwrap();
        cache.bump().await;

        if !ends_first {
            let answer = timeout(PATIENCE, read(cache, &key, "fresh")).await.unwrap();
            assert_eq!(answer, bytes("fresh"));
        }
        go.send(()).unwrap();
        assert_eq!(stale.await.unwrap(), bytes("stale"));
        assert_eq!(read(cache, &key, "fresh").await, bytes("fresh"));
    }
}

/// Leads too.
pub async fn clearing_drops_everything<C: LeadCache>(cache: &Arc<C>) {
    let keys = [a_list(), a_lead()];
    for key in &keys {
        read(cache, key, "old").await;
    }
    cache.clear().await;

    for key in &keys {
        assert_eq!(read(cache, key, "new").await, bytes("new"));
    }
}
