//! A bulk of leads as one JSON document.

use std::borrow::Cow;
use std::fmt;

use lead::FieldError;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::keys::Keys;
use crate::object::read_value;
use crate::options::{BatchSize, OnError};
use crate::row::Row;
use crate::rules::Rules;

/// `{"leads": [...], "batch_size": 50, "on_error": "continue"}`, its leads not read yet.
#[derive(Debug)]
pub struct BulkDocument<'a> {
    /// How many leads travel in one message.
    pub batch_size: BatchSize,
    /// What a bad row means for the others.
    pub on_error: OnError,
    leads: Vec<&'a RawValue>,
}

impl<'a> BulkDocument<'a> {
    /// The most leads of one document.
    pub const MAX_LEADS: usize = 10_000;

    /// Reads the document around the leads. A wrong lead is no error here.
    ///
    /// # Errors
    ///
    /// See [`DocumentError`]; the first mistake met.
    pub fn read(body: &'a [u8]) -> Result<Self, DocumentError> {
        let text = std::str::from_utf8(body).map_err(|_| DocumentError::Malformed)?;
        let mut error = None;
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = Top { error: &mut error }
            .deserialize(&mut reader)
            .and_then(|document| reader.end().map(|()| document));
        match (read, error) {
            (Ok(document), _) => Ok(document),
            (Err(_), Some(error)) => {
                // Reading ended at the first mistake; what is no JSON further on comes first.
                let is_json = serde_json::from_str::<&RawValue>(text).is_ok();
                Err(if is_json {
                    error
                } else {
                    DocumentError::Malformed
                })
            }
            (Err(cause), None) if cause.is_data() => {
                // Only the document itself and its leads ask for one kind of value.
                let is_object = text.trim_ascii_start().starts_with('{');
                Err(if is_object {
                    DocumentError::LeadsNotAList
                } else {
                    DocumentError::NotAnObject
                })
            }
            (Err(_), None) => Err(DocumentError::Malformed),
        }
    }

    /// How many leads there are.
    pub fn len(&self) -> usize {
        self.leads.len()
    }

    /// There is no lead.
    pub fn is_empty(&self) -> bool {
        self.leads.is_empty()
    }

    /// The leads in order, each read when it is asked for.
    pub fn rows<'d>(&'d self, rules: &'d Rules) -> impl Iterator<Item = Row<'a>> + use<'a, 'd> {
        let mut keys = Keys::default();
        (0_u64..).zip(&self.leads).map(move |(index, lead)| {
            let raw = lead.get().as_bytes();
            let lead = read_value(lead, rules, &mut keys);
            Row { index, raw, lead }
        })
    }
}

/// Why a document is no bulk of leads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The bytes are no JSON.
    #[error("not valid JSON")]
    Malformed,
    /// It is JSON of another kind.
    #[error("not a JSON object")]
    NotAnObject,
    /// There are no `leads`.
    #[error("leads are missing")]
    LeadsMissing,
    /// `leads` is not a list.
    #[error("leads are not a list")]
    LeadsNotAList,
    /// More than [`BulkDocument::MAX_LEADS`].
    #[error("too many leads")]
    TooManyLeads,
    /// The batch size is not a whole number from 1.
    #[error("batch size is not a whole number from 1")]
    BatchSize,
    /// It is neither `continue` nor `abort`.
    #[error("on_error is neither continue nor abort")]
    OnError,
    /// A key is there twice, or in two spellings.
    #[error("a key is given twice")]
    KeyTwice {
        /// JSON pointer to it.
        pointer: String,
    },
    /// A key that means nothing.
    #[error("unknown key")]
    UnknownKey {
        /// JSON pointer to it, cut to the length of an attribute name.
        pointer: String,
    },
}

struct Top<'e> {
    error: &'e mut Option<DocumentError>,
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = BulkDocument<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = BulkDocument<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut leads, mut batch_size, mut on_error) = (None, None, None);
        while let Some(key) = map.next_key_seed(Text)? {
            let pointer = || FieldError::at(&key, lead::FieldCode::GivenTwice).pointer;
            let met = match key.as_ref() {
                "leads" => leads.is_some(),
                "batch_size" | "batchSize" => batch_size.is_some(),
                "on_error" => on_error.is_some(),
                _ => return fail(self.error, DocumentError::UnknownKey { pointer: pointer() }),
            };
            if met {
                return fail(self.error, DocumentError::KeyTwice { pointer: pointer() });
            }
            if key == "leads" {
                leads = Some(map.next_value_seed(Leads {
                    error: &mut *self.error,
                })?);
                continue;
            }
            let value: &RawValue = map.next_value()?;
            if key == "on_error" {
                let rule = match value.get() {
                    "null" => Some(OnError::default()),
                    text => text
                        .strip_prefix('"')
                        .and_then(|it| it.strip_suffix('"'))
                        .and_then(OnError::from_name),
                };
                let Some(rule) = rule else {
                    return fail(self.error, DocumentError::OnError);
                };
                on_error = Some(rule);
            } else {
                let size = match value.get() {
                    "null" => Some(BatchSize::default()),
                    text => BatchSize::parse(text),
                };
                let Some(size) = size else {
                    return fail(self.error, DocumentError::BatchSize);
                };
                batch_size = Some(size);
            }
        }
        let Some(leads) = leads else {
            return fail(self.error, DocumentError::LeadsMissing);
        };
        Ok(BulkDocument {
            leads,
            batch_size: batch_size.unwrap_or_default(),
            on_error: on_error.unwrap_or_default(),
        })
    }
}

struct Leads<'e> {
    error: &'e mut Option<DocumentError>,
}

impl<'de> DeserializeSeed<'de> for Leads<'_> {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Leads<'_> {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut leads = Vec::new();
        while let Some(lead) = list.next_element()? {
            if leads.len() == BulkDocument::MAX_LEADS {
                return fail(self.error, DocumentError::TooManyLeads);
            }
            leads.push(lead);
        }
        Ok(leads)
    }
}

/// A text that is borrowed from the input where it has no escapes.
struct Text;

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

/// Ends the reading with a typed error.
fn fail<T, E: serde::de::Error>(
    slot: &mut Option<DocumentError>,
    error: DocumentError,
) -> Result<T, E> {
    let failed = E::custom(&error);
    *slot = Some(error);
    Err(failed)
}
