//! Many leads for programs that measure: the same ones each time, with seven attributes each,
//! all from one sender and of one submission.

use std::sync::Arc;

use eav::{Attribute, AttributeName, Attributes, Value};
use kernel::{Timestamp, UserId, uuid_at};
use lead::ports::{Arrival, Intake};
use lead::{
    BatchId, BatchNote, Email, LeadDetails, LeadId, NewLead, PersonName, Phone, Progress, RowKey,
    Status,
};

const ATTRIBUTES: [(&str, &str); 7] = [
    ("company", "Example Widgets and Sons Ltd"),
    ("job title", "Head of Purchasing"),
    ("city", "Springfield"),
    ("employees", "1250"),
    ("first contact", "2026-03-17"),
    ("newsletter", "true"),
    ("source", "https://www.example.com/landing/autumn"),
];

/// So many leads, in intakes of at most `batch` leads.
pub fn intakes(leads: usize, batch: usize) -> Vec<Intake> {
    let at = Timestamp::from_unix_ms(1_795_000_000_000);
    let owner = UserId(uuid_at(at, 1));
    let submission = BatchId(uuid_at(at, 2));
    let all: Vec<usize> = (0..leads).collect();
    all.chunks(batch)
        .map(|chunk| Intake {
            at,
            leads: chunk
                .iter()
                .map(|it| arrival(*it, owner, submission))
                .collect(),
            notes: vec![BatchNote {
                batch: submission,
                owner,
                accepted_at: at,
                progress: Progress {
                    received: chunk.last().map_or(0, |it| *it as u64 + 1),
                    rejected: 0,
                    complete: chunk.last() == all.last(),
                },
                rejected: Vec::new(),
            }],
        })
        .collect()
}

fn arrival(index: usize, owner: UserId, batch: BatchId) -> Arrival {
    // Scattered, as the addresses of real leads are.
    let mixed = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let at = Timestamp::from_unix_ms(1_795_000_000_000 + index as u64 / 20);
    let attributes = ATTRIBUTES
        .iter()
        .map(|(name, value)| Attribute {
            name: AttributeName::parse(name).unwrap(),
            value: Value::from_cell(value).unwrap(),
        })
        .collect();
    Arrival {
        lead: Arc::new(NewLead {
            id: LeadId(uuid_at(at, (index as u128) << 40 | u128::from(mixed >> 32))),
            submitted_by: owner,
            details: LeadDetails {
                first_name: PersonName::parse("Margarethe").unwrap(),
                last_name: PersonName::parse(&format!("Winterbottom {}", mixed % 997)).unwrap(),
                email: Email::parse(&format!("m.{mixed:016x}@example.com")).unwrap(),
                phone: Some(Phone::parse("+1 555 010 9999").unwrap()),
                date_of_birth: None,
                status: Status::Active,
                attributes: Attributes::new(attributes).unwrap(),
            },
        }),
        row: Some(RowKey {
            batch,
            index: index as u64,
        }),
        attempts: 1,
    }
}
