//! What the file promises beyond the ports: its SQL surface, its schema, and what a crash leaves.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

mod support;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use eav::Value;
use kernel::Batch;
use lead::ports::{Appended, Intake, LeadFinder, LeadStore, StoreError};
use lead::{BatchNote, Filter, ListQuery, MatchKey, Position, SearchText};
use rusqlite::Connection;
use store_sqlite::{OpenError, SqliteStore};
use testkit::fixtures::{
    any_bulk, any_lead, intake_of, lead_of, lead_with_attributes, now, unique,
};

use self::support::{fresh_folder, store_in};

fn sql(folder: &Path) -> Connection {
    Connection::open(folder.join("leads.db")).unwrap()
}

fn count(db: &Connection, what: &str) -> i64 {
    db.query_row(&format!("SELECT COUNT(*) FROM {what}"), [], |row| {
        row.get(0)
    })
    .unwrap()
}

#[tokio::test]
async fn the_view_shows_each_attribute_with_its_name_text_and_type() {
    let folder = fresh_folder();
    let store = store_in(folder.path()).await;
    let lead = lead_with_attributes(vec![
        ("größe \"x\"", Value::from_text("ä\\\n\"quoted\"").unwrap()),
        ("note", Value::from_number("18446744073709551615").unwrap()),
        ("tags", Value::from_json("[1, 2.50]").unwrap()),
        ("flag", Value::from_bool(true)),
    ]);
    store
        .append(&intake_of(std::slice::from_ref(&lead)))
        .await
        .unwrap();

    let db = sql(folder.path());
    let mut select = db
        .prepare("SELECT field_name, field_value, field_type FROM lead_data WHERE lead_id = ?")
        .unwrap();
    let rows: Vec<[String; 3]> = select
        .query_map([lead.id.0.as_bytes().as_slice()], |row| {
            Ok([row.get(0)?, row.get(1)?, row.get(2)?])
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();

    let expected = [
        ["größe \"x\"", "ä\\\n\"quoted\"", "string"],
        ["note", "18446744073709551615", "integer"],
        ["tags", "[1, 2.50]", "json"],
        ["flag", "1", "boolean"],
    ];
    assert_eq!(rows, expected.map(|row| row.map(str::to_owned)));
}

#[tokio::test]
async fn a_lead_deleted_by_sql_leaves_no_attribute_and_frees_its_email() {
    let folder = fresh_folder();
    let store = store_in(folder.path()).await;
    let address = format!("{}@example.com", unique());
    let lead = lead_of(&address);
    store.append(&intake_of(&[lead])).await.unwrap();

    let db = sql(folder.path());
    db.execute("DELETE FROM leads", []).unwrap();

    assert_eq!(count(&db, "lead_data"), 0);
    let again = store.append(&intake_of(&[lead_of(&address)])).await;
    assert_eq!(again.unwrap(), [Appended::Stored]);
}

#[tokio::test]
async fn a_recount_shows_what_sql_changed() {
    let folder = fresh_folder();
    let store = store_in(folder.path()).await;
    let leads: Vec<_> = (0..3).map(|_| any_lead()).collect();
    store.append(&intake_of(&leads)).await.unwrap();
    let one_gone = "DELETE FROM leads WHERE rowid = 1";
    sql(folder.path()).execute(one_gone, []).unwrap();

    store.recount().await.unwrap();

    let total = store.total(&Filter::default()).await.unwrap();
    assert_eq!(total.count, 2);
}

/// As it is where leads were stored before there was an index, or by a program without one.
#[tokio::test]
async fn leads_of_which_the_index_knows_nothing_are_found_and_indexed() {
    let folder = fresh_folder();
    let store = store_in(folder.path()).await;
    let store = SqliteStore::clone(&store).with_segment_leads(NonZeroUsize::new(7).unwrap());
    let leads: Vec<_> = (0..100).map(|_| any_lead()).collect();
    store.append(&intake_of(&leads)).await.unwrap();
    while store.index().await.unwrap().more {}
    let db = sql(folder.path());
    assert_eq!(count(&db, "search_segments"), 1);
    let everybody = Filter {
        search: SearchText::parse("Lovelace").ok(),
        ..Filter::default()
    };

    for _ in 0..2 {
        let anew = "UPDATE search_state SET backfill_after = zeroblob(16)";
        db.execute(anew, []).unwrap();
        let mut steps = 0;
        loop {
            assert_eq!(store.total(&everybody).await.unwrap().count, 100);
            steps += 1;
            if !store.index().await.unwrap().more {
                break;
            }
        }
        assert!(steps > 15, "{steps}");
        assert_eq!(count(&db, "search_segments"), 15);
        assert_eq!(count(&db, "search_ids"), 15);
        let left = "search_state WHERE backfill_after IS NOT NULL";
        assert_eq!(count(&db, left), 0);
    }
    db.execute("DELETE FROM leads WHERE rowid % 2 = 0", [])
        .unwrap();
    assert_eq!(store.total(&everybody).await.unwrap().count, 50);
}

#[tokio::test]
async fn an_index_that_cannot_be_read_is_told_of() {
    let folder = fresh_folder();
    let store = store_in(folder.path()).await;
    store.append(&intake_of(&[any_lead()])).await.unwrap();
    let db = sql(folder.path());
    db.execute("UPDATE search_backlog SET entries = X'0102'", [])
        .unwrap();
    let anybody = Filter {
        search: SearchText::parse("Lovelace").ok(),
        ..Filter::default()
    };
    let total = store.total(&anybody).await;
    assert!(matches!(total, Err(StoreError::Corrupt(_))), "{total:?}");
}

#[tokio::test]
async fn a_rejected_key_shows_in_no_cause() {
    let folder = fresh_folder();
    let store = store_in(folder.path()).await;
    let db = sql(folder.path());
    db.execute_batch(
        "CREATE TRIGGER refuse BEFORE INSERT ON leads BEGIN
             SELECT RAISE(ABORT, 'this row is refused'); END",
    )
    .unwrap();
    let address = format!("{}@example.com", unique());

    let refused = store.append(&intake_of(&[lead_of(&address)])).await;

    let error = refused.unwrap_err();
    assert!(
        matches!(
            error,
            lead::ports::StoreError::Refused { lasting: true, .. }
        ),
        "{error:?}"
    );
    let text = format!("{error:?}");
    assert!(
        !text.contains(&address) && !text.contains("INSERT"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_that_open_one_file_at_once_all_get_the_same_schema() {
    let folder = fresh_folder();
    let path = folder.path().join("leads.db");

    let opening: Vec<_> = (0..4)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { store_sqlite::open(&path).await })
        })
        .collect();
    for opened in opening {
        let store = opened.await.unwrap().unwrap();
        store.append(&intake_of(&[any_lead()])).await.unwrap();
    }

    assert_eq!(count(&sql(folder.path()), "leads"), 4);
}

#[tokio::test]
async fn opening_again_finds_what_was_stored() {
    let folder = fresh_folder();
    let lead = any_lead();
    let first = store_in(folder.path()).await;
    first
        .append(&intake_of(std::slice::from_ref(&lead)))
        .await
        .unwrap();
    first.close().await.unwrap();

    let second = store_in(folder.path()).await;

    let found = second.find(lead.id).await.unwrap().unwrap();
    assert_eq!(found.details, lead.details);
}

#[tokio::test]
async fn a_newer_schema_is_told_apart() {
    let folder = fresh_folder();
    store_in(folder.path()).await.close().await.unwrap();
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_newer', 0)";
    sql(folder.path()).execute(newer, []).unwrap();

    let opened = store_sqlite::open(&folder.path().join("leads.db")).await;

    assert!(matches!(opened.err(), Some(OpenError::NewerSchema(_))));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_unavailable() {
    let folder = fresh_folder();
    let path = folder.path().join("leads.db");
    std::fs::write(&path, vec![7_u8; 8_192]).unwrap();

    let opened = store_sqlite::open(&path).await;

    assert!(matches!(opened.err(), Some(OpenError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_do_not_wait_for_a_writer() {
    let folder = fresh_folder();
    let store = store_in(folder.path()).await;
    let lead = any_lead();
    store
        .append(&intake_of(std::slice::from_ref(&lead)))
        .await
        .unwrap();
    let blocker = sql(folder.path());
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();

    let writing = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.append(&intake_of(&[any_lead()])).await }
    });
    for _ in 0..20 {
        let page = ListQuery {
            filter: Filter::default(),
            position: Position::Offset(0),
            limit: 10,
        };
        assert_eq!(store.list(&page).await.unwrap().len(), 1);
        assert!(store.find(lead.id).await.unwrap().is_some());
    }
    assert!(!writing.is_finished());
    blocker.execute_batch("ROLLBACK").unwrap();

    assert_eq!(writing.await.unwrap().unwrap(), [Appended::Stored]);
}

/// A copy of the store as a crash leaves it, its log cut after `log_bytes`.
fn crash_copy(from: &Path, to: &Path, log_bytes: usize) {
    std::fs::copy(from.join("leads.db"), to.join("leads.db")).unwrap();
    let log = std::fs::read(from.join("leads.db-wal")).unwrap();
    std::fs::write(to.join("leads.db-wal"), &log[..log_bytes.min(log.len())]).unwrap();
}

#[tokio::test]
async fn a_log_cut_anywhere_leaves_whole_transactions_from_the_first_on() {
    let folder = fresh_folder();
    let store = store_in(folder.path()).await;
    let mut intakes = Vec::new();
    for _ in 0..12 {
        let bulk = any_bulk();
        let leads = [bulk.lead(), bulk.lead(), bulk.lead()];
        let arrivals = (0..).zip(&leads).map(|(at, lead)| bulk.arrival(at, lead));
        let intake = Intake {
            at: now(),
            leads: arrivals.collect(),
            notes: vec![bulk.note(3, 0, true)],
        };
        store.append(&intake).await.unwrap();
        intakes.push(intake);
    }
    let log_bytes = std::fs::metadata(folder.path().join("leads.db-wal")).unwrap();
    let log_bytes = usize::try_from(log_bytes.len()).unwrap();

    let cuts = 40;
    let mut last_survivors = 0;
    for cut in 0..=cuts {
        let copy = fresh_folder();
        // Odd steps, so that cuts fall into headers, pages and checksums alike.
        crash_copy(
            folder.path(),
            copy.path(),
            (log_bytes * cut / cuts).saturating_sub(cut % 7),
        );
        let check: String = sql(copy.path())
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(check, "ok");

        let reopened = store_in(copy.path()).await;
        let mut whole = Vec::new();
        for intake in &intakes {
            let mut found = 0;
            for arrival in &intake.leads {
                found += usize::from(reopened.find(arrival.lead.id).await.unwrap().is_some());
            }
            assert!(
                found == 0 || found == intake.leads.len(),
                "a torn transaction"
            );
            let batch = intake.notes[0].batch;
            let counted = reopened.batch(batch).await.unwrap();
            assert_eq!(counted.map_or(0, |it| it.counts.stored), found as u64);
            whole.push(found > 0);
        }
        let survivors = whole.iter().take_while(|it| **it).count();
        assert!(!whole[survivors..].contains(&true), "a hole in the log");
        assert!(survivors >= last_survivors, "a longer log kept less");
        last_survivors = survivors;
        for intake in &intakes {
            let again = reopened.append(intake).await.unwrap();
            assert!(again.iter().all(|it| *it == Appended::Stored));
        }
        let total = reopened.total(&Filter::default()).await.unwrap();
        assert_eq!(total.count, 36);
    }
    assert!(last_survivors >= 11, "an uncut log keeps its transactions");
}

#[tokio::test]
async fn the_longest_intake_is_stored_whole() {
    let folder = fresh_folder();
    let store = store_in(folder.path()).await;
    let leads: Vec<_> = (0..Batch::<MatchKey>::MAX_LEN)
        .map(|_| any_lead())
        .collect();

    let first = store.append(&intake_of(&leads)).await.unwrap();
    let again = store.append(&intake_of(&leads)).await.unwrap();

    assert!(first.iter().all(|it| *it == Appended::Stored));
    assert_eq!(again, first);
    let total = store.total(&Filter::default()).await.unwrap();
    assert_eq!(total.count, leads.len() as u64);
}

/// Has an append of a lead and one of a note wait for the file at once, in this order, and lets
/// them in.
async fn append_together(folder: &Path, note: BatchNote) -> [Result<(), StoreError>; 2] {
    let store = store_in(folder).await;
    let leads = intake_of(&[any_lead()]);
    let notes = Intake::notes_only(now(), vec![note]);
    let held = sql(folder);
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (leads, notes, ()) = tokio::join!(biased; store.append(&leads), store.append(&notes), async {
        held.execute_batch("ROLLBACK").unwrap();
    });
    [leads.map(drop), notes.map(drop)]
}

#[tokio::test]
async fn notes_are_written_with_the_leads_of_another_append() {
    let folder = fresh_folder();
    let note = any_bulk().note(1, 0, true);
    let [leads, notes] = append_together(folder.path(), note).await;
    leads.unwrap();
    notes.unwrap();
    let db = sql(folder.path());
    assert_eq!(count(&db, "leads"), 1);
    assert_eq!(count(&db, "submissions"), 1);
}

#[tokio::test]
async fn a_note_that_is_refused_takes_no_leads_with_it() {
    let folder = fresh_folder();
    drop(store_in(folder.path()).await);
    let trigger = "CREATE TRIGGER refusal BEFORE INSERT ON submissions BEGIN \
                   SELECT RAISE(ABORT, 'refused'); END";
    sql(folder.path()).execute_batch(trigger).unwrap();
    let [leads, notes] = append_together(folder.path(), any_bulk().note(1, 0, true)).await;
    leads.unwrap();
    assert!(
        matches!(notes, Err(StoreError::Refused { .. })),
        "{notes:?}"
    );
    let db = sql(folder.path());
    assert_eq!(count(&db, "leads"), 1);
    assert_eq!(count(&db, "submissions"), 0);
}
