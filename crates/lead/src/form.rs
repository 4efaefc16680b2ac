//! Filling in a lead field by field, as it is read.

use std::borrow::Cow;
use std::collections::HashSet;

use eav::{Attribute, AttributeName, Attributes, Value, ValueError};
use kernel::Day;

use crate::key::Meaning;
use crate::{
    BirthDate, BirthDateError, Email, EmailError, FieldCode, FieldError, FieldKey, LeadDetails,
    PersonName, PersonNameError, Phone, PhoneError, Status,
};

/// Room for the attributes of most leads.
const FEW: usize = 8;
/// A name is compared with so many before it; the others are hashed.
const COMPARED_MAX: usize = 16;

/// A value as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw<'a> {
    /// `null`: not sent.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A JSON number, by its text.
    Number(&'a str),
    /// A JSON string, unescaped.
    Text(Cow<'a, str>),
    /// An array or an object, by its text, which is valid JSON of allowed depth.
    Json(&'a str),
    /// A cell of a table, not empty.
    Cell(&'a str),
    /// A value that the reader itself refuses.
    Refused(FieldCode),
}

/// A lead that is being read. Mistakes are noted, up to [`LeadForm::MAX_ERRORS`] of them; none
/// stops the reading.
pub struct LeadForm {
    today: Day,
    first_name: Slot<PersonName>,
    last_name: Slot<PersonName>,
    email: Slot<Email>,
    phone: Slot<Phone>,
    date_of_birth: Slot<BirthDate>,
    status: Slot<Status>,
    attributes: Vec<Attribute>,
    /// Names that were met and are not among the first [`COMPARED_MAX`] of `attributes`.
    other_names: HashSet<AttributeName>,
    errors: Vec<FieldError>,
}

impl LeadForm {
    /// The most bytes of one lead as sent, decoded.
    pub const MAX_LEAD_BYTES: usize = 64 * 1_024;
    /// The most mistakes of one lead that are told; one is enough to refuse it.
    pub const MAX_ERRORS: usize = 100;
    /// The most levels a JSON value of an attribute is nested.
    pub const MAX_DEPTH: usize = 16;

    /// An empty form; a day of birth may be `today` at the latest.
    pub fn new(today: Day) -> Self {
        Self {
            today,
            first_name: Slot::Unset,
            last_name: Slot::Unset,
            email: Slot::Unset,
            phone: Slot::Unset,
            date_of_birth: Slot::Unset,
            status: Slot::Unset,
            attributes: Vec::with_capacity(FEW),
            other_names: HashSet::new(),
            errors: Vec::new(),
        }
    }

    /// Notes the value sent under `key`: a core field in either spelling, else an attribute.
    pub fn put(&mut self, key: &str, value: Raw<'_>) {
        self.put_at(&FieldKey::of(key), value);
    }

    /// Notes the value sent under a key.
    pub fn put_at(&mut self, key: &FieldKey, value: Raw<'_>) {
        let today = self.today;
        match &key.0 {
            Meaning::FirstName => self.first_name.put(value, parse_name),
            Meaning::LastName => self.last_name.put(value, parse_name),
            Meaning::Email => self.email.put(value, parse_email),
            Meaning::Phone => self.phone.put(value, parse_phone),
            Meaning::DateOfBirth => {
                self.date_of_birth
                    .put(value, |text| parse_birth_date(text, today));
            }
            Meaning::Status => self.status.put(value, parse_status),
            Meaning::OfSystem(key) => {
                if value != Raw::Null {
                    self.refuse(FieldError::at(key, FieldCode::NotAccepted));
                }
            }
            Meaning::Attribute(name) => self.put_attribute(name, value),
            Meaning::Reserved(name) => {
                let code = FieldCode::AttributeNameReserved;
                self.refuse(FieldError::at(name.as_str(), code));
            }
            // The name itself is what is wrong, so the pointer does not repeat it.
            Meaning::Invalid => self.refuse(FieldError::of_lead(FieldCode::AttributeNameInvalid)),
        }
    }

    /// Notes a mistake that the reader found.
    pub fn refuse(&mut self, error: FieldError) {
        if self.errors.len() < Self::MAX_ERRORS {
            self.errors.push(error);
        }
    }

    /// The lead, when nothing is wrong with it.
    ///
    /// # Errors
    ///
    /// What is wrong: core fields first, then attributes in the order sent; at most
    /// [`LeadForm::MAX_ERRORS`].
    pub fn finish(self) -> Result<LeadDetails, Vec<FieldError>> {
        let mut errors = Vec::new();
        let first_name = self.first_name.required("firstName", &mut errors);
        let last_name = self.last_name.required("lastName", &mut errors);
        let email = self.email.required("email", &mut errors);
        let phone = self.phone.optional("phone", &mut errors);
        let date_of_birth = self.date_of_birth.optional("dateOfBirth", &mut errors);
        let status = self.status.optional("status", &mut errors);
        errors.extend(self.errors);
        let attributes = Attributes::new(self.attributes).unwrap_or_else(|_| {
            errors.push(FieldError::of_lead(FieldCode::TooManyAttributes));
            Attributes::default()
        });
        match (first_name, last_name, email) {
            (Some(first_name), Some(last_name), Some(email)) if errors.is_empty() => {
                Ok(LeadDetails {
                    first_name,
                    last_name,
                    email,
                    phone,
                    date_of_birth,
                    status: status.unwrap_or_default(),
                    attributes,
                })
            }
            _ => {
                errors.truncate(Self::MAX_ERRORS);
                Err(errors)
            }
        }
    }

    fn put_attribute(&mut self, name: &AttributeName, value: Raw<'_>) {
        if self.was_met(name) {
            self.refuse(FieldError::at(name.as_str(), FieldCode::GivenTwice));
            return;
        }
        let value = match value {
            Raw::Null => {
                self.other_names.insert(name.clone());
                return;
            }
            Raw::Bool(value) => Ok(Value::from_bool(value)),
            Raw::Number(text) => Value::from_number(text).map_err(code_of_value),
            Raw::Text(text) => Value::from_text(&text).map_err(code_of_value),
            Raw::Json(text) => Value::from_json(text).map_err(code_of_value),
            Raw::Cell(text) => Value::from_cell(text).map_err(code_of_value),
            Raw::Refused(code) => Err(code),
        };
        match value {
            // One too many is enough for `finish` to say so.
            Ok(_) if self.attributes.len() > Attributes::MAX_LEN => {
                self.other_names.insert(name.clone());
            }
            Ok(value) => {
                if self.attributes.len() >= COMPARED_MAX {
                    self.other_names.insert(name.clone());
                }
                let name = name.clone();
                self.attributes.push(Attribute { name, value });
            }
            Err(code) => {
                self.refuse(FieldError::at(name.as_str(), code));
                self.other_names.insert(name.clone());
            }
        }
    }

    fn was_met(&self, name: &AttributeName) -> bool {
        let mut first = self.attributes.iter().take(COMPARED_MAX);
        first.any(|it| it.name == *name)
            || !self.other_names.is_empty() && self.other_names.contains(name)
    }
}

/// A core field: not met yet, `null`, a value, or a mistake.
enum Slot<T> {
    Unset,
    Null,
    Value(T),
    Wrong(FieldCode),
}

impl<T> Slot<T> {
    fn put(&mut self, value: Raw<'_>, parse: impl FnOnce(&str) -> Result<T, FieldCode>) {
        *self = match (&*self, value) {
            (Self::Unset, Raw::Null) => Self::Null,
            (Self::Unset, Raw::Text(text)) => parse(&text).map_or_else(Self::Wrong, Self::Value),
            (Self::Unset, Raw::Cell(text)) => parse(text).map_or_else(Self::Wrong, Self::Value),
            (Self::Unset, Raw::Refused(code)) => Self::Wrong(code),
            (Self::Unset, Raw::Bool(_) | Raw::Number(_) | Raw::Json(_)) => {
                Self::Wrong(FieldCode::WrongType)
            }
            _ => Self::Wrong(FieldCode::GivenTwice),
        };
    }

    fn required(self, field: &str, errors: &mut Vec<FieldError>) -> Option<T> {
        if matches!(self, Self::Unset | Self::Null) {
            errors.push(FieldError::at(field, FieldCode::Required));
            return None;
        }
        self.optional(field, errors)
    }

    fn optional(self, field: &str, errors: &mut Vec<FieldError>) -> Option<T> {
        match self {
            Self::Unset | Self::Null => None,
            Self::Value(value) => Some(value),
            Self::Wrong(code) => {
                errors.push(FieldError::at(field, code));
                None
            }
        }
    }
}

fn parse_name(text: &str) -> Result<PersonName, FieldCode> {
    PersonName::parse(text).map_err(|error| match error {
        PersonNameError::Blank => FieldCode::Required,
        PersonNameError::TooLong => FieldCode::NameTooLong,
        PersonNameError::Control => FieldCode::ControlCharacter,
    })
}

fn parse_email(text: &str) -> Result<Email, FieldCode> {
    Email::parse(text).map_err(|error| match error {
        EmailError::Blank => FieldCode::Required,
        EmailError::TooLong => FieldCode::EmailTooLong,
        EmailError::Malformed => FieldCode::EmailInvalid,
    })
}

fn parse_phone(text: &str) -> Result<Phone, FieldCode> {
    Phone::parse(text).map_err(|error| match error {
        PhoneError::TooLong => FieldCode::PhoneTooLong,
        PhoneError::Malformed => FieldCode::PhoneInvalid,
    })
}

fn parse_birth_date(text: &str, today: Day) -> Result<BirthDate, FieldCode> {
    BirthDate::parse(text, today).map_err(|error| match error {
        BirthDateError::Malformed => FieldCode::DateInvalid,
        BirthDateError::OutOfRange => FieldCode::DateOutOfRange,
    })
}

fn parse_status(text: &str) -> Result<Status, FieldCode> {
    Status::from_name(text).ok_or(FieldCode::StatusUnknown)
}

fn code_of_value(error: ValueError) -> FieldCode {
    match error {
        ValueError::Nul => FieldCode::NulCharacter,
        ValueError::NumberOutOfRange => FieldCode::NumberOutOfRange,
    }
}
