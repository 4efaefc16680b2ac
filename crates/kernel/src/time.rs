//! Moments and days, always in UTC.

use std::fmt;
use std::time::Duration;

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};

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
        let nanos = i128::from(self.0) * 1_000_000;
        let moment =
            OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        PrimitiveDateTime::new(moment.date(), moment.time())
    }

    /// The moment of a date and time of day in UTC, cut to milliseconds.
    ///
    /// # Errors
    ///
    /// [`TimestampError`] before 1970.
    pub fn from_date_time(moment: PrimitiveDateTime) -> Result<Self, TimestampError> {
        let ms = moment
            .assume_utc()
            .unix_timestamp_nanos()
            .div_euclid(1_000_000);
        u64::try_from(ms)
            .map(Self::from_unix_ms)
            .map_err(|_| TimestampError)
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-23T18:00:00.123Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = self.date_time();
        let (date, time): (Date, Time) = (moment.date(), moment.time());
        write!(
            f,
            "{}T{:02}:{:02}:{:02}.{:03}Z",
            Day(date),
            time.hour(),
            time.minute(),
            time.second(),
            time.millisecond()
        )
    }
}

/// The moment lies before 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a moment before 1970")]
pub struct TimestampError;

/// A day of the calendar, between the years 0 and 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

const DAY: &[BorrowedFormatItem<'static>] =
    format_description!(version = 2, "[year repr:full range:standard]-[month]-[day]");

impl Day {
    /// Reads `YYYY-MM-DD`, and nothing else.
    ///
    /// # Errors
    ///
    /// [`DayError`] for another form, or a day that the calendar does not have.
    pub fn parse(text: &str) -> Result<Self, DayError> {
        let digits_and_dashes = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !digits_and_dashes {
            return Err(DayError);
        }
        Date::parse(text, DAY).map(Self).map_err(|_| DayError)
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
        write!(
            f,
            "{:04}-{:02}-{:02}",
            self.0.year(),
            u8::from(self.0.month()),
            self.0.day()
        )
    }
}

/// The text is no day of the calendar in the form `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a day of the form YYYY-MM-DD")]
pub struct DayError;
