//! Threads with a runtime of their own, which have a connection of their own for lone leads.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use kernel::Batch;
use lead::NewLead;
use lead::ports::{Appended, LeadStore, StoreError};
use sea_orm::sqlx::query_scalar;
use store_mysql::{MysqlStore, Options, connect_lazily};
use testkit::contract::eventually;
use testkit::fixtures::{any_lead, intake_of, parked};

use self::support::{Database, OwnStore, connections, is_mariadb, run, server};

/// A store with one connection for all that writes, and how long it waits.
async fn narrow(limit: Duration) -> (Database, Arc<MysqlStore>) {
    let own = OwnStore::fresh().await;
    let options = Options {
        acquire_timeout: limit,
        statement_timeout: limit,
        writers: 1,
        ..own.database.options()
    };
    let store = Arc::new(connect_lazily(&options).unwrap());
    own.store.close().await.unwrap();
    (own.database, store)
}

async fn append(store: &MysqlStore, leads: &[NewLead]) -> Result<Vec<Appended>, StoreError> {
    store.append(&intake_of(leads)).await
}

/// How long nobody may have looked at `innodb_trx` for the server to look anew: it answers from a copy
/// that it renews when the last look is more than 0.1 s ago.
const LOOKS_APART: Duration = Duration::from_millis(150);

/// Whether one of a database's connections waits for a lock.
async fn is_waiting(database: &Database) -> bool {
    tokio::time::sleep(LOOKS_APART).await;
    // MySQL cannot read its `innodb_trx` while statements hold bytes.
    let select = if is_mariadb().await {
        "SELECT CAST(trx_mysql_thread_id AS UNSIGNED) FROM information_schema.innodb_trx \
         WHERE trx_state = 'LOCK WAIT'"
    } else {
        "SELECT processlist_id FROM performance_schema.data_lock_waits \
         JOIN performance_schema.threads ON thread_id = requesting_thread_id"
    };
    let mut sql = database.sql().await;
    let waiting: Vec<u64> = query_scalar(select).fetch_all(&mut sql).await.unwrap();
    let own = connections(database).await;
    waiting.iter().any(|it| own.contains(it))
}

#[tokio::test]
async fn a_lone_lead_does_not_wait_for_a_connection_of_the_pool() {
    let (database, store) = narrow(Duration::from_secs(20)).await;
    let letter = Batch::one(parked(&any_lead()));
    store.park(&letter).await.unwrap();
    let mut blocker = database.sql().await;
    run(&mut blocker, "BEGIN; SELECT * FROM dead_letters FOR UPDATE").await;
    let waiting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.park(&letter).await })
    };
    eventually("the pool's connection waits", async || {
        is_waiting(&database).await.then_some(())
    })
    .await;

    let alone = append(&store, &[any_lead()]).await.unwrap();

    assert_eq!(alone, [Appended::Stored]);
    assert!(!waiting.is_finished());
    run(&mut blocker, "ROLLBACK").await;
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn one_that_was_killed_is_replaced() {
    let own = OwnStore::fresh().await;
    for _ in 0..3 {
        append(&own, &[any_lead()]).await.unwrap();
        let before = connections(&own.database).await;
        for id in &before {
            server(&format!("KILL {id}")).await;
        }
        // It was used a moment ago and is not asked first: that call may fail.
        eventually("a lead is stored", async || {
            let stored = append(&own, &[any_lead()]).await;
            let is_fault = matches!(stored, Err(StoreError::Unavailable(_)));
            assert!(stored.is_ok() || is_fault, "{stored:?}");
            stored.ok()
        })
        .await;
        eventually("the server forgets those before", async || {
            let now = connections(&own.database).await;
            now.iter().all(|it| !before.contains(it)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn one_that_nobody_uses_is_closed() {
    let own = OwnStore::fresh().await;
    append(&own, &[any_lead()]).await.unwrap();
    own.store.close().await.unwrap();
    eventually("it alone is left", async || {
        (connections(&own.database).await.len() == 1).then_some(())
    })
    .await;

    eventually("it is closed", async || {
        connections(&own.database).await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn one_that_a_call_was_stuck_on_is_not_used_again() {
    let (database, store) = narrow(Duration::from_millis(400)).await;
    append(&store, &[any_lead()]).await.unwrap();
    let stuck_on = connections(&database).await;
    let mut blocker = database.sql().await;
    run(
        &mut blocker,
        "BEGIN; UPDATE lead_counters SET total = total",
    )
    .await;

    let stuck = append(&store, &[any_lead()]).await;

    assert!(
        matches!(stuck, Err(StoreError::Unavailable(_))),
        "{stuck:?}"
    );
    run(&mut blocker, "ROLLBACK").await;
    append(&store, &[any_lead()]).await.unwrap();
    eventually("it is closed", async || {
        let now = connections(&database).await;
        let is_left = stuck_on.iter().any(|it| now.contains(it));
        (!is_left).then_some(())
    })
    .await;
}
