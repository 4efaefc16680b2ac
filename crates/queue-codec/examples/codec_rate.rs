//! What reading and writing cost: `cargo run --release -p queue-codec --example codec_rate`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measuring program prints, and may stop at the first surprise"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use kernel::{Day, ThreadKey, Timestamp, UserId};
use lead::{LeadForm, LeadId, Message, NewLead, Part, QueuedLead, Raw};
use queue_codec::{decode, encode};
use uuid::Uuid;

const LEADS: u32 = 100;
const ROUNDS: u32 = 5_000;

fn main() {
    let message = Message::first(vec![Part {
        thread_key: ThreadKey::parse("1753548641-123456-abc123def4").unwrap(),
        trace_parent: None,
        owner: UserId(Uuid::from_u128(1)),
        accepted_at: Timestamp::from_unix_ms(1_753_548_641_123),
        note: None,
        leads: (0..LEADS).map(lead).collect(),
    }]);
    let bytes = encode(&message);

    let start = Instant::now();
    for _ in 0..ROUNDS {
        black_box(encode(black_box(&message)));
    }
    let writing = start.elapsed();
    let start = Instant::now();
    for _ in 0..ROUNDS {
        black_box(decode(black_box(&bytes)).unwrap());
    }
    let reading = start.elapsed();

    println!("bytes a lead: {}", bytes.len() / LEADS as usize);
    println!("writing, a lead: {:?}", writing / (ROUNDS * LEADS));
    println!(
        "reading and dropping, a lead: {:?}",
        reading / (ROUNDS * LEADS)
    );
}

fn lead(index: u32) -> QueuedLead {
    let mut form = LeadForm::new(Day::parse("2026-11-23").unwrap());
    let email = format!("somebody.{index}@customers.example");
    for (key, value) in [
        ("firstName", "Margarethe"),
        ("lastName", "Hamilton"),
        ("email", &email),
        ("phone", "+1 (555) 010-9999"),
        ("dateOfBirth", "1936-08-17"),
        ("company", "Apollo Guidance and Sons"),
        ("source", "spring campaign, newsletter"),
        ("country", "United States of America"),
        ("signed_up_at", "2026-11-20T12:34:56Z"),
        (
            "comment",
            "would like to be called in the afternoon, not before two",
        ),
        ("budget", "12500.50"),
        ("employees", "250"),
    ] {
        form.put(key, Raw::Text(value.into()));
    }
    QueuedLead {
        index: index.into(),
        lead: Arc::new(NewLead {
            id: LeadId(Uuid::from_u128(index.into())),
            submitted_by: UserId(Uuid::from_u128(1)),
            details: form.finish().unwrap(),
        }),
    }
}
