//! Parked messages.

use crate::dialect::{Step, migration};

migration!("m0003_dead_letters");

const STEP: Step = Step {
    sqlite: &["CREATE TABLE dead_letters (
            id BLOB NOT NULL PRIMARY KEY,
            payload BLOB NOT NULL,
            is_readable INTEGER NOT NULL,
            code TEXT NOT NULL,
            reason TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            replays INTEGER NOT NULL,
            thread_key TEXT,
            owner BLOB,
            first_seen TEXT NOT NULL,
            last_seen TEXT NOT NULL
        ) STRICT"],
    mysql: &["CREATE TABLE IF NOT EXISTS dead_letters (
            id BINARY(16) NOT NULL PRIMARY KEY,
            payload LONGBLOB NOT NULL,
            is_readable BOOLEAN NOT NULL,
            code VARCHAR(32) NOT NULL,
            reason VARCHAR(255) NOT NULL,
            attempts SMALLINT UNSIGNED NOT NULL,
            replays SMALLINT UNSIGNED NOT NULL,
            thread_key VARCHAR(64) NULL,
            owner BINARY(16) NULL,
            first_seen DATETIME(3) NOT NULL,
            last_seen DATETIME(3) NOT NULL
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"],
};
