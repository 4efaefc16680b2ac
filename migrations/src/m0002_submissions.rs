//! Bulk submissions, their rejected rows, and leads that were not simply stored.
//!
//! `rejected_rows.errors` is a JSON array of `[pointer, code]`.

use crate::dialect::{Step, migration};

migration!("m0002_submissions");

const STEP: Step = Step {
    sqlite: &[
        "CREATE TABLE submissions (
            id BLOB NOT NULL PRIMARY KEY,
            owner BLOB NOT NULL,
            accepted_at TEXT NOT NULL,
            received INTEGER NOT NULL,
            rejected INTEGER NOT NULL,
            is_complete INTEGER NOT NULL,
            stored INTEGER NOT NULL,
            duplicate INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            finished_at TEXT,
            touched_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID",
        "CREATE INDEX submissions_touched ON submissions (touched_at)",
        "CREATE TABLE rejected_rows (
            batch_id BLOB NOT NULL,
            row_index INTEGER NOT NULL,
            errors TEXT NOT NULL,
            PRIMARY KEY (batch_id, row_index)
        ) STRICT, WITHOUT ROWID",
        "CREATE TABLE outcomes (
            lead_id BLOB NOT NULL PRIMARY KEY,
            batch_id BLOB,
            row_index INTEGER,
            owner BLOB NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('duplicate', 'failed')),
            duplicate_of BLOB,
            code TEXT,
            attempts INTEGER NOT NULL,
            updated_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID",
        "CREATE INDEX outcomes_batch ON outcomes (batch_id, row_index) WHERE batch_id IS NOT NULL",
        "CREATE INDEX outcomes_updated ON outcomes (updated_at)",
    ],
    mysql: &[
        "CREATE TABLE IF NOT EXISTS submissions (
            id BINARY(16) NOT NULL PRIMARY KEY,
            owner BINARY(16) NOT NULL,
            accepted_at DATETIME(3) NOT NULL,
            received BIGINT NOT NULL,
            rejected BIGINT NOT NULL,
            is_complete BOOLEAN NOT NULL,
            `stored` BIGINT NOT NULL,
            duplicate BIGINT NOT NULL,
            failed BIGINT NOT NULL,
            finished_at DATETIME(3) NULL,
            touched_at DATETIME(3) NOT NULL,
            KEY submissions_touched (touched_at)
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
        "CREATE TABLE IF NOT EXISTS rejected_rows (
            batch_id BINARY(16) NOT NULL,
            row_index BIGINT NOT NULL,
            errors MEDIUMTEXT NOT NULL,
            PRIMARY KEY (batch_id, row_index)
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
        "CREATE TABLE IF NOT EXISTS outcomes (
            lead_id BINARY(16) NOT NULL PRIMARY KEY,
            batch_id BINARY(16) NULL,
            row_index BIGINT NULL,
            owner BINARY(16) NOT NULL,
            kind VARCHAR(16) NOT NULL,
            duplicate_of BINARY(16) NULL,
            code VARCHAR(32) NULL,
            attempts SMALLINT UNSIGNED NOT NULL,
            updated_at DATETIME(3) NOT NULL,
            KEY outcomes_batch (batch_id, row_index),
            KEY outcomes_updated (updated_at),
            CONSTRAINT outcomes_kind_known CHECK (kind IN ('duplicate', 'failed'))
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    ],
};
