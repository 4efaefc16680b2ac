//! How the store stands a server that is slow, locked, cuts connections, or bounds what a statement
//! may be, and many who write at once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use eav::Value;
use kernel::{Batch, Probe as _};
use lead::ports::{Appended, LeadFinder, LeadStore, StoreError};
use lead::{Filter, NewLead};
use store_mysql::{MysqlStore, Options, Schema, connect_lazily, prepare};
use testkit::contract::eventually;
use testkit::fixtures::{any_lead, intake_of, lead_with_attributes, twin_of};

use self::support::{Database, OwnStore, connections, count, first_page, run, server};

fn is_unavailable<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn an_intake_of_many_mebibytes_is_stored_whole() {
    let own = OwnStore::fresh().await;
    // Nearly every byte has an escape, and most have two.
    let text = "\\\"'\u{1}".repeat(600);
    let names: Vec<String> = (0..25).map(|it| format!("attribute {it}")).collect();
    let lead = || {
        let value = || Value::from_text(&text).unwrap();
        lead_with_attributes(names.iter().map(|it| (it.as_str(), value())).collect())
    };
    let leads: Vec<NewLead> = (0..250).map(|_| lead()).collect();

    let outcomes = own.append(&intake_of(&leads)).await.unwrap();

    assert!(outcomes.iter().all(|it| *it == Appended::Stored));
    for lead in [&leads[0], &leads[124], &leads[249]] {
        let found = own.find(lead.id).await.unwrap().unwrap();
        assert_eq!(found.details, lead.details);
    }
    let again = own.append(&intake_of(&leads)).await.unwrap();
    assert_eq!(again, outcomes);
}

#[tokio::test]
async fn a_lead_larger_than_a_statement_may_be_is_refused_for_good() {
    let own = OwnStore::fresh().await;
    let text = "x".repeat(64 * 1_024);
    let names: Vec<String> = (0..200).map(|it| format!("attribute {it}")).collect();
    let values = names
        .iter()
        .map(|it| (it.as_str(), Value::from_text(&text).unwrap()));
    let giant = lead_with_attributes(values.collect());

    let refused = own.append(&intake_of(&[any_lead(), giant])).await;

    assert!(
        matches!(&refused, Err(StoreError::Refused { lasting: true, .. })),
        "{refused:?}"
    );
    own.append(&intake_of(&[any_lead()])).await.unwrap();
    let total = own.total(&Filter::default()).await.unwrap();
    assert_eq!(total.count, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_do_not_wait_for_a_writer() {
    let own = OwnStore::fresh().await;
    let lead = any_lead();
    own.append(&intake_of(std::slice::from_ref(&lead)))
        .await
        .unwrap();
    let mut blocker = own.database.sql().await;
    run(
        &mut blocker,
        "BEGIN; UPDATE leads SET first_name = 'x'; UPDATE lead_counters SET total = 9",
    )
    .await;
    let writing = tokio::spawn({
        let store = Arc::clone(&own.store);
        async move { store.append(&intake_of(&[any_lead()])).await }
    });

    for _ in 0..20 {
        assert_eq!(own.list(&first_page()).await.unwrap().len(), 1);
        let found = own.find(lead.id).await.unwrap().unwrap();
        assert_eq!(found.details, lead.details);
        own.probe().await.unwrap();
    }
    assert!(!writing.is_finished());
    run(&mut blocker, "ROLLBACK").await;

    assert_eq!(writing.await.unwrap().unwrap(), [Appended::Stored]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_connections_are_replaced_without_a_word() {
    let own = OwnStore::fresh().await;
    for _ in 0..5 {
        own.append(&intake_of(&[any_lead()])).await.unwrap();
        own.list(&first_page()).await.unwrap();
        let before = connections(&own.database).await;
        assert!(before.len() >= 2, "a writer and a reader");
        for id in &before {
            server(&format!("KILL {id}")).await;
        }
        eventually("the server forgets them", async || {
            let left = connections(&own.database).await;
            left.iter().all(|it| !before.contains(it)).then_some(())
        })
        .await;

        // A connection that was used a moment ago is not asked first: that call may fail.
        eventually("a lead is stored", async || {
            let stored = own.append(&intake_of(&[any_lead()])).await;
            assert!(stored.is_ok() || is_unavailable(&stored), "{stored:?}");
            stored.ok()
        })
        .await;
        eventually("leads are listed", async || {
            let listed = own.list(&first_page()).await;
            assert!(listed.is_ok() || is_unavailable(&listed), "{listed:?}");
            listed.ok()
        })
        .await;
    }
}

/// A store that waits for nothing long.
async fn impatient() -> (Database, Arc<MysqlStore>) {
    let own = OwnStore::fresh().await;
    let options = Options {
        acquire_timeout: Duration::from_millis(400),
        statement_timeout: Duration::from_millis(400),
        writers: 1,
        readers: 1,
        ..own.database.options()
    };
    let store = Arc::new(connect_lazily(&options).unwrap());
    own.store.close().await.unwrap();
    (own.database, store)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_takes_too_long_is_an_outage_and_leaves_nothing_behind() {
    let (database, store) = impatient().await;
    store.append(&intake_of(&[any_lead()])).await.unwrap();
    let mut blocker = database.sql().await;
    run(
        &mut blocker,
        "BEGIN; UPDATE lead_counters SET total = total",
    )
    .await;
    let intake = intake_of(&[any_lead()]);
    let before = connections(&database).await;

    let stuck = store.append(&intake).await;

    assert!(is_unavailable(&stuck), "{stuck:?}");
    run(&mut blocker, "ROLLBACK").await;
    let stored = eventually("its only connection is free again", async || {
        store.append(&intake).await.ok()
    })
    .await;
    assert_eq!(stored, [Appended::Stored]);
    let total = store.total(&Filter::default()).await.unwrap();
    assert_eq!(total.count, 2);
    eventually("the connection it was stuck on is closed", async || {
        let now = connections(&database).await;
        let left = before.iter().filter(|it| now.contains(it)).count();
        // The blocker's own is one of them.
        (left <= 1).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_takes_too_long_is_an_outage() {
    let (database, store) = impatient().await;
    store.append(&intake_of(&[any_lead()])).await.unwrap();
    let mut blocker = database.sql().await;
    run(&mut blocker, "LOCK TABLES leads WRITE").await;

    for _ in 0..3 {
        let stuck = store.list(&first_page()).await;
        assert!(is_unavailable(&stuck), "{stuck:?}");
    }

    run(&mut blocker, "UNLOCK TABLES").await;
    let listed = eventually("its only connection is free again", async || {
        store.list(&first_page()).await.ok()
    })
    .await;
    assert_eq!(listed.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_is_not_there_is_an_outage_until_it_is() {
    let database = Database::fresh().await;
    let store = connect_lazily(&database.options()).unwrap();
    let intake = intake_of(&[any_lead()]);
    let early = store.append(&intake).await;
    assert!(is_unavailable(&early), "{early:?}");
    assert!(store.probe().await.is_err());

    prepare(&database.options(), Schema::Migrate).await.unwrap();

    assert_eq!(store.append(&intake).await.unwrap(), [Appended::Stored]);
    store.probe().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rivals_in_opposite_order_never_see_each_other() {
    let own = OwnStore::fresh().await;
    for _ in 0..10 {
        let ours: Vec<NewLead> = (0..60).map(|_| any_lead()).collect();
        let intakes: Vec<_> = (0..6)
            .map(|rival| {
                let mut leads: Vec<NewLead> = ours.iter().map(twin_of).collect();
                if rival % 2 == 1 {
                    leads.reverse();
                }
                leads.rotate_left(rival * 7);
                intake_of(&leads)
            })
            .collect();
        let appending: Vec<_> = intakes
            .iter()
            .map(|intake| {
                let (store, intake) = (Arc::clone(&own.store), intake.clone());
                tokio::spawn(async move { store.append(&intake).await })
            })
            .collect();
        let mut stored = 0;
        for appended in appending {
            let outcomes = appended.await.unwrap().unwrap();
            stored += outcomes
                .iter()
                .filter(|it| **it == Appended::Stored)
                .count();
        }
        assert_eq!(stored, ours.len());
        for intake in &intakes {
            let again = own.append(intake).await.unwrap();
            stored -= again.iter().filter(|it| **it == Appended::Stored).count();
        }
        assert_eq!(stored, 0, "each gets the answers that it got");
    }
    let total = own.total(&Filter::default()).await.unwrap();
    assert_eq!(total.count, 600);
    let mut sql = own.database.sql().await;
    assert_eq!(count(&mut sql, "leads").await, 600);
}

#[tokio::test]
async fn the_longest_intake_is_stored_whole() {
    let own = OwnStore::fresh().await;
    let leads: Vec<_> = (0..Batch::<NewLead>::MAX_LEN).map(|_| any_lead()).collect();

    let first = own.append(&intake_of(&leads)).await.unwrap();
    let again = own.append(&intake_of(&leads)).await.unwrap();

    assert!(first.iter().all(|it| *it == Appended::Stored));
    assert_eq!(again, first);
    let total = own.total(&Filter::default()).await.unwrap();
    assert_eq!(total.count, leads.len() as u64);
}
