//! A lead's attributes in one column: a JSON array of `[attribute id, type code, "text"]` in the
//! order they were sent. Every value is text, since databases rewrite JSON numbers.

use std::borrow::Cow;

use eav::{Attribute, AttributeName, Attributes, Value, ValueType};
use serde::Deserialize;

use crate::failure::Unreadable;

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
    ValueType::ALL.into_iter().find(|it| code_of(*it) == code)
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
    let mut digits = [0_u8; 10];
    let (mut at, mut rest) = (digits.len(), number);
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    packed.push_str(str::from_utf8(&digits[at..]).unwrap_or_default());
}

fn push_text(packed: &mut String, text: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    packed.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| !plain(byte)) {
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
#[derive(Debug, Deserialize)]
pub(crate) struct Packed<'a>(pub(crate) u32, u8, #[serde(borrow)] Cow<'a, str>);

/// Reads a packed column.
pub(crate) fn unpack(column: &str) -> Result<Vec<Packed<'_>>, Unreadable> {
    serde_json::from_str(column).map_err(|_| Unreadable("leads.attributes"))
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
}
