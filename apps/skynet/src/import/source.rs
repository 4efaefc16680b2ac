//! Reading a file as chunks of leads.

use std::io::{self, Read};
use std::sync::Arc;

use kernel::Day;
use lead::{FieldCode, FieldError, LeadDetails};
use lead_wire::{HeaderError, KeyMap, NdjsonReader, Row, Rules, TableReader, read_lead};

use super::json_list::{Element, JsonList, JsonListError};

/// What the bytes of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// CSV with a header row.
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// A JSON list, or an object with the list under `leads`.
    Json,
}

/// How a file is read.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// What the bytes are.
    pub(super) shape: Shape,
    /// What columns and keys mean.
    pub(super) keys: KeyMap,
    /// The last day of birth that is taken.
    pub(super) today: Day,
    /// Rows of a chunk.
    pub(super) chunk_rows: usize,
    /// Rows that are passed over: chunks begin after them.
    pub(super) skip_rows: u64,
    /// How many chunks they were.
    pub(super) skip_chunks: u64,
    /// How many of them were no leads.
    pub(super) skip_rejected: u64,
}

/// Some rows that follow each other. The same file read the same way gives the same chunks.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Its place, from 0.
    pub(super) number: u64,
    /// Rows read up to its end.
    pub(super) rows_end: u64,
    /// Rows up to its end that are no leads.
    pub(super) rejected_end: u64,
    /// Bytes of the file read when it was complete.
    pub(super) bytes_read: u64,
    /// Leads to store.
    pub(super) leads: Vec<GoodRow>,
    /// Rows that are no leads.
    pub(super) bad: Vec<BadRow>,
    /// The header row of a table.
    pub(super) header: Arc<[u8]>,
    /// Nothing follows; the chunk may be empty.
    pub(super) is_last: bool,
}

/// A row that is a lead.
#[derive(Debug)]
pub(super) struct GoodRow {
    /// Its place in the file, from 0.
    pub(super) index: u64,
    /// Its bytes.
    pub(super) raw: Vec<u8>,
    /// The lead.
    pub(super) details: LeadDetails,
}

/// A row that is no lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadRow {
    /// Its place in the file, from 0.
    pub(super) index: u64,
    /// Its bytes, as far as they were kept.
    pub(super) raw: Vec<u8>,
    /// What is wrong.
    pub(super) errors: Vec<FieldError>,
}

/// Why a file cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    List(#[from] JsonListError),
    /// Whoever takes the chunks is gone.
    #[error("reading was stopped")]
    Stopped,
}

/// The most bytes of a chunk's rows, so that a request stays far below the API's limit.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
const PIECE_BYTES: usize = 128 * 1_024;

/// Reads everything, handing chunks to `give` until it answers `false`.
///
/// # Errors
///
/// [`SourceError`]; chunks that were handed out before are good.
pub(super) fn read_chunks(
    mut input: impl Read,
    reading: &Reading,
    mut give: impl FnMut(Chunk) -> bool,
) -> Result<(), SourceError> {
    let rules = Rules {
        today: reading.today,
        keys: reading.keys.clone(),
    };
    let mut reader = Reader::new(reading.shape, rules);
    let mut cutter = Cutter::new(reading);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let len = match input.read(&mut piece) {
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        cutter.bytes_read += len as u64;
        if len == 0 {
            reader.finish(&mut cutter)?;
        } else {
            reader.feed(&piece[..len], &mut cutter)?;
        }
        if cutter.header.is_empty()
            && let Some(header) = reader.header()
        {
            cutter.header = header.into();
        }
        for mut chunk in cutter.ready.drain(..) {
            // The header was not known to chunks of the piece it came with.
            chunk.header = Arc::clone(&cutter.header);
            if !give(chunk) {
                return Err(SourceError::Stopped);
            }
        }
        if len == 0 {
            let last = cutter.last();
            return if give(last) {
                Ok(())
            } else {
                Err(SourceError::Stopped)
            };
        }
    }
}

/// One of the three readers.
enum Reader {
    Csv(Option<Box<TableReader>>),
    Ndjson(Option<NdjsonReader>),
    Json {
        list: JsonList,
        rules: Rules,
        next: u64,
    },
}

impl Reader {
    fn new(shape: Shape, rules: Rules) -> Self {
        match shape {
            Shape::Csv => Self::Csv(Some(Box::new(TableReader::new(rules)))),
            Shape::Ndjson => Self::Ndjson(Some(NdjsonReader::new(rules))),
            Shape::Json => Self::Json {
                list: JsonList::default(),
                rules,
                next: 0,
            },
        }
    }

    fn feed(&mut self, piece: &[u8], cutter: &mut Cutter) -> Result<(), SourceError> {
        match self {
            Self::Csv(Some(reader)) => Ok(reader.feed(piece, |row| cutter.put(row))?),
            Self::Ndjson(Some(reader)) => {
                reader.feed(piece, |row| cutter.put(row));
                Ok(())
            }
            Self::Csv(None) | Self::Ndjson(None) => Ok(()),
            Self::Json { list, rules, next } => Ok(list.feed(piece, |element| {
                let index = *next;
                *next += 1;
                cutter.put(match element {
                    Element::Bytes(raw) => Row {
                        index,
                        raw,
                        lead: read_lead(raw, rules),
                    },
                    Element::Overlong => Row {
                        index,
                        raw: &[],
                        lead: Err(vec![FieldError::of_lead(FieldCode::LeadTooLarge)]),
                    },
                });
            })?),
        }
    }

    fn header(&self) -> Option<&[u8]> {
        match self {
            Self::Csv(Some(reader)) => reader.header(),
            _ => None,
        }
    }

    fn finish(&mut self, cutter: &mut Cutter) -> Result<(), SourceError> {
        match self {
            Self::Csv(reader) => match reader.take() {
                Some(reader) => Ok(reader.finish(|row| cutter.put(row))?),
                None => Ok(()),
            },
            Self::Ndjson(reader) => {
                if let Some(reader) = reader.take() {
                    reader.finish(|row| cutter.put(row));
                }
                Ok(())
            }
            Self::Json { list, .. } => Ok(list.finish()?),
        }
    }
}

/// Puts rows together.
struct Cutter {
    chunk_rows: usize,
    skip_rows: u64,
    number: u64,
    rows_end: u64,
    rejected_end: u64,
    bytes_read: u64,
    chunk_bytes: usize,
    header: Arc<[u8]>,
    leads: Vec<GoodRow>,
    bad: Vec<BadRow>,
    ready: Vec<Chunk>,
}

impl Cutter {
    fn new(reading: &Reading) -> Self {
        Self {
            chunk_rows: reading.chunk_rows,
            skip_rows: reading.skip_rows,
            number: reading.skip_chunks,
            rows_end: reading.skip_rows,
            rejected_end: reading.skip_rejected,
            bytes_read: 0,
            chunk_bytes: 0,
            header: Arc::new([]),
            leads: Vec::new(),
            bad: Vec::new(),
            ready: Vec::new(),
        }
    }

    fn put(&mut self, row: Row<'_>) {
        let index = row.index;
        if index < self.skip_rows {
            return;
        }
        self.rows_end = index + 1;
        self.chunk_bytes += row.raw.len();
        let raw = row.raw.to_vec();
        match row.lead {
            Ok(details) => self.leads.push(GoodRow {
                index,
                raw,
                details,
            }),
            Err(errors) => {
                self.rejected_end += 1;
                self.bad.push(BadRow { index, raw, errors });
            }
        }
        if self.leads.len() + self.bad.len() >= self.chunk_rows || self.chunk_bytes >= CHUNK_BYTES {
            let chunk = self.cut(false);
            self.ready.push(chunk);
        }
    }

    fn last(&mut self) -> Chunk {
        self.cut(true)
    }

    fn cut(&mut self, is_last: bool) -> Chunk {
        let number = self.number;
        self.number += 1;
        self.chunk_bytes = 0;
        Chunk {
            number,
            rows_end: self.rows_end,
            rejected_end: self.rejected_end,
            header: Arc::clone(&self.header),
            bytes_read: self.bytes_read,
            leads: std::mem::take(&mut self.leads),
            bad: std::mem::take(&mut self.bad),
            is_last,
        }
    }
}

/// What the bytes of a file are, by its name and its first bytes.
pub(super) fn shape_of(name: &str, first: &[u8]) -> Shape {
    let name = name.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|it| name.ends_with(it));
    if ends(&[".csv"]) {
        return Shape::Csv;
    }
    if ends(&[".ndjson", ".jsonl"]) {
        return Shape::Ndjson;
    }
    let first = first.strip_prefix("\u{feff}".as_bytes()).unwrap_or(first);
    let text = first.trim_ascii_start();
    match text.first() {
        Some(b'[') => Shape::Json,
        Some(b'{') => {
            let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
            let leads_first = text[1..].trim_ascii_start().starts_with(b"\"leads\"");
            let line_is_whole = serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
            if leads_first || !line_is_whole {
                Shape::Json
            } else {
                Shape::Ndjson
            }
        }
        _ => Shape::Csv,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;
    use crate::generate::{self, Format, Recipe};

    fn made(format: Format) -> Vec<u8> {
        let recipe = Recipe {
            leads: 95,
            seed: 11,
            format,
            attributes: Recipe::MAX_ATTRIBUTES,
        };
        let mut out = Vec::new();
        generate::write(&recipe, &mut out).unwrap();
        out
    }

    fn reading(shape: Shape) -> Reading {
        Reading {
            shape,
            keys: KeyMap::default(),
            today: Day::parse("2026-11-23").unwrap(),
            chunk_rows: 10,
            skip_rows: 0,
            skip_chunks: 0,
            skip_rejected: 0,
        }
    }

    fn chunks(bytes: &[u8], reading: &Reading) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        read_chunks(bytes, reading, |chunk| {
            chunks.push(chunk);
            true
        })
        .unwrap();
        chunks
    }

    #[test]
    fn every_row_is_in_one_chunk_and_the_last_one_says_so() {
        for (format, shape) in [
            (Format::Csv, Shape::Csv),
            (Format::Ndjson, Shape::Ndjson),
            (Format::Json, Shape::Json),
        ] {
            let chunks = chunks(&made(format), &reading(shape));

            let indices: Vec<u64> = chunks
                .iter()
                .flat_map(|it| it.leads.iter().map(|row| row.index))
                .collect();
            assert_eq!(indices, (0..95).collect::<Vec<u64>>(), "{shape:?}");
            let (last, others) = chunks.split_last().unwrap();
            assert!(last.is_last && others.iter().all(|it| !it.is_last));
            assert_eq!((last.rows_end, last.rejected_end), (95, 0));
        }
    }

    #[test]
    fn reading_on_after_an_interruption_gives_the_chunks_that_were_to_come() {
        let bytes = made(Format::Csv);
        let all = chunks(&bytes, &reading(Shape::Csv));

        let rest = chunks(
            &bytes,
            &Reading {
                skip_rows: 40,
                skip_chunks: 4,
                ..reading(Shape::Csv)
            },
        );

        assert_eq!(format!("{:?}", &all[4..]), format!("{rest:?}"));
    }

    #[test]
    fn a_bad_row_keeps_its_bytes_and_stops_nobody() {
        let bytes =
            b"firstName,lastName,email\nA,B,a@example.com\n,C,\"not, one\"\nD,E,d@example.com\n";

        let chunks = chunks(bytes, &reading(Shape::Csv));

        let [chunk] = chunks.as_slice() else {
            panic!("one chunk")
        };
        assert_eq!(chunk.leads.len(), 2);
        assert_eq!(chunk.bad.len(), 1);
        assert_eq!(chunk.bad[0].index, 1);
        assert_eq!(chunk.bad[0].raw, b",C,\"not, one\"");
        assert_eq!(&*chunk.header, b"firstName,lastName,email");
    }

    #[test]
    fn a_file_is_told_by_its_name_and_its_first_bytes() {
        let cases: [(&str, &[u8], Shape); 10] = [
            ("a.csv", b"{", Shape::Csv),
            ("a.ndjson", b"x", Shape::Ndjson),
            ("A.JSONL", b"x", Shape::Ndjson),
            ("a.json", b" [\n", Shape::Json),
            ("a", b"\xef\xbb\xbf[", Shape::Json),
            ("a", b"{\"leads\": [\n", Shape::Json),
            ("a", b"{\n \"x\": 1,\n", Shape::Json),
            ("a.json", b"{\"email\":\"a@b.c\"}\n{", Shape::Ndjson),
            ("a.txt", b"email,first_name\n", Shape::Csv),
            ("a", b"", Shape::Csv),
        ];
        for (name, first, shape) in cases {
            assert_eq!(shape_of(name, first), shape, "{name}");
        }
    }
}
