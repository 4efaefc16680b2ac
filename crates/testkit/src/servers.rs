//! Where the servers that tests need are, and names of a test's own on them.
//!
//! A test that cannot reach its server fails with [`unreachable`]; it is never skipped.

use crate::fixtures::random_seed;

/// Names the database server.
pub const DATABASE_VARIABLE: &str = "SKYNET_TEST_DATABASE_URL";
/// Names the queue server.
pub const QUEUE_VARIABLE: &str = "SKYNET_TEST_QUEUE_URL";
/// Names the cache server.
pub const CACHE_VARIABLE: &str = "SKYNET_TEST_CACHE_URL";
/// Says with what names begin; who sets it cleans up what begins so.
pub const RUN_VARIABLE: &str = "SKYNET_TEST_RUN";

/// The server of databases: `mysql://`, of a user who may make databases. The path names none.
pub fn database_url() -> String {
    setting(DATABASE_VARIABLE, "mysql://root@127.0.0.1:3306/")
}

/// The server of queues: `amqp://`, with the virtual host that tests may use.
pub fn queue_url() -> String {
    setting(QUEUE_VARIABLE, "amqp://guest:guest@127.0.0.1:5672/%2f")
}

/// The server of caches: `redis://`, with the number of the database that tests may use.
pub fn cache_url() -> String {
    setting(CACHE_VARIABLE, "redis://127.0.0.1:6379/0")
}

/// A name that no test used before, for a database, a namespace of queues or a prefix of keys:
/// `skynet_test_<pid>_<random>`, with another beginning where [`RUN_VARIABLE`] is set; lower case,
/// at most 64 bytes.
pub fn run_name() -> String {
    let run = setting(RUN_VARIABLE, "skynet_test");
    format!("{run}_{}_{:x}", std::process::id(), random_seed())
}

/// What a test says when the server named by `variable` does not answer.
pub fn unreachable(variable: &str) -> String {
    format!("the server cannot be reached: `make test` starts it, or set {variable}")
}

fn setting(variable: &str, default: &str) -> String {
    match std::env::var(variable) {
        Ok(value) if !value.is_empty() => value,
        _ => default.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_different_each_time_and_short() {
        let names: HashSet<String> = (0..100).map(|_| run_name()).collect();
        assert_eq!(names.len(), 100);
        for name in names {
            assert!(name.len() <= 64, "{name}");
            assert!(
                name.bytes()
                    .all(|it| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'_')),
                "{name}"
            );
        }
    }

    #[test]
    fn a_variable_that_is_not_set_gives_the_default() {
        assert_eq!(setting("SKYNET_TEST_OF_NOTHING", "default"), "default");
    }
}
