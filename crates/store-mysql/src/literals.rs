//! Values in the text of a statement.

use std::fmt::{Display, Write as _};

use sea_orm::prelude::{TimeDate, TimeDateTime};

/// A text of SQL. Values stand in it as digits, of which neither their content nor any setting of
/// the server or the session makes something else.
pub(crate) struct Literals(String);

/// A whole number.
pub(crate) trait Number: Copy + Display {}

impl Number for u16 {}
impl Number for i64 {}
impl Number for usize {}

const DIGITS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
];

impl Literals {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// SQL as it is; no value is ever part of it.
    pub(crate) fn sql(&mut self, sql: &str) {
        self.0.push_str(sql);
    }

    /// Bytes, for a binary column.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.push_str("x'");
        for byte in bytes {
            self.0.push(DIGITS[usize::from(byte >> 4)]);
            self.0.push(DIGITS[usize::from(byte & 15)]);
        }
        self.0.push('\'');
    }

    /// Characters.
    pub(crate) fn text(&mut self, text: &str) {
        self.0.push_str("_utf8mb4 ");
        self.bytes(text.as_bytes());
    }

    pub(crate) fn number(&mut self, number: impl Number) {
        // A text takes whatever is written to it.
        let _ = write!(self.0, "{number}");
    }

    pub(crate) fn day(&mut self, day: TimeDate) {
        let (year, month) = (day.year(), u8::from(day.month()));
        let _ = write!(self.0, "'{year:04}-{month:02}-{:02}'", day.day());
    }

    /// A moment, cut to milliseconds.
    pub(crate) fn moment(&mut self, moment: TimeDateTime) {
        let (year, month) = (moment.year(), u8::from(moment.month()));
        let (hour, minute, second, ms) = moment.as_hms_milli();
        let _ = write!(
            self.0,
            "'{year:04}-{month:02}-{:02} {hour:02}:{minute:02}:{second:02}.{ms:03}'",
            moment.day(),
        );
    }

    pub(crate) fn into_sql(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stands_as_digits_whatever_it_says() {
        let mut text = Literals::with_capacity(0);
        text.text("'\\\"; --\u{1f980}");
        text.sql(", ");
        text.bytes(&[0, 0xff]);
        assert_eq!(
            text.into_sql(),
            "_utf8mb4 x'275c223b202d2df09fa680', x'00ff'"
        );
    }
}
