//! Flexible, typed attributes: entity, attribute, value.
//!
//! An attribute is a name and a value as they were sent. The value keeps its text to the last
//! byte; its type is inferred beside it.

mod attribute;
mod definition;
mod name;
mod ports;
mod value;

pub use self::attribute::{Attribute, Attributes, AttributesError};
pub use self::definition::{AttributeId, Definition, Sighting};
pub use self::name::{AttributeName, AttributeNameError};
pub use self::ports::{AttributeRegistry, RegistryError};
pub use self::value::{Value, ValueError, ValueType};
