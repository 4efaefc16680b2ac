//! Leads made up from a seed.
//!
//! The same recipe gives the same bytes on every machine and in every run: nothing but the recipe
//! goes in, and all arithmetic is on integers. Addresses lie at the domains that RFC 2606 keeps
//! for examples, phone numbers in the range kept for fiction.

mod command;
mod random;
mod words;

use std::io::{self, Write};

pub use self::command::Args;
pub(crate) use self::command::run;
use self::random::Random;
use self::words::{CITIES, COMPANIES, FIRST_NAMES, INTERESTS, LAST_NAMES, NOTES, SOURCES};

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// How many leads.
    pub leads: u64,
    /// What they are made from; leads of two seeds share no address.
    pub seed: u64,
    /// How they are written.
    pub format: Format,
    /// How many attributes beside the core fields, at most [`Recipe::MAX_ATTRIBUTES`].
    pub attributes: usize,
}

impl Recipe {
    /// The most attributes of a lead.
    pub const MAX_ATTRIBUTES: usize = ATTRIBUTES.len();
    /// Enough to show every type that a table can hold.
    pub const DEFAULT_ATTRIBUTES: usize = 7;
}

/// How leads are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A header row, then a row for each lead; what a lead does not have is an empty cell.
    Csv,
    /// One JSON object a line; what a lead does not have is left out.
    Ndjson,
    /// One body for `POST /api/v1/leads/process-bulk`.
    Json,
}

/// Writes the leads of a recipe, in constant memory.
///
/// # Errors
///
/// What `out` answers.
pub fn write(recipe: &Recipe, out: &mut impl Write) -> io::Result<()> {
    let attributes = &ATTRIBUTES[..recipe.attributes.min(Recipe::MAX_ATTRIBUTES)];
    let mut buffer = Vec::with_capacity(FLUSH_BYTES + 4 * 1_024);
    match recipe.format {
        Format::Csv => {
            let names = CORE.iter().copied().chain(attributes.iter().map(|it| it.0));
            put_row(&mut buffer, names.map(Cell::Text));
        }
        Format::Ndjson => {}
        Format::Json => buffer.extend_from_slice(b"{\"leads\":[\n"),
    }
    for index in 0..recipe.leads {
        let lead = Generated::new(recipe.seed, index, attributes.len());
        match recipe.format {
            Format::Csv => put_row(&mut buffer, lead.cells().into_iter()),
            Format::Ndjson => {
                lead.put_json(&mut buffer);
                buffer.push(b'\n');
            }
            Format::Json => {
                lead.put_json(&mut buffer);
                let end: &[u8] = if index + 1 == recipe.leads {
                    b"\n"
                } else {
                    b",\n"
                };
                buffer.extend_from_slice(end);
            }
        }
        if buffer.len() >= FLUSH_BYTES {
            out.write_all(&buffer)?;
            buffer.clear();
        }
    }
    if recipe.format == Format::Json {
        buffer.extend_from_slice(b"]}\n");
    }
    out.write_all(&buffer)?;
    out.flush()
}

const FLUSH_BYTES: usize = 64 * 1_024;

const CORE: [&str; 6] = [
    "firstName",
    "lastName",
    "email",
    "phone",
    "dateOfBirth",
    "status",
];

type Make = fn(&mut Random) -> Cell;

/// Names of attributes, and how a value of each is made.
const ATTRIBUTES: [(&str, Make); 12] = [
    ("Company", |it| {
        often(it, 85, |it| Cell::Text(it.pick(&COMPANIES)))
    }),
    ("Lead Source", |it| Cell::Text(it.pick(&SOURCES))),
    ("Visits", |it| {
        often(it, 90, |it| Cell::Number(it.below(200)))
    }),
    ("Score", |it| {
        often(it, 80, |it| Cell::Hundredths(it.below(10_000)))
    }),
    ("Newsletter", |it| Cell::Flag(it.below(2) == 1)),
    ("Last Contact", |it| {
        often(it, 70, |it| Cell::Day(day(it, 2_020, 6)))
    }),
    ("Signed Up", |it| {
        Cell::Moment(day(it, 2_018, 8), it.below(86_400))
    }),
    ("City", |it| {
        often(it, 90, |it| Cell::Text(it.pick(&CITIES)))
    }),
    ("Interests", |it| {
        often(it, 60, |it| {
            Cell::List(it.pick(&INTERESTS), it.pick(&INTERESTS))
        })
    }),
    ("Postal Code", |it| Cell::Padded(it.below(100_000))),
    ("Yearly Revenue", |it| {
        often(it, 50, |it| Cell::Number(it.below(5_000_000_000)))
    }),
    ("Note", |it| often(it, 25, |it| Cell::Text(it.pick(&NOTES)))),
];

/// A value, before it is written in one format or another.
#[derive(Clone, Copy)]
enum Cell {
    Empty,
    Text(&'static str),
    Email {
        first: &'static str,
        last: &'static str,
        index: u64,
        seed: u64,
        domain: &'static str,
    },
    Phone(u64),
    Number(u64),
    Hundredths(u64),
    Flag(bool),
    Day((u64, u64, u64)),
    Moment((u64, u64, u64), u64),
    List(&'static str, &'static str),
    Padded(u64),
}

struct Generated {
    core: [Cell; CORE.len()],
    attributes: [Cell; ATTRIBUTES.len()],
    attribute_count: usize,
}

impl Generated {
    fn new(seed: u64, index: u64, attribute_count: usize) -> Self {
        let mut random = Random::of_row(seed, index);
        let (first_name, first) = random.pick(&FIRST_NAMES);
        let (last_name, last) = random.pick(&LAST_NAMES);
        let domain = random.pick(&["example.com", "example.org", "example.net"]);
        let core = [
            Cell::Text(first_name),
            Cell::Text(last_name),
            Cell::Email {
                first,
                last,
                index,
                seed,
                domain,
            },
            often(&mut random, 90, |it| Cell::Phone(it.below(80_000))),
            often(&mut random, 75, |it| Cell::Day(day(it, 1_940, 66))),
            often(&mut random, 60, |it| {
                Cell::Text(it.pick(&[
                    "active",
                    "active",
                    "active",
                    "inactive",
                    "converted",
                    "invalid",
                ]))
            }),
        ];
        let mut attributes = [Cell::Empty; ATTRIBUTES.len()];
        for (cell, (_, make)) in attributes.iter_mut().zip(&ATTRIBUTES[..attribute_count]) {
            *cell = make(&mut random);
        }
        Self {
            core,
            attributes,
            attribute_count,
        }
    }

    fn cells(&self) -> impl IntoIterator<Item = Cell> {
        self.core
            .into_iter()
            .chain(self.attributes.into_iter().take(self.attribute_count))
    }

    fn put_json(&self, out: &mut Vec<u8>) {
        let names = CORE.iter().copied().chain(ATTRIBUTES.iter().map(|it| it.0));
        let mut before = b'{';
        for (name, cell) in names.zip(self.cells()) {
            if matches!(cell, Cell::Empty) {
                continue;
            }
            out.push(before);
            before = b',';
            put_quoted(out, name);
            out.push(b':');
            cell.put_json(out);
        }
        out.push(b'}');
    }
}

impl Cell {
    fn put_plain(self, out: &mut Vec<u8>) {
        // Writing to a `Vec` cannot fail.
        let _ = match self {
            Self::Empty => Ok(()),
            Self::Text(text) => out.write_all(text.as_bytes()),
            Self::Email {
                first,
                last,
                index,
                seed,
                domain,
            } => write!(out, "{first}.{last}.{index}-{seed:x}@{domain}"),
            Self::Phone(number) => {
                let (area, line) = (200 + number / 100, number % 100);
                write!(out, "+1 {area}-555-01{line:02}")
            }
            Self::Number(number) => write!(out, "{number}"),
            Self::Hundredths(number) => write!(out, "{}.{:02}", number / 100, number % 100),
            Self::Flag(flag) => write!(out, "{flag}"),
            Self::Day((year, month, day)) => write!(out, "{year}-{month:02}-{day:02}"),
            Self::Moment((year, month, day), second) => {
                let (hour, minute) = (second / 3_600, second / 60 % 60);
                let second = second % 60;
                write!(
                    out,
                    "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
                )
            }
            Self::List(first, second) => write!(out, "[\"{first}\",\"{second}\"]"),
            Self::Padded(number) => write!(out, "{number:05}"),
        };
    }

    fn put_json(self, out: &mut Vec<u8>) {
        match self {
            Self::Empty => out.extend_from_slice(b"null"),
            Self::Text(text) => put_quoted(out, text),
            Self::Number(_) | Self::Hundredths(_) | Self::Flag(_) | Self::List(..) => {
                self.put_plain(out);
            }
            // These are made of letters, digits and marks that JSON takes as they are.
            Self::Email { .. }
            | Self::Phone(_)
            | Self::Day(_)
            | Self::Moment(..)
            | Self::Padded(_) => {
                out.push(b'"');
                self.put_plain(out);
                out.push(b'"');
            }
        }
    }
}

fn put_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            byte => out.push(byte),
        }
    }
    out.push(b'"');
}

fn put_row(out: &mut Vec<u8>, cells: impl Iterator<Item = Cell>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let start = out.len();
        cell.put_plain(out);
        let needs_quotes = |byte: &u8| matches!(byte, b',' | b'"' | b'\n');
        if out[start..].iter().any(needs_quotes) {
            let plain = out.split_off(start);
            out.push(b'"');
            for byte in plain {
                out.push(byte);
                if byte == b'"' {
                    out.push(b'"');
                }
            }
            out.push(b'"');
        }
    }
    out.push(b'\n');
}

/// A value for so many of a hundred leads, nothing for the others.
fn often(random: &mut Random, percent: u64, make: impl FnOnce(&mut Random) -> Cell) -> Cell {
    if random.below(100) < percent {
        make(random)
    } else {
        Cell::Empty
    }
}

/// A day that every month has, in one of `years` years.
fn day(random: &mut Random, from_year: u64, years: u64) -> (u64, u64, u64) {
    (
        from_year + random.below(years),
        1 + random.below(12),
        1 + random.below(28),
    )
}

#[cfg(test)]
mod tests;
