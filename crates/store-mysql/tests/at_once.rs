//! New leads, which are stored in few round trips where nothing speaks against them, and the long
//! way where something does. A row of the first kind has no mark in `ingest_id`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use eav::Value;
use kernel::Batch;
use lead::ports::{Appended, LeadFinder, LeadStore};
use lead::{Filter, NewLead, SearchText, Status};
use sea_orm::sqlx::query_scalar;
use testkit::fixtures::{
    any_lead, email, intake_of, lead_of, lead_with_attributes, name, odd_characters, parked,
    twin_of, unique,
};

use self::support::{OwnStore, run};

async fn append(own: &OwnStore, lead: &NewLead) -> Appended {
    let intake = intake_of(std::slice::from_ref(lead));
    own.append(&intake).await.unwrap()[0]
}

async fn total(own: &OwnStore, status: Option<Status>) -> u64 {
    let filter = Filter {
        status,
        ..Filter::default()
    };
    own.total(&filter).await.unwrap().count
}

/// Whether the row of a lead was written as one of new leads.
async fn was_at_once(own: &OwnStore, lead: &NewLead) -> bool {
    let mark: i64 = query_scalar("SELECT ingest_id FROM leads WHERE id = ?")
        .bind(lead.id.0)
        .fetch_one(&mut own.database.sql().await)
        .await
        .unwrap();
    mark == 0
}

fn hostile() -> NewLead {
    let mut lead = lead_with_attributes(vec![
        ("all", Value::from_text(&odd_characters()).unwrap()),
        (
            "\\'\"`;",
            Value::from_text("'); DROP TABLE leads; -- \\").unwrap(),
        ),
        ("long", Value::from_text(&"🦀\\'".repeat(1_000)).unwrap()),
    ]);
    lead.details.email = email(&format!("o'br\\ien\"{}@exämple.com", unique()));
    lead.details.first_name = name(&"😀".repeat(100));
    lead.details.last_name = name("'; ROLLBACK; -- \\");
    lead
}

#[tokio::test]
async fn a_lone_lead_is_stored_whole_whatever_it_says() {
    let own = OwnStore::fresh().await;
    let mut lead = hostile();
    lead.details.status = Status::Converted;

    assert_eq!(append(&own, &lead).await, Appended::Stored);

    assert!(was_at_once(&own, &lead).await);
    let found = own.find(lead.id).await.unwrap().unwrap();
    assert_eq!(found.details, lead.details);
    assert_eq!(found.submitted_by, lead.submitted_by);
    assert_eq!(found.id, lead.id);
    let holder = own.holder(lead.details.email.key()).await.unwrap();
    assert_eq!(holder, Some(lead.id));
    assert_eq!(total(&own, None).await, 1);
    assert_eq!(total(&own, Some(Status::Converted)).await, 1);
    assert_eq!(total(&own, Some(Status::Active)).await, 0);
    let searched = Filter {
        search: SearchText::parse("rollback").ok(),
        ..Filter::default()
    };
    assert_eq!(own.total(&searched).await.unwrap().count, 1);
    own.index().await.unwrap();
    assert_eq!(own.total(&searched).await.unwrap().count, 1);
}

#[tokio::test]
async fn few_leads_and_many_are_stored_alike() {
    let own = OwnStore::fresh().await;
    let few: Vec<NewLead> = (0..8).map(|_| any_lead()).collect();
    let mut many: Vec<NewLead> = (0..573).map(|_| any_lead()).collect();
    many[0] = hostile();

    for leads in [&few, &many] {
        let outcomes = own.append(&intake_of(leads)).await.unwrap();
        assert_eq!(outcomes, vec![Appended::Stored; leads.len()]);
    }

    for lead in [&few[0], &few[7], &many[0], &many[572]] {
        assert!(was_at_once(&own, lead).await);
        let found = own.find(lead.id).await.unwrap().unwrap();
        assert_eq!(found.details, lead.details);
        assert_eq!(found.submitted_by, lead.submitted_by);
    }
    assert_eq!(total(&own, None).await, 581);
    let searched = Filter {
        search: SearchText::parse("rollback").ok(),
        ..Filter::default()
    };
    assert_eq!(own.total(&searched).await.unwrap().count, 1);
}

#[tokio::test]
async fn many_leads_of_which_one_is_known_go_the_long_way_and_so_do_some_after_them() {
    let own = OwnStore::fresh().await;
    let mut leads: Vec<NewLead> = (0..40).map(|_| any_lead()).collect();
    let (held, redelivered) = (any_lead(), leads[20].clone());
    append(&own, &held).await;
    leads[30] = twin_of(&held);

    let outcomes = own.append(&intake_of(&leads)).await.unwrap();

    let of = held.id;
    for (at, outcome) in outcomes.into_iter().enumerate() {
        let expected = match at {
            30 => Appended::Duplicate { of },
            _ => Appended::Stored,
        };
        assert_eq!(outcome, expected, "{at}");
    }
    assert!(!was_at_once(&own, &leads[0]).await);
    assert_eq!(total(&own, None).await, 40);
    assert_eq!(append(&own, &redelivered).await, Appended::Stored);
    let after: Vec<NewLead> = (0..40).map(|_| any_lead()).collect();
    own.append(&intake_of(&after)).await.unwrap();
    assert!(!was_at_once(&own, &after[0]).await);
    assert_eq!(total(&own, None).await, 80);
}

#[tokio::test]
async fn many_leads_of_which_one_was_parked_go_the_long_way() {
    let own = OwnStore::fresh().await;
    let leads: Vec<NewLead> = (0..40).map(|_| any_lead()).collect();
    own.park(&Batch::one(parked(&leads[20]))).await.unwrap();

    let outcomes = own.append(&intake_of(&leads)).await.unwrap();

    assert_eq!(outcomes, vec![Appended::Stored; 40]);
    assert!(!was_at_once(&own, &leads[0]).await);
    assert_eq!(total(&own, None).await, 40);
    let left: i64 = query_scalar("SELECT COUNT(*) FROM outcomes")
        .fetch_one(&mut own.database.sql().await)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn an_email_or_an_id_that_is_taken_is_decided_the_long_way() {
    let own = OwnStore::fresh().await;
    let lead = any_lead();
    assert_eq!(append(&own, &lead).await, Appended::Stored);

    let twin = append(&own, &twin_of(&lead)).await;
    let again = append(&own, &lead).await;
    let clash = append(
        &own,
        &NewLead {
            id: lead.id,
            ..any_lead()
        },
    )
    .await;
    let (fresh, twin_of_fresh) = (any_lead(), any_lead());
    let pair = [fresh.clone(), twin_of(&fresh), twin_of_fresh];
    let pair = own.append(&intake_of(&pair)).await.unwrap();

    assert_eq!(twin, Appended::Duplicate { of: lead.id });
    assert_eq!(again, Appended::Stored);
    assert_eq!(clash, Appended::IdClash);
    let of = fresh.id;
    assert_eq!(
        pair,
        [
            Appended::Stored,
            Appended::Duplicate { of },
            Appended::Stored
        ]
    );
    assert_eq!(total(&own, None).await, 3);
    assert_eq!(append(&own, &any_lead()).await, Appended::Stored);
    assert_eq!(total(&own, None).await, 4);
}

#[tokio::test]
async fn a_recorded_duplicate_stays_one_after_its_holder_is_gone() {
    let own = OwnStore::fresh().await;
    let (lead, address) = (any_lead(), unique());
    append(&own, &lead).await;
    let twin = twin_of(&lead);
    let duplicate = Appended::Duplicate { of: lead.id };
    assert_eq!(append(&own, &twin).await, duplicate);
    run(&mut own.database.sql().await, "DELETE FROM leads").await;

    assert_eq!(append(&own, &twin).await, duplicate);

    assert_eq!(own.find(twin.id).await.unwrap(), None);
    let other = lead_of(&format!("{address}@example.com"));
    assert_eq!(append(&own, &other).await, Appended::Stored);
}

#[tokio::test]
async fn a_parked_lead_that_comes_again_is_parked_no_more() {
    let own = OwnStore::fresh().await;
    let lead = any_lead();
    own.park(&Batch::one(parked(&lead))).await.unwrap();

    assert_eq!(append(&own, &lead).await, Appended::Stored);

    assert!(!was_at_once(&own, &lead).await);
    let left: i64 = query_scalar("SELECT COUNT(*) FROM outcomes")
        .fetch_one(&mut own.database.sql().await)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lead_waits_for_whoever_records_it_and_for_whoever_takes_its_email() {
    let own = OwnStore::fresh().await;
    let first = any_lead();
    append(&own, &first).await;
    let (recorded, rival) = (any_lead(), any_lead());
    let hex = |lead: &NewLead| lead.id.0.simple().to_string();
    let mut other = own.database.sql().await;
    let outcome = format!(
        "BEGIN; INSERT INTO outcomes (lead_id, owner, kind, duplicate_of, attempts, updated_at) \
         VALUES (x'{}', x'{}', 'duplicate', x'{}', 1, NOW(3)); \
         INSERT INTO leads SELECT x'{}', first_name, last_name, email, phone, date_of_birth, \
         status, created_at, updated_at, submitted_by, attempts, 0, '{}', search_text, attributes \
         FROM leads",
        hex(&recorded),
        hex(&first),
        hex(&first),
        hex(&any_lead()),
        rival.details.email.key().as_str(),
    );
    run(&mut other, &outcome).await;
    let waiting = [&recorded, &rival].map(|lead| {
        let (store, intake) = (
            Arc::clone(&own.store),
            intake_of(std::slice::from_ref(lead)),
        );
        tokio::spawn(async move { store.append(&intake).await.unwrap()[0] })
    });
    tokio::time::timeout(Duration::from_secs(5), until_two_insert(&own))
        .await
        .unwrap();
    run(&mut other, "COMMIT").await;

    let [recorded, rival] = waiting;
    let duplicate = Appended::Duplicate { of: first.id };
    assert_eq!(recorded.await.unwrap(), duplicate);
    assert!(matches!(rival.await.unwrap(), Appended::Duplicate { .. }));
}

/// Returns when two statements of the store that insert are under way.
async fn until_two_insert(own: &OwnStore) {
    let mut sql = own.database.sql().await;
    let select = "SELECT COUNT(*) FROM information_schema.processlist \
         WHERE db = DATABASE() AND command = 'Query' AND info LIKE '%INSERT INTO%' \
         AND id <> CONNECTION_ID()";
    while query_scalar::<_, i64>(select)
        .fetch_one(&mut sql)
        .await
        .unwrap()
        < 2
    {
        tokio::task::yield_now().await;
    }
}
