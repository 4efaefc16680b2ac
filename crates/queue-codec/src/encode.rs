//! Writing.

use lead::{BatchNote, Message, Part, QueuedLead};

use crate::kinds::{status_byte, type_byte};
use crate::{FRAME_BYTES, VERSION, lead_flag, part_flag};

/// The bytes of a message, which [`crate::decode`] turns back into an equal one.
///
/// `submitted_by` of a lead, and `owner` and `accepted_at` of a note, are those of their part and
/// are not written again.
pub fn encode(message: &Message) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME_BYTES + 128 + message.lead_count() * 384);
    out.push(VERSION);
    out.extend_from_slice(&message.attempt.to_le_bytes());
    out.extend_from_slice(&message.replays.to_le_bytes());
    put_len(&mut out, message.parts.len());
    for part in &message.parts {
        put_part(&mut out, part);
    }
    let checksum = crc32fast::hash(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

fn put_part(out: &mut Vec<u8>, part: &Part) {
    let mut flags = 0;
    if part.trace_parent.is_some() {
        flags |= part_flag::TRACE_PARENT;
    }
    if let Some(note) = &part.note {
        flags |= part_flag::NOTE;
        if note.progress.complete {
            flags |= part_flag::COMPLETE;
        }
    }
    out.push(flags);
    put_text(out, part.thread_key.as_str());
    if let Some(trace_parent) = &part.trace_parent {
        put_text(out, trace_parent.as_str());
    }
    out.extend_from_slice(part.owner.0.as_bytes());
    put_number(out, part.accepted_at.unix_ms());
    if let Some(note) = &part.note {
        put_note(out, note);
    }
    put_len(out, part.leads.len());
    for queued in &part.leads {
        put_lead(out, queued);
    }
}

fn put_note(out: &mut Vec<u8>, note: &BatchNote) {
    out.extend_from_slice(note.batch.0.as_bytes());
    put_number(out, note.progress.received);
    put_number(out, note.progress.rejected);
    put_len(out, note.rejected.len());
    for row in &note.rejected {
        put_number(out, row.index);
        put_len(out, row.errors.len());
        for error in &row.errors {
            put_text(out, &error.pointer);
            put_text(out, error.code.as_str());
        }
    }
}

fn put_lead(out: &mut Vec<u8>, queued: &QueuedLead) {
    let details = &queued.lead.details;
    let mut flags = 0;
    if details.phone.is_some() {
        flags |= lead_flag::PHONE;
    }
    if details.date_of_birth.is_some() {
        flags |= lead_flag::DATE_OF_BIRTH;
    }
    out.push(flags);
    out.push(status_byte(details.status));
    put_number(out, queued.index);
    out.extend_from_slice(queued.lead.id.0.as_bytes());
    put_text(out, details.first_name.as_str());
    put_text(out, details.last_name.as_str());
    put_text(out, details.email.as_str());
    if let Some(phone) = &details.phone {
        put_text(out, phone.as_str());
    }
    if let Some(date_of_birth) = details.date_of_birth {
        put_text(out, &date_of_birth.day().to_string());
    }
    let attributes = details.attributes.as_slice();
    put_len(out, attributes.len());
    for attribute in attributes {
        put_text(out, attribute.name.as_str());
        out.push(type_byte(attribute.value.kind()));
        put_text(out, attribute.value.text());
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_len(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    // No platform has lengths beyond 64 bits.
    put_number(out, len as u64);
}

/// LEB128: seven bits a byte, the lowest first, the top bit set on all but the last.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the low seven bits are what is meant"
)]
fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
