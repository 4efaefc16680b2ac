//! Values inside values.

use std::borrow::Cow;
use std::collections::HashSet;

use lead::{FieldCode, LeadForm};

use crate::members::{Quoted, number_end};

/// Checks an array or an object whose syntax is right: its depth, its keys, its texts and numbers.
/// Takes no stack, however deep it is.
///
/// # Errors
///
/// The first mistake met.
pub(crate) fn check(json: &str) -> Result<(), FieldCode> {
    let bytes = json.as_bytes();
    let mut open: Vec<Level<'_>> = Vec::with_capacity(4);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => {
                if open.len() == LeadForm::MAX_DEPTH {
                    return Err(FieldCode::TooDeep);
                }
                open.push(if byte == b'{' {
                    Level::Object {
                        keys: HashSet::new(),
                        key_next: true,
                    }
                } else {
                    Level::Array
                });
            }
            b'}' | b']' => drop(open.pop()),
            b',' => {
                if let Some(Level::Object { key_next, .. }) = open.last_mut() {
                    *key_next = true;
                }
            }
            b'"' => {
                let (text, end) = Quoted::at(json, at);
                let text = text.text().ok_or(FieldCode::MalformedJson)?;
                if text.contains('\0') {
                    return Err(FieldCode::NulCharacter);
                }
                if let Some(Level::Object {
                    keys,
                    key_next: key_next @ true,
                }) = open.last_mut()
                {
                    *key_next = false;
                    if !keys.insert(text) {
                        return Err(FieldCode::GivenTwice);
                    }
                }
                at = end;
                continue;
            }
            b'-' | b'0'..=b'9' => {
                let end = number_end(bytes, at);
                let number = json[at..end].parse::<f64>();
                if !number.is_ok_and(f64::is_finite) {
                    return Err(FieldCode::NumberOutOfRange);
                }
                at = end;
                continue;
            }
            // White space, colons, and the letters of `true`, `false` and `null`.
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

enum Level<'a> {
    Object {
        keys: HashSet<Cow<'a, str>>,
        key_next: bool,
    },
    Array,
}
