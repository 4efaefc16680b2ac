//! A lead as a JSON object.

use std::borrow::Cow;
use std::fmt;

use lead::{FieldCode, FieldError, LeadDetails, LeadForm, Raw};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

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
    if row.len() > LeadForm::MAX_LEAD_BYTES {
        return Err(refused(FieldCode::LeadTooLarge));
    }
    let text = std::str::from_utf8(row).map_err(|_| refused(FieldCode::InvalidUtf8))?;
    let mut form = LeadForm::new(rules.today);
    let keys = Keys {
        form: &mut form,
        rules,
        place: Place::Top { fields_met: false },
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    if keys
        .deserialize(&mut reader)
        .and_then(|()| reader.end())
        .is_err()
    {
        let is_json = serde_json::from_str::<&RawValue>(text).is_ok();
        let is_object = text.trim_ascii_start().starts_with('{');
        return Err(refused(if is_json && !is_object {
            FieldCode::NotAnObject
        } else {
            FieldCode::MalformedJson
        }));
    }
    form.finish().map_err(|mut errors| {
        errors.truncate(MAX_ERRORS);
        errors
    })
}

/// Puts every key of an object into a form.
struct Keys<'f> {
    form: &'f mut LeadForm,
    rules: &'f Rules,
    place: Place,
}

enum Place {
    Top { fields_met: bool },
    Fields,
}

impl Keys<'_> {
    fn put(&mut self, key: &str, value: &RawValue) {
        let Some(key) = self.rules.keys.resolve(key) else {
            return;
        };
        match &mut self.place {
            Place::Top { fields_met } if key == "fields" => {
                if std::mem::replace(fields_met, true) {
                    self.form.refuse(FieldError::at(key, FieldCode::GivenTwice));
                } else {
                    self.put_fields(value.get());
                }
            }
            _ => self.form.put(key, raw_of(value.get())),
        }
    }

    fn put_fields(&mut self, object: &str) {
        if object == "null" {
            return;
        }
        if !object.starts_with('{') {
            self.form
                .refuse(FieldError::at("fields", FieldCode::WrongType));
            return;
        }
        let keys = Keys {
            form: self.form,
            rules: self.rules,
            place: Place::Fields,
        };
        if keys
            .deserialize(&mut serde_json::Deserializer::from_str(object))
            .is_err()
        {
            self.form
                .refuse(FieldError::at("fields", FieldCode::MalformedJson));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Keys<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Text)? {
            let value: &RawValue = map.next_value()?;
            self.put(&key, value);
        }
        Ok(())
    }
}

/// A text that is borrowed from the input where it has no escapes.
pub(crate) struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// What a JSON value is. Its syntax is known to be right, but for surrogates that stand alone.
fn raw_of(json: &str) -> Raw<'_> {
    match json.as_bytes() {
        [b'n', ..] => Raw::Null,
        [b't', ..] => Raw::Bool(true),
        [b'f', ..] => Raw::Bool(false),
        [b'"', ..] => {
            nested::unescape(json).map_or(Raw::Refused(FieldCode::MalformedJson), Raw::Text)
        }
        [b'[' | b'{', ..] => match nested::check(json) {
            Ok(()) => Raw::Json(json),
            Err(code) => Raw::Refused(code),
        },
        _ => Raw::Number(json),
    }
}
