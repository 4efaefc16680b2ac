//! A lead as a JSON object.

use lead::{FieldCode, FieldError, LeadDetails, LeadForm, Raw};
use serde_json::value::RawValue;

use crate::keys::{Keys, Next};
use crate::members::{Members, Quoted, Sent};
use crate::nested;
use crate::row::{MAX_ERRORS, refused};
use crate::rules::Rules;

/// Reads a lead: its fields at the top, in either spelling, or under `fields`.
///
/// # Errors
///
/// Everything that is wrong with it, at most [`MAX_ERRORS`]. Bytes that are no JSON give
/// [`FieldCode::MalformedJson`] for the lead as a whole.
pub fn read_lead(row: &[u8], rules: &Rules) -> Result<LeadDetails, Vec<FieldError>> {
    read_next(row, rules, &mut Keys::default())
}

/// Reads a lead as [`read_lead`] does, with what is known of the keys of those before it.
pub(crate) fn read_next(
    row: &[u8],
    rules: &Rules,
    keys: &mut Keys,
) -> Result<LeadDetails, Vec<FieldError>> {
    if row.len() > LeadForm::MAX_LEAD_BYTES {
        return Err(refused(FieldCode::LeadTooLarge));
    }
    let text = std::str::from_utf8(row).map_err(|_| refused(FieldCode::InvalidUtf8))?;
    let json = serde_json::from_str(text).map_err(|_| refused(FieldCode::MalformedJson))?;
    read_value(json, rules, keys)
}

/// Reads a lead whose syntax is right, as [`read_next`] does.
pub(crate) fn read_value(
    json: &RawValue,
    rules: &Rules,
    keys: &mut Keys,
) -> Result<LeadDetails, Vec<FieldError>> {
    let json = json.get();
    if json.len() > LeadForm::MAX_LEAD_BYTES {
        return Err(refused(FieldCode::LeadTooLarge));
    }
    if !json.starts_with('{') {
        return Err(refused(FieldCode::NotAnObject));
    }
    let mut form = LeadForm::new(rules.today);
    let (mut place, mut fields_met) = (0, false);
    let mut members = Members::of(json);
    loop {
        let key = match keys.next(place, &mut members, rules) {
            None => return Err(refused(FieldCode::MalformedJson)),
            Some(Next::End) => break,
            Some(Next::Key(key)) => key,
        };
        let value = members.value();
        place += 1;
        match &key.field {
            None => {}
            Some(_) if key.is_fields && fields_met => {
                form.refuse(FieldError::at("fields", FieldCode::GivenTwice));
            }
            Some(_) if key.is_fields => {
                fields_met = true;
                put_fields(&mut form, value, rules, keys, &mut place);
            }
            Some(field) => form.put_at(field, raw_of(value)),
        }
    }
    form.finish().map_err(|mut errors| {
        errors.truncate(MAX_ERRORS);
        errors
    })
}

fn put_fields(
    form: &mut LeadForm,
    value: Sent<'_>,
    rules: &Rules,
    keys: &mut Keys,
    place: &mut usize,
) {
    let mut members = match value {
        Sent::Bare("null") => return,
        Sent::Nested(json) if json.starts_with('{') => Members::of(json),
        _ => {
            form.refuse(FieldError::at("fields", FieldCode::WrongType));
            return;
        }
    };
    loop {
        let key = match keys.next(*place, &mut members, rules) {
            None => {
                form.refuse(FieldError::at("fields", FieldCode::MalformedJson));
                return;
            }
            Some(Next::End) => return,
            Some(Next::Key(key)) => key,
        };
        let value = members.value();
        *place += 1;
        if let Some(field) = &key.field {
            form.put_at(field, raw_of(value));
        }
    }
}

/// What a value is. Its syntax is known to be right, but for surrogates that stand alone.
fn raw_of(value: Sent<'_>) -> Raw<'_> {
    match value {
        Sent::Text(Quoted::Plain(text)) => Raw::Text(text.into()),
        Sent::Text(text) => {
            let refused = Raw::Refused(FieldCode::MalformedJson);
            text.text().map_or(refused, Raw::Text)
        }
        Sent::Nested(json) => match nested::check(json) {
            Ok(()) => Raw::Json(json),
            Err(code) => Raw::Refused(code),
        },
        Sent::Bare("null") => Raw::Null,
        Sent::Bare("true") => Raw::Bool(true),
        Sent::Bare("false") => Raw::Bool(false),
        Sent::Bare(number) => Raw::Number(number),
    }
}
