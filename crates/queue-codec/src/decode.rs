//! Reading.

use std::sync::Arc;

use eav::{Attribute, AttributeName, Attributes, Value};
use kernel::{Day, ThreadKey, Timestamp, UserId};
use lead::{
    BatchId, BatchNote, BirthDate, Email, FieldCode, FieldError, LeadDetails, LeadId, Message,
    NewLead, Part, PersonName, Phone, Progress, QueuedLead, RejectedRow, TraceParent,
};
use uuid::Uuid;

use crate::kinds::{status_of, type_of};
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
    let mut reader = Reader { rest: &body[1..] };
    let message = reader.message()?;
    if reader.rest.is_empty() {
        Ok(message)
    } else {
        Err(DecodeError::Trailing)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
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
            leads.push(self.lead(owner)?);
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

    fn lead(&mut self, owner: UserId) -> Result<QueuedLead, DecodeError> {
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
        for _ in 0..attribute_count {
            attributes.push(Attribute {
                name: self.same(AttributeName::parse, AttributeName::as_str)?,
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

    /// A text that `parse` takes without changing it.
    fn same<T, E>(
        &mut self,
        parse: impl FnOnce(&str) -> Result<T, E>,
        as_str: impl FnOnce(&T) -> &str,
    ) -> Result<T, DecodeError> {
        let text = self.text()?;
        match parse(text) {
            Ok(value) if as_str(&value).len() == text.len() => Ok(value),
            _ => Err(DecodeError::Value),
        }
    }

    fn text(&mut self) -> Result<&'a str, DecodeError> {
        let len = self.count(usize::MAX)?;
        str::from_utf8(self.bytes(len)?).map_err(|_| DecodeError::Value)
    }

    fn id(&mut self) -> Result<Uuid, DecodeError> {
        self.array().map(Uuid::from_bytes)
    }

    fn flags(&mut self, known: u8) -> Result<u8, DecodeError> {
        match self.byte()? {
            flags if flags & !known == 0 => Ok(flags),
            _ => Err(DecodeError::Kind),
        }
    }

    /// A number of things of at least one byte each, at most `most` of them.
    fn count(&mut self, most: usize) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.number()?).map_err(|_| DecodeError::Count)?;
        if count > most {
            Err(DecodeError::Count)
        } else if count > self.rest.len() {
            Err(DecodeError::Truncated)
        } else {
            Ok(count)
        }
    }

    /// Room for `count` items, as long as that is no more than the bytes that are left.
    fn list<T>(&self, count: usize, item_bytes: usize) -> Vec<T> {
        Vec::with_capacity(count.min(self.rest.len() / item_bytes.max(1)))
    }

    fn number(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                return Err(DecodeError::Number);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                return if shortest {
                    Ok(number)
                } else {
                    Err(DecodeError::Number)
                };
            }
        }
        Err(DecodeError::Number)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        let (&byte, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], DecodeError> {
        let (array, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (bytes, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }
}
