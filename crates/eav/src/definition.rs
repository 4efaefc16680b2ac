//! What is known of an attribute across all leads.

use crate::{AttributeName, ValueType};

/// The short id under which stores keep an attribute's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeId(pub u32);

/// An attribute as the registry knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its id, given once and never again.
    pub id: AttributeId,
    /// Its name.
    pub name: AttributeName,
    /// The widest type seen so far.
    pub widest: ValueType,
}

/// A name met with a value of some type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sighting {
    /// The name that was met.
    pub name: AttributeName,
    /// The type of the value beside it.
    pub seen: ValueType,
}
