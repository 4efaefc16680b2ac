//! The mark that some programs put before UTF-8.

const MARK: &[u8] = "\u{feff}".as_bytes();

/// Takes the mark off the front of an input that comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct Bom {
    matched: usize,
    done: bool,
}

impl Bom {
    /// What there is to read of the next piece: first bytes held back before, then of the piece.
    pub(crate) fn strip<'a>(&mut self, piece: &'a [u8]) -> (&'static [u8], &'a [u8]) {
        if self.done {
            return (&[], piece);
        }
        let same = MARK[self.matched..]
            .iter()
            .zip(piece)
            .take_while(|(a, b)| a == b)
            .count();
        let held = self.matched;
        self.matched += same;
        let rest = &piece[same..];
        if self.matched == MARK.len() {
            self.done = true;
            (&[], rest)
        } else if rest.is_empty() {
            (&[], rest)
        } else {
            self.done = true;
            (&MARK[..held], piece)
        }
    }

    /// What was held back when the input ends.
    pub(crate) fn finish(&mut self) -> &'static [u8] {
        if self.done {
            return &[];
        }
        self.done = true;
        &MARK[..self.matched]
    }
}
