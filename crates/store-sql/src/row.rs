//! Leads to and from their rows.

use eav::AttributeName;
use kernel::{Day, Timestamp, UserId};
use lead::ports::Arrival;
use lead::{BirthDate, Email, Lead, LeadDetails, LeadId, PersonName, Phone, SearchText, Status};
use time::{Date, PrimitiveDateTime};
use uuid::Uuid;

use crate::entity::lead::Model;
use crate::failure::Unreadable;
use crate::packed::{self, Packed};

/// A lead as a row to write. What stands in the row as it stands in the lead is the lead's.
#[derive(Clone, Debug)]
pub struct LeadRow<'a> {
    /// `id`.
    pub id: Uuid,
    /// `first_name`.
    pub first_name: &'a str,
    /// `last_name`.
    pub last_name: &'a str,
    /// `email`, as sent.
    pub email: &'a str,
    /// `phone`.
    pub phone: Option<&'a str>,
    /// `date_of_birth`.
    pub date_of_birth: Option<Date>,
    /// `status`.
    pub status: &'static str,
    /// `created_at`: the moment in the id.
    pub created_at: PrimitiveDateTime,
    /// `updated_at`.
    pub updated_at: PrimitiveDateTime,
    /// `submitted_by`.
    pub submitted_by: Uuid,
    /// `attempts`.
    pub attempts: u16,
    /// `match_key`: unique, compared byte by byte.
    pub match_key: &'a [u8],
    /// `search_text`: the folded e-mail, names, and phone number, a line each.
    pub search_text: Vec<u8>,
    /// `attributes`, packed.
    pub attributes: String,
}

impl<'a> LeadRow<'a> {
    /// The row of a lead that arrives at `at`, with the ids of its attributes in their order.
    pub(crate) fn new(arrival: &'a Arrival, at: PrimitiveDateTime, attribute_ids: &[u32]) -> Self {
        let lead = &arrival.lead;
        let details = &lead.details;
        Self {
            id: lead.id.0,
            first_name: details.first_name.as_str(),
            last_name: details.last_name.as_str(),
            email: details.email.as_str(),
            phone: details.phone.as_ref().map(Phone::as_str),
            date_of_birth: details.date_of_birth.map(|it| it.day().date()),
            status: details.status.as_str(),
            created_at: lead.id.created_at().date_time(),
            updated_at: at,
            submitted_by: lead.submitted_by.0,
            attempts: arrival.attempts,
            match_key: details.email.key().as_str().as_bytes(),
            search_text: search_text(details).into_bytes(),
            attributes: packed::pack(details.attributes.as_slice(), attribute_ids),
        }
    }
}

fn search_text(details: &LeadDetails) -> String {
    let (first, last) = (details.first_name.as_str(), details.last_name.as_str());
    let (email, phone) = (
        details.email.as_str(),
        details.phone.as_ref().map_or("", |it| it.as_str()),
    );
    let mut text = String::with_capacity(email.len() + first.len() + last.len() + phone.len() + 3);
    for part in [email, "\n", first, " ", last, "\n", phone] {
        text.push_str(part);
    }
    SearchText::fold(text)
}

/// The lead in a row with these attributes, and the names that their ids stand for.
pub(crate) fn lead_of(
    row: &Model,
    attributes: Vec<Packed<'_>>,
    name_of: impl Fn(u32) -> Option<AttributeName>,
) -> Result<Lead, Unreadable> {
    let attributes = packed::restore(attributes, name_of)?;
    let phone = row.phone.as_deref().map(Phone::parse).transpose();
    Ok(Lead {
        id: LeadId(row.id),
        submitted_by: UserId(row.submitted_by),
        details: LeadDetails {
            first_name: PersonName::parse(&row.first_name)
                .map_err(|_| Unreadable("leads.first_name"))?,
            last_name: PersonName::parse(&row.last_name)
                .map_err(|_| Unreadable("leads.last_name"))?,
            email: Email::parse(&row.email).map_err(|_| Unreadable("leads.email"))?,
            phone: phone.map_err(|_| Unreadable("leads.phone"))?,
            date_of_birth: row
                .date_of_birth
                .map(|it| BirthDate::restored(Day::from_date(it))),
            status: Status::from_name(&row.status).ok_or(Unreadable("leads.status"))?,
            attributes,
        },
        updated_at: moment(row.updated_at, "leads.updated_at")?,
    })
}

/// The moment in a column of that name.
pub(crate) fn moment(
    column: PrimitiveDateTime,
    name: &'static str,
) -> Result<Timestamp, Unreadable> {
    Timestamp::from_date_time(column).map_err(|_| Unreadable(name))
}
