//! Rows of streams, and the ids they get.

use std::sync::Arc;

use kernel::IdSource;
use lead::{BatchId, FieldError, IdSeed, LeadDetails, LeadId};
use lead_wire::{HeaderError, NdjsonReader, Row, Rules, TableReader};

use crate::problem::{ErrorCode, ErrorItem, Problem, ProblemKind};

/// What a stream of leads is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamForm {
    Ndjson,
    Csv,
}

/// A row that was read: the lead and its id, or what is wrong with it.
pub(crate) struct Taken {
    pub(crate) index: u64,
    pub(crate) lead: Result<(LeadId, LeadDetails), Vec<FieldError>>,
}

/// Where the ids of a submission come from.
pub(crate) enum Ids {
    /// New ones.
    Fresh(Arc<IdSource>),
    /// Those that the same keyed request got before.
    Seeded(Box<IdSeed>),
}

impl Ids {
    /// The submission's own id.
    pub(crate) fn batch(&self) -> BatchId {
        match self {
            Self::Fresh(ids) => BatchId(ids.next()),
            // No row has this index.
            Self::Seeded(seed) => BatchId(seed.id_of(u64::MAX, b"batch").0),
        }
    }

    pub(crate) fn take(&self, row: Row<'_>) -> Taken {
        let id = || match self {
            Self::Fresh(ids) => LeadId(ids.next()),
            Self::Seeded(seed) => seed.id_of(row.index, row.raw),
        };
        Taken {
            index: row.index,
            lead: row.lead.map(|details| (id(), details)),
        }
    }
}

/// Cuts a stream into rows.
pub(crate) enum RowReader {
    Ndjson(NdjsonReader),
    Table(Box<TableReader>),
}

impl RowReader {
    pub(crate) fn new(form: StreamForm, rules: Rules) -> Self {
        match form {
            StreamForm::Ndjson => Self::Ndjson(NdjsonReader::new(rules)),
            StreamForm::Csv => Self::Table(Box::new(TableReader::new(rules))),
        }
    }

    /// Appends the rows that `piece` completes.
    ///
    /// # Errors
    ///
    /// 400 for a header that cannot be used.
    pub(crate) fn feed(
        &mut self,
        piece: &[u8],
        ids: &Ids,
        rows: &mut Vec<Taken>,
    ) -> Result<(), Problem> {
        match self {
            Self::Ndjson(reader) => {
                reader.feed(piece, |row| rows.push(ids.take(row)));
                Ok(())
            }
            Self::Table(reader) => reader
                .feed(piece, |row| rows.push(ids.take(row)))
                .map_err(|error| header_problem(&error)),
        }
    }

    /// Appends the last row.
    ///
    /// # Errors
    ///
    /// As [`RowReader::feed`].
    pub(crate) fn finish(self, ids: &Ids, rows: &mut Vec<Taken>) -> Result<(), Problem> {
        match self {
            Self::Ndjson(reader) => {
                reader.finish(|row| rows.push(ids.take(row)));
                Ok(())
            }
            Self::Table(reader) => match reader.finish(|row| rows.push(ids.take(row))) {
                // A table without a header has no leads either, which is told for all forms alike.
                Err(HeaderError::Missing) => Ok(()),
                finished => finished.map_err(|error| header_problem(&error)),
            },
        }
    }
}

fn header_problem(error: &HeaderError) -> Problem {
    let problem = Problem::new(ProblemKind::ValidationError);
    let column = |column: usize, code| {
        problem
            .clone()
            .errors(vec![ErrorItem::at(format!("/columns/{column}"), code)])
    };
    match *error {
        HeaderError::BadName { column: at } | HeaderError::ReservedName { column: at } => {
            column(at, ErrorCode::InvalidValue).detail("a column has a name that cannot be used")
        }
        HeaderError::NameTwice { column: at } => {
            column(at, ErrorCode::GivenTwice).detail("two columns have one name")
        }
        HeaderError::TooLong => problem.detail("the header row is too long"),
        HeaderError::InvalidUtf8 => problem.detail("the header row is not valid UTF-8"),
        HeaderError::UnterminatedQuote => {
            problem.detail("the header row has a quote that is never closed")
        }
        HeaderError::Missing | HeaderError::NotThere { .. } => {
            problem.detail("the header row is missing")
        }
    }
    .closing()
}
