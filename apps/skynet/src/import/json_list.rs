//! Cutting a JSON list into its elements, whatever its length.

use lead::LeadForm;

/// Reads `[...]` or `{"leads": [...]}` in pieces of any size and hands out each element's bytes.
/// Other keys of the object are skipped. What is held in memory is one element.
#[derive(Debug, Default)]
pub(super) struct JsonList {
    state: State,
    /// The element or key that is being read.
    text: Vec<u8>,
    overlong: bool,
    /// Brackets that are open within the element or skipped value.
    depth: u32,
    in_string: bool,
    escaped: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    /// In the object around the list, before a key.
    Key,
    InKey,
    /// After a key; it was `leads`.
    Colon(bool),
    /// After the colon.
    Value(bool),
    /// In a value that is not wanted.
    Skipped,
    /// In the list, between elements.
    Between {
        in_object: bool,
    },
    Element {
        in_object: bool,
    },
    /// After everything.
    Done,
}

/// An element of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Element<'a> {
    /// Its bytes.
    Bytes(&'a [u8]),
    /// It is longer than a lead may be.
    Overlong,
}

/// The text around the elements is no such list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum JsonListError {
    #[error("the file is no JSON list of leads")]
    NoList,
    #[error("the JSON list of leads has no end")]
    NoEnd,
    #[error("something follows the JSON list of leads")]
    TrailingText,
}

#[allow(
    clippy::match_same_arms,
    reason = "the arms follow the text from its start to its end"
)]
impl JsonList {
    /// Reads the next bytes, handing out each element that they complete.
    pub(super) fn feed(
        &mut self,
        piece: &[u8],
        mut sink: impl FnMut(Element<'_>),
    ) -> Result<(), JsonListError> {
        for &byte in piece {
            self.take(byte, &mut sink)?;
        }
        Ok(())
    }

    /// Says whether the list is whole when the input ends.
    pub(super) fn finish(&self) -> Result<(), JsonListError> {
        match self.state {
            State::Done => Ok(()),
            State::Start => Err(JsonListError::NoList),
            _ => Err(JsonListError::NoEnd),
        }
    }

    fn take(&mut self, byte: u8, sink: &mut impl FnMut(Element<'_>)) -> Result<(), JsonListError> {
        let blank = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        match self.state {
            State::Start if blank || MARK.contains(&byte) => {}
            State::Start => {
                self.state = match byte {
                    b'[' => State::Between { in_object: false },
                    b'{' => State::Key,
                    _ => return Err(JsonListError::NoList),
                }
            }
            State::Key if blank || byte == b',' => {}
            State::Key => {
                self.state = match byte {
                    b'"' => State::InKey,
                    b'}' => State::Done,
                    _ => return Err(JsonListError::NoList),
                };
                self.text.clear();
            }
            State::InKey => {
                if byte == b'"' && !self.escaped {
                    self.state = State::Colon(self.text == b"leads");
                } else if self.text.len() < LeadForm::MAX_LEAD_BYTES {
                    self.text.push(byte);
                }
                self.escaped = byte == b'\\' && !self.escaped;
            }
            State::Colon(_) if blank => {}
            State::Colon(wanted) if byte == b':' => self.state = State::Value(wanted),
            State::Colon(_) => return Err(JsonListError::NoList),
            State::Value(_) if blank => {}
            State::Value(true) if byte == b'[' => {
                self.state = State::Between { in_object: true };
            }
            State::Value(true) => return Err(JsonListError::NoList),
            State::Value(false) | State::Skipped => self.skip(byte),
            State::Between { .. } if blank || byte == b',' => {}
            State::Between { in_object } if byte == b']' => {
                self.state = if in_object { State::Key } else { State::Done };
            }
            State::Between { in_object } => {
                self.text.clear();
                self.overlong = false;
                self.state = State::Element { in_object };
                self.element(byte, in_object, sink);
            }
            State::Element { in_object } => self.element(byte, in_object, sink),
            State::Done if blank => {}
            State::Done => return Err(JsonListError::TrailingText),
        }
        Ok(())
    }

    fn skip(&mut self, byte: u8) {
        self.state = State::Skipped;
        if !self.in_string && self.depth == 0 && matches!(byte, b',' | b'}') {
            self.state = if byte == b'}' {
                State::Done
            } else {
                State::Key
            };
            return;
        }
        self.track(byte);
    }

    fn element(&mut self, byte: u8, in_object: bool, sink: &mut impl FnMut(Element<'_>)) {
        let plain = self.depth == 0 && !self.in_string;
        if plain && matches!(byte, b',' | b']') {
            // The end of a number, of a word, or of a text.
            self.emit(sink);
            self.state = match (byte, in_object) {
                (b']', true) => State::Key,
                (b']', false) => State::Done,
                _ => State::Between { in_object },
            };
            return;
        }
        if self.text.len() > LeadForm::MAX_LEAD_BYTES {
            self.overlong = true;
        } else {
            self.text.push(byte);
        }
        let depth_before = self.depth;
        self.track(byte);
        if depth_before == 1 && self.depth == 0 {
            self.emit(sink);
            self.state = State::Between { in_object };
        }
    }

    fn emit(&mut self, sink: &mut impl FnMut(Element<'_>)) {
        if self.overlong {
            sink(Element::Overlong);
        } else {
            sink(Element::Bytes(self.text.trim_ascii_end()));
        }
    }

    /// Follows brackets and texts.
    fn track(&mut self, byte: u8) {
        if self.in_string {
            let ends = byte == b'"' && !self.escaped;
            self.escaped = byte == b'\\' && !self.escaped;
            self.in_string = !ends;
            return;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

/// The mark that some programs put before UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;

    fn elements(text: &str, piece: usize) -> Result<Vec<String>, JsonListError> {
        let mut list = JsonList::default();
        let mut found = Vec::new();
        for piece in text.as_bytes().chunks(piece) {
            list.feed(piece, |it| {
                found.push(match it {
                    Element::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
                    Element::Overlong => "overlong".to_owned(),
                });
            })?;
        }
        list.finish().map(|()| found)
    }

    #[test]
    fn elements_are_cut_out_whatever_the_pieces() {
        let text = "\u{feff} [ {\"a\":\"]}\\\"\"} ,{\"b\":[1,{}]}\n, 7, \"x\" ,null]\n";
        let whole = ["{\"a\":\"]}\\\"\"}", "{\"b\":[1,{}]}", "7", "\"x\"", "null"];

        for piece in 1..text.len() {
            assert_eq!(elements(text, piece).unwrap(), whole);
        }
    }

    #[test]
    fn a_list_under_leads_is_found_between_other_keys() {
        let text = "{\"x\":{\"leads\":[1]},\"y\":\"}\",\"leads\":[{\"a\":1},{}],\"z\":[1,2]}";

        assert_eq!(elements(text, 3).unwrap(), ["{\"a\":1}", "{}"]);
    }

    #[test]
    fn empty_lists_have_no_elements() {
        assert!(elements("[]", 1).unwrap().is_empty());
        assert!(elements("{\"leads\": [ ]}", 1).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_list_is_refused() {
        assert_eq!(elements("", 1), Err(JsonListError::NoList));
        assert_eq!(elements("7", 1), Err(JsonListError::NoList));
        assert_eq!(elements("{\"leads\":7}", 1), Err(JsonListError::NoList));
        assert_eq!(elements("[{\"a\":1}", 1), Err(JsonListError::NoEnd));
        assert_eq!(elements("[] x", 1), Err(JsonListError::TrailingText));
    }

    #[test]
    fn an_element_longer_than_a_lead_may_be_is_not_kept() {
        let long = "x".repeat(2 * LeadForm::MAX_LEAD_BYTES);

        let found = elements(&format!("[\"{long}\",{{}}]"), 1_000).unwrap();

        assert_eq!(found, ["overlong", "{}"]);
    }
}
