//! Bytes of the leads queue: the one place that knows how a [`lead::Message`] is written down.
//!
//! A message is a version byte, its two counters, its parts, and a CRC-32 of all of it. Whole
//! numbers are LEB128, texts are UTF-8 behind their length, ids are their 16 bytes. What every
//! lead of a part shares (owner, moment, submission) is written once a part.
//!
//! Reading is strict. Bytes that were cut, extended or changed, of another version, or that break
//! a rule of the domain are a [`DecodeError`]; none of them makes the reader panic, or allocate
//! more than a small multiple of their length.

mod decode;
mod encode;
mod kinds;
mod reader;

pub use self::decode::{DecodeError, decode};
pub use self::encode::encode;

/// The version that [`encode`] writes: the first byte of every message, for transports that tell
/// versions apart before they read on.
///
/// A transport that carries `attempt` outside the bytes sets it on the message after reading; the
/// counters inside are those at the time of writing.
pub const VERSION: u8 = 1;

/// The version, the counters, and the checksum: what the shortest message cannot do without.
const FRAME_BYTES: usize = 1 + 2 + 2 + CHECKSUM_BYTES;
const CHECKSUM_BYTES: usize = 4;

/// Flags of a part.
mod part_flag {
    pub(crate) const TRACE_PARENT: u8 = 1;
    pub(crate) const NOTE: u8 = 1 << 1;
    pub(crate) const COMPLETE: u8 = 1 << 2;
    pub(crate) const ALL: u8 = TRACE_PARENT | NOTE | COMPLETE;
}

/// Flags of a lead.
mod lead_flag {
    pub(crate) const PHONE: u8 = 1;
    pub(crate) const DATE_OF_BIRTH: u8 = 1 << 1;
    pub(crate) const ALL: u8 = PHONE | DATE_OF_BIRTH;
}
