//! Reading single values.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// A whole number within bounds.
pub(crate) fn number<T: FromStr + PartialOrd>(
    bounds: RangeInclusive<T>,
) -> impl FnOnce(&str) -> Option<T> {
    move |text| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = plain.then(|| text.parse().ok()).flatten()?;
        bounds.contains(&number).then_some(number)
    }
}

/// A whole number and one of `ms`, `s`, `m`, `h`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit.trim_start() {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3_600).map(Duration::from_secs),
        _ => None,
    }
}

/// Items between commas, trimmed; none may be empty.
pub(crate) fn list<T>(read: impl Fn(&str) -> Option<T>) -> impl FnOnce(&str) -> Option<Vec<T>> {
    move |text| text.split(',').map(|item| read(item.trim())).collect()
}

/// `http://host` or `https://host:port`, with nothing behind it.
pub(crate) fn origin(text: &str) -> Option<String> {
    let (scheme, authority) = text.split_once("://")?;
    let sound = matches!(scheme, "http" | "https")
        && !authority.is_empty()
        && authority
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || matches!(it, b'.' | b'-' | b':' | b'[' | b']'));
    sound.then(|| text.to_ascii_lowercase())
}

/// The file of `sqlite://FILE`. `?mode=rwc`, which many tools ask for, is what happens anyway.
pub(crate) fn sqlite_file(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let file = rest.strip_suffix("?mode=rwc").unwrap_or(rest);
    let sound = !file.is_empty() && !file.contains(['?', '\0']) && !file.starts_with(":memory:");
    sound.then(|| PathBuf::from(file))
}

/// What stands before `:` in a URL.
pub(crate) fn scheme(url: &str) -> &str {
    url.split_once(':').map_or("", |(scheme, _)| scheme)
}
