//! The dependency table of `docs/architecture.md` is what `cargo metadata` says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics has failed"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

type Table = BTreeMap<String, BTreeSet<String>>;

/// What a domain crate may use.
const PURE: [&str; 11] = [
    "async-trait",
    "auth",
    "eav",
    "idna",
    "kernel",
    "lead",
    "sha2",
    "thiserror",
    "time",
    "unicode-normalization",
    "uuid",
];

#[test]
fn the_dependency_table_is_what_cargo_says() {
    let actual = actual_table();
    let rows: Vec<String> = actual
        .iter()
        .map(|(name, uses)| {
            let uses: Vec<String> = uses.iter().map(|it| format!("`{it}`")).collect();
            format!(
                "| `{name}` | {} |",
                if uses.is_empty() {
                    "–".into()
                } else {
                    uses.join(", ")
                }
            )
        })
        .collect();
    assert!(
        documented_table() == actual,
        "docs/architecture.md should have these rows:\n{}\n",
        rows.join("\n")
    );
}

#[test]
fn domain_crates_use_no_technology() {
    let metadata = metadata();
    let mut seen = 0;
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if !["kernel", "eav", "lead", "auth"].contains(&name) {
            continue;
        }
        seen += 1;
        for dependency in normal_dependencies(package) {
            assert!(
                PURE.contains(&dependency.as_str()),
                "{name} must not use {dependency}"
            );
        }
    }
    assert_eq!(seen, 4, "all domain crates are there");
}

fn documented_table() -> Table {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let table = page
        .split("| Crate | Uses |")
        .nth(1)
        .expect("the page has the table");
    table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(names_in);
            let name = cells
                .next()
                .unwrap()
                .into_iter()
                .next()
                .expect("a row names a crate");
            (name, cells.next().unwrap())
        })
        .collect()
}

/// What stands between backticks.
fn names_in(cell: &str) -> BTreeSet<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn actual_table() -> Table {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let members: BTreeSet<&str> = packages
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    packages
        .iter()
        .map(|package| {
            let uses = normal_dependencies(package)
                .into_iter()
                .filter(|it| members.contains(it.as_str()))
                .collect();
            (package["name"].as_str().unwrap().to_owned(), uses)
        })
        .collect()
}

fn normal_dependencies(package: &serde_json::Value) -> Vec<String> {
    package["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["kind"].is_null())
        .map(|it| it["name"].as_str().unwrap().to_owned())
        .collect()
}

fn metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
