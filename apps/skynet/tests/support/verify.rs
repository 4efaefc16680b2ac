//! Whether every promise was kept.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde_json::Value;

use super::ledger::{Ledger, Promise};
use super::server::Server;

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) promised: usize,
    pub(crate) stored: usize,
    pub(crate) duplicate: usize,
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

/// Reads everything back through the API and compares it with the ledger.
pub(crate) async fn verify(server: &Server, token: &str, ledger: &Ledger) -> Tally {
    let rows = all_rows(server, token).await;
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
                check_single(server, token, id, row, held_by).await;
                assert!(
                    row.is_some() || matches!(promise, Promise::Queued(_)),
                    "{sent:?}"
                );
            }
            Promise::Row(submission) => {
                let held = row.is_some() || by_key.contains_key(&sent.key());
                assert!(held, "{sent:?} {promise:?} is lost");
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
        let answer = server
            .get(token, &format!("/api/v1/batches/{}", submission.id))
            .await;
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

/// Every lead, by its tag, read page by page.
async fn all_rows(server: &Server, token: &str) -> HashMap<String, Value> {
    let (mut rows, mut ids) = (HashMap::new(), HashSet::new());
    let mut path = "/api/v1/leads?limit=100".to_owned();
    loop {
        let page = server.get(token, &path).await;
        for lead in page["data"].as_array().unwrap() {
            assert!(ids.insert(lead["id"].to_string()), "{lead} is listed twice");
            assert_eq!(lead["dynamicData"][0]["fieldName"], "tag", "{lead}");
            let tag = lead["dynamicData"][0]["fieldValue"].as_str().unwrap();
            let other = rows.insert(tag.to_owned(), lead.clone());
            assert!(other.is_none(), "{tag} has two rows");
        }
        match page["pagination"]["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/leads?limit=100&cursor={cursor}"),
            None => return rows,
        }
    }
}

/// The receipt of a lead that was sent alone, and the lead by its id.
async fn check_single(server: &Server, token: &str, id: &str, row: Option<&Value>, holder: &Value) {
    let receipt = server.get(token, &format!("/api/v1/receipts/{id}")).await;
    if let Some(row) = row {
        assert_eq!(row["id"], id);
        assert_eq!(receipt["data"]["state"], "stored", "{receipt}");
        let lead = server.get(token, &format!("/api/v1/leads/{id}")).await;
        assert_eq!(&lead["data"], row);
    } else {
        assert_eq!(receipt["data"]["state"], "duplicate", "{receipt}");
        assert_eq!(receipt["data"]["duplicate_of"], holder["id"], "{receipt}");
    }
}
