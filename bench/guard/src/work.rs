//! The paths that every lead takes.

use std::fmt::Debug;
use std::hint::black_box;

use clap::ValueEnum;
use kernel::{Day, Timestamp};
use lead::ports::{Intake, LeadFinder, LeadStore};
use lead::{Filter, Lead, ListQuery, Message, Part, Position, QueuedLead};
use lead_wire::{AttributesForm, BulkDocument, Row, Rules, TableReader, write_details, write_lead};
use store_sqlite::SqliteStore;
use testkit::flood::intakes;

use crate::Failure;

/// A path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// Reads and validates a JSON document of leads
    Json,
    /// Reads and validates a table of leads
    Table,
    /// Encodes a message of the queue
    Encode,
    /// Decodes a message of the queue
    Decode,
    /// Stores a batch: its rows, the statements, and `SQLite` itself
    Append,
    /// Reads a page of the list from the store
    List,
    /// Writes the page as an answer
    Answer,
}

/// Leads in a message, a document and a page.
const FEW: usize = 100;
/// Leads in a transaction.
const MANY: usize = 500;

impl Work {
    pub(crate) const ALL: [Self; 7] = [
        Self::Json,
        Self::Table,
        Self::Encode,
        Self::Decode,
        Self::Append,
        Self::List,
        Self::Answer,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Table => "table",
            Self::Encode => "encode",
            Self::Decode => "decode",
            Self::Append => "append",
            Self::List => "list",
            Self::Answer => "answer",
        }
    }

    /// Leads that go through it at once.
    pub(crate) const fn leads(self) -> u64 {
        match self {
            Self::Append => MANY as u64,
            _ => FEW as u64,
        }
    }

    /// How often it is done to be counted.
    pub(crate) const fn times(self) -> u32 {
        match self {
            Self::Append => 10,
            // Its threads hand over more or less smoothly: few pages would differ by 4 %.
            Self::List => 200,
            _ => 100,
        }
    }

    /// Makes its input and does it so often.
    pub(crate) fn run(self, times: u32) -> Result<(), Failure> {
        match self {
            Self::Json => {
                let body = document();
                let rules = Rules::new(today());
                repeat(times, || {
                    let document = BulkDocument::read(&body)?;
                    document.rows(&rules).try_for_each(read)
                })
            }
            Self::Table => {
                let body = table();
                repeat(times, || {
                    let mut done = Ok(());
                    let mut sink = |row: Row<'_>| {
                        if done.is_ok() {
                            done = read(row);
                        }
                    };
                    let mut reader = TableReader::new(Rules::new(today()));
                    reader.feed(&body, &mut sink)?;
                    reader.finish(&mut sink)?;
                    done
                })
            }
            Self::Encode => {
                let message = message();
                repeat(times, || {
                    black_box(queue_codec::encode(black_box(&message)));
                    Ok(())
                })
            }
            Self::Decode => {
                let bytes = queue_codec::encode(&message());
                repeat(times, || {
                    black_box(queue_codec::decode(black_box(&bytes))?);
                    Ok(())
                })
            }
            Self::Append => in_store(async |store| {
                for intake in intakes(MANY * times as usize, MANY) {
                    let became = store.append(&intake).await?;
                    if became.len() != MANY {
                        return Err("not every lead was stored".into());
                    }
                }
                Ok(())
            }),
            Self::List => in_store(async |store| {
                for intake in intakes(MANY, MANY) {
                    store.append(&intake).await?;
                }
                let query = ListQuery {
                    filter: Filter::default(),
                    position: Position::Offset(0),
                    limit: u16::try_from(FEW)?,
                };
                for _ in 0..times {
                    if store.list(&query).await?.len() != FEW {
                        return Err("the page is not full".into());
                    }
                }
                Ok(())
            }),
            Self::Answer => {
                let leads = leads();
                repeat(times, || {
                    let mut out = Vec::new();
                    for lead in &leads {
                        write_lead(&mut out, black_box(lead), AttributesForm::List);
                    }
                    black_box(out);
                    Ok(())
                })
            }
        }
    }
}

fn repeat(times: u32, mut work: impl FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
    (0..times).try_for_each(|_| work())
}

fn read(row: Row<'_>) -> Result<(), Failure> {
    match black_box(row).lead {
        Ok(_) => Ok(()),
        Err(_) => Err("a lead was rejected".into()),
    }
}

/// A fresh store, on one thread beside those of `SQLite`.
fn in_store(work: impl AsyncFnOnce(&SqliteStore) -> Result<(), Failure>) -> Result<(), Failure> {
    let folder = tempfile::TempDir::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = store_sqlite::open(&folder.path().join("leads.db"))
            .await
            .map_err(told)?;
        work(&store).await?;
        store.close().await.map_err(told)
    })
}

fn told(error: impl Debug) -> Failure {
    format!("{error:?}").into()
}

fn today() -> Day {
    Timestamp::from_unix_ms(1_795_000_000_000).day()
}

fn few() -> Intake {
    intakes(FEW, FEW).swap_remove(0)
}

fn leads() -> Vec<Lead> {
    let intake = few();
    let stored = intake.leads.iter().map(|arrival| Lead {
        id: arrival.lead.id,
        submitted_by: arrival.lead.submitted_by,
        details: arrival.lead.details.clone(),
        updated_at: intake.at,
    });
    stored.collect()
}

fn document() -> Vec<u8> {
    let mut body = b"{\"leads\":[".to_vec();
    for (at, lead) in leads().iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        write_details(&mut body, &lead.details);
    }
    body.extend_from_slice(b"]}");
    body
}

/// No cell of it needs quotes.
fn table() -> Vec<u8> {
    let leads = leads();
    let mut head = vec!["firstName", "lastName", "email", "phone"];
    let names = leads[0].details.attributes.as_slice().iter();
    head.extend(names.map(|it| it.name.as_str()));
    let mut lines = vec![head.join(",")];
    for lead in &leads {
        let details = &lead.details;
        let mut cells = vec![
            details.first_name.as_str(),
            details.last_name.as_str(),
            details.email.as_str(),
            details.phone.as_ref().map_or("", |it| it.as_str()),
        ];
        let attributes = details.attributes.as_slice().iter();
        cells.extend(attributes.map(|it| it.value.text()));
        lines.push(cells.join(","));
    }
    lines.join("\n").into_bytes()
}

fn message() -> Message {
    let intake = few();
    let note = intake.notes.into_iter().next();
    let leads = intake.leads.into_iter();
    let queued = leads.map(|arrival| QueuedLead {
        index: arrival.row.map_or(0, |it| it.index),
        lead: arrival.lead,
    });
    let leads: Vec<QueuedLead> = queued.collect();
    Message::first(vec![Part {
        thread_key: testkit::fixtures::any_thread_key(),
        trace_parent: None,
        owner: leads[0].lead.submitted_by,
        accepted_at: intake.at,
        note,
        leads,
    }])
}
