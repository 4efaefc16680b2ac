//! Reading a message.

use std::sync::Arc;

use eav::{Attribute, AttributeName, Attributes, Value};
use kernel::{Day, ThreadKey, Timestamp, UserId};
use lead::{
    BatchId, BatchNote, BirthDate, Email, FieldCode, FieldError, LeadDetails, LeadId, Message,
    NewLead, Part, PersonName, Phone, Progress, QueuedLead, RejectedRow, TraceParent,
};

use crate::kinds::{status_of, type_of};
use crate::reader::Reader;
use crate::{CHECKSUM_BYTES, FRAME_BYTES, VERSION, lead_flag, part_flag};

/// Why bytes are no message. None of them shows what the bytes held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They were written by another version.
    #[error("message of unknown version {0}")]
    UnknownVersion(u8),
    /// They end too early.
    #[error("message is cut short")]
    Truncated,
    /// They were changed, cut or extended on their way.
    #[error("message does not match its checksum")]
    Checksum,
    /// Something follows the last part.
    #[error("message has trailing bytes")]
    Trailing,
    /// There is more of something than a message may hold, or no part at all.
    #[error("message has a count that is out of range")]
    Count,
    /// A whole number is too long, or not in its shortest form.
    #[error("message has a malformed number")]
    Number,
    /// A flag or a kind that this version does not have.
    #[error("message has an unknown flag or kind")]
    Kind,
    /// A text or a value that breaks a rule of the domain.
    #[error("message has a value that breaks a rule")]
    Value,
}

/// The message in `bytes`.
///
/// # Errors
///
/// See [`DecodeError`].
pub fn decode(bytes: &[u8]) -> Result<Message, DecodeError> {
    match bytes.first() {
        None => return Err(DecodeError::Truncated),
        Some(&VERSION) => {}
        Some(&version) => return Err(DecodeError::UnknownVersion(version)),
    }
    if bytes.len() < FRAME_BYTES {
        return Err(DecodeError::Truncated);
    }
    let (body, checksum) = bytes.split_at(bytes.len() - CHECKSUM_BYTES);
    if crc32fast::hash(body).to_le_bytes() != checksum {
        return Err(DecodeError::Checksum);
    }
    let mut reader = Reader::new(&body[1..]);
    let message = reader.message()?;
    if reader.is_at_end() {
        Ok(message)
    } else {
        Err(DecodeError::Trailing)
    }
}

impl Reader<'_> {
    fn message(&mut self) -> Result<Message, DecodeError> {
        let attempt = u16::from_le_bytes(self.array()?);
        let replays = u16::from_le_bytes(self.array()?);
        let part_count = self.count(usize::MAX)?;
        if part_count == 0 {
            return Err(DecodeError::Count);
        }
        let mut parts = self.list(part_count, size_of::<Part>());
        let mut room = Message::MAX_LEADS;
        for _ in 0..part_count {
            let part = self.part(room)?;
            room -= part.leads.len();
            parts.push(part);
        }
        Ok(Message {
            attempt,
            replays,
            parts,
        })
    }

    fn part(&mut self, leads_max: usize) -> Result<Part, DecodeError> {
        let flags = self.flags(part_flag::ALL)?;
        let thread_key = ThreadKey::parse(self.text()?).map_err(|_| DecodeError::Value)?;
        let trace_parent = if flags & part_flag::TRACE_PARENT == 0 {
            None
        } else {
            Some(TraceParent::parse(self.text()?).map_err(|_| DecodeError::Value)?)
        };
        let owner = UserId(self.id()?);
        let accepted_at_ms = self.number()?;
        if accepted_at_ms > Timestamp::MAX.unix_ms() {
            return Err(DecodeError::Value);
        }
        let accepted_at = Timestamp::from_unix_ms(accepted_at_ms);
        let complete = flags & part_flag::COMPLETE != 0;
        let note = match (flags & part_flag::NOTE != 0, complete) {
            (true, complete) => Some(self.note(owner, accepted_at, complete)?),
            (false, false) => None,
            (false, true) => return Err(DecodeError::Kind),
        };
        let lead_count = self.count(leads_max)?;
        let mut leads = self.list(lead_count, size_of::<QueuedLead>());
        for _ in 0..lead_count {
            let before = leads
                .last()
                .map(|it: &QueuedLead| &it.lead.details.attributes);
            let lead = self.lead(owner, before)?;
            leads.push(lead);
        }
        Ok(Part {
            thread_key,
            trace_parent,
            owner,
            accepted_at,
            note,
            leads,
        })
    }

    fn note(
        &mut self,
        owner: UserId,
        accepted_at: Timestamp,
        complete: bool,
    ) -> Result<BatchNote, DecodeError> {
        let batch = BatchId(self.id()?);
        let progress = Progress {
            received: self.number()?,
            rejected: self.number()?,
            complete,
        };
        let row_count = self.count(usize::MAX)?;
        let mut rejected = self.list(row_count, size_of::<RejectedRow>());
        for _ in 0..row_count {
            let index = self.number()?;
            let error_count = self.count(usize::MAX)?;
            let mut errors = self.list(error_count, size_of::<FieldError>());
            for _ in 0..error_count {
                errors.push(FieldError {
                    pointer: self.text()?.to_owned(),
                    code: FieldCode::from_name(self.text()?).ok_or(DecodeError::Kind)?,
                });
            }
            rejected.push(RejectedRow { index, errors });
        }
        Ok(BatchNote {
            batch,
            owner,
            accepted_at,
            progress,
            rejected,
        })
    }

    /// A lead; the one before it in the part mostly has the same names.
    fn lead(
        &mut self,
        owner: UserId,
        before: Option<&Attributes>,
    ) -> Result<QueuedLead, DecodeError> {
        let flags = self.flags(lead_flag::ALL)?;
        let status = status_of(self.byte()?).ok_or(DecodeError::Kind)?;
        let index = self.number()?;
        let id = LeadId(self.id()?);
        let first_name = self.same(PersonName::parse, PersonName::as_str)?;
        let last_name = self.same(PersonName::parse, PersonName::as_str)?;
        let email = self.same(Email::parse, Email::as_str)?;
        let phone = if flags & lead_flag::PHONE == 0 {
            None
        } else {
            Some(self.same(Phone::parse, Phone::as_str)?)
        };
        let date_of_birth = if flags & lead_flag::DATE_OF_BIRTH == 0 {
            None
        } else {
            let day = Day::parse(self.text()?).map_err(|_| DecodeError::Value)?;
            Some(BirthDate::restored(day))
        };
        let attribute_count = self.count(Attributes::MAX_LEN)?;
        let mut attributes = self.list(attribute_count, size_of::<Attribute>());
        let before = before.map_or(&[][..], Attributes::as_slice);
        for at in 0..attribute_count {
            attributes.push(Attribute {
                name: self.name(before.get(at).map(|it| &it.name))?,
                value: {
                    let kind = type_of(self.byte()?).ok_or(DecodeError::Kind)?;
                    Value::restored(kind, self.text()?)
                },
            });
        }
        let attributes = Attributes::new(attributes).map_err(|_| DecodeError::Value)?;
        Ok(QueuedLead {
            index,
            lead: Arc::new(NewLead {
                id,
                submitted_by: owner,
                details: LeadDetails {
                    first_name,
                    last_name,
                    email,
                    phone,
                    date_of_birth,
                    status,
                    attributes,
                },
            }),
        })
    }

    /// A name, which may be the expected one.
    fn name(&mut self, expected: Option<&AttributeName>) -> Result<AttributeName, DecodeError> {
        match expected {
            Some(name) if self.take(name.as_str()) => Ok(name.clone()),
            _ => self.same(AttributeName::parse, AttributeName::as_str),
        }
    }
}
