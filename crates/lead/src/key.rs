//! What the key of a value means.

use eav::AttributeName;

/// A key of a lead as it is sent, read once for as many leads as have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldKey(pub(crate) Meaning);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    FirstName,
    LastName,
    Email,
    Phone,
    DateOfBirth,
    Status,
    /// The system sets it; as it was sent.
    OfSystem(Box<str>),
    Attribute(AttributeName),
    /// An attribute cannot have it.
    Reserved(AttributeName),
    /// No attribute name at all.
    Invalid,
}

impl FieldKey {
    /// What `key` means: a core field in either spelling, what the system sets, or an attribute.
    pub fn of(key: &str) -> Self {
        Self(match key {
            "firstName" | "first_name" => Meaning::FirstName,
            "lastName" | "last_name" => Meaning::LastName,
            "email" => Meaning::Email,
            "phone" => Meaning::Phone,
            "dateOfBirth" | "date_of_birth" => Meaning::DateOfBirth,
            "status" => Meaning::Status,
            "id" | "createdAt" | "created_at" | "updatedAt" | "updated_at" => {
                Meaning::OfSystem(key.into())
            }
            _ => match AttributeName::parse(key) {
                Ok(name) if is_reserved(name.as_str()) => Meaning::Reserved(name),
                Ok(name) => Meaning::Attribute(name),
                Err(_) => Meaning::Invalid,
            },
        })
    }
}

/// A name that a core field has, or that the system sets, in either spelling.
fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "firstName"
            | "first_name"
            | "lastName"
            | "last_name"
            | "email"
            | "phone"
            | "dateOfBirth"
            | "date_of_birth"
            | "status"
            | "id"
            | "createdAt"
            | "created_at"
            | "updatedAt"
            | "updated_at"
            | "fields"
    )
}
