//! What a person or a script reads: results on stdout, failures on stderr. Logs go elsewhere.

use std::fmt;
use std::io::{self, Write};

use crate::exit::Failure;

/// Writes a line to stdout. A reader that went away is nobody's failure.
pub fn line(text: impl fmt::Display) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// Writes the one line of a failed program to stderr.
pub fn failure(program: &str, failure: &Failure) {
    note(format_args!("{program}: {failure}"));
}

/// Writes a line to stderr: what a person should know and a script need not parse.
pub fn note(text: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes rows as columns that line up, under their headings.
pub fn table<const COLUMNS: usize>(headings: [&str; COLUMNS], rows: &[[String; COLUMNS]]) {
    let widths: [usize; COLUMNS] = std::array::from_fn(|at| {
        rows.iter()
            .map(|row| row[at].chars().count())
            .chain([headings[at].chars().count()])
            .max()
            .unwrap_or(0)
    });
    line(lined_up(headings, &widths));
    for row in rows {
        line(lined_up(row.each_ref().map(String::as_str), &widths));
    }
}

fn lined_up<const COLUMNS: usize>(cells: [&str; COLUMNS], widths: &[usize; COLUMNS]) -> String {
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let gap = width.saturating_sub(cell.chars().count()) + 2;
        text.push_str(cell);
        text.extend(std::iter::repeat_n(' ', gap));
    }
    text.trim_end().to_owned()
}
