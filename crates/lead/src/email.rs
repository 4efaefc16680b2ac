//! E-mail addresses and what makes two of them one.

use std::borrow::Cow;

use idna::AsciiDenyList;
use kernel::lower_case;
use unicode_normalization::UnicodeNormalization;

/// An address as sent, and the key under which it is unique.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email {
    text: Box<str>,
    key: MatchKey,
}

/// What makes two addresses one: trimmed, NFC, lower case, the domain in ASCII (IDNA).
///
/// Compared byte by byte: `é` and `e`, `ß` and `ss`, and letters of two scripts that look alike
/// stay different.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MatchKey(Box<str>);

impl MatchKey {
    /// The longest key, in bytes; longer ones are refused with the address.
    pub const MAX_BYTES: usize = 1_020;

    /// A key as a store kept it.
    pub fn restored(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Email {
    /// The longest address, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Reads an address, trimming white space around it.
    ///
    /// # Errors
    ///
    /// See [`EmailError`]; the text is never part of the error.
    pub fn parse(raw: &str) -> Result<Self, EmailError> {
        let text = raw.trim();
        if text.is_empty() {
            return Err(EmailError::Blank);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        if text.chars().any(|it| it.is_whitespace() || it.is_control()) {
            return Err(EmailError::Malformed);
        }
        let (local, domain) = text.split_once('@').ok_or(EmailError::Malformed)?;
        if local.is_empty() || domain.contains('@') || !has_dotted_form(domain) {
            return Err(EmailError::Malformed);
        }
        let key = match_key(local, domain)?;
        Ok(Self {
            text: text.into(),
            key,
        })
    }

    /// The address as sent.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The key under which it is unique.
    pub fn key(&self) -> &MatchKey {
        &self.key
    }
}

/// Labels that are not empty, two at least.
fn has_dotted_form(domain: &str) -> bool {
    domain.contains('.') && domain.split('.').all(|label| !label.is_empty())
}

fn match_key(local: &str, domain: &str) -> Result<MatchKey, EmailError> {
    let domain = ascii_domain(domain)?;
    if !has_dotted_form(&domain) {
        return Err(EmailError::Malformed);
    }
    let local = if local.is_ascii() {
        local.to_ascii_lowercase()
    } else {
        let composed: String = local.nfc().collect();
        lower_case(&composed).nfc().collect()
    };
    let key = format!("{local}@{domain}");
    if key.len() > MatchKey::MAX_BYTES {
        return Err(EmailError::TooLong);
    }
    Ok(MatchKey(key.into()))
}

/// The domain in lower-case ASCII. Other scripts, and labels that claim to stand for them, are
/// checked and mapped by UTS #46.
fn ascii_domain(domain: &str) -> Result<String, EmailError> {
    let lower = domain.to_ascii_lowercase();
    if lower.is_ascii() && !lower.contains("xn--") {
        return Ok(lower);
    }
    idna::domain_to_ascii_cow(lower.as_bytes(), AsciiDenyList::URL)
        .map(Cow::into_owned)
        .map_err(|_| EmailError::Malformed)
}

/// Why a text is no e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Nothing is left after trimming.
    #[error("email is blank")]
    Blank,
    /// More than [`Email::MAX_BYTES`] bytes.
    #[error("email is too long")]
    TooLong,
    /// Not one `@` between a local part and a domain with a dot, or a character that has no place there.
    #[error("email is malformed")]
    Malformed,
}
