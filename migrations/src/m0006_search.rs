//! The search index: leads that wait for it, and segments of those that are in it.
//!
//! `search_ids.place` is the segment's id times 65,536 plus the block, and `search_grams.place` the
//! segment's id times 4,096 plus the bucket: one integer, since a list of pairs is no range to
//! every server. While `search_state.backfill_after` is not null, leads up to that id are indexed
//! and the others may not be.

use crate::dialect::{Step, migration};

migration!("m0006_search");

const STEP: Step = Step {
    sqlite: &[
        "CREATE TABLE search_backlog (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            leads INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            entries BLOB NOT NULL
        ) STRICT",
        "CREATE TABLE search_segments (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            leads INTEGER NOT NULL,
            first_id BLOB NOT NULL,
            last_id BLOB NOT NULL
        ) STRICT",
        "CREATE TABLE search_ids (
            place INTEGER PRIMARY KEY,
            ids BLOB NOT NULL
        ) STRICT",
        "CREATE TABLE search_grams (
            place INTEGER PRIMARY KEY,
            postings BLOB NOT NULL
        ) STRICT",
        "CREATE TABLE search_state (
            id INTEGER PRIMARY KEY,
            backfill_after BLOB
        ) STRICT",
        "INSERT INTO search_state (id, backfill_after)
            SELECT 1, CASE WHEN EXISTS (SELECT 1 FROM leads) THEN zeroblob(16) END",
    ],
    mysql: &[
        "CREATE TABLE IF NOT EXISTS search_backlog (
            seq BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
            leads INT NOT NULL,
            bytes INT NOT NULL,
            entries MEDIUMBLOB NOT NULL
        ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
        "CREATE TABLE IF NOT EXISTS search_segments (
            id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
            leads INT NOT NULL,
            first_id BINARY(16) NOT NULL,
            last_id BINARY(16) NOT NULL
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
        "CREATE TABLE IF NOT EXISTS search_ids (
            place BIGINT NOT NULL PRIMARY KEY,
            ids BLOB NOT NULL
        ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
        "CREATE TABLE IF NOT EXISTS search_grams (
            place BIGINT NOT NULL PRIMARY KEY,
            postings MEDIUMBLOB NOT NULL
        ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
        "CREATE TABLE IF NOT EXISTS search_state (
            id TINYINT NOT NULL PRIMARY KEY,
            backfill_after BINARY(16) NULL
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
        "INSERT INTO search_state (id, backfill_after)
            SELECT 1, CASE WHEN EXISTS (SELECT 1 FROM leads) THEN X'00000000000000000000000000000000' END
            ON DUPLICATE KEY UPDATE backfill_after = backfill_after",
    ],
};
