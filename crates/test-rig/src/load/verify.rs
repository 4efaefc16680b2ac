//! Whether every promise was kept.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde_json::Value;

use super::api::Api;
use super::ledger::{Ledger, Promise};

/// With what the tags of leads begin that show that the system works; no load is called so.
pub const CANARY: &str = "canary";

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Leads that were answered 201 or 202.
    pub promised: usize,
    /// Of those, the ones in the store.
    pub stored: usize,
    /// Of those, the ones whose address was held.
    pub duplicate: usize,
    refused: usize,
    unanswered: usize,
    unanswered_and_stored: usize,
    submissions: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            promised,
            stored,
            duplicate,
            refused,
            unanswered,
            unanswered_and_stored,
            submissions,
        } = self;
        write!(
            f,
            "{promised} leads promised = {stored} stored + {duplicate} duplicate, {submissions} \
             submissions add up; {refused} refused, none stored; {unanswered} unanswered, \
             {unanswered_and_stored} of them stored"
        )
    }
}

/// Waits until every promise is decided, reads everything back through the API, and compares it
/// with the ledger.
///
/// The load must be the newest that the system has, [`CANARY`] leads apart.
pub async fn verify(api: &Api, ledger: &Ledger) -> Tally {
    decided(api, ledger).await;
    let rows = all_rows(api, &ledger.name).await;
    let mut by_key: HashMap<String, &Value> = HashMap::new();
    for row in rows.values() {
        let key = row["email"].as_str().unwrap().to_lowercase();
        assert!(
            by_key.insert(key, row).is_none(),
            "two rows for {}",
            row["email"]
        );
    }
    let tags: HashSet<&str> = ledger
        .entries
        .iter()
        .map(|(it, _)| it.tag.as_str())
        .collect();
    assert_eq!(tags.len(), ledger.entries.len());
    assert!(
        rows.keys().all(|it| tags.contains(it.as_str())),
        "a row nobody sent"
    );

    let mut tally = Tally::default();
    let mut stored_of: HashMap<&str, usize> = HashMap::new();
    for (sent, promise) in &ledger.entries {
        let row = rows.get(&sent.tag);
        if let Some(row) = row {
            sent.assert_is(row);
        }
        match promise {
            Promise::Never => {
                assert!(row.is_none(), "{sent:?} was refused and is there");
                tally.refused += 1;
                continue;
            }
            Promise::Nothing => {
                tally.unanswered += 1;
                tally.unanswered_and_stored += usize::from(row.is_some());
                continue;
            }
            Promise::Stored(id) | Promise::Queued(id) => {
                let held_by = row.or_else(|| by_key.get(&sent.key()).copied());
                let held_by = held_by.unwrap_or_else(|| panic!("{sent:?} {promise:?} is lost"));
                check_single(api, id, row, held_by).await;
                assert!(
                    row.is_some() || matches!(promise, Promise::Queued(_)),
                    "{sent:?}"
                );
            }
            Promise::Row(submission) => {
                let held = row.is_some() || by_key.contains_key(&sent.key());
                if !held {
                    let path = format!("/api/v1/batches/{submission}");
                    let batch = api.get(&path).await;
                    panic!("{sent:?} {promise:?} is lost: {batch}");
                }
                *stored_of.entry(submission).or_default() += usize::from(row.is_some());
            }
        }
        tally.promised += 1;
        match row {
            Some(_) => tally.stored += 1,
            None => tally.duplicate += 1,
        }
    }
    for submission in &ledger.submissions {
        let answer = api.get(&format!("/api/v1/batches/{}", submission.id)).await;
        let stored = stored_of.get(submission.id.as_str()).copied().unwrap_or(0);
        let counts = &answer["data"]["counts"];
        let expected = serde_json::json!({
            "received": submission.accepted + submission.rejected,
            "rejected": submission.rejected,
            "stored": stored,
            "duplicate": submission.accepted - stored,
            "failed": 0,
            "pending": 0,
        });
        assert_eq!(counts, &expected, "{answer}");
        assert_eq!(answer["data"]["state"], "finished", "{answer}");
    }
    tally.submissions = ledger.submissions.len();
    tally
}

/// Waits until the answers say of every promise what became of it. Empty queues would not tell:
/// what a worker held shows in them only once a broker has noticed that it is gone.
async fn decided(api: &Api, ledger: &Ledger) {
    let ends = |ends: &'static [&str]| {
        move |it: &Value| {
            let state = it["data"]["state"].as_str();
            state.is_some_and(|it| ends.contains(&it))
        }
    };
    for (_, promise) in &ledger.entries {
        if let Promise::Queued(id) = promise {
            let path = format!("/api/v1/receipts/{id}");
            api.until(&path, ends(&["stored", "duplicate", "failed"]))
                .await;
        }
    }
    for submission in &ledger.submissions {
        let path = format!("/api/v1/batches/{}", submission.id);
        api.until(&path, ends(&["finished"])).await;
    }
}

/// Every lead of a load, by its tag, read page by page from the newest.
async fn all_rows(api: &Api, load: &str) -> HashMap<String, Value> {
    let (mut rows, mut ids) = (HashMap::new(), HashSet::new());
    let mut path = "/api/v1/leads?limit=100".to_owned();
    loop {
        let page = api.get(&path).await;
        for lead in page["data"].as_array().unwrap() {
            assert!(ids.insert(lead["id"].to_string()), "{lead} is listed twice");
            assert_eq!(lead["dynamicData"][0]["fieldName"], "tag", "{lead}");
            let tag = lead["dynamicData"][0]["fieldValue"].as_str().unwrap();
            match tag.split_once(' ') {
                Some((CANARY, _)) => continue,
                Some((name, _)) if name == load => {}
                _ => return rows,
            }
            let other = rows.insert(tag.to_owned(), lead.clone());
            assert!(other.is_none(), "two rows: {lead} {other:?}");
        }
        match page["pagination"]["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/leads?limit=100&cursor={cursor}"),
            None => return rows,
        }
    }
}

/// The receipt of a lead that was sent alone, and the lead by its id.
async fn check_single(api: &Api, id: &str, row: Option<&Value>, holder: &Value) {
    let receipt = api.get(&format!("/api/v1/receipts/{id}")).await;
    if let Some(row) = row {
        assert_eq!(row["id"], id);
        assert_eq!(receipt["data"]["state"], "stored", "{receipt}");
        let lead = api.get(&format!("/api/v1/leads/{id}")).await;
        assert_eq!(&lead["data"], row);
    } else {
        assert_eq!(receipt["data"]["state"], "duplicate", "{receipt}");
        assert_eq!(receipt["data"]["duplicate_of"], holder["id"], "{receipt}");
    }
}
