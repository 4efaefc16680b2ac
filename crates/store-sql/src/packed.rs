//! A lead's attributes in one column: a JSON array of `[attribute id, type code, "text"]` in the
//! order they were sent. Every value is text, since databases rewrite JSON numbers.

use std::borrow::Cow;

use eav::{Attribute, AttributeName, Attributes, Value, ValueType};
use serde::Deserialize;

use crate::failure::Unreadable;

/// Room for the attributes of most leads.
const FEW: usize = 8;

/// The code under which a type is packed; the view `lead_data` knows the same.
const fn code_of(kind: ValueType) -> u8 {
    match kind {
        ValueType::String => 0,
        ValueType::Integer => 1,
        ValueType::Float => 2,
        ValueType::Boolean => 3,
        ValueType::Date => 4,
        ValueType::Datetime => 5,
        ValueType::Json => 6,
    }
}

fn kind_of(code: u8) -> Option<ValueType> {
    let kind = ValueType::ALL.get(usize::from(code)).copied();
    kind.filter(|it| code_of(*it) == code)
}

/// Packs attributes whose ids are given in the same order.
pub(crate) fn pack(attributes: &[Attribute], ids: &[u32]) -> String {
    let texts: usize = attributes.iter().map(|it| it.value.text().len() + 16).sum();
    let mut packed = String::with_capacity(2 + texts);
    packed.push('[');
    for (at, (attribute, id)) in attributes.iter().zip(ids).enumerate() {
        if at > 0 {
            packed.push(',');
        }
        packed.push('[');
        push_number(&mut packed, *id);
        packed.push(',');
        push_number(&mut packed, u32::from(code_of(attribute.value.kind())));
        packed.push(',');
        push_text(&mut packed, attribute.value.text());
        packed.push(']');
    }
    packed.push(']');
    packed
}

fn push_number(packed: &mut String, number: u32) {
    if number > 9 {
        push_number(packed, number / 10);
    }
    let digit = char::from_digit(number % 10, 10);
    packed.push(digit.unwrap_or_default());
}

/// A byte that stands for itself in a JSON string.
fn is_plain(byte: u8) -> bool {
    byte >= b' ' && byte != b'"' && byte != b'\\'
}

fn push_text(packed: &mut String, text: &str) {
    packed.push('"');
    let mut rest = text;
    // Looking at every byte is faster than at each until one is found: many are compared at once.
    if text.bytes().fold(true, |all, it| all & is_plain(it)) {
        packed.push_str(text);
        rest = "";
    }
    while let Some(at) = rest.bytes().position(|byte| !is_plain(byte)) {
        packed.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => packed.push_str("\\\""),
            b'\\' => packed.push_str("\\\\"),
            b'\n' => packed.push_str("\\n"),
            control => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                packed.push_str("\\u00");
                packed.push(char::from(HEX[usize::from(control >> 4)]));
                packed.push(char::from(HEX[usize::from(control & 0xf)]));
            }
        }
        rest = &rest[at + 1..];
    }
    packed.push_str(rest);
    packed.push('"');
}

/// One packed attribute.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Packed<'a>(pub(crate) u32, u8, #[serde(borrow)] Cow<'a, str>);

/// Reads a packed column.
pub(crate) fn unpack(column: &str) -> Result<Vec<Packed<'_>>, Unreadable> {
    if let Some(all) = unpack_plain(column) {
        return Ok(all);
    }
    serde_json::from_str(column).map_err(|_| Unreadable("leads.attributes"))
}

/// Reads a column that [`pack`] wrote and whose texts have no escapes; none where it is another.
fn unpack_plain(column: &str) -> Option<Vec<Packed<'_>>> {
    let mut rest = column.strip_prefix('[')?.strip_suffix(']')?;
    let mut all = Vec::with_capacity(FEW);
    while !rest.is_empty() {
        if !all.is_empty() {
            rest = rest.strip_prefix(',')?;
        }
        let (id, one) = split_number(rest.strip_prefix('[')?)?;
        let (code, one) = split_number(one.strip_prefix(',')?)?;
        let text = one.strip_prefix(",\"")?;
        let end = text.bytes().position(|it| !is_plain(it))?;
        rest = text[end..].strip_prefix("\"]")?;
        let code = u8::try_from(code).ok()?;
        all.push(Packed(id, code, Cow::Borrowed(&text[..end])));
    }
    Some(all)
}

/// A number in its shortest form, and what follows it.
fn split_number(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    let shortest = digits == 1 || !number.starts_with('0');
    let number = if shortest { number.parse().ok() } else { None };
    Some((number?, rest))
}

/// The attributes of a packed column, with the names their ids stand for.
pub(crate) fn restore(
    packed: Vec<Packed<'_>>,
    name_of: impl Fn(u32) -> Option<AttributeName>,
) -> Result<Attributes, Unreadable> {
    let list = packed
        .into_iter()
        .map(|Packed(id, code, text)| {
            let kind = kind_of(code).ok_or(Unreadable("leads.attributes"))?;
            let name = name_of(id).ok_or(Unreadable("attributes.name"))?;
            let value = Value::restored(kind, text.into_owned());
            Ok(Attribute { name, value })
        })
        .collect::<Result<Vec<_>, Unreadable>>()?;
    Attributes::new(list).map_err(|_| Unreadable("leads.attributes"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_packed_is_restored_byte_for_byte() {
        let texts = [
            "plain",
            "",
            "quote \" and \\ slash",
            "tab\tline\nreturn\r\u{1}\u{1f}\u{7f}",
            "äöü 漢字 \u{1F600}",
            "{\"a\": [1, 2.50]}",
        ];
        let attributes: Vec<Attribute> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| Attribute {
                name: AttributeName::parse(&format!("name {at}")).unwrap(),
                value: Value::restored(ValueType::ALL[at], *text),
            })
            .collect();
        let ids = [0, 7, 10, 4_294_967_295, 123, 99];

        let column = pack(&attributes, &ids);
        let restored = restore(unpack(&column).unwrap(), |id| {
            let at = ids.iter().position(|it| *it == id)?;
            Some(attributes[at].name.clone())
        });

        assert_eq!(restored.unwrap().as_slice(), attributes);
    }

    #[test]
    fn every_type_has_a_code_of_its_own() {
        for kind in ValueType::ALL {
            assert_eq!(kind_of(code_of(kind)), Some(kind));
        }
    }

    #[test]
    fn a_column_of_another_form_is_unreadable() {
        for column in ["", "{}", "[[1,0]]", "[[1,0,2]]", "[[-1,0,\"a\"]]"] {
            assert!(unpack(column).is_err(), "{column}");
        }
        let unknown_code = unpack("[[1,9,\"a\"]]").unwrap();
        assert!(restore(unknown_code, |_| AttributeName::parse("a").ok()).is_err());
    }

    proptest! {
        #[test]
        fn a_plain_column_is_what_a_json_library_reads(
            texts in prop::collection::vec("([ -~]|\\p{Cc}|é|漢)*", 0..4), ids in prop::collection::vec(any::<u32>(), 4),
        ) {
            let named = |(at, text): (usize, &String)| Attribute {
                name: AttributeName::parse(&format!("name {at}")).unwrap(),
                value: Value::restored(ValueType::ALL[at], text.as_str()),
            };
            let attributes: Vec<_> = texts.iter().enumerate().map(named).collect();
            let column = pack(&attributes, &ids);
            let read: Vec<Packed<'_>> = serde_json::from_str(&column).unwrap();
            let is_plain = !column.contains('\\');
            let plain = unpack_plain(&column);
            prop_assert_eq!(plain.is_some(), is_plain);
            prop_assert_eq!(unpack(&column).unwrap(), read);
        }

        #[test]
        fn what_is_read_as_plain_is_json(column in r#"\[(\[(0|1|07|256|4294967296|),[01]{0,2},"[a\\n]{0,2}"\]|,|\]|\[| |"|\t){0,6}\]"#) {
            if let Some(all) = unpack_plain(&column) {
                prop_assert_eq!(serde_json::from_str::<Vec<Packed<'_>>>(&column).ok(), Some(all));
            }
        }
    }
}
