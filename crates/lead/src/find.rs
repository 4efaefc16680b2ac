//! Looking leads up.

use kernel::{Timestamp, UserId, lower_case};

use crate::{LeadId, Status};

/// A part of a text to look for, folded to lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SearchText(Box<str>);

impl SearchText {
    /// The shortest text, in characters.
    pub const MIN_CHARS: usize = 3;
    /// The longest text, in characters.
    pub const MAX_CHARS: usize = 100;

    /// Reads a text to look for.
    ///
    /// # Errors
    ///
    /// See [`SearchTextError`].
    pub fn parse(raw: &str) -> Result<Self, SearchTextError> {
        let text = raw.trim();
        match text.chars().count() {
            count if count < Self::MIN_CHARS => Err(SearchTextError::TooShort),
            count if count > Self::MAX_CHARS => Err(SearchTextError::TooLong),
            _ => Ok(Self(Self::fold(text).into())),
        }
    }

    /// The form in which texts are compared.
    pub fn fold(text: impl Into<String>) -> String {
        lower_case(text)
    }

    /// The folded text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text cannot be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchTextError {
    /// Under [`SearchText::MIN_CHARS`].
    #[error("search text is too short")]
    TooShort,
    /// Over [`SearchText::MAX_CHARS`].
    #[error("search text is too long")]
    TooLong,
}

/// Which leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Of this status.
    pub status: Option<Status>,
    /// With this in the e-mail.
    pub email: Option<SearchText>,
    /// With this in first name, last name, e-mail or phone.
    pub search: Option<SearchText>,
}

impl Filter {
    /// It looks into texts, so that counting has a bound.
    pub fn looks_into_text(&self) -> bool {
        self.email.is_some() || self.search.is_some()
    }
}

/// Where in the list, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Position {
    /// After skipping this many; at most [`ListQuery::MAX_OFFSET`].
    Offset(u32),
    /// Older than this lead.
    Before(LeadId),
    /// Newer than this lead, oldest first: for exports.
    After(LeadId),
}

/// A page of the list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListQuery {
    /// Which leads.
    pub filter: Filter,
    /// From where.
    pub position: Position,
    /// At most this many, up to [`ListQuery::MAX_LIMIT`].
    pub limit: u16,
}

impl ListQuery {
    /// The most leads of one page.
    pub const MAX_LIMIT: u16 = 1_000;
    /// The farthest page by number ends here, in rows.
    pub const MAX_OFFSET: u32 = 10_000;
}

/// How many leads a filter finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// How many, up to [`Total::CAP`] where the count is not exact.
    pub count: u64,
    /// All are counted.
    pub exact: bool,
}

impl Total {
    /// Where counting ends for filters that look into texts.
    pub const CAP: u64 = 10_000;

    /// What is told of so many where counting ends at [`Total::CAP`].
    pub fn up_to_cap(count: u64) -> Self {
        Self {
            count: count.min(Self::CAP),
            exact: count <= Self::CAP,
        }
    }
}

/// Totals of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Leads by status, in the order of [`Status::ALL`].
    pub by_status: [u64; 4],
    /// Leads accepted today (UTC).
    pub today: u64,
}

impl Stats {
    /// All leads.
    pub fn total(&self) -> u64 {
        self.by_status.iter().sum()
    }
}

/// What became of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptState {
    /// It waits.
    Queued,
    /// It is in the store.
    Stored,
    /// Its e-mail was held already.
    Duplicate {
        /// By this lead.
        of: LeadId,
    },
    /// It is parked.
    Failed,
}

impl ReceiptState {
    /// The state as it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Stored => "stored",
            Self::Duplicate { .. } => "duplicate",
            Self::Failed => "failed",
        }
    }
}

/// What a sender may know of a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The lead.
    pub lead: LeadId,
    /// Who sent it.
    pub owner: UserId,
    /// What became of it.
    pub state: ReceiptState,
    /// Attempts spent; 1 for a lead that is stored at once.
    pub attempts: u16,
    /// When the state was reached.
    pub updated_at: Timestamp,
}
