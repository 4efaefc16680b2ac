//! What a reader needs to know beside the bytes.

use kernel::Day;

/// How rows are read.
#[derive(Clone, Debug)]
pub struct Rules {
    /// A day of birth lies on this day at the latest.
    pub today: Day,
    /// What names mean.
    pub keys: KeyMap,
}

impl Rules {
    /// Names mean what they say.
    pub fn new(today: Day) -> Self {
        Self {
            today,
            keys: KeyMap::default(),
        }
    }
}

/// Names that are read as others, and names that are left out.
#[derive(Clone, Debug, Default)]
pub struct KeyMap {
    /// Pairs of the name in the input and the name to read it as.
    pub renamed: Vec<(String, String)>,
    /// Names whose values are not read.
    pub left_out: Vec<String>,
}

impl KeyMap {
    /// What `key` is read as; none when it is left out. Renaming wins over leaving out.
    pub fn resolve<'a>(&'a self, key: &'a str) -> Option<&'a str> {
        if let Some((_, to)) = self.renamed.iter().find(|(from, _)| from == key) {
            return Some(to);
        }
        (!self.left_out.iter().any(|it| it == key)).then_some(key)
    }
}
