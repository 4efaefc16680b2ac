//! The binary as an operator meets it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may fail loudly"
)]

mod process;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use serde_json::json;

use self::process::{Ended, Place};

/// How soon a configuration that cannot be used is refused.
const SOON: Duration = Duration::from_secs(2);

/// A secret that must never be seen.
const SECRET: &str = "hunter2-hunter2-hunter2-hunter2-hunter2";

const PRODUCTION: [(&str, &str); 2] = [("SKYNET_ENV", "production"), ("SKYNET_JWT_SECRET", SECRET)];

/// Exit 78 with one line that names the setting and tells no secret.
fn assert_refused(ended: &Ended, setting: &str) {
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert_eq!(ended.out, "", "{ended:?}");
    assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    assert!(ended.err.contains(setting), "{setting}: {ended:?}");
    assert!(!ended.err.contains("hunter2"), "{ended:?}");
    assert!(ended.took < SOON, "{ended:?}");
}

/// Looks until `condition` holds; fails when it does not within ten seconds.
async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let give_up_at = Instant::now() + Duration::from_secs(10);
    while !condition().await {
        assert!(Instant::now() < give_up_at, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_configuration_that_cannot_be_used_is_refused_with_one_line() {
    let refused: [(&str, &[(&str, &str)]); 12] = [
        ("SKYNET_BIND", &[("SKYNET_BIND", "hunter2")]),
        ("SKYNET_TYPO", &[("SKYNET_TYPO", "hunter2")]),
        ("SKYNET_JWT_SECRET", &[("SKYNET_ENV", "production")]),
        (
            "SKYNET_JWT_SECRET",
            &[
                ("SKYNET_ENV", "production"),
                ("SKYNET_JWT_SECRET", "hunter2"),
            ],
        ),
        (
            "SKYNET_JWT_SECRET",
            &[
                ("SKYNET_ENV", "production"),
                (
                    "SKYNET_JWT_SECRET",
                    "change-me-hunter2-hunter2-hunter2-hunter2",
                ),
            ],
        ),
        (
            "SKYNET_JWT_PRIVATE_KEY_FILE",
            &[("SKYNET_JWT_PRIVATE_KEY_FILE", "no-such-file.pem")],
        ),
        (
            "SKYNET_QUEUE_URL",
            &[("SKYNET_QUEUE_URL", "amqp://u:hunter2@h/%2f")],
        ),
        (
            "SKYNET_DATABASE_URL",
            &[
                ("SKYNET_DATABASE_URL", "mysql://u:hunter2@h/"),
                ("SKYNET_QUEUE_URL", "amqp://u:hunter2@h/%2f"),
                ("SKYNET_CACHE_URL", "redis://:hunter2@h/0"),
            ],
        ),
        ("SKYNET_CORS_ORIGINS", &[("SKYNET_CORS_ORIGINS", "*")]),
        ("SKYNET_DATA_DIR", &[("SKYNET_DATA_DIR", "/dev/null/data")]),
        ("skynet migrate", &PRODUCTION),
        (
            "SKYNET_DATABASE_URL",
            &[("SKYNET_DATABASE_URL", "sqlite://garbage.db")],
        ),
    ];
    for (setting, settings) in refused {
        let place = Place::new();
        fs::write(place.path().join("garbage.db"), "hunter2 ".repeat(1_000)).unwrap();
        assert_refused(&place.run(&["serve"], settings), setting);
    }
}

/// `/dev/full` refuses every byte, as a full disk does.
#[tokio::test]
async fn a_server_whose_logs_cannot_be_written_serves_on() {
    let place = Place::new();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut server = place.serve_logging_to(full.into(), &[("RUST_LOG", "trace")]);

    let (status, _) = server.sign_in("admin", "password").await;
    assert_eq!(status, 200);

    server.signal("-TERM");
    assert_eq!(server.ended().0, Some(0));
}

#[test]
fn a_port_in_use_is_refused_with_one_line() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();

    let ended = Place::new().run(&["serve"], &[("SKYNET_BIND", &address)]);

    assert_refused(&ended, "SKYNET_BIND");
}

#[test]
fn a_file_of_settings_is_read_and_checked_like_the_environment() {
    let place = Place::new();
    let file = place.path().join("skynet.toml");

    fs::write(&file, "SKYNET_DATA_DIR = \"elsewhere\"\n").unwrap();
    let shown = place.run(&["config", "check"], &[]).ok();
    fs::write(&file, format!("SKYNET_JWT_SECRTE = \"{SECRET}\"\n")).unwrap();
    let refused = place.run(&["config", "check"], &[]);

    assert!(shown.contains("elsewhere"), "{shown}");
    assert_refused(&refused, "SKYNET_JWT_SECRTE");
}

#[test]
fn what_is_in_force_is_shown_without_secrets() {
    let settings = [
        ("SKYNET_JWT_SECRET", SECRET),
        ("SKYNET_DATABASE_URL", "mysql://u:hunter2@db.internal/leads"),
        ("SKYNET_QUEUE_URL", "amqp://u:hunter2@mq.internal/%2f"),
        ("SKYNET_CACHE_URL", "redis://:hunter2@redis.internal/0"),
    ];

    let shown = Place::new().run(&["config", "check"], &settings).ok();

    assert!(shown.contains("mq.internal"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_wrong_use_exits_2() {
    let place = Place::new();
    for arguments in [
        &["fly"] as &[&str],
        &["user", "add", "bob"],
        &["user", "add", "b", "--email", "b@example.com"],
        &["failed", "show", "not-an-id"],
        &["failed", "replay"],
    ] {
        let ended = place.run(arguments, &[]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
    }
}

#[tokio::test]
async fn a_first_start_is_ready_within_a_second_and_takes_leads() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    assert!(
        server.ready_after < Duration::from_secs(1),
        "{:?}",
        server.ready_after
    );
    assert_eq!(server.get("", "/api/v1/health/ready").await.0, 200);
    let token = server.admin().await;
    for (username, password) in [("user", "password123"), ("api_user", "api123")] {
        assert_eq!(
            server.sign_in(username, password).await.0,
            200,
            "{username}"
        );
    }

    let lead = |email: &str| json!({"firstName": "Ada", "lastName": "L", "email": email, "n": 7});
    let (status, sync) = server
        .post(&token, "/api/v1/lead/process", &lead("a@example.com"))
        .await;
    assert_eq!(status, 201, "{sync}");
    let (status, later) = server
        .post(&token, "/api/v1/lead/process-async", &lead("b@example.com"))
        .await;
    assert_eq!(status, 202, "{later}");
    let receipt = later["receipt"].as_str().unwrap();
    let stored = async || server.get(&token, receipt).await.1["data"]["state"] == "stored";
    until("the lead is stored", stored).await;
    let (_, listed) = server.get(&token, "/api/v1/leads").await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 2, "{listed}");

    server.signal("-TERM");
    let (code, said) = server.ended();
    assert_eq!(code, Some(0));
    assert!(
        said.contains("admin / password") && said.contains("curl"),
        "{said}"
    );
    let secret = place.path().join("data/jwt-secret").metadata().unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_token_is_good_after_a_restart() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let token = server.admin().await;
    server.signal("-INT");
    assert_eq!(server.ended().0, Some(0));

    let server = place.serve(&[]);

    assert_eq!(server.get(&token, "/api/v1/user/profile").await.0, 200);
}

#[tokio::test]
async fn ready_turns_503_for_the_drain_delay_and_a_second_signal_ends_it_at_once() {
    let place = Place::new();
    let mut server = place.serve(&[("SKYNET_DRAIN_DELAY_SECONDS", "20")]);

    server.signal("-TERM");
    let draining = async || server.get("", "/api/v1/health/ready").await.0 == 503;
    until("it is not ready any more", draining).await;
    assert_eq!(server.get("", "/api/v1/health/live").await.0, 200);
    server.signal("-TERM");

    assert_eq!(server.ended().0, Some(1));
}

#[tokio::test]
async fn commands_work_beside_a_running_server() {
    let place = Place::new();
    let server = place.serve(&[]);
    let add = [
        "user",
        "add",
        "grace",
        "--email",
        "grace@example.com",
        "--role",
        "admin",
    ];

    place.run_with(&add, "correct horse\n").ok();
    assert_eq!(server.sign_in("grace", "correct horse").await.0, 200);
    place
        .run_with(&["user", "passwd", "GRACE"], "battery staple\n")
        .ok();
    assert_eq!(server.sign_in("grace", "correct horse").await.0, 401);
    assert_eq!(server.sign_in("grace", "battery staple").await.0, 200);
    place.run(&["user", "disable", "grace"], &[]).ok();
    assert_eq!(server.sign_in("grace", "battery staple").await.0, 401);

    place.run(&["user", "enable", "grace"], &[]).ok();
    assert_eq!(server.sign_in("grace", "battery staple").await.0, 200);
    place.run(&["user", "disable", "grace"], &[]).ok();

    let users = place.run(&["user", "list"], &[]).ok();
    assert!(
        users.contains("grace") && users.contains("disabled"),
        "{users}"
    );
    let stats = place.run(&["queue", "stats"], &[]).ok();
    assert!(stats.contains("leads.work"), "{stats}");
    place.run(&["cache", "warm"], &[]).ok();
    place.run(&["cache", "clear"], &[]).ok();
    let none = place.run(&["failed", "list"], &[]).ok();
    assert!(none.contains("0 of 0"), "{none}");
    place.run(&["failed", "replay", "--all"], &[]).ok();
    let doctor = place.run(&["doctor"], &[]).ok();
    assert!(
        doctor.contains(&format!("ready at {}", server.base)),
        "{doctor}"
    );
    let migrate = place.run(&["migrate"], &[]);
    assert_eq!(migrate.code, Some(1), "{migrate:?}");
}

#[test]
fn commands_work_without_a_server() {
    let place = Place::new();

    let doctor = place.run(&["doctor"], &[]).ok();
    assert!(doctor.contains("not yet"), "{doctor}");
    assert!(!place.path().join("data").exists(), "doctor makes nothing");
    place.run(&["migrate"], &[]).ok();
    let users = place.run(&["user", "list"], &[]).ok();
    assert!(users.contains("api_user"), "{users}");
    let stats = place.run(&["queue", "stats"], &[]).ok();
    assert!(stats.contains("parked: 0"), "{stats}");
    let discarded = place.run(
        &["failed", "discard", "01890000-0000-7000-8000-000000000000"],
        &[],
    );
    assert_eq!(discarded.code, Some(1), "{discarded:?}");
    let cache = place.run(&["cache", "clear"], &[]);
    assert_eq!(cache.code, Some(1), "{cache:?}");
    let doctor = place.run(&["doctor"], &[]).ok();
    assert!(doctor.contains("an active admin"), "{doctor}");
}

#[tokio::test]
async fn production_makes_no_accounts_and_takes_those_that_are_added() {
    let place = Place::new();
    place.run(&["migrate"], &PRODUCTION).ok();
    let variable = [
        PRODUCTION[0],
        PRODUCTION[1],
        ("ROOT_PASSWORD", "correct horse"),
    ];
    let add = [
        "user",
        "add",
        "root",
        "--email",
        "root@example.com",
        "--role",
        "admin",
        "--password-env",
        "ROOT_PASSWORD",
    ];
    place.run(&add, &variable).ok();

    let mut server = place.serve(&PRODUCTION);

    for (username, password) in [("admin", "password"), ("user", "password123")] {
        assert_eq!(server.sign_in(username, password).await.0, 401);
    }
    assert_eq!(server.sign_in("root", "correct horse").await.0, 200);
    assert!(!place.path().join("data/jwt-secret").exists());
    server.signal("-TERM");
    let (code, said) = server.ended();
    assert_eq!(code, Some(0));
    assert!(!said.contains("password"), "{said}");
}
