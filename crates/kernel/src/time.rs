//! Moments and days, always in UTC.

use std::fmt;
use std::time::Duration;

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime};

use crate::digits::put_digits;

/// The source of the current moment.
pub trait Clock: Send + Sync + 'static {
    /// The current moment; it may step back when the host's clock is set.
    fn now(&self) -> Timestamp;
}

/// A moment in milliseconds since the Unix epoch, between the years 1970 and 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The latest moment there is: `9999-12-31T23:59:59.999Z`.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The moment `ms` milliseconds after the epoch, held at [`Timestamp::MAX`].
    pub const fn from_unix_ms(ms: u64) -> Self {
        if ms > Self::MAX.0 {
            Self::MAX
        } else {
            Self(ms)
        }
    }

    /// Milliseconds since the epoch.
    pub const fn unix_ms(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn unix_seconds(self) -> u64 {
        self.0 / 1_000
    }

    /// The day this moment lies in.
    pub fn day(self) -> Day {
        Day(self.date_time().date())
    }

    /// This moment and `wait`, held at [`Timestamp::MAX`].
    #[must_use]
    pub fn plus(self, wait: Duration) -> Self {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Self::from_unix_ms(self.0.saturating_add(wait_ms))
    }

    /// This moment less `age`, held at the epoch.
    #[must_use]
    pub fn minus(self, age: Duration) -> Self {
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(age_ms))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The moment as date and time of day in UTC, for stores that have such a type.
    pub fn date_time(self) -> PrimitiveDateTime {
        let since = time::Duration::milliseconds(self.0.cast_signed());
        let moment = OffsetDateTime::UNIX_EPOCH.saturating_add(since);
        PrimitiveDateTime::new(moment.date(), moment.time())
    }

    /// The moment of a date and time of day in UTC, cut to milliseconds.
    ///
    /// # Errors
    ///
    /// [`TimestampError`] before 1970.
    pub fn from_date_time(moment: PrimitiveDateTime) -> Result<Self, TimestampError> {
        let moment = moment.assume_utc();
        let ms = moment.unix_timestamp() * 1_000 + i64::from(moment.millisecond());
        u64::try_from(ms)
            .map(Self::from_unix_ms)
            .map_err(|_| TimestampError)
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-23T18:00:00.123Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = self.date_time();
        let mut text = *b"0000-00-00T00:00:00.000Z";
        put_day(&mut text, moment.date());
        put_digits::<10>(&mut text[11..13], moment.hour().into());
        put_digits::<10>(&mut text[14..16], moment.minute().into());
        put_digits::<10>(&mut text[17..19], moment.second().into());
        put_digits::<10>(&mut text[20..23], moment.millisecond().into());
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

/// The moment lies before 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a moment before 1970")]
pub struct TimestampError;

/// A day of the calendar, between the years 0 and 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

impl Day {
    /// Reads `YYYY-MM-DD`, and nothing else.
    ///
    /// # Errors
    ///
    /// [`DayError`] for another form, or a day that the calendar does not have.
    pub fn parse(text: &str) -> Result<Self, DayError> {
        let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = text.as_bytes() else {
            return Err(DayError);
        };
        let digits = [y0, y1, y2, y3, m0, m1, d0, d1];
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(DayError);
        }
        let two = |tens: u8, ones: u8| (tens - b'0') * 10 + (ones - b'0');
        let year = i32::from(two(y0, y1)) * 100 + i32::from(two(y2, y3));
        let month = Month::try_from(two(m0, m1)).map_err(|_| DayError)?;
        Date::from_calendar_date(year, month, two(d0, d1))
            .map(Self)
            .map_err(|_| DayError)
    }

    /// The first moment of the day; the epoch for days before it.
    pub fn start(self) -> Timestamp {
        Timestamp::from_date_time(self.0.midnight()).unwrap_or(Timestamp(0))
    }

    /// The day as a calendar date, for stores that have such a type.
    pub fn date(self) -> Date {
        self.0
    }

    /// The day of a calendar date.
    pub fn from_date(date: Date) -> Self {
        Self(date)
    }
}

/// `YYYY-MM-DD`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = *b"0000-00-00";
        put_day(&mut text, self.0);
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

fn put_day(text: &mut [u8], day: Date) {
    put_digits::<10>(&mut text[..4], day.year().unsigned_abs().into());
    put_digits::<10>(&mut text[5..7], u8::from(day.month()).into());
    put_digits::<10>(&mut text[8..10], day.day().into());
}

/// The text is no day of the calendar in the form `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a day of the form YYYY-MM-DD")]
pub struct DayError;
