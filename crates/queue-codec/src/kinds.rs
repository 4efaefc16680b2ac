//! The bytes of closed lists. A byte keeps its meaning for as long as the version stays.

use eav::ValueType;
use lead::Status;

pub(crate) const fn status_byte(status: Status) -> u8 {
    match status {
        Status::Active => 0,
        Status::Inactive => 1,
        Status::Converted => 2,
        Status::Invalid => 3,
    }
}

pub(crate) const fn status_of(byte: u8) -> Option<Status> {
    Some(match byte {
        0 => Status::Active,
        1 => Status::Inactive,
        2 => Status::Converted,
        3 => Status::Invalid,
        _ => return None,
    })
}

pub(crate) const fn type_byte(kind: ValueType) -> u8 {
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

pub(crate) const fn type_of(byte: u8) -> Option<ValueType> {
    Some(match byte {
        0 => ValueType::String,
        1 => ValueType::Integer,
        2 => ValueType::Float,
        3 => ValueType::Boolean,
        4 => ValueType::Date,
        5 => ValueType::Datetime,
        6 => ValueType::Json,
        _ => return None,
    })
}
