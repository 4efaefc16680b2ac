//! What `SQLite`'s result codes mean (<https://www.sqlite.org/rescode.html>).

use std::fmt;

use kernel::Cause;
use sea_orm::sqlx::Error as SqlxError;
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};
use store_sql::Failure;

/// Primary result codes.
const ERROR: u32 = 1;
const PERM: u32 = 3;
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const NOMEM: u32 = 7;
const READONLY: u32 = 8;
const INTERRUPT: u32 = 9;
const IOERR: u32 = 10;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const PROTOCOL: u32 = 15;
const SCHEMA: u32 = 17;
const TOOBIG: u32 = 18;
const CONSTRAINT: u32 = 19;
const MISMATCH: u32 = 20;
const AUTH: u32 = 23;
const RANGE: u32 = 25;
const NOTADB: u32 = 26;

/// An error as a failure of the store. Its cause has the code and what it stands for, and nothing
/// of the statement or its values.
pub(crate) fn judge(error: DbErr) -> Failure {
    match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => {
            unavailable("no connection became free in time")
        }
        DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => {
            unavailable("the store is closed")
        }
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => judge_driver(&error),
        DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. } => {
            Failure::Corrupt(Cause::new("a column has another type"))
        }
        _ => Failure::Refused {
            lasting: false,
            cause: Cause::new("unexpected error of the database layer"),
        },
    }
}

fn judge_driver(error: &SqlxError) -> Failure {
    match error {
        SqlxError::Database(error) => {
            let code = error.code().and_then(|it| it.parse().ok()).unwrap_or(0);
            judge_code(code)
        }
        SqlxError::Io(error) => unavailable(format!("input or output failed: {}", error.kind())),
        SqlxError::PoolTimedOut => unavailable("no connection became free in time"),
        SqlxError::PoolClosed => unavailable("the store is closed"),
        SqlxError::WorkerCrashed => unavailable("a connection's thread ended"),
        SqlxError::ColumnDecode { .. } | SqlxError::Decode(_) => {
            Failure::Corrupt(Cause::new("a column has another type"))
        }
        _ => Failure::Refused {
            lasting: false,
            cause: Cause::new("unexpected error of the database driver"),
        },
    }
}

/// `code` is an extended result code; its low byte is the primary one.
fn judge_code(code: u32) -> Failure {
    let cause = Cause::new(ResultCode(code));
    match code & 0xff {
        TOOBIG | CONSTRAINT | MISMATCH | RANGE => Failure::Refused {
            lasting: true,
            cause,
        },
        // A statement that cannot be run, or a damaged file, is no fault of the data either.
        ERROR | PERM | BUSY | LOCKED | NOMEM | READONLY | INTERRUPT | IOERR | CORRUPT | FULL
        | CANTOPEN | PROTOCOL | SCHEMA | AUTH | NOTADB => Failure::Unavailable(cause),
        _ => Failure::Refused {
            lasting: false,
            cause,
        },
    }
}

fn unavailable(text: impl Into<String>) -> Failure {
    Failure::Unavailable(Cause::new(text.into()))
}

/// An extended result code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ResultCode(pub(crate) u32);

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = match self.0 & 0xff {
            ERROR => "a statement cannot be run on this schema",
            PERM | AUTH => "access is denied",
            BUSY | LOCKED => "another process holds the lock",
            NOMEM => "out of memory",
            READONLY => "the file cannot be written",
            INTERRUPT => "interrupted",
            IOERR => "reading, writing or syncing the file failed",
            CORRUPT => "the file is damaged",
            FULL => "the disk is full",
            CANTOPEN => "the file cannot be opened",
            PROTOCOL => "the lock protocol failed",
            SCHEMA => "the schema changed",
            TOOBIG => "a value is too large",
            CONSTRAINT => "a constraint is broken",
            MISMATCH => "a value has the wrong type",
            RANGE => "a value is out of range",
            NOTADB => "the file is no database",
            _ => "unexpected result",
        };
        write!(f, "sqlite {}: {meaning}", self.0)
    }
}

impl std::error::Error for ResultCode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_cannot_be_written_is_an_outage() {
        for code in [5, 517, 8, 1032, 10, 1034, 13, 14, 6, 26, 1] {
            assert!(
                matches!(judge_code(code), Failure::Unavailable(_)),
                "{code}"
            );
        }
    }

    #[test]
    fn data_that_breaks_a_rule_is_refused_for_good() {
        for code in [19, 275, 1299, 2067, 18, 20, 25] {
            let failure = judge_code(code);
            assert!(
                matches!(failure, Failure::Refused { lasting: true, .. }),
                "{code}"
            );
        }
    }

    #[test]
    fn a_code_nobody_knows_may_be_tried_again() {
        let failure = judge_code(99);
        assert!(matches!(failure, Failure::Refused { lasting: false, .. }));
    }
}
