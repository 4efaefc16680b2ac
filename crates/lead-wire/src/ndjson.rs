//! Newline-delimited JSON.

use lead::{FieldCode, LeadForm};

use crate::bom::Bom;
use crate::keys::Keys;
use crate::object::read_next;
use crate::row::{Row, refused};
use crate::rules::Rules;

/// Reads one lead a line, from bytes in pieces of any size.
///
/// Blank lines are skipped, a line may end with a carriage return, and the last one needs no end.
/// A line over [`LeadForm::MAX_LEAD_BYTES`] is a row of its own that is not kept.
pub struct NdjsonReader {
    rules: Rules,
    keys: Keys,
    bom: Bom,
    index: u64,
    /// The start of a line whose end has not come yet.
    line: Vec<u8>,
    /// That line is too long and what comes of it is dropped.
    overlong: bool,
}

impl NdjsonReader {
    /// A reader at the start of an input.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            keys: Keys::default(),
            bom: Bom::default(),
            index: 0,
            line: Vec::new(),
            overlong: false,
        }
    }

    /// Reads the next bytes, handing out each row that they complete.
    pub fn feed(&mut self, piece: &[u8], mut sink: impl FnMut(Row<'_>)) {
        let (held, piece) = self.bom.strip(piece);
        self.take(held, &mut sink);
        self.take(piece, &mut sink);
    }

    /// Hands out the last row when the input ends.
    pub fn finish(mut self, mut sink: impl FnMut(Row<'_>)) {
        let held = self.bom.finish();
        self.take(held, &mut sink);
        self.end_line(&[], &mut sink);
    }

    fn take(&mut self, mut piece: &[u8], sink: &mut impl FnMut(Row<'_>)) {
        while let Some(end) = memchr::memchr(b'\n', piece) {
            self.end_line(&piece[..end], sink);
            piece = &piece[end + 1..];
        }
        self.keep(piece);
    }

    fn keep(&mut self, part: &[u8]) {
        // One byte more than a lead has room for the carriage return.
        if self.overlong || self.line.len() + part.len() > LeadForm::MAX_LEAD_BYTES + 1 {
            self.overlong = true;
            self.line.clear();
        } else {
            self.line.extend_from_slice(part);
        }
    }

    fn end_line(&mut self, last: &[u8], sink: &mut impl FnMut(Row<'_>)) {
        if self.overlong {
            self.overlong = false;
            let lead = Err(refused(FieldCode::LeadTooLarge));
            sink(Row {
                index: self.index,
                raw: &[],
                lead,
            });
            self.index += 1;
        } else if self.line.is_empty() {
            self.emit(last, sink);
        } else {
            let mut line = std::mem::take(&mut self.line);
            line.extend_from_slice(last);
            self.emit(&line, sink);
            line.clear();
            self.line = line;
        }
    }

    /// Hands out a line, unless it is blank.
    fn emit(&mut self, line: &[u8], sink: &mut impl FnMut(Row<'_>)) {
        let raw = line.strip_suffix(b"\r").unwrap_or(line);
        if raw.trim_ascii().is_empty() {
            return;
        }
        sink(Row {
            index: self.index,
            raw,
            lead: read_next(raw, &self.rules, &mut self.keys),
        });
        self.index += 1;
    }
}
