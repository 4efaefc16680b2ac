//! What each path took when it was last recorded.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::Failure;
use crate::work::Work;

/// How much a path may grow, in percent; compilers and libraries of the system differ by less.
pub(crate) const BOUND_PERCENT: u64 = 5;

/// Instructions for one lead, by path.
#[derive(Debug, Default)]
pub(crate) struct Baseline(BTreeMap<String, u64>);

/// How a count stands to its baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Within the bound.
    Same,
    /// Below it.
    Less,
    /// Above it.
    More,
}

impl Verdict {
    pub(crate) fn of(before: u64, now: u64) -> Self {
        if now * 100 > before * (100 + BOUND_PERCENT) {
            Self::More
        } else if now * 100 < before * (100 - BOUND_PERCENT) {
            Self::Less
        } else {
            Self::Same
        }
    }
}

impl Baseline {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).map_err(|it| format!("{}: {it}", path.display()))?;
        Ok(Self(toml::from_str(&text)?))
    }

    pub(crate) fn of(&self, work: Work) -> Result<u64, Failure> {
        let count = self.0.get(work.name()).copied().filter(|it| *it > 0);
        count.ok_or_else(|| format!("the baseline lacks {}: make guard-record", work.name()).into())
    }

    pub(crate) fn set(&mut self, work: Work, count: u64) {
        self.0.insert(work.name().to_owned(), count);
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let head = "# Instructions for one lead, as `make guard-record` counted them.\n";
        Ok(fs::write(
            path,
            head.to_owned() + &toml::to_string(&self.0)?,
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_leaves_the_bound_is_said() {
        assert_eq!(Verdict::of(1_000, 1_050), Verdict::Same);
        assert_eq!(Verdict::of(1_000, 1_051), Verdict::More);
        assert_eq!(Verdict::of(1_000, 950), Verdict::Same);
        assert_eq!(Verdict::of(1_000, 949), Verdict::Less);
    }
}
