//! What the store promises beyond the ports: its SQL surface, and how it stands a server that is
//! slow, locked, or cuts connections.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use eav::Value;
use kernel::{Batch, Probe as _, Timestamp, uuid_at};
use lead::ports::{Appended, LeadFinder, LeadStore, StoreError};
use lead::{Filter, LeadId, ListQuery, NewLead, Position, SearchText};
use sea_orm::sqlx::mysql::MySqlConnection;
use sea_orm::sqlx::{AssertSqlSafe, query_as, query_scalar};
use store_mysql::{MysqlStore, Options, Schema, connect_lazily, prepare};
use testkit::contract::eventually;
use testkit::fixtures::{
    any_lead, intake_of, lead_of, lead_with_attributes, odd_characters, twin_of, unique,
};

use self::support::{Database, OwnStore, connections, run, server};

async fn count(sql: &mut MySqlConnection, what: &str) -> i64 {
    let count = format!("SELECT COUNT(*) FROM {what}");
    query_scalar(AssertSqlSafe(count))
        .fetch_one(sql)
        .await
        .unwrap()
}

fn first_page() -> ListQuery {
    ListQuery {
        filter: Filter::default(),
        position: Position::Offset(0),
        limit: 10,
    }
}

fn is_unavailable<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn the_view_shows_each_attribute_with_its_name_text_and_type() {
    let own = OwnStore::fresh().await;
    let lead = lead_with_attributes(vec![
        ("größe \"x\"", Value::from_text("ä\\\n\"quoted\"").unwrap()),
        ("note", Value::from_number("18446744073709551615").unwrap()),
        ("tags", Value::from_json("[1, 2.50]").unwrap()),
        ("flag", Value::from_bool(true)),
    ]);
    own.append(&intake_of(&[any_lead(), lead.clone()]))
        .await
        .unwrap();

    let mut sql = own.database.sql().await;
    let select = "SELECT field_name, field_value, field_type FROM lead_data WHERE lead_id = ?";
    let rows: Vec<(String, String, String)> = query_as(select)
        .bind(lead.id.0)
        .fetch_all(&mut sql)
        .await
        .unwrap();

    let expected = [
        ("größe \"x\"", "ä\\\n\"quoted\"", "string"),
        ("note", "18446744073709551615", "integer"),
        ("tags", "[1, 2.50]", "json"),
        ("flag", "1", "boolean"),
    ];
    assert_eq!(
        rows,
        expected.map(|(name, text, kind)| (name.into(), text.into(), kind.into()))
    );
}

#[tokio::test]
async fn a_lead_deleted_by_sql_leaves_no_attribute_and_frees_its_email() {
    let own = OwnStore::fresh().await;
    let address = format!("{}@example.com", unique());
    let mut lead = lead_with_attributes(vec![("a", Value::from_text("b").unwrap())]);
    lead.details.email = lead_of(&address).details.email;
    own.append(&intake_of(std::slice::from_ref(&lead)))
        .await
        .unwrap();

    let mut sql = own.database.sql().await;
    assert_eq!(count(&mut sql, "lead_data").await, 1);
    run(&mut sql, "DELETE FROM leads").await;

    assert_eq!(count(&mut sql, "lead_data").await, 0);
    assert_eq!(own.find(lead.id).await.unwrap(), None);
    let again = own.append(&intake_of(&[lead_of(&address)])).await;
    assert_eq!(again.unwrap(), [Appended::Stored]);
}

#[tokio::test]
async fn what_sql_changes_is_read_at_once_and_counted_by_a_recount() {
    let own = OwnStore::fresh().await;
    let leads = [any_lead(), any_lead(), any_lead()];
    own.append(&intake_of(&leads)).await.unwrap();
    let mut sql = own.database.sql().await;
    run(&mut sql, "UPDATE leads SET first_name = 'Grace' LIMIT 1").await;
    run(
        &mut sql,
        "DELETE FROM leads WHERE first_name <> 'Grace' LIMIT 1",
    )
    .await;

    let listed = own.list(&first_page()).await.unwrap();
    assert_eq!(listed.len(), 2);
    let named = |it: &&lead::Lead| it.details.first_name.as_str() == "Grace";
    assert_eq!(listed.iter().filter(named).count(), 1);

    own.recount().await.unwrap();
    let total = own.total(&Filter::default()).await.unwrap();
    assert_eq!(total.count, 2);
    let today = leads[0].id.created_at().day().start();
    let stats = own.stats(today).await.unwrap();
    assert_eq!((stats.total(), stats.today), (2, 2));
}

/// As it is where leads were stored before there was an index, or by a program without one.
#[tokio::test]
async fn leads_of_which_the_index_knows_nothing_are_found_and_indexed() {
    let own = OwnStore::fresh().await;
    let store = MysqlStore::clone(&own.store).with_segment_leads(NonZeroUsize::new(7).unwrap());
    let leads: Vec<NewLead> = (0..100).map(|_| any_lead()).collect();
    store.append(&intake_of(&leads)).await.unwrap();
    while store.index().await.unwrap().more {}
    let mut sql = own.database.sql().await;
    assert_eq!(count(&mut sql, "search_segments").await, 1);
    let everybody = Filter {
        search: SearchText::parse("Lovelace").ok(),
        ..Filter::default()
    };

    for _ in 0..2 {
        let anew = "UPDATE search_state SET backfill_after = REPEAT(X'00', 16)";
        run(&mut sql, anew).await;
        loop {
            assert_eq!(store.total(&everybody).await.unwrap().count, 100);
            if !store.index().await.unwrap().more {
                break;
            }
        }
        assert_eq!(count(&mut sql, "search_segments").await, 15);
        assert_eq!(count(&mut sql, "search_ids").await, 15);
        let left = "search_state WHERE backfill_after IS NOT NULL";
        assert_eq!(count(&mut sql, left).await, 0);
    }
    run(&mut sql, "DELETE FROM leads LIMIT 50").await;
    assert_eq!(store.total(&everybody).await.unwrap().count, 50);
}

#[tokio::test]
async fn times_are_utc_for_whoever_reads_in_whatever_zone() {
    let own = OwnStore::fresh().await;
    // An hour that New York has twice, and one that it does not have.
    let moments = [1_793_511_000_123, 1_772_953_200_456].map(Timestamp::from_unix_ms);
    let leads = moments.map(|at| NewLead {
        id: LeadId(uuid_at(at, any_lead().id.0.as_u128() >> 54)),
        ..any_lead()
    });
    own.append(&intake_of(&leads)).await.unwrap();

    let mut sql = own.database.sql().await;
    for zone in ["+09:00", "-05:00", "+00:00"] {
        run(&mut sql, &format!("SET time_zone = '{zone}'")).await;
        for (lead, at) in leads
            .iter()
            .zip(["2026-11-01 05:30:00.123", "2026-03-08 07:00:00.456"])
        {
            let select = "SELECT CAST(created_at AS CHAR) FROM leads WHERE id = ?";
            let read: String = query_scalar(select)
                .bind(lead.id.0)
                .fetch_one(&mut sql)
                .await
                .unwrap();
            assert_eq!(read, at);
        }
    }
    for (lead, at) in leads.iter().zip(moments) {
        let found = own.find(lead.id).await.unwrap().unwrap();
        assert_eq!(found.id.created_at(), at);
    }
}

#[tokio::test]
async fn a_value_that_is_too_long_for_its_column_is_refused_and_never_cut() {
    let own = OwnStore::fresh().await;
    let mut sql = own.database.sql().await;
    run(
        &mut sql,
        "ALTER TABLE leads MODIFY last_name VARCHAR(3) NOT NULL",
    )
    .await;

    let refused = own.append(&intake_of(&[any_lead()])).await;

    assert!(
        matches!(&refused, Err(StoreError::Refused { lasting: true, .. })),
        "{refused:?}"
    );
    assert_eq!(count(&mut sql, "leads").await, 0);
}

#[tokio::test]
async fn a_refusal_shows_neither_value_nor_statement() {
    let own = OwnStore::fresh().await;
    let mut sql = own.database.sql().await;
    run(
        &mut sql,
        "CREATE UNIQUE INDEX one_name ON leads (first_name)",
    )
    .await;
    let trigger = "CREATE TRIGGER refuse BEFORE INSERT ON leads FOR EACH ROW \
         SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'this row is refused'";
    run(&mut sql, trigger).await;
    let address = format!("{}@example.com", unique());

    let refused = own.append(&intake_of(&[lead_of(&address)])).await;

    let text = format!("{refused:?}");
    assert!(
        matches!(refused, Err(StoreError::Refused { lasting: false, .. })),
        "{text}"
    );
    for hidden in [address.as_str(), "INSERT", "this row"] {
        assert!(!text.contains(hidden), "{text}");
    }
}

#[tokio::test]
async fn every_character_survives_in_every_text() {
    let own = OwnStore::fresh().await;
    let mut lead = lead_with_attributes(vec![
        ("all", Value::from_text(&odd_characters()).unwrap()),
        ("\\'\"`", Value::from_text("\\' OR 1=1 -- \\").unwrap()),
    ]);
    lead.details.email = testkit::fixtures::email(&format!("o'br\\ien\"{}@exämple.com", unique()));
    lead.details.last_name = testkit::fixtures::name("O'Neill \\");

    own.append(&intake_of(std::slice::from_ref(&lead)))
        .await
        .unwrap();

    let found = own.find(lead.id).await.unwrap().unwrap();
    assert_eq!(found.details, lead.details);
    let holder = own.holder(lead.details.email.key()).await.unwrap();
    assert_eq!(holder, Some(lead.id));
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

/// Whoever reads the tables by SQL may put a trigger on them, and what a trigger does resets much of
/// what a statement knows.
#[tokio::test]
async fn a_trigger_on_leads_hides_no_duplicate() {
    let own = OwnStore::fresh().await;
    let mut sql = own.database.sql().await;
    run(
        &mut sql,
        "CREATE TABLE seen (n INT NOT NULL); \
         CREATE TRIGGER before_insert BEFORE INSERT ON leads FOR EACH ROW \
             SET @ignored = NEW.email = 'nobody@example.com'; \
         CREATE TRIGGER after_insert AFTER INSERT ON leads FOR EACH ROW \
             INSERT INTO seen VALUES (1); \
         CREATE TRIGGER before_update BEFORE UPDATE ON leads FOR EACH ROW \
             SET @ignored = LAST_INSERT_ID(7)",
    )
    .await;
    let held = any_lead();
    own.append(&intake_of(std::slice::from_ref(&held)))
        .await
        .unwrap();

    let fresh: Vec<NewLead> = (0..20).map(|_| any_lead()).collect();
    let mut leads = fresh.clone();
    leads.insert(7, twin_of(&held));
    let outcomes = own.append(&intake_of(&leads)).await.unwrap();

    let duplicate = Appended::Duplicate { of: held.id };
    assert_eq!(outcomes[7], duplicate);
    let stored = outcomes.iter().filter(|it| **it == Appended::Stored);
    assert_eq!(stored.count(), fresh.len());
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
