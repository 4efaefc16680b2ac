//! What the keys of an input mean.

use lead::FieldKey;

use crate::members::{Members, Quoted};
use crate::rules::Rules;

/// The keys of the leads of one input, read under the same rules. Leads that follow each other
/// mostly have the same keys in the same order, so that each is compared with the one at its place
/// before it is read.
#[derive(Debug, Default)]
pub(crate) struct Keys(Vec<(Option<Box<str>>, Key)>);

/// What a key means.
#[derive(Debug)]
pub(crate) struct Key {
    /// None where the key is left out.
    pub(crate) field: Option<FieldKey>,
    /// Fields are in its value, when it stands at the top.
    pub(crate) is_fields: bool,
}

impl Key {
    fn of(key: &str, rules: &Rules) -> Self {
        let key = rules.keys.resolve(key);
        Self {
            field: key.map(FieldKey::of),
            is_fields: key == Some("fields"),
        }
    }
}

impl Keys {
    /// The most places that are kept apart; what comes later shares the last one.
    const PLACES_MAX: usize = 256;
    /// The longest key that is kept to be compared with.
    const KEPT_BYTES_MAX: usize = 256;

    /// What the next key of `members` means, which stands at that place of a lead; none where a
    /// surrogate stands alone in it.
    pub(crate) fn next(
        &mut self,
        place: usize,
        members: &mut Members<'_>,
        rules: &Rules,
    ) -> Option<Next<'_>> {
        let place = place.min(self.0.len()).min(Self::PLACES_MAX - 1);
        if let Some((Some(kept), _)) = self.0.get(place)
            && members.skip_key(kept)
        {
            return Some(Next::Key(&self.0[place].1));
        }
        let Some(sent) = members.next_key() else {
            return Some(Next::End);
        };
        // An escape in it would be compared with what it stands for.
        let kept = match sent {
            Quoted::Plain(text) if text.len() <= Self::KEPT_BYTES_MAX => Some(text.into()),
            _ => None,
        };
        let read = (kept, Key::of(&sent.text()?, rules));
        if place == self.0.len() {
            self.0.push(read);
        } else {
            self.0[place] = read;
        }
        Some(Next::Key(&self.0[place].1))
    }
}

/// What comes next in an object.
pub(crate) enum Next<'k> {
    Key(&'k Key),
    End,
}
