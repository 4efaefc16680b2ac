//! Totals that use several connections.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use lead::ports::{LeadFinder, LeadStore};
use lead::{Filter, LeadId, ListQuery, NewLead, Position, SearchText, Total};
use store_mysql::{Options, connect_lazily};
use testkit::fixtures::{any_lead, intake_of, name};
use tokio::task::JoinSet;

use self::support::OwnStore;

/// Each holds a connection, and would like another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn totals_at_once_do_not_wait_for_each_others_connections() {
    let own = OwnStore::fresh().await;
    for _ in 0..3 {
        let leads: Vec<NewLead> = (0..1_000).map(|_| any_lead()).collect();
        own.append(&intake_of(&leads)).await.unwrap();
    }
    let everybody = Filter {
        search: SearchText::parse("Lovelace").ok(),
        ..Filter::default()
    };
    for readers in [1, 4, 8] {
        let options = Options {
            readers,
            ..own.database.options()
        };
        let store = connect_lazily(&options).unwrap();
        let mut totals = JoinSet::new();
        for _ in 0..4 * readers {
            let (store, everybody) = (store.clone(), everybody.clone());
            totals.spawn(async move { store.total(&everybody).await.unwrap().count });
        }
        for count in totals.join_all().await {
            assert_eq!(count, 3_000);
        }
    }
}

/// So many of them, and so far apart, that their ids are listed in statements of their own.
#[tokio::test]
async fn a_total_of_scattered_leads_is_exact() {
    const FOUND: u64 = 1_100;
    let own = OwnStore::fresh().await;
    let mut leads: Vec<NewLead> = (0..14 * FOUND).map(|_| any_lead()).collect();
    for lead in leads.iter_mut().step_by(14) {
        lead.details.last_name = name("O'Hara \\ Zw\u{f6}lf");
    }
    for leads in leads.chunks(1_000) {
        own.append(&intake_of(leads)).await.unwrap();
    }
    let query = ListQuery {
        filter: Filter {
            search: SearchText::parse("o'hara \\ zw\u{f6}").ok(),
            ..Filter::default()
        },
        position: Position::Offset(1),
        limit: 10,
    };
    let (page, total) = own.list_and_total(&query).await.unwrap();
    let newest: Vec<LeadId> = leads.iter().step_by(14).rev().map(|it| it.id).collect();
    let page: Vec<LeadId> = page.iter().map(|it| it.id).collect();
    assert_eq!(page, newest[1..11]);
    let expected = Total {
        count: FOUND,
        exact: true,
    };
    assert_eq!(total, expected);
    assert_eq!(own.total(&query.filter).await.unwrap(), expected);
}
