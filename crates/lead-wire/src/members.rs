//! What is inside of a JSON text whose syntax is right but for surrogates that stand alone.

use std::borrow::Cow;

/// A string as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoted<'a> {
    /// What is between its quotes, which is its text.
    Plain(&'a str),
    /// With its quotes, and with escapes between them.
    Escaped(&'a str),
}

/// A value as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent<'a> {
    Text(Quoted<'a>),
    /// An array or an object.
    Nested(&'a str),
    /// A number, `true`, `false` or `null`.
    Bare(&'a str),
}

impl<'a> Quoted<'a> {
    /// The string that starts at `start`, and its end, past its closing quote.
    pub(crate) fn at(json: &'a str, start: usize) -> (Self, usize) {
        let bytes = json.as_bytes();
        let mut at = special(bytes, start + 1);
        if bytes.get(at) == Some(&b'"') {
            return (Self::Plain(&json[start + 1..at]), at + 1);
        }
        // Past what is escaped, which may be a quote.
        while bytes.get(at) == Some(&b'\\') {
            at = special(bytes, at + 2);
        }
        let end = bytes.len().min(at + 1);
        (Self::Escaped(&json[start..end]), end)
    }

    /// The text; none where a surrogate stands alone.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Plain(text) => Some(Cow::Borrowed(text)),
            Self::Escaped(json) => serde_json::from_str(json).ok().map(Cow::Owned),
        }
    }
}

/// Where the next quote or backslash is.
fn special(bytes: &[u8], from: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    // The top bit of the lowest byte that is zero, and maybe of some above it.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let rest = bytes.get(from..).unwrap_or_default();
    let (words, last) = rest.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\')));
        if found != 0 {
            return from + at * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let is_special = |it: &u8| matches!(it, b'"' | b'\\');
    let at = last.iter().position(is_special);
    bytes.len() - last.len() + at.unwrap_or(last.len())
}

/// The members of an object in their order, key and value.
pub(crate) struct Members<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Members<'a> {
    /// Those of an object, which starts with its brace.
    pub(crate) fn of(object: &'a str) -> Self {
        Self {
            json: object,
            at: 1,
        }
    }

    /// Skips the next key if it is this text, which has neither quotes nor escapes in it.
    pub(crate) fn skip_key(&mut self, text: &str) -> bool {
        let Some(start) = self.key_start() else {
            return false;
        };
        let rest = &self.json.as_bytes()[start + 1..];
        let is_next = rest.starts_with(text.as_bytes()) && rest.get(text.len()) == Some(&b'"');
        if is_next {
            self.at = start + text.len() + 2;
        }
        is_next
    }

    /// The next key; its value has to be taken before another.
    pub(crate) fn next_key(&mut self) -> Option<Quoted<'a>> {
        let start = self.key_start()?;
        let (key, end) = Quoted::at(self.json, start);
        self.at = end;
        Some(key)
    }

    /// The value of the key before.
    pub(crate) fn value(&mut self) -> Sent<'a> {
        let bytes = self.json.as_bytes();
        let is_between = |it: &u8| matches!(it, b':' | b' ' | b'\t' | b'\n' | b'\r');
        let between = bytes[self.at..].iter().take_while(|it| is_between(it));
        let start = self.at + between.count();
        let (value, end) = match bytes.get(start) {
            Some(b'"') => {
                let (text, end) = Quoted::at(self.json, start);
                (Sent::Text(text), end)
            }
            Some(b'{' | b'[') => {
                let end = nested_end(self.json, start);
                (Sent::Nested(&self.json[start..end]), end)
            }
            Some(first) => {
                let end = bare_end(bytes, start, *first);
                (Sent::Bare(&self.json[start..end]), end)
            }
            None => (Sent::Bare(""), start),
        };
        self.at = end;
        value
    }

    /// Where the next key starts: past a comma and white space. Behind the last member there is no
    /// quote any more.
    fn key_start(&self) -> Option<usize> {
        let rest = self.json.as_bytes().get(self.at..)?;
        Some(self.at + rest.iter().position(|it| *it == b'"')?)
    }
}

/// The end of the number that starts at `start`.
pub(crate) fn number_end(bytes: &[u8], start: usize) -> usize {
    let is_number = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    start + bytes[start..].iter().take_while(is_number).count()
}

fn bare_end(bytes: &[u8], start: usize, first: u8) -> usize {
    match first {
        b't' | b'n' => start + "true".len(),
        b'f' => start + "false".len(),
        _ => number_end(bytes, start),
    }
}

/// The end of the array or object that starts at `start`, past its closing bracket.
fn nested_end(json: &str, start: usize) -> usize {
    let (mut depth, mut at) = (0_usize, start);
    while let Some(byte) = json.as_bytes().get(at) {
        match byte {
            b'"' => {
                at = Quoted::at(json, at).1;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return at + 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    json.len()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that panics has failed")]
mod tests {
    use std::fmt;

    use proptest::prelude::*;
    use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
    use serde_json::value::RawValue;

    use super::*;

    /// The members as a reader that trusts nothing finds them.
    #[derive(Debug)]
    struct Careful<'a>(Vec<(&'a str, &'a str)>);

    impl<'de: 'a, 'a> Deserialize<'de> for Careful<'a> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct All;

            impl<'de> Visitor<'de> for All {
                type Value = Careful<'de>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                    let mut all = Vec::new();
                    while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                        all.push((key.get(), value.get()));
                    }
                    Ok(Careful(all))
                }
            }

            deserializer.deserialize_map(All)
        }
    }

    fn sent(text: Quoted<'_>) -> Cow<'_, str> {
        match text {
            Quoted::Plain(text) => Cow::Owned(format!("\"{text}\"")),
            Quoted::Escaped(json) => Cow::Borrowed(json),
        }
    }

    fn agree(json: &str) {
        if let Ok(Careful(all)) = serde_json::from_str(json) {
            let (mut cut, mut known) = (Members::of(json), Members::of(json));
            for (key, value) in all {
                assert!(!known.skip_key("other"), "{json}");
                match cut.next_key().unwrap() {
                    Quoted::Plain(text) => assert!(known.skip_key(text), "{json}"),
                    Quoted::Escaped(_) => drop(known.next_key()),
                }
                assert_eq!(cut.at, known.at, "{json}");
                let from = cut.at - key.len();
                assert_eq!(&json[from..cut.at], key, "{json}");
                let cut_value = match cut.value() {
                    Sent::Text(text) => sent(text),
                    Sent::Nested(json) | Sent::Bare(json) => Cow::Borrowed(json),
                };
                assert_eq!(cut_value, value, "{json}");
                known.value();
            }
            assert_eq!(cut.next_key(), None, "{json}");
        }
    }

    fn space() -> impl Strategy<Value = String> {
        "[ \t\r\n]{0,2}"
    }

    fn text() -> impl Strategy<Value = String> {
        let signs = r#"([a-z{}\[\],:é漢 ]|\\"|\\\\|\\n|\\u00e9|\\ud83d\\ude00){0,6}"#;
        signs.prop_map(|it| format!("\"{it}\""))
    }

    fn value() -> impl Strategy<Value = String> {
        let plain = prop_oneof![
            text(),
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("false".to_owned()),
            r"-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        ];
        plain.prop_recursive(4, 24, 4, |inner| {
            let list = prop::collection::vec((space(), inner.clone(), space()), 0..4);
            prop_oneof![
                list.prop_map(|all| {
                    let all: Vec<_> = all.iter().map(|(a, it, b)| format!("{a}{it}{b}")).collect();
                    format!("[{}]", all.join(","))
                }),
                object(inner),
            ]
        })
    }

    fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
        let member = (space(), text(), space(), space(), value, space());
        let members = prop::collection::vec(member, 0..5);
        (space(), members).prop_map(|(empty, all)| {
            let all: Vec<_> = all
                .iter()
                .map(|(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}"))
                .collect();
            format!("{{{empty}{}}}", all.join(","))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn members_are_those_that_a_careful_reader_finds(json in object(value())) {
            prop_assert!(serde_json::from_str::<Careful<'_>>(&json).is_ok(), "{}", json);
            agree(&json);
        }

        #[test]
        fn a_special_sign_is_found_where_it_is(bytes in prop::collection::vec(prop_oneof![any::<u8>(), b'!'..=b'#', b'['..=b']'], 0..40), from in 0_usize..44) {
            let found = bytes.iter().enumerate().position(|(at, it)| at >= from && matches!(it, b'"' | b'\\'));
            prop_assert_eq!(special(&bytes, from), found.unwrap_or(bytes.len()));
        }

        #[test]
        fn a_text_is_that_which_a_careful_reader_finds(json in text()) {
            let (quoted, end) = Quoted::at(&json, 0);
            prop_assert_eq!(end, json.len());
            prop_assert_eq!(matches!(quoted, Quoted::Plain(_)), !json.contains('\\'));
            prop_assert_eq!(quoted.text().unwrap(), serde_json::from_str::<String>(&json).unwrap());
        }

        #[test]
        fn also_in_what_is_an_object_by_chance(text in r#"\{[\[\]{}",:\\un0 1e.-]{0,20}\}"#) {
            agree(&text);
        }
    }
}
