//! Comparing texts without regard to case.

/// `text` in lower case, letter by letter: what differs only in case becomes equal.
///
/// A letter's place in its word does not count, so both small sigmas are one. Nothing else is
/// folded: `ß` and `ss`, `é` and `e` stay different.
pub fn lower_case(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars()
        .flat_map(char::to_lowercase)
        .map(|letter| if letter == 'ς' { 'σ' } else { letter })
        .collect()
}
