//! Accounts and revoked tokens.

use crate::dialect::{Step, migration};

migration!("m0004_accounts");

const STEP: Step = Step {
    sqlite: &[
        "CREATE TABLE users (
            id BLOB NOT NULL PRIMARY KEY,
            username TEXT NOT NULL,
            email TEXT NOT NULL,
            password_hash TEXT NOT NULL,
            roles TEXT NOT NULL CHECK (json_valid(roles)),
            is_active INTEGER NOT NULL DEFAULT 1,
            created_at TEXT NOT NULL,
            last_login_at TEXT,
            username_key BLOB NOT NULL,
            email_key BLOB NOT NULL
        ) STRICT",
        "CREATE UNIQUE INDEX users_username_key ON users (username_key)",
        "CREATE UNIQUE INDEX users_email_key ON users (email_key)",
        "CREATE TABLE revoked_tokens (
            id BLOB NOT NULL PRIMARY KEY,
            expires_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID",
        "CREATE INDEX revoked_tokens_expires ON revoked_tokens (expires_at)",
    ],
    mysql: &[
        "CREATE TABLE IF NOT EXISTS users (
            id BINARY(16) NOT NULL PRIMARY KEY,
            username VARCHAR(64) NOT NULL,
            email VARCHAR(255) NOT NULL,
            password_hash VARCHAR(255) NOT NULL,
            roles TEXT NOT NULL CHECK (JSON_VALID(roles)),
            is_active BOOLEAN NOT NULL DEFAULT TRUE,
            created_at DATETIME(3) NOT NULL,
            last_login_at DATETIME(3) NULL,
            username_key VARBINARY(512) NOT NULL,
            email_key VARBINARY(512) NOT NULL,
            UNIQUE KEY users_username_key (username_key),
            UNIQUE KEY users_email_key (email_key)
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
        "CREATE TABLE IF NOT EXISTS revoked_tokens (
            id BINARY(16) NOT NULL PRIMARY KEY,
            expires_at DATETIME(3) NOT NULL,
            KEY revoked_tokens_expires (expires_at)
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    ],
};
