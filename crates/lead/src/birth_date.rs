//! Days of birth.

use kernel::Day;

/// A real day from 1900-01-01 to the day it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BirthDate(Day);

impl BirthDate {
    /// The first day that is taken.
    pub const EARLIEST: &str = "1900-01-01";

    /// Reads `YYYY-MM-DD`.
    ///
    /// # Errors
    ///
    /// See [`BirthDateError`].
    pub fn parse(raw: &str, today: Day) -> Result<Self, BirthDateError> {
        let day = Day::parse(raw).map_err(|_| BirthDateError::Malformed)?;
        // Both texts have the same fixed form, so their order is that of the days.
        if raw < Self::EARLIEST || day > today {
            return Err(BirthDateError::OutOfRange);
        }
        Ok(Self(day))
    }

    /// A day as a store or a message kept it.
    pub fn restored(day: Day) -> Self {
        Self(day)
    }

    /// The day.
    pub fn day(self) -> Day {
        self.0
    }
}

/// Why a text is no day of birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BirthDateError {
    /// Not a real day of the form `YYYY-MM-DD`.
    #[error("not a day of the form YYYY-MM-DD")]
    Malformed,
    /// Before 1900-01-01 or after today.
    #[error("day of birth is out of range")]
    OutOfRange,
}
