//! A lead's attributes, in the order they were sent.

use std::collections::HashSet;

use crate::{AttributeName, Value};

/// Of so many names each is compared with each; hashing is faster from there on.
const COMPARED_MAX: usize = 16;

/// One named value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name, as sent.
    pub name: AttributeName,
    /// The value, as sent.
    pub value: Value,
}

/// At most [`Attributes::MAX_LEN`] attributes with different names, in the order they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes(Vec<Attribute>);

impl Attributes {
    /// The most attributes of one lead.
    pub const MAX_LEN: usize = 256;

    /// Takes a list that was made in one go.
    ///
    /// # Errors
    ///
    /// [`AttributesError`] when there are too many, or two of one name.
    pub fn new(list: Vec<Attribute>) -> Result<Self, AttributesError> {
        if list.len() > Self::MAX_LEN {
            return Err(AttributesError::TooMany);
        }
        if names_differ(&list) {
            Ok(Self(list))
        } else {
            Err(AttributesError::NameTwice)
        }
    }

    /// The attributes in order.
    pub fn as_slice(&self) -> &[Attribute] {
        &self.0
    }

    /// The value held under `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|it| it.name.as_str() == name)
            .map(|it| &it.value)
    }
}

fn names_differ(list: &[Attribute]) -> bool {
    if list.len() <= COMPARED_MAX {
        let met_before =
            |(at, it): (usize, &Attribute)| list[..at].iter().any(|other| other.name == it.name);
        return !list.iter().enumerate().any(met_before);
    }
    let mut names = HashSet::with_capacity(list.len());
    list.iter().all(|it| names.insert(it.name.as_str()))
}

/// Why a list of attributes is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributesError {
    /// More than [`Attributes::MAX_LEN`].
    #[error("more attributes than a lead may have")]
    TooMany,
    /// Two attributes have one name.
    #[error("an attribute name is given twice")]
    NameTwice,
}
