//! Values: the text as sent, and the type it was inferred to have.

use kernel::Day;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// Any text.
    String,
    /// A whole number that fits into 64 bits, signed or unsigned.
    Integer,
    /// A number that a 64-bit float can hold the magnitude of; its text is kept.
    Float,
    /// `1` or `0`.
    Boolean,
    /// A day, `YYYY-MM-DD`.
    Date,
    /// A moment, with or without fraction and zone.
    Datetime,
    /// An array or an object, as the bytes that were sent.
    Json,
}

impl ValueType {
    /// Every type.
    pub const ALL: [Self; 7] = [
        Self::String,
        Self::Integer,
        Self::Float,
        Self::Boolean,
        Self::Date,
        Self::Datetime,
        Self::Json,
    ];

    /// The name of the type in answers and stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Json => "json",
        }
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }

    /// The narrowest type that holds values of both.
    #[must_use]
    pub fn widen(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Integer, Self::Float) | (Self::Float, Self::Integer) => Self::Float,
            (Self::Date, Self::Datetime) | (Self::Datetime, Self::Date) => Self::Datetime,
            _ => Self::String,
        }
    }
}

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    kind: ValueType,
    text: Box<str>,
}

impl Value {
    /// A JSON string: a date or a datetime where it has that form, else text.
    ///
    /// # Errors
    ///
    /// [`ValueError::Nul`].
    pub fn from_text(text: &str) -> Result<Self, ValueError> {
        let kind = temporal_type(text).unwrap_or(ValueType::String);
        Self::checked(kind, text)
    }

    /// A cell of a table, where everything is text: booleans and numbers too are told by their form.
    ///
    /// # Errors
    ///
    /// [`ValueError::Nul`].
    pub fn from_cell(text: &str) -> Result<Self, ValueError> {
        if text.eq_ignore_ascii_case("true") {
            return Ok(Self::from_bool(true));
        }
        if text.eq_ignore_ascii_case("false") {
            return Ok(Self::from_bool(false));
        }
        match number_type(text) {
            Some(kind) => Self::checked(kind, text),
            None => Self::from_text(text),
        }
    }

    /// A JSON number, by its text.
    ///
    /// # Errors
    ///
    /// [`ValueError::NumberOutOfRange`] for what no 64-bit float can hold (`1e400`); whole numbers
    /// beyond 64 bits are kept as text.
    pub fn from_number(text: &str) -> Result<Self, ValueError> {
        if let Some(kind) = number_type(text) {
            return Self::checked(kind, text);
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => {
                let whole = text
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'-');
                let kind = if whole && text != "-0" {
                    ValueType::String
                } else {
                    ValueType::Float
                };
                Self::checked(kind, text)
            }
            _ => Err(ValueError::NumberOutOfRange),
        }
    }

    /// A boolean.
    pub fn from_bool(value: bool) -> Self {
        Self {
            kind: ValueType::Boolean,
            text: if value { "1" } else { "0" }.into(),
        }
    }

    /// An array or an object, by its text, which the caller has found to be valid JSON.
    ///
    /// # Errors
    ///
    /// [`ValueError::Nul`].
    pub fn from_json(text: &str) -> Result<Self, ValueError> {
        Self::checked(ValueType::Json, text)
    }

    /// A value as a store or a message kept it.
    pub fn restored(kind: ValueType, text: impl Into<Box<str>>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }

    /// What the value is.
    pub fn kind(&self) -> ValueType {
        self.kind
    }

    /// The value as text: as sent, booleans as `1` or `0`.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn checked(kind: ValueType, text: &str) -> Result<Self, ValueError> {
        if text.contains('\0') {
            return Err(ValueError::Nul);
        }
        Ok(Self {
            kind,
            text: text.into(),
        })
    }
}

/// Why a value is refused; the value itself is no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Text with a NUL in it.
    #[error("value has a NUL character")]
    Nul,
    /// A number that no 64-bit float can hold.
    #[error("number is out of range")]
    NumberOutOfRange,
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`, as integer or float, where it fits.
fn number_type(text: &str) -> Option<ValueType> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole_len = digits.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = digits.split_at(whole_len);
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    if rest.is_empty() {
        let fits = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
        return (fits && text != "-0").then_some(ValueType::Integer);
    }
    let mantissa_end = match rest.strip_prefix('.') {
        Some(fraction) => {
            let len = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if len == 0 {
                return None;
            }
            &fraction[len..]
        }
        None => rest,
    };
    if !mantissa_end.is_empty() {
        let exponent = mantissa_end.strip_prefix(['e', 'E'])?;
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if exponent.is_empty() || !exponent.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
    }
    text.parse::<f64>()
        .is_ok_and(f64::is_finite)
        .then_some(ValueType::Float)
}

fn temporal_type(text: &str) -> Option<ValueType> {
    let day = text.get(..10)?;
    if !text.as_bytes()[0].is_ascii_digit() || Day::parse(day).is_err() {
        return None;
    }
    match text.as_bytes().get(10) {
        None => Some(ValueType::Date),
        Some(b'T' | b' ') => is_time_of_day(&text[11..]).then_some(ValueType::Datetime),
        Some(_) => None,
    }
}

/// `HH:MM:SS`, with or without fraction, with or without `Z` or `±HH:MM`.
fn is_time_of_day(text: &str) -> bool {
    let bytes = text.as_bytes();
    let two = |at: usize, most: u8| match bytes.get(at..at + 2) {
        Some([tens, ones]) if tens.is_ascii_digit() && ones.is_ascii_digit() => {
            (tens - b'0') * 10 + (ones - b'0') <= most
        }
        _ => false,
    };
    let clock = two(0, 23)
        && bytes.get(2) == Some(&b':')
        && two(3, 59)
        && bytes.get(5) == Some(&b':')
        && two(6, 60);
    if !clock {
        return false;
    }
    let mut at = 8;
    if bytes.get(at) == Some(&b'.') {
        let digits = bytes[at + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits == 0 {
            return false;
        }
        at += 1 + digits;
    }
    match bytes.get(at) {
        None => true,
        Some(b'Z') => bytes.len() == at + 1,
        Some(b'+' | b'-') => {
            two(at + 1, 23)
                && bytes.get(at + 3) == Some(&b':')
                && two(at + 4, 59)
                && bytes.len() == at + 6
        }
        Some(_) => false,
    }
}
