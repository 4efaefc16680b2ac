//! Leads as CSV.

use eav::{Value, ValueType};
use lead::Lead;

/// The columns before those of the attributes.
const CORE: [&str; 9] = [
    "id",
    "firstName",
    "lastName",
    "email",
    "phone",
    "dateOfBirth",
    "status",
    "createdAt",
    "updatedAt",
];

/// Appends the header row: the fields every lead has, then these attributes.
pub fn write_table_header<'a>(out: &mut Vec<u8>, attributes: impl IntoIterator<Item = &'a str>) {
    write_cells(out, CORE.into_iter().chain(attributes));
}

/// Appends a lead with these of its attributes; a cell is empty where the lead has none of it.
pub fn write_table_row<'a>(
    out: &mut Vec<u8>,
    lead: &Lead,
    attributes: impl IntoIterator<Item = &'a str>,
) {
    let details = &lead.details;
    let id = lead.id.to_string();
    let day = details
        .date_of_birth
        .as_ref()
        .map(|it| it.day().to_string())
        .unwrap_or_default();
    let (created_at, updated_at) = (
        lead.id.created_at().to_string(),
        lead.updated_at.to_string(),
    );
    let core = [
        id.as_str(),
        details.first_name.as_str(),
        details.last_name.as_str(),
        details.email.as_str(),
        details.phone.as_ref().map_or("", lead::Phone::as_str),
        &day,
        details.status.as_str(),
        &created_at,
        &updated_at,
    ];
    let values = attributes
        .into_iter()
        .map(|name| details.attributes.get(name).map_or("", cell_of));
    write_cells(out, core.into_iter().chain(values));
}

/// A value as a cell that is read as the same value again.
fn cell_of(value: &Value) -> &str {
    match (value.kind(), value.text()) {
        (ValueType::Boolean, "1") => "true",
        (ValueType::Boolean, "0") => "false",
        (_, text) => text,
    }
}

fn write_cells<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = &'a str>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        if memchr::memchr3(b'"', b'\n', b'\r', cell.as_bytes()).is_none() && !cell.contains(',') {
            out.extend_from_slice(cell.as_bytes());
            continue;
        }
        out.push(b'"');
        for part in cell.split_inclusive('"') {
            out.extend_from_slice(part.as_bytes());
            if part.ends_with('"') {
                out.push(b'"');
            }
        }
        out.push(b'"');
    }
    out.push(b'\n');
}
