//! How a bulk of leads is to be handled.

/// How many leads travel in one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize(u16);

impl BatchSize {
    /// The most; what is above is taken as this.
    pub const MAX: u16 = 1_000;

    /// Reads a whole number from 1, written in digits; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim_start_matches('0');
        let whole = !digits.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number too long for the type is above the most.
        whole.then(|| Self(digits.parse().unwrap_or(Self::MAX).min(Self::MAX)))
    }

    /// 1 to [`BatchSize::MAX`].
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for BatchSize {
    /// 50.
    fn default() -> Self {
        Self(50)
    }
}

/// What a bad row means for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Nothing.
    #[default]
    Continue,
    /// No row is taken.
    Abort,
}

impl OnError {
    /// The rule of exactly that name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "continue" => Some(Self::Continue),
            "abort" => Some(Self::Abort),
            _ => None,
        }
    }
}
