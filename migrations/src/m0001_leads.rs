//! Leads with their attributes packed beside them, the names of attributes, and totals by status.
//!
//! `leads.attributes` is a JSON array of `[attribute id, type code, "text"]` in the order sent.

use crate::dialect::{Step, migration};

migration!("m0001_leads");

const STEP: Step = Step {
    sqlite: &[
        "CREATE TABLE attributes (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name BLOB NOT NULL UNIQUE,
            widest TEXT NOT NULL
        ) STRICT",
        "CREATE TABLE leads (
            id BLOB NOT NULL PRIMARY KEY,
            first_name TEXT NOT NULL,
            last_name TEXT NOT NULL,
            email TEXT NOT NULL,
            phone TEXT,
            date_of_birth TEXT,
            status TEXT NOT NULL DEFAULT 'active'
                CHECK (status IN ('active', 'inactive', 'converted', 'invalid')),
            created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL,
            submitted_by BLOB NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 1,
            match_key BLOB NOT NULL,
            search_text BLOB NOT NULL,
            attributes TEXT NOT NULL DEFAULT '[]'
        ) STRICT",
        "CREATE UNIQUE INDEX leads_match_key ON leads (match_key)",
        "CREATE INDEX leads_status ON leads (status, id)",
        "CREATE TABLE lead_counters (
            status TEXT NOT NULL PRIMARY KEY,
            total INTEGER NOT NULL
        ) STRICT",
        "INSERT INTO lead_counters (status, total)
            VALUES ('active', 0), ('inactive', 0), ('converted', 0), ('invalid', 0)",
        "CREATE VIEW lead_data (lead_id, field_name, field_value, field_type) AS
            SELECT leads.id, CAST(attributes.name AS TEXT), json_extract(packed.value, '$[2]'),
                CASE json_extract(packed.value, '$[1]')
                    WHEN 0 THEN 'string' WHEN 1 THEN 'integer' WHEN 2 THEN 'float'
                    WHEN 3 THEN 'boolean' WHEN 4 THEN 'date' WHEN 5 THEN 'datetime'
                    WHEN 6 THEN 'json' END
            FROM leads, json_each(leads.attributes) AS packed
            JOIN attributes ON attributes.id = json_extract(packed.value, '$[0]')",
    ],
    mysql: &[
        "CREATE TABLE IF NOT EXISTS attributes (
            id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
            name VARBINARY(400) NOT NULL,
            widest VARCHAR(16) NOT NULL,
            UNIQUE KEY attributes_name (name)
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
        "CREATE TABLE IF NOT EXISTS leads (
            id BINARY(16) NOT NULL PRIMARY KEY,
            first_name VARCHAR(100) NOT NULL,
            last_name VARCHAR(100) NOT NULL,
            email VARCHAR(255) NOT NULL,
            phone VARCHAR(20) NULL,
            date_of_birth DATE NULL,
            status VARCHAR(16) NOT NULL DEFAULT 'active',
            created_at DATETIME(3) NOT NULL,
            updated_at DATETIME(3) NOT NULL,
            submitted_by BINARY(16) NOT NULL,
            attempts SMALLINT UNSIGNED NOT NULL DEFAULT 1,
            ingest_id BIGINT NOT NULL DEFAULT 0,
            match_key VARBINARY(1020) NOT NULL,
            search_text VARBINARY(2048) NOT NULL,
            attributes MEDIUMTEXT NOT NULL,
            UNIQUE KEY leads_match_key (match_key),
            KEY leads_status (status, id),
            CONSTRAINT leads_status_known
                CHECK (status IN ('active', 'inactive', 'converted', 'invalid'))
        ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
        "CREATE TABLE IF NOT EXISTS lead_counters (
            status VARCHAR(16) NOT NULL PRIMARY KEY,
            total BIGINT NOT NULL
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
        "INSERT INTO lead_counters (status, total)
            VALUES ('active', 0), ('inactive', 0), ('converted', 0), ('invalid', 0)
            ON DUPLICATE KEY UPDATE total = total",
        "CREATE OR REPLACE SQL SECURITY INVOKER VIEW lead_data (lead_id, field_name, field_value, field_type) AS
            SELECT leads.id, CONVERT(attributes.name USING utf8mb4), packed.text,
                ELT(packed.code + 1,
                    'string', 'integer', 'float', 'boolean', 'date', 'datetime', 'json')
            FROM leads
            JOIN JSON_TABLE(leads.attributes, '$[*]' COLUMNS (
                attribute_id INT UNSIGNED PATH '$[0]',
                code TINYINT UNSIGNED PATH '$[1]',
                text MEDIUMTEXT PATH '$[2]')) AS packed
            JOIN attributes ON attributes.id = packed.attribute_id",
    ],
};
