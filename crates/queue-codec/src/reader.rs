//! Reading what a message is made of.

use uuid::Uuid;

use crate::DecodeError;

/// Bytes that are not read yet.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// What is known to be UTF-8 from a place on where so many bytes were left. Lengths of short
    /// texts and kinds are ASCII, so that one look covers most texts of a lead.
    utf8: &'a str,
    utf8_left: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            utf8: "",
            utf8_left: bytes.len(),
        }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, DecodeError> {
        let len = self.count(usize::MAX)?;
        let start = self.utf8_left - self.rest.len();
        let text = if let Some(text) = self.utf8.get(start..start + len) {
            text
        } else {
            self.look_for_utf8();
            self.utf8.get(..len).ok_or(DecodeError::Value)?
        };
        self.rest = &self.rest[len..];
        Ok(text)
    }

    fn look_for_utf8(&mut self) {
        let valid = match str::from_utf8(self.rest) {
            Ok(all) => Ok(all),
            Err(error) => str::from_utf8(&self.rest[..error.valid_up_to()]),
        };
        self.utf8 = valid.unwrap_or_default();
        self.utf8_left = self.rest.len();
    }

    /// Takes the next text if it is `expected`.
    pub(crate) fn take(&mut self, expected: &str) -> bool {
        let before = self.rest;
        let is_next = self
            .count(usize::MAX)
            .is_ok_and(|len| &self.rest[..len] == expected.as_bytes());
        self.rest = if is_next {
            &self.rest[expected.len()..]
        } else {
            before
        };
        is_next
    }

    /// A text that `parse` takes without changing it.
    pub(crate) fn same<T, E>(
        &mut self,
        parse: impl FnOnce(&str) -> Result<T, E>,
        as_str: impl FnOnce(&T) -> &str,
    ) -> Result<T, DecodeError> {
        let text = self.text()?;
        match parse(text) {
            Ok(value) if as_str(&value).len() == text.len() => Ok(value),
            _ => Err(DecodeError::Value),
        }
    }

    pub(crate) fn id(&mut self) -> Result<Uuid, DecodeError> {
        self.array().map(Uuid::from_bytes)
    }

    pub(crate) fn flags(&mut self, known: u8) -> Result<u8, DecodeError> {
        match self.byte()? {
            flags if flags & !known == 0 => Ok(flags),
            _ => Err(DecodeError::Kind),
        }
    }

    /// A number of things of at least one byte each, at most `most` of them.
    pub(crate) fn count(&mut self, most: usize) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.number()?).map_err(|_| DecodeError::Count)?;
        if count > most {
            Err(DecodeError::Count)
        } else if count > self.rest.len() {
            Err(DecodeError::Truncated)
        } else {
            Ok(count)
        }
    }

    /// Room for `count` items, as long as that is no more than the bytes that are left.
    pub(crate) fn list<T>(&self, count: usize, item_bytes: usize) -> Vec<T> {
        Vec::with_capacity(count.min(self.rest.len() / item_bytes.max(1)))
    }

    pub(crate) fn number(&mut self) -> Result<u64, DecodeError> {
        match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                Ok(byte.into())
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                return Err(DecodeError::Number);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                return if shortest {
                    Ok(number)
                } else {
                    Err(DecodeError::Number)
                };
            }
        }
        Err(DecodeError::Number)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (&byte, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    pub(crate) fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], DecodeError> {
        let (array, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }
}
