//! Leads on the wire: JSON, newline-delimited JSON and CSV, read and written.
//!
//! Readers take bytes as they come and hand out one [`Row`] a lead, in input order. A row that is
//! wrong is a row with its mistakes, never the end of the input. What readers hold in memory is
//! bounded by the size of one lead.

mod bom;
mod document;
mod keys;
mod members;
mod ndjson;
mod nested;
mod object;
mod options;
mod row;
mod rules;
mod table;
mod write;
mod write_table;

pub use self::document::{BulkDocument, DocumentError};
pub use self::ndjson::NdjsonReader;
pub use self::object::read_lead;
pub use self::options::{BatchSize, OnError};
pub use self::row::{MAX_ERRORS, Row};
pub use self::rules::{KeyMap, Rules};
pub use self::table::{HeaderError, TableReader};
pub use self::write::{AttributesForm, write_details, write_export_line, write_lead, write_text};
pub use self::write_table::{write_table_header, write_table_row};
