//! Opens a family of backends: the only crate that says both "port" and "technology".

mod ports;

pub use self::ports::Ports;
