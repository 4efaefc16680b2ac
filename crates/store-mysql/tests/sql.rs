//! What the store promises to those who speak SQL to its tables, and what becomes of odd content in them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::num::NonZeroUsize;

use eav::Value;
use kernel::{Timestamp, uuid_at};
use lead::ports::{Appended, LeadFinder, LeadStore, StoreError};
use lead::{Filter, LeadId, NewLead, SearchText};
use sea_orm::sqlx::{query_as, query_scalar};
use store_mysql::MysqlStore;
use testkit::fixtures::{
    any_lead, intake_of, lead_of, lead_with_attributes, odd_characters, twin_of, unique,
};

use self::support::{OwnStore, count, first_page, run};

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
