//! Idempotency keys.

use crate::dialect::{Step, migration};

migration!("m0005_claims");

const STEP: Step = Step {
    sqlite: &[
        "CREATE TABLE claims (
            owner BLOB NOT NULL,
            path BLOB NOT NULL,
            key_text BLOB NOT NULL,
            fingerprint BLOB NOT NULL,
            accepted_at TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('running', 'released', 'answered')),
            may_be_published INTEGER NOT NULL,
            taken_at TEXT NOT NULL,
            status INTEGER,
            location TEXT,
            body BLOB,
            PRIMARY KEY (owner, path, key_text)
        ) STRICT",
        "CREATE INDEX claims_accepted ON claims (accepted_at)",
    ],
    mysql: &["CREATE TABLE IF NOT EXISTS claims (
            owner BINARY(16) NOT NULL,
            path VARBINARY(255) NOT NULL,
            key_text VARBINARY(255) NOT NULL,
            fingerprint BINARY(32) NOT NULL,
            accepted_at DATETIME(3) NOT NULL,
            state VARCHAR(16) NOT NULL,
            may_be_published BOOLEAN NOT NULL,
            taken_at DATETIME(3) NOT NULL,
            status SMALLINT UNSIGNED NULL,
            location VARCHAR(2048) NULL,
            body MEDIUMBLOB NULL,
            PRIMARY KEY (owner, path, key_text),
            KEY claims_accepted (accepted_at),
            CONSTRAINT claims_state_known CHECK (state IN ('running', 'released', 'answered'))
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"],
};
