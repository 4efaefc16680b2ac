//! One lead of many.

use lead::{FieldCode, FieldError, LeadDetails};

/// The most mistakes that are told of one lead; the rest of them is dropped.
pub const MAX_ERRORS: usize = 32;

/// One lead of an input, or what is wrong with it.
#[derive(Debug)]
pub struct Row<'a> {
    /// Its place among the rows, from 0; headers and blank lines do not count.
    pub index: u64,
    /// Its bytes as sent, without the line end. Of a row over [`lead::LeadForm::MAX_LEAD_BYTES`]
    /// there may be a part, or nothing.
    pub raw: &'a [u8],
    /// The lead, or at least one and at most [`MAX_ERRORS`] mistakes.
    pub lead: Result<LeadDetails, Vec<FieldError>>,
}

/// The mistake of a whole row.
pub(crate) fn refused(code: FieldCode) -> Vec<FieldError> {
    vec![FieldError::of_lead(code)]
}
