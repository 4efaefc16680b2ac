//! How a program ends.

use std::fmt;
use std::process::ExitCode;

/// What the process says to whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It is done.
    Done = 0,
    /// It was tried and failed.
    Failed = 1,
    /// It was asked for in a way that means nothing.
    WrongUse = 2,
    /// The configuration cannot be used (`EX_CONFIG` of sysexits.h).
    Configuration = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a program did not do it: an exit code and one line for a person, without secrets and
/// without values that came with a lead.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    line: String,
}

impl Failure {
    /// It was tried and failed.
    pub fn failed(line: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, line)
    }

    /// It was asked for in a way that means nothing.
    pub fn wrong_use(line: impl fmt::Display) -> Self {
        Self::new(Exit::WrongUse, line)
    }

    /// The configuration cannot be used; the line names the setting.
    pub fn configuration(line: impl fmt::Display) -> Self {
        Self::new(Exit::Configuration, line)
    }

    /// The code to exit with.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    fn new(exit: Exit, line: impl fmt::Display) -> Self {
        // One line, whatever the text of a driver or of the operating system looks like.
        let line = line.to_string();
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { exit, line }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}
