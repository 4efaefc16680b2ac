//! Writing all leads out.

use std::collections::HashSet;
use std::io::{self, Write};

use clap::ValueEnum;
use lead::ports::{LeadFinder, StoreError};
use lead::{Filter, Lead, LeadId, ListQuery, Position};

use crate::commands::Context;
use process::Failure;

/// What to do, in detail.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How leads are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How leads are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A header row, then a row for each lead
    #[default]
    Csv,
    /// One JSON object a line
    #[value(alias = "jsonl")]
    Ndjson,
}

/// Does it: oldest lead first, in constant memory. A table has a column for each attribute that
/// any lead has, so for one all leads are read twice; leads that come in meanwhile are left out.
///
/// # Errors
///
/// [`Failure`], with the code to exit with.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Failure> {
    let opened = context.open(&context.config()?).await?;
    let mut out = io::stdout().lock();
    match write(&*opened.ports.finder, args.format, &mut out).await {
        Ok(()) => Ok(()),
        // Whoever reads has seen enough.
        Err(ExportError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::failed(error)),
    }
}

#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("the store does not answer")]
    Store(#[from] StoreError),
    #[error("the leads cannot be written: {0}")]
    Output(#[from] io::Error),
    #[error("attributes were added to leads while they were written; try again")]
    Changed,
}

async fn write(
    finder: &dyn LeadFinder,
    format: Format,
    out: &mut impl Write,
) -> Result<(), ExportError> {
    let mut buffer = Vec::new();
    match format {
        Format::Ndjson => {
            let mut pages = Pages::new(finder, None);
            while let Some(leads) = pages.next().await? {
                for lead in &leads {
                    lead_wire::write_export_line(&mut buffer, lead);
                }
                out.write_all(&buffer)?;
                buffer.clear();
            }
        }
        Format::Csv => {
            let (columns, last) = columns(finder).await?;
            let known: HashSet<&str> = columns.iter().map(String::as_str).collect();
            let names = || columns.iter().map(String::as_str);
            lead_wire::write_table_header(&mut buffer, names());
            let mut pages = Pages::new(finder, last);
            while let Some(leads) = pages.next().await? {
                for lead in &leads {
                    let attributes = lead.details.attributes.as_slice();
                    if !attributes.iter().all(|it| known.contains(it.name.as_str())) {
                        return Err(ExportError::Changed);
                    }
                    lead_wire::write_table_row(&mut buffer, lead, names());
                }
                out.write_all(&buffer)?;
                buffer.clear();
            }
        }
    }
    out.write_all(&buffer)?;
    out.flush()?;
    Ok(())
}

/// The names of all attributes in the order they are met, and the newest lead that was seen.
async fn columns(finder: &dyn LeadFinder) -> Result<(Vec<String>, Option<LeadId>), ExportError> {
    let (mut columns, mut known) = (Vec::new(), HashSet::new());
    let mut last = Some(START);
    let mut pages = Pages::new(finder, None);
    while let Some(leads) = pages.next().await? {
        for lead in &leads {
            for it in lead.details.attributes.as_slice() {
                if !known.contains(it.name.as_str()) {
                    known.insert(it.name.as_str().to_owned());
                    columns.push(it.name.as_str().to_owned());
                }
            }
            last = Some(lead.id);
        }
    }
    Ok((columns, last))
}

/// Before every lead.
const START: LeadId = LeadId(uuid::Uuid::nil());

/// All leads, oldest first, a page at a time.
struct Pages<'f> {
    finder: &'f dyn LeadFinder,
    after: LeadId,
    last: Option<LeadId>,
    ended: bool,
}

impl<'f> Pages<'f> {
    /// Leads up to `last`, or all there are.
    fn new(finder: &'f dyn LeadFinder, last: Option<LeadId>) -> Self {
        Self {
            finder,
            after: START,
            last,
            ended: false,
        }
    }

    async fn next(&mut self) -> Result<Option<Vec<Lead>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let query = ListQuery {
            filter: Filter::default(),
            position: Position::After(self.after),
            limit: ListQuery::MAX_LIMIT,
        };
        let mut leads = self.finder.list(&query).await?;
        if let Some(last) = self.last {
            leads.retain(|lead| lead.id <= last);
        }
        self.ended = leads.len() < usize::from(ListQuery::MAX_LIMIT);
        if let Some(lead) = leads.last() {
            self.after = lead.id;
        }
        Ok((!leads.is_empty()).then_some(leads))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use eav::Value;
    use kernel::Day;
    use lead::ports::LeadStore;
    use lead::{LeadDetails, NewLead};
    use lead_wire::{KeyMap, NdjsonReader, Rules, TableReader};
    use testkit::fixtures::{intake_of, lead_with_attributes};
    use testkit::memory::MemoryLeadStore;

    use super::*;

    async fn exported(leads: &[NewLead], format: Format) -> Vec<u8> {
        let store = MemoryLeadStore::default();
        for leads in leads.chunks(500) {
            store.append(&intake_of(leads)).await.unwrap();
        }
        let mut out = Vec::new();
        write(&store, format, &mut out).await.unwrap();
        out
    }

    fn some_leads(count: usize) -> Vec<NewLead> {
        let mut leads: Vec<NewLead> = (0..count)
            .map(|at| {
                let own = format!("only {}", at % 3);
                lead_with_attributes(vec![
                    ("Note, \"long\"", Value::from_cell("a \"b\",\n c").unwrap()),
                    (&own, Value::from_cell("2.50").unwrap()),
                    ("flag", Value::from_cell("TRUE").unwrap()),
                    ("day", Value::from_cell("2026-01-02").unwrap()),
                ])
            })
            .collect();
        leads.sort_by_key(|lead| lead.id);
        leads
    }

    fn rules() -> Rules {
        let left_out = ["id", "createdAt", "updatedAt"].map(str::to_owned).to_vec();
        Rules {
            today: Day::parse("2026-11-23").unwrap(),
            keys: KeyMap {
                renamed: Vec::new(),
                left_out,
            },
        }
    }

    fn by_name(mut details: LeadDetails) -> LeadDetails {
        let mut list = details.attributes.as_slice().to_vec();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        details.attributes = eav::Attributes::new(list).unwrap();
        details
    }

    #[tokio::test]
    async fn lines_are_read_again_as_the_leads_they_were_oldest_first() {
        let leads = some_leads(2_500);

        let out = exported(&leads, Format::Ndjson).await;

        let mut read = Vec::new();
        let mut reader = NdjsonReader::new(rules());
        reader.feed(&out, |row| read.push(row.lead.unwrap()));
        let sent: Vec<LeadDetails> = leads.into_iter().map(|it| it.details).collect();
        assert!(read == sent);
    }

    #[tokio::test]
    async fn a_table_has_every_attribute_of_every_lead() {
        let leads = some_leads(1_500);

        let out = exported(&leads, Format::Csv).await;

        let mut read = Vec::new();
        let mut reader = TableReader::new(rules());
        reader
            .feed(&out, |row| read.push(by_name(row.lead.unwrap())))
            .unwrap();
        let sent: Vec<LeadDetails> = leads.into_iter().map(|it| by_name(it.details)).collect();
        assert!(read == sent);
    }

    #[tokio::test]
    async fn no_leads_are_a_header_or_nothing() {
        let header = "id,firstName,lastName,email,phone,dateOfBirth,status,createdAt,updatedAt\n";

        assert_eq!(exported(&[], Format::Csv).await, header.as_bytes());
        assert_eq!(exported(&[], Format::Ndjson).await, b"");
    }
}
