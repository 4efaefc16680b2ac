//! Values inside values.

use std::borrow::Cow;
use std::collections::HashSet;

use lead::{FieldCode, LeadForm};

/// The text of a JSON string, quotes included, whose syntax is right but for surrogates that stand
/// alone; none where one does.
pub(crate) fn unescape(json: &str) -> Option<Cow<'_, str>> {
    if memchr::memchr(b'\\', json.as_bytes()).is_none() {
        return Some(Cow::Borrowed(&json[1..json.len() - 1]));
    }
    serde_json::from_str(json).ok().map(Cow::Owned)
}

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
                let end = string_end(bytes, at);
                let text = unescape(&json[at..end]).ok_or(FieldCode::MalformedJson)?;
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

/// The end of the string that starts at `start`, past its closing quote.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

fn number_end(bytes: &[u8], start: usize) -> usize {
    let is_number = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    start + bytes[start..].iter().take_while(is_number).count()
}
