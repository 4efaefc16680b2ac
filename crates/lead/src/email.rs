//! E-mail addresses and what makes two of them one.

use std::borrow::Cow;

use idna::AsciiDenyList;
use kernel::{lower_case, trimmed};
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
        let text = trimmed(raw);
        if text.is_empty() {
            return Err(EmailError::Blank);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        let is_plain = text.bytes().all(|it| it.is_ascii_graphic());
        if !is_plain && text.chars().any(|it| it.is_whitespace() || it.is_control()) {
            return Err(EmailError::Malformed);
        }
        // Both are short: bytes are looked at one by one.
        let is_at = |it: u8| it == b'@';
        let at = text.bytes().position(is_at).ok_or(EmailError::Malformed)?;
        let (local, domain) = (&text[..at], &text[at + 1..]);
        if local.is_empty() || domain.bytes().any(is_at) || !has_dotted_form(domain) {
            return Err(EmailError::Malformed);
        }
        let plain_key = is_plain.then(|| plain_key(text, local)).flatten();
        Ok(Self {
            text: text.into(),
            key: plain_key.map_or_else(|| match_key(local, domain), Ok)?,
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
    let mut labels = domain.as_bytes().split(|it| *it == b'.');
    let filled = labels.try_fold(0, |count, it| (!it.is_empty()).then_some(count + 1));
    filled.is_some_and(|count| count > 1)
}

/// The key of an address in ASCII, which is the address in lower case; none where a label claims
/// to stand for another script.
fn plain_key(text: &str, local: &str) -> Option<MatchKey> {
    let lower = text.to_ascii_lowercase();
    (!lower[local.len()..].contains("xn--")).then(|| MatchKey(lower.into()))
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
        lower_case(composed).nfc().collect()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_key_of_a_plain_address_is_the_one_made_of_its_parts(
            local in "[!-?A-~]{1,20}", domain in "([a-zA-Z0-9_-]{1,6}|[xX][nN]--[a-z0-9-]{0,9})(\\.[a-zA-Z-]{1,5}){1,3}",
        ) {
            let made = match_key(&local, &domain);
            if let Some(key) = plain_key(&format!("{local}@{domain}"), &local) {
                prop_assert_eq!(Ok(key), made);
            } else {
                prop_assert!(domain.to_ascii_lowercase().contains("xn--"));
            }
        }

        #[test]
        fn a_domain_has_labels_that_are_not_empty(domain in "[a.é]{0,8}") {
            let labels = || domain.split('.');
            let dotted = labels().count() > 1 && labels().all(|it| !it.is_empty());
            prop_assert_eq!(has_dotted_form(&domain), dotted);
        }
    }
}
