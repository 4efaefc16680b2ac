//! What the dialects share of writing rows: the columns, statements of a few lengths, and what is
//! read back when a row was not free.

use std::borrow::Borrow;
use std::collections::HashMap;

use lead::LeadId;
use sea_orm::{DbErr, Value};
use uuid::Uuid;

use crate::dialect::Placed;
use crate::row::LeadRow;

/// Columns of a row.
const WIDTH: usize = 14;

impl LeadRow<'_> {
    /// The columns that a row fills, in the order of [`LeadRow::values`].
    pub const COLUMNS: [&'static str; WIDTH] = [
        "id",
        "first_name",
        "last_name",
        "email",
        "phone",
        "date_of_birth",
        "status",
        "created_at",
        "updated_at",
        "submitted_by",
        "attempts",
        "match_key",
        "search_text",
        "attributes",
    ];

    /// What stands in [`LeadRow::COLUMNS`].
    pub fn values(&self) -> [Value; WIDTH] {
        [
            self.id.into(),
            self.first_name.into(),
            self.last_name.into(),
            self.email.into(),
            self.phone.into(),
            self.date_of_birth.into(),
            self.status.into(),
            self.created_at.into(),
            self.updated_at.into(),
            self.submitted_by.into(),
            self.attempts.into(),
            self.match_key.into(),
            self.search_text.clone().into(),
            self.attributes.clone().into(),
        ]
    }
}

/// Cuts rows into pieces that have the length of a statement, with the place of that length.
/// `lengths` come longest first and end with 1.
pub fn chunks<'a, T>(
    lengths: &'a [usize],
    mut rows: &'a [T],
) -> impl Iterator<Item = (usize, &'a [T])> {
    std::iter::from_fn(move || {
        let which = lengths.iter().position(|it| *it <= rows.len())?;
        let (chunk, rest) = rows.split_at(lengths[which]);
        rows = rest;
        Some((which, chunk))
    })
}

/// The smallest and the largest id of rows; none of none.
pub fn id_range<'a>(rows: &[impl Borrow<LeadRow<'a>>]) -> Option<[Uuid; 2]> {
    let ids = || rows.iter().map(|it| it.borrow().id);
    Some([ids().min()?, ids().max()?])
}

/// A row that holds an id or a match key.
pub struct Holder {
    /// Its id.
    pub id: Uuid,
    /// Its match key.
    pub match_key: Vec<u8>,
    /// The call that looks has written it.
    pub is_new: bool,
}

/// Those who hold what rows of one call wanted.
#[derive(Default)]
pub struct Holders {
    by_id: HashMap<Uuid, Holder>,
    by_key: HashMap<Vec<u8>, Uuid>,
}

impl Holders {
    /// Takes in somebody who was found by an id.
    pub fn of_id(&mut self, holder: Holder) {
        self.by_id.insert(holder.id, holder);
    }

    /// Takes in somebody who was found by a match key.
    pub fn of_key(&mut self, holder: Holder) {
        self.by_key.insert(holder.match_key, holder.id);
    }

    /// Those rows whose ids nobody holds.
    pub fn without<'a, 'b>(&self, rows: &[&'a LeadRow<'b>]) -> Vec<&'a LeadRow<'b>> {
        let is_free = |it: &&&LeadRow<'_>| !self.by_id.contains_key(&it.id);
        rows.iter().filter(is_free).copied().collect()
    }

    /// Where each row stands.
    ///
    /// # Errors
    ///
    /// [`DbErr::RecordNotInserted`] when neither id nor match key of a row is held, although it was
    /// written.
    pub fn place(&self, rows: &[&LeadRow<'_>]) -> Result<Vec<Placed>, DbErr> {
        let one =
            |row: &&LeadRow<'_>| match (self.by_id.get(&row.id), self.by_key.get(row.match_key)) {
                (Some(own), _) if own.match_key != row.match_key => Ok(Placed::IdClash),
                (Some(own), _) if own.is_new => Ok(Placed::New),
                (Some(_), _) => Ok(Placed::There),
                (None, Some(holder)) => Ok(Placed::Held(LeadId(*holder))),
                (None, None) => Err(DbErr::RecordNotInserted),
            };
        rows.iter().map(one).collect()
    }
}
