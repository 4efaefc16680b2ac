//! What the server's error numbers mean
//! (<https://dev.mysql.com/doc/mysql-errors/9.0/en/server-error-reference.html>,
//! <https://mariadb.com/kb/en/mariadb-error-code-reference/>).

use std::fmt;

use kernel::Cause;
use sea_orm::sqlx::Error as SqlxError;
use sea_orm::sqlx::mysql::MySqlDatabaseError;
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};
use store_sql::Failure;

use crate::place::TOO_LARGE;

/// An error as a failure of the store. Its cause has the number and what it stands for, and
/// nothing of the statement, its values, or the server's text, which repeats values.
pub(crate) fn judge(error: &DbErr) -> Failure {
    match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => unavailable(NO_CONNECTION),
        DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => unavailable(CLOSED),
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => judge_driver(error),
        DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. } => {
            Failure::Corrupt(Cause::new(OTHER_TYPE))
        }
        DbErr::Custom(text) if text == TOO_LARGE => Failure::Refused {
            lasting: true,
            cause: Cause::new(TOO_LARGE),
        },
        _ => Failure::Refused {
            lasting: false,
            cause: Cause::new("unexpected error of the database layer"),
        },
    }
}

const NO_CONNECTION: &str = "no connection became free, or could be made, in time";
const CLOSED: &str = "the store is closed";
const OTHER_TYPE: &str = "a column has another type";
/// The driver says so when a password would have to cross the network in the open.
pub(crate) const NEEDS_TLS: &str = "this user's password may only be sent over TLS, which the \
    server does not offer or ssl-mode=DISABLED refuses: enable TLS there, or give the user the \
    plugin mysql_native_password";
pub(crate) const NO_TLS: &str = "TLS could not be agreed with the server: see ssl-mode, ssl-ca, ssl-cert \
    and ssl-key";

pub(crate) fn judge_driver(error: &SqlxError) -> Failure {
    match error {
        SqlxError::Database(error) => {
            let number = error.try_downcast_ref::<MySqlDatabaseError>();
            let number = number.map_or(0, MySqlDatabaseError::number);
            judge_number(number, error.code().as_deref())
        }
        SqlxError::Io(error) => unavailable(format!("the connection broke: {}", error.kind())),
        SqlxError::PoolTimedOut => unavailable(NO_CONNECTION),
        SqlxError::PoolClosed => unavailable(CLOSED),
        SqlxError::WorkerCrashed | SqlxError::BeginFailed => {
            unavailable("no transaction could be begun")
        }
        SqlxError::Protocol(_) => unavailable("the server's answer is not understood"),
        SqlxError::Tls(_) => unavailable(NO_TLS),
        SqlxError::Configuration(_) => unavailable(NEEDS_TLS),
        SqlxError::ColumnDecode { .. } | SqlxError::Decode(_) => {
            Failure::Corrupt(Cause::new(OTHER_TYPE))
        }
        _ => Failure::Refused {
            lasting: false,
            cause: Cause::new("unexpected error of the database driver"),
        },
    }
}

fn judge_number(number: u16, state: Option<&str>) -> Failure {
    let kind = kind_of(number, state);
    let cause = Cause::new(ServerError { number, kind });
    match kind {
        Kind::Conflict => Failure::Conflict(cause),
        Kind::Data => Failure::Refused {
            lasting: true,
            cause,
        },
        Kind::Unknown => Failure::Refused {
            lasting: false,
            cause,
        },
        Kind::Lost | Kind::Busy | Kind::ReadOnly | Kind::Full | Kind::Denied | Kind::Schema => {
            Failure::Unavailable(cause)
        }
    }
}

/// What kind of trouble a number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Another transaction was in the way.
    Conflict,
    /// The data breaks a rule of a column or table.
    Data,
    /// The server went away, or takes this connection or statement away.
    Lost,
    /// The server has no connection, thread, memory or time to spare.
    Busy,
    /// The server takes no writes.
    ReadOnly,
    /// Disk, table space or a file fails.
    Full,
    /// User, password, database or permission.
    Denied,
    /// A table or column is not there.
    Schema,
    /// Nobody has thought of it.
    Unknown,
}

/// `state` is the error's SQLSTATE; it tells `MariaDB`'s failed check from another error of
/// `MySQL`.
fn kind_of(number: u16, state: Option<&str>) -> Kind {
    match number {
        // Lock wait, deadlock, changed since read, rolled back by a cluster.
        1205 | 1213 | 1020 | 3058 | 3101 | 3572 => Kind::Conflict,
        // Null, duplicate, no default, too long, out of range, not right for the column, check,
        // packet, JSON.
        1048 | 1062 | 1118 | 1153 | 1264 | 1265 | 1292 | 1364 | 1366 | 1367 | 1406 | 1411
        | 1690 | 3140 | 3141 | 3819 => Kind::Data,
        4025 if state == Some("23000") => Kind::Data,
        // Shutdown, network, killed, interrupted, aborted, out of its time, idle for too long.
        1053
        | 1077
        | 1079
        | 1080
        | 1152
        | 1158..=1161
        | 1184
        | 1317
        | 1927
        | 1969
        | 2006
        | 2013
        | 3024
        | 4031 => Kind::Lost,
        // Connections, memory, threads, limits of the user or of transactions and locks.
        1037 | 1038 | 1040 | 1041 | 1129 | 1135 | 1197 | 1203 | 1206 | 1226 | 1461 => Kind::Busy,
        1290 | 1792 | 1836 => Kind::ReadOnly,
        // Writing, reading, opening, disk full, handler, table full, crashed, commit.
        1003..=1006
        | 1016
        | 1017
        | 1021
        | 1023
        | 1024
        | 1026
        | 1030
        | 1114
        | 1180
        | 1194
        | 1195
        | 1712 => Kind::Full,
        1044 | 1045 | 1049 | 1130 | 1142 | 1143 | 1227 | 1251 | 1370 | 1449 | 1524 | 1698
        | 1820 | 1862 | 3118 | 3159 => Kind::Denied,
        1054 | 1146 | 1305 | 1356 => Kind::Schema,
        _ => Kind::Unknown,
    }
}

/// What kind of trouble an error is, where the server said so.
pub(crate) fn kind_of_error(error: &SqlxError) -> Option<Kind> {
    let SqlxError::Database(error) = error else {
        return None;
    };
    let number = error.try_downcast_ref::<MySqlDatabaseError>()?.number();
    Some(kind_of(number, error.code().as_deref()))
}

/// What the driver says of a statement that it was given directly.
pub(crate) fn broken(error: SqlxError) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

/// The driver's error within an error of the layer above.
pub(crate) fn driver_of(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

pub(crate) fn cause_of(failure: Failure) -> Cause {
    match failure {
        Failure::Unavailable(cause)
        | Failure::Conflict(cause)
        | Failure::Refused { cause, .. }
        | Failure::Corrupt(cause) => cause,
    }
}

fn unavailable(text: impl Into<String>) -> Failure {
    Failure::Unavailable(Cause::new(text.into()))
}

/// An error of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ServerError {
    number: u16,
    kind: Kind,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = match self.kind {
            Kind::Conflict => "another transaction is in the way",
            Kind::Data => "a value breaks a rule of its column",
            Kind::Lost => "the server ended the connection or the statement",
            Kind::Busy => "the server has no connection, memory or thread to spare",
            Kind::ReadOnly => "the server takes no writes",
            Kind::Full => "a disk, table or file of the server is full or damaged",
            Kind::Denied => "user, password, database or permission is refused",
            Kind::Schema => "a table or column is missing",
            Kind::Unknown => "unexpected error",
        };
        write!(f, "mysql {}: {meaning}", self.number)
    }
}

impl std::error::Error for ServerError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_all(numbers: &[u16], is: impl Fn(&Failure) -> bool) {
        for number in numbers {
            let failure = judge_number(*number, Some("HY000"));
            assert!(is(&failure), "{number}: {failure:?}");
        }
    }

    #[test]
    fn a_server_that_cannot_serve_is_an_outage() {
        let numbers = [
            1040, 1203, 1226, 1290, 1836, 1792, 1021, 1114, 1041, 1026, 1030, 1045, 1044, 1049,
            2006, 2013, 1146, 1053, 1927, 1317, 1969, 3024, 1142, 4031, 1037,
        ];
        assert_all(&numbers, |it| matches!(it, Failure::Unavailable(_)));
    }

    #[test]
    fn a_transaction_that_met_another_may_run_again() {
        assert_all(&[1205, 1213], |it| matches!(it, Failure::Conflict(_)));
    }

    #[test]
    fn data_that_breaks_a_rule_is_refused_for_good() {
        let numbers = [1406, 1366, 1264, 3819, 1048, 1292, 1265, 1153, 1062];
        assert_all(&numbers, |it| {
            matches!(it, Failure::Refused { lasting: true, .. })
        });
    }

    #[test]
    fn a_failed_check_is_told_from_what_mysql_means_by_its_number() {
        let check = judge_number(4025, Some("23000"));
        assert!(matches!(check, Failure::Refused { lasting: true, .. }));
        let other = judge_number(4025, Some("HY000"));
        assert!(matches!(other, Failure::Refused { lasting: false, .. }));
    }

    #[test]
    fn a_number_nobody_knows_may_be_tried_again() {
        assert_all(&[0, 1064, 65_535], |it| {
            matches!(it, Failure::Refused { lasting: false, .. })
        });
    }

    #[test]
    fn a_connection_that_breaks_or_never_comes_is_an_outage() {
        let broken = SqlxError::Io(std::io::ErrorKind::BrokenPipe.into());
        for error in [broken, SqlxError::PoolTimedOut, SqlxError::PoolClosed] {
            assert!(matches!(judge_driver(&error), Failure::Unavailable(_)));
        }
    }
}
