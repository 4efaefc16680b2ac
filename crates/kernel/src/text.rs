//! Rules that several kinds of text share.

/// `text` without the white space around it.
pub fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        // As nearly every text is.
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// Whether `text` has a control character in it: C0, DEL or C1.
pub fn has_control(text: &str) -> bool {
    // Most texts are printable ASCII, and a look at each byte says so.
    !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.chars().any(char::is_control)
}

/// Whether `text` has more than `most` characters.
pub fn is_longer(text: &str, most: usize) -> bool {
    text.len() > most && text.chars().count() > most
}

/// `text` in lower case, letter by letter: what differs only in case becomes equal.
///
/// A letter's place in its word does not count, so both small sigmas are one. Nothing else is
/// folded: `ß` and `ss`, `é` and `e` stay different.
pub fn lower_case(text: impl Into<String>) -> String {
    let mut text = text.into();
    if text.is_ascii() {
        text.make_ascii_lowercase();
        return text;
    }
    let one_sigma = |letter| if letter == 'ς' { 'σ' } else { letter };
    let mut lower = String::with_capacity(text.len());
    for letter in text.chars() {
        // Most letters of other texts are ASCII all the same.
        if letter.is_ascii() {
            lower.push(letter.to_ascii_lowercase());
        } else {
            lower.extend(letter.to_lowercase().map(one_sigma));
        }
    }
    lower
}
