//! Leads as JSON.

use eav::{Value, ValueType};
use lead::{Lead, LeadDetails};
use serde_json::value::RawValue;

/// How the attributes of a lead are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttributesForm {
    /// `dynamicData`: name, text and type of each, in the order sent.
    List,
    /// `attributes`: an object of typed values.
    Object,
}

/// Appends a lead as answers have it.
pub fn write_lead(out: &mut Vec<u8>, lead: &Lead, form: AttributesForm) {
    out.push(b'{');
    write_core(out, lead);
    let attributes = lead.details.attributes.as_slice();
    match form {
        AttributesForm::List => {
            out.extend_from_slice(b",\"dynamicData\":[");
            for (at, it) in attributes.iter().enumerate() {
                out.extend_from_slice(if at == 0 { b"" } else { b"," });
                out.extend_from_slice(b"{\"fieldName\":");
                write_text(out, it.name.as_str());
                out.extend_from_slice(b",\"fieldValue\":");
                write_text(out, it.value.text());
                out.extend_from_slice(b",\"fieldType\":");
                write_plain(out, it.value.kind().as_str());
                out.push(b'}');
            }
            out.extend_from_slice(b"]}");
        }
        AttributesForm::Object => {
            out.extend_from_slice(b",\"attributes\":{");
            for (at, it) in attributes.iter().enumerate() {
                out.extend_from_slice(if at == 0 { b"" } else { b"," });
                write_text(out, it.name.as_str());
                out.push(b':');
                write_typed(out, &it.value);
            }
            out.extend_from_slice(b"}}");
        }
    }
}

/// Appends a lead as one line that can be read again: its attributes beside its fields.
pub fn write_export_line(out: &mut Vec<u8>, lead: &Lead) {
    let start = out.len();
    out.push(b'{');
    write_core(out, lead);
    for it in lead.details.attributes.as_slice() {
        out.push(b',');
        write_text(out, it.name.as_str());
        out.push(b':');
        write_typed(out, &it.value);
    }
    out.push(b'}');
    // JSON as it was sent may span lines; outside of its texts a line end is white space.
    for byte in &mut out[start..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    out.push(b'\n');
}

/// Appends a lead as a client sends it: what it does not have is left out.
pub fn write_details(out: &mut Vec<u8>, details: &LeadDetails) {
    write_field(out, b"{\"firstName\":", Some(details.first_name.as_str()));
    write_field(out, b",\"lastName\":", Some(details.last_name.as_str()));
    write_field(out, b",\"email\":", Some(details.email.as_str()));
    if let Some(phone) = &details.phone {
        write_field(out, b",\"phone\":", Some(phone.as_str()));
    }
    if let Some(date_of_birth) = &details.date_of_birth {
        let day = date_of_birth.day().to_string();
        write_field(out, b",\"dateOfBirth\":", Some(&day));
    }
    write_field(out, b",\"status\":", Some(details.status.as_str()));
    for it in details.attributes.as_slice() {
        out.push(b',');
        write_text(out, it.name.as_str());
        out.push(b':');
        write_typed(out, &it.value);
    }
    out.push(b'}');
}

/// Appends a JSON string.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    // Looking at every byte is faster than at each until one is found: many are compared at once.
    if text.bytes().fold(true, |all, it| all & is_plain(it)) {
        return write_plain(out, text);
    }
    // Writing into a vector does not fail, and a text is always JSON.
    let _ = serde_json::to_writer(out, text);
}

/// Appends a JSON string of a text that needs no escapes.
fn write_plain(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn write_core(out: &mut Vec<u8>, lead: &Lead) {
    let details = &lead.details;
    let day = details
        .date_of_birth
        .as_ref()
        .map(|it| it.day().to_string());
    out.extend_from_slice(b"\"id\":");
    write_plain(out, lead.id.0.hyphenated().encode_lower(&mut [0; 36]));
    write_field(out, b",\"firstName\":", Some(details.first_name.as_str()));
    write_field(out, b",\"lastName\":", Some(details.last_name.as_str()));
    write_field(out, b",\"email\":", Some(details.email.as_str()));
    write_field(
        out,
        b",\"phone\":",
        details.phone.as_ref().map(lead::Phone::as_str),
    );
    write_field(out, b",\"dateOfBirth\":", day.as_deref());
    write_field(out, b",\"status\":", Some(details.status.as_str()));
    out.extend_from_slice(b",\"createdAt\":");
    write_plain(out, &lead.id.created_at().to_string());
    out.extend_from_slice(b",\"updatedAt\":");
    write_plain(out, &lead.updated_at.to_string());
}

fn write_field(out: &mut Vec<u8>, key: &[u8], value: Option<&str>) {
    out.extend_from_slice(key);
    match value {
        Some(text) => write_text(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// Numbers by their text, booleans and JSON as such; everything else, and what a store changed
/// into something that is no JSON, as text.
fn write_typed(out: &mut Vec<u8>, value: &Value) {
    let text = value.text();
    match (value.kind(), text) {
        (ValueType::Boolean, "1") => out.extend_from_slice(b"true"),
        (ValueType::Boolean, "0") => out.extend_from_slice(b"false"),
        (ValueType::Integer | ValueType::Float | ValueType::Json, _)
            if serde_json::from_str::<&RawValue>(text).is_ok() =>
        {
            out.extend_from_slice(text.as_bytes());
        }
        _ => write_text(out, text),
    }
}
