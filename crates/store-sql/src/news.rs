//! Leads that are taken for new, with what is written beside them if they are.

use lead::Status;
use lead::ports::Intake;
use time::PrimitiveDateTime;
use uuid::Uuid;

use crate::ledger::{Ledger, Row};
use crate::row::LeadRow;
use crate::search;

/// Leads to be stored if nobody knows any of them.
#[derive(Clone, Debug)]
pub struct NewLeads<'a> {
    /// Their rows.
    pub rows: &'a [LeadRow<'a>],
    /// What changes of their submissions, in the order of the ids.
    pub submissions: Vec<SubmissionChange>,
    /// When they are stored.
    pub at: PrimitiveDateTime,
}

/// What leads that are all new change of their submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubmissionChange {
    /// `id`.
    pub id: Uuid,
    /// `owner`, where there is no row yet.
    pub owner: Uuid,
    /// `accepted_at`, where there is no row yet.
    pub accepted_at: PrimitiveDateTime,
    /// `received` is at least this.
    pub received: i64,
    /// `rejected` is at least this.
    pub rejected: i64,
    /// `is_complete` is true, if this is.
    pub is_complete: bool,
    /// `stored` grows by this.
    pub stored: i64,
}

impl<'a> NewLeads<'a> {
    /// The leads of an intake; none where rows are written beside them that this does not tell of.
    pub(crate) fn of(intake: &Intake, rows: &'a [LeadRow<'a>]) -> Option<Self> {
        if intake.notes.iter().any(|it| !it.rejected.is_empty()) {
            return None;
        }
        let mut ledger = Ledger::new(intake.at);
        for note in &intake.notes {
            ledger.note(note);
        }
        for arrival in &intake.leads {
            let lead = &arrival.lead;
            let row = arrival.row;
            let row = row.map(|key| Row::of_lead(key, lead.submitted_by.0, lead.id));
            ledger.stored(lead.id.0, lead.details.status, row);
        }
        Some(Self {
            rows,
            submissions: ledger.submissions_only()?,
            at: intake.at.date_time(),
        })
    }

    /// What `search_backlog.entries` has of them.
    pub fn entries(&self) -> Vec<u8> {
        search::entries_of(self.rows)
    }

    /// How many have each status.
    pub fn by_status(&self) -> [(Status, usize); Status::ALL.len()] {
        Status::ALL.map(|status| {
            let alike = self.rows.iter().filter(|it| it.status == status.as_str());
            (status, alike.count())
        })
    }
}
