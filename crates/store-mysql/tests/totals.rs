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

/// So many of them, and so far apart, that their ids are listed in statements of their own, the last of
/// which lists one: for a total, and for a page with its total.
#[tokio::test]
async fn a_total_of_scattered_leads_is_exact() {
    const APART: usize = 14;
    let own = OwnStore::fresh().await;
    let query = ListQuery {
        filter: Filter {
            search: SearchText::parse("o'hara \\ zw\u{f6}").ok(),
            ..Filter::default()
        },
        position: Position::Offset(1),
        limit: 10,
    };
    let mut newest: Vec<LeadId> = Vec::new();
    for count in [991, 1_007] {
        let mut leads: Vec<NewLead> = (newest.len()..count)
            .flat_map(|_| (0..APART).map(|_| any_lead()))
            .collect();
        for lead in leads.iter_mut().step_by(APART) {
            lead.details.last_name = name("O'Hara \\ Zw\u{f6}lf");
            newest.insert(0, lead.id);
        }
        for leads in leads.chunks(1_000) {
            own.append(&intake_of(leads)).await.unwrap();
        }
        let total = Total {
            count: count as u64,
            exact: true,
        };
        assert_eq!(own.total(&query.filter).await.unwrap(), total);
        let (page, of_page) = own.list_and_total(&query).await.unwrap();
        let page: Vec<LeadId> = page.iter().map(|it| it.id).collect();
        assert_eq!((&page[..], of_page), (&newest[1..11], total));
    }
}
