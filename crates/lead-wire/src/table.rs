//! CSV with a header row.

use std::collections::HashSet;

use csv_core::ReadRecordResult;
use eav::AttributeName;
use lead::{FieldCode, FieldError, FieldKey, LeadDetails, LeadForm, Raw};

use crate::bom::Bom;
use crate::row::{MAX_ERRORS, Row, refused};
use crate::rules::Rules;

/// Reads one lead a row, from bytes in pieces of any size.
///
/// Columns are named as the fields of a lead, in either spelling; every other column is an
/// attribute. An empty cell is not sent, blank lines are skipped, quoted cells may hold line ends,
/// and a quote that is never closed makes one bad row of all that follows. A row over
/// [`LeadForm::MAX_LEAD_BYTES`] is a row of its own that is not kept.
pub struct TableReader {
    rules: Rules,
    bom: Bom,
    reader: Box<csv_core::Reader>,
    /// What each column is read as; none for one that is left out.
    header: Option<Vec<Option<FieldKey>>>,
    /// The header row as sent.
    header_raw: Vec<u8>,
    index: u64,
    record: Record,
}

/// Why no row of a table can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// There is no header row.
    #[error("header row is missing")]
    Missing,
    /// It is over [`LeadForm::MAX_LEAD_BYTES`].
    #[error("header row is too long")]
    TooLong,
    /// It is not UTF-8.
    #[error("header row is not valid UTF-8")]
    InvalidUtf8,
    /// It has a quote that is never closed.
    #[error("header row has a quote that is never closed")]
    UnterminatedQuote,
    /// A column has no name, or one that no attribute can have.
    #[error("a column has no usable name")]
    BadName {
        /// Which, from 0.
        column: usize,
    },
    /// A column has a name that the system sets.
    #[error("a column has a reserved name")]
    ReservedName {
        /// Which, from 0.
        column: usize,
    },
    /// A column means the same as one before it.
    #[error("two columns have one name")]
    NameTwice {
        /// The later one, from 0.
        column: usize,
    },
    /// A column that is to be read under another name is not there.
    #[error("a column to rename is missing")]
    NotThere {
        /// Its place in [`crate::KeyMap::renamed`].
        renaming: usize,
    },
}

impl TableReader {
    /// A reader at the start of an input.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            bom: Bom::default(),
            reader: Box::new(csv_core::Reader::new()),
            header: None,
            header_raw: Vec::new(),
            index: 0,
            record: Record::of_columns(HEADER_COLUMNS),
        }
    }

    /// Reads the next bytes, handing out each row that they complete.
    ///
    /// # Errors
    ///
    /// See [`HeaderError`]; nothing can be read after one.
    pub fn feed(&mut self, piece: &[u8], mut sink: impl FnMut(Row<'_>)) -> Result<(), HeaderError> {
        let (held, piece) = self.bom.strip(piece);
        self.take(held, &mut sink)?;
        self.take(piece, &mut sink)
    }

    /// Hands out the last row when the input ends.
    ///
    /// # Errors
    ///
    /// As [`TableReader::feed`].
    pub fn finish(mut self, mut sink: impl FnMut(Row<'_>)) -> Result<(), HeaderError> {
        let held = self.bom.finish();
        self.take(held, &mut sink)?;
        // A line end closes the last row, unless a quote is open: then it is part of a cell.
        self.take(b"\n", &mut sink)?;
        if self.read(&[]).0 == ReadRecordResult::End {
            return if self.header.is_some() {
                Ok(())
            } else {
                Err(HeaderError::Missing)
            };
        }
        if self.header.is_none() {
            return Err(HeaderError::UnterminatedQuote);
        }
        let lead = Err(refused(FieldCode::UnterminatedQuote));
        sink(Row {
            index: self.index,
            raw: self.record.raw(),
            lead,
        });
        Ok(())
    }

    /// The header row as sent, without the line end; none before it is read.
    pub fn header(&self) -> Option<&[u8]> {
        self.header.is_some().then_some(&self.header_raw)
    }

    fn take(
        &mut self,
        mut piece: &[u8],
        sink: &mut impl FnMut(Row<'_>),
    ) -> Result<(), HeaderError> {
        while !piece.is_empty() {
            let (result, read) = self.read(piece);
            piece = &piece[read..];
            if result == ReadRecordResult::Record {
                self.end_record(sink)?;
                self.record.clear();
            }
        }
        Ok(())
    }

    /// Reads up to the end of a record, of the piece, or of the room there is.
    fn read(&mut self, piece: &[u8]) -> (ReadRecordResult, usize) {
        let record = &mut self.record;
        let (result, read, written, ended) = self.reader.read_record(
            piece,
            &mut record.cells[record.cells_len..],
            &mut record.ends[record.ends_len..],
        );
        record.cells_len += written;
        record.ends_len += ended;
        record.keep_raw(&piece[..read]);
        match result {
            ReadRecordResult::OutputFull => record.drop_cells(),
            ReadRecordResult::OutputEndsFull => {
                record.too_many_cells = true;
                record.ends_len = 0;
            }
            _ => {}
        }
        if record.overlong {
            record.drop_cells();
        }
        (result, read)
    }

    fn end_record(&mut self, sink: &mut impl FnMut(Row<'_>)) -> Result<(), HeaderError> {
        let record = &self.record;
        let raw = record.raw();
        if raw.trim_ascii().is_empty() && !record.overlong {
            return Ok(());
        }
        let Some(header) = &self.header else {
            let header = read_header(record, &self.rules)?;
            self.header_raw = raw.to_vec();
            self.record = Record::of_columns(header.len());
            self.header = Some(header);
            return Ok(());
        };
        sink(Row {
            index: self.index,
            raw,
            lead: read_row(record, header, &self.rules),
        });
        self.index += 1;
        Ok(())
    }
}

/// The most columns of a header, which [`LeadForm::MAX_LEAD_BYTES`] bounds as well.
const HEADER_COLUMNS: usize = 8_192;

/// A row that is being read.
struct Record {
    /// The row as sent, without line ends around it.
    raw: Vec<u8>,
    /// Its cells, unquoted, one after the other.
    cells: Vec<u8>,
    cells_len: usize,
    /// Where each cell ends.
    ends: Vec<usize>,
    ends_len: usize,
    /// The row is too long, and what comes of it is dropped.
    overlong: bool,
    too_many_cells: bool,
}

impl Record {
    fn of_columns(columns: usize) -> Self {
        Self {
            raw: Vec::new(),
            cells: vec![0; LeadForm::MAX_LEAD_BYTES],
            cells_len: 0,
            ends: vec![0; columns + 1],
            ends_len: 0,
            overlong: false,
            too_many_cells: false,
        }
    }

    fn clear(&mut self) {
        self.raw.clear();
        self.cells_len = 0;
        self.ends_len = 0;
        self.overlong = false;
        self.too_many_cells = false;
    }

    fn drop_cells(&mut self) {
        self.overlong = true;
        self.cells_len = 0;
        self.ends_len = 0;
    }

    fn keep_raw(&mut self, mut part: &[u8]) {
        if self.overlong {
            return;
        }
        if self.raw.is_empty() {
            let breaks = part
                .iter()
                .take_while(|it| matches!(it, b'\r' | b'\n'))
                .count();
            part = &part[breaks..];
        }
        // The line end is kept until the row ends.
        if self.raw.len() + part.len() > LeadForm::MAX_LEAD_BYTES + 2 {
            self.overlong = true;
        } else {
            self.raw.extend_from_slice(part);
        }
    }

    fn raw(&self) -> &[u8] {
        let end = self.raw.iter().rposition(|it| !matches!(it, b'\r' | b'\n'));
        end.map_or(&[], |end| &self.raw[..=end])
    }

    /// The cells, when all of them are UTF-8.
    fn cells(&self) -> Option<impl Iterator<Item = Option<&str>>> {
        let text = std::str::from_utf8(&self.cells[..self.cells_len]).ok()?;
        let ends = &self.ends[..self.ends_len];
        let starts = std::iter::once(0).chain(ends.iter().copied());
        Some(
            starts
                .zip(ends)
                .map(move |(start, &end)| text.get(start..end)),
        )
    }
}

fn read_header(record: &Record, rules: &Rules) -> Result<Vec<Option<FieldKey>>, HeaderError> {
    if record.overlong || record.too_many_cells || record.raw().len() > LeadForm::MAX_LEAD_BYTES {
        return Err(HeaderError::TooLong);
    }
    let mut header = Vec::with_capacity(record.ends_len);
    let mut met = HashSet::new();
    let mut names = HashSet::new();
    for (column, cell) in record.cells().ok_or(HeaderError::InvalidUtf8)?.enumerate() {
        let sent = cell.ok_or(HeaderError::InvalidUtf8)?.trim();
        names.insert(sent.to_owned());
        let Some(name) = rules.keys.resolve(sent) else {
            header.push(None);
            continue;
        };
        AttributeName::parse(name).map_err(|_| HeaderError::BadName { column })?;
        let meaning = match name {
            "first_name" => "firstName",
            "last_name" => "lastName",
            "date_of_birth" => "dateOfBirth",
            "id" | "createdAt" | "created_at" | "updatedAt" | "updated_at" | "fields" => {
                return Err(HeaderError::ReservedName { column });
            }
            other => other,
        };
        if !met.insert(meaning.to_owned()) {
            return Err(HeaderError::NameTwice { column });
        }
        header.push(Some(FieldKey::of(meaning)));
    }
    let missing = rules
        .keys
        .renamed
        .iter()
        .position(|(from, _)| !names.contains(from));
    missing.map_or(Ok(header), |renaming| {
        Err(HeaderError::NotThere { renaming })
    })
}

fn read_row(
    record: &Record,
    header: &[Option<FieldKey>],
    rules: &Rules,
) -> Result<LeadDetails, Vec<FieldError>> {
    if record.overlong || record.raw().len() > LeadForm::MAX_LEAD_BYTES {
        return Err(refused(FieldCode::LeadTooLarge));
    }
    if record.too_many_cells || record.ends_len != header.len() {
        return Err(refused(FieldCode::ColumnCount));
    }
    let cells = record
        .cells()
        .ok_or_else(|| refused(FieldCode::InvalidUtf8))?;
    let mut form = LeadForm::new(rules.today);
    for (key, cell) in header.iter().zip(cells) {
        let cell = cell.ok_or_else(|| refused(FieldCode::InvalidUtf8))?;
        if let Some(key) = key
            && !cell.is_empty()
        {
            form.put_at(key, Raw::Cell(cell));
        }
    }
    form.finish().map_err(|mut errors| {
        errors.truncate(MAX_ERRORS);
        errors
    })
}
