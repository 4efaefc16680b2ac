//! Messages of every shape, made the way they are made outside of tests: through the form.

use std::borrow::Cow;
use std::sync::Arc;

use kernel::{Day, ThreadKey, Timestamp, UserId};
use lead::{
    BatchId, BatchNote, FieldCode, FieldError, LeadDetails, LeadForm, LeadId, Message, NewLead,
    Part, Progress, QueuedLead, Raw, RejectedRow, Status, TraceParent,
};
use proptest::prelude::*;
use uuid::Uuid;

pub(crate) fn message() -> impl Strategy<Value = Message> {
    (
        any::<u16>(),
        any::<u16>(),
        prop::collection::vec(part(), 1..3),
    )
        .prop_map(|(attempt, replays, parts)| Message {
            attempt,
            replays,
            parts,
        })
}

/// One part with one lead, Grace Hopper, without attributes.
pub(crate) fn small_message() -> Message {
    let mut form = LeadForm::new(today());
    for (key, value) in [
        ("firstName", "Grace"),
        ("lastName", "Hopper"),
        ("email", "grace@navy.example"),
    ] {
        form.put(key, Raw::Text(Cow::Borrowed(value)));
    }
    let owner = UserId(Uuid::from_u128(1));
    Message::first(vec![Part {
        thread_key: ThreadKey::parse("1753548641-123456-abc123def4").unwrap(),
        trace_parent: None,
        owner,
        accepted_at: Timestamp::from_unix_ms(1_753_548_641_123),
        note: None,
        leads: vec![QueuedLead {
            index: 0,
            lead: Arc::new(NewLead {
                id: LeadId(Uuid::from_u128(2)),
                submitted_by: owner,
                details: form.finish().unwrap(),
            }),
        }],
    }])
}

fn part() -> impl Strategy<Value = Part> {
    (
        "[0-9]{1,12}-[0-9]{6}-[0-9a-f]{10}",
        prop::option::of("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]"),
        any::<u128>(),
        0..=Timestamp::MAX.unix_ms(),
        prop::option::of((any::<u128>(), any::<[u64; 2]>(), any::<bool>(), rejected())),
        prop::collection::vec((any::<u64>(), any::<u128>(), details()), 0..3),
    )
        .prop_map(|(thread_key, trace_parent, owner, at_ms, note, leads)| {
            let owner = UserId(Uuid::from_u128(owner));
            let accepted_at = Timestamp::from_unix_ms(at_ms);
            Part {
                thread_key: ThreadKey::parse(&thread_key).unwrap(),
                trace_parent: trace_parent.map(|text| TraceParent::parse(&text).unwrap()),
                owner,
                accepted_at,
                note: note.map(|(batch, [received, rejected_count], complete, rejected)| {
                    BatchNote {
                        batch: BatchId(Uuid::from_u128(batch)),
                        owner,
                        accepted_at,
                        progress: Progress {
                            received,
                            rejected: rejected_count,
                            complete,
                        },
                        rejected,
                    }
                }),
                leads: leads
                    .into_iter()
                    .map(|(index, id, details)| QueuedLead {
                        index,
                        lead: Arc::new(NewLead {
                            id: LeadId(Uuid::from_u128(id)),
                            submitted_by: owner,
                            details,
                        }),
                    })
                    .collect(),
            }
        })
}

fn rejected() -> impl Strategy<Value = Vec<RejectedRow>> {
    let error = (".{0,20}", prop::sample::select(FieldCode::ALL))
        .prop_map(|(field, code)| FieldError::at(&field, code));
    let row = (any::<u64>(), prop::collection::vec(error, 1..4))
        .prop_map(|(index, errors)| RejectedRow { index, errors });
    prop::collection::vec(row, 0..4)
}

/// What a form makes of any JSON-like values: those that it refuses are left out.
fn details() -> impl Strategy<Value = LeadDetails> {
    (
        name(),
        name(),
        "(\\PC{1,4}|[A-Za-z.]{1,9})@([a-zA-Z]{1,10}|[äöüßéж]{1,6})\\.(com|example|рф)",
        prop::option::of("[0-9][0-9 +().-]{0,19}"),
        prop::option::of("(19|20)[0-2][0-9]-(0[1-9]|1[0-2])-[0-3][0-9]"),
        prop::sample::select(Status::ALL.to_vec()),
        prop::collection::vec(("\\PC{1,6}", value()), 0..5),
    )
        .prop_filter_map(
            "not a lead",
            |(first, last, email, phone, born, status, attributes)| {
                let mut form = LeadForm::new(today());
                form.put("firstName", Raw::Text(first.into()));
                form.put("lastName", Raw::Text(last.into()));
                form.put("email", Raw::Text(email.into()));
                if let Some(phone) = phone {
                    form.put("phone", Raw::Text(phone.into()));
                }
                if let Some(born) = born.filter(|it| Day::parse(it).is_ok_and(|day| day <= today()))
                {
                    form.put("dateOfBirth", Raw::Text(born.into()));
                }
                form.put("status", Raw::Text(status.as_str().into()));
                for (name, value) in &attributes {
                    form.put(name, value.raw());
                }
                form.finish().ok()
            },
        )
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Z][a-z]{1,5}", "\\PC{1,12}", "Zoë|李|Þór|O'Brien 😀"]
}

#[derive(Clone, Debug)]
enum AnyValue {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Json(String),
    Cell(String),
}

impl AnyValue {
    fn raw(&self) -> Raw<'_> {
        match self {
            Self::Null => Raw::Null,
            Self::Bool(value) => Raw::Bool(*value),
            Self::Number(text) => Raw::Number(text),
            Self::Text(text) => Raw::Text(Cow::Borrowed(text)),
            Self::Json(text) => Raw::Json(text),
            Self::Cell(text) => Raw::Cell(text),
        }
    }
}

fn value() -> impl Strategy<Value = AnyValue> {
    prop_oneof![
        Just(AnyValue::Null),
        any::<bool>().prop_map(AnyValue::Bool),
        any::<i64>().prop_map(|it| AnyValue::Number(it.to_string())),
        "-?[1-9][0-9]{0,39}(\\.[0-9]{1,9})?(e-?[0-9]{1,2})?".prop_map(AnyValue::Number),
        ".{0,12}".prop_map(AnyValue::Text),
        "[0-9]{4}-0[1-9]-1[0-9](T1[0-9]:00:00Z)?".prop_map(AnyValue::Text),
        (120..300_usize).prop_map(|len| AnyValue::Text("ä".repeat(len))),
        "\\[(1|\"a\"|null|\\{\"k\":[0-9]\\})\\]".prop_map(AnyValue::Json),
        "true|FALSE|007|1e5|-?[0-9]{1,25}|\\PC{1,10}".prop_map(AnyValue::Cell),
    ]
}

fn today() -> Day {
    Day::parse("2026-11-23").unwrap()
}
