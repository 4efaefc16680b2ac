//! What configurations are taken and refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may fail loudly"
)]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backends::{
    Config, ConfigError, Environment, Family, Fault, JournalPayload, SETTINGS, Signing, reference,
};

const STRONG: &str = "k3v9-Q7fz-2mXw-81Lp-0aBd-55Rt-cc9Y";

fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let pairs = pairs
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Config::read(None, pairs)
}

fn refusal(pairs: &[(&str, &str)]) -> (String, Fault) {
    let error = read(pairs).unwrap_err();
    assert!(!error.to_string().contains('\n'));
    (error.setting, error.fault)
}

#[test]
fn nothing_given_is_the_embedded_family_in_development() {
    let config = read(&[]).unwrap();

    assert_eq!(config.environment, Environment::Development);
    assert!(matches!(config.signing, Signing::Made));
    assert_eq!(config.api.bind.to_string(), "127.0.0.1:8001");
    assert_eq!(config.metrics_bind.unwrap().to_string(), "127.0.0.1:9001");
    assert_eq!(config.api.rate_per_minute, 60_000);
    assert_eq!(config.api.sign_in_rate_per_minute, 10);
    assert_eq!(config.api.cors_origins, None);
    assert_eq!(config.worker.batch, 500);
    assert_eq!(config.worker.linger, Duration::from_millis(20));
    assert_eq!(config.worker.results_age, Duration::from_hours(720));
    assert_eq!(config.retry.delays().len(), 5);
    assert_eq!(config.token_life, Duration::from_hours(1));
    assert_eq!(config.shutdown, Duration::from_secs(30));
    assert_eq!(config.bcrypt_cost, 12);
    assert_eq!(config.journal.payload, JournalPayload::Masked);
    assert_eq!(config.journal.dir, PathBuf::from("data/journal"));
    let Family::Embedded { store, queue } = config.family else {
        panic!("another family");
    };
    assert_eq!(store, PathBuf::from("data/skynet.db"));
    assert_eq!(queue, PathBuf::from("data/queue.db"));
}

#[test]
fn files_follow_the_data_folder_unless_they_are_named() {
    let config = read(&[
        ("SKYNET_DATA_DIR", "/srv/skynet"),
        ("SKYNET_QUEUE_URL", "sqlite:///var/q.db?mode=rwc"),
    ])
    .unwrap();

    let Family::Embedded { store, queue } = config.family else {
        panic!("another family");
    };
    assert_eq!(store, PathBuf::from("/srv/skynet/skynet.db"));
    assert_eq!(queue, PathBuf::from("/var/q.db"));
}

#[test]
fn every_value_of_a_wrong_form_names_its_setting() {
    let wrong = [
        ("SKYNET_ENV", "prod"),
        ("SKYNET_BIND", "8001"),
        ("SKYNET_METRICS_BIND", "none"),
        ("SKYNET_DATABASE_URL", "postgres://host/db"),
        ("SKYNET_DATABASE_URL", "sqlite://:memory:"),
        ("SKYNET_DATABASE_URL", "sqlite://"),
        ("SKYNET_QUEUE_URL", "kafka://host"),
        ("SKYNET_CACHE_URL", "memcached://host"),
        ("SKYNET_CACHE_URL", "memory://host"),
        ("SKYNET_JOURNAL_PAYLOAD", "some"),
        ("SKYNET_JWT_TTL_SECONDS", "0"),
        ("SKYNET_JWT_TTL_SECONDS", "1h"),
        ("SKYNET_CORS_ORIGINS", "*"),
        ("SKYNET_CORS_ORIGINS", "https://a.example,*"),
        ("SKYNET_CORS_ORIGINS", "https://a.example/path"),
        ("SKYNET_CORS_ORIGINS", "null"),
        ("SKYNET_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("SKYNET_RATE_LIMIT_PER_MINUTE", "0"),
        ("SKYNET_LOGIN_RATE_PER_MINUTE", "-1"),
        ("SKYNET_LOGIN_RATE_PER_MINUTE", "+1"),
        ("SKYNET_BCRYPT_COST", "3"),
        ("SKYNET_BCRYPT_COST", "31"),
        ("SKYNET_RETRY_DELAYS", "1,2"),
        ("SKYNET_RETRY_DELAYS", "1s,,2s"),
        ("SKYNET_RETRY_DELAYS", "25h"),
        ("SKYNET_WORKER_BATCH", "0"),
        ("SKYNET_WORKER_BATCH", "1001"),
        ("SKYNET_WORKER_LINGER", "20"),
        ("SKYNET_WORKER_LINGER", "11s"),
        ("SKYNET_SHUTDOWN_SECONDS", "0"),
        ("SKYNET_DRAIN_DELAY_SECONDS", "601"),
        ("SKYNET_RESULTS_DAYS", "0"),
    ];
    for (name, value) in wrong {
        let (setting, fault) = refusal(&[(name, value)]);
        assert_eq!(setting, name, "{value}");
        assert!(matches!(fault, Fault::Malformed(_)), "{name}={value}");
    }
}

#[test]
fn a_setting_that_does_not_exist_is_refused_by_name() {
    assert_eq!(
        refusal(&[("SKYNET_BINDD", "127.0.0.1:1")]),
        ("SKYNET_BINDD".to_owned(), Fault::Unknown)
    );
}

#[test]
fn variables_of_others_and_empty_values_count_as_not_given() {
    let config = read(&[("PATH", "/bin"), ("SKYNET_BIND", ""), ("SKYNET_ENV", " ")]).unwrap();

    assert_eq!(config.api.bind.port(), 8001);
    assert_eq!(config.environment, Environment::Development);
}

#[test]
fn the_three_urls_are_of_one_family_or_refused() {
    let production = [
        ("SKYNET_DATABASE_URL", "mysql://u:pw@h/db"),
        ("SKYNET_QUEUE_URL", "amqp://u:pw@h/%2f"),
        ("SKYNET_CACHE_URL", "redis://h/0"),
    ];
    let config = read(&production).unwrap();
    assert!(matches!(config.family, Family::Production { .. }));

    for left_out in 0..3 {
        let mut urls = production.to_vec();
        urls.remove(left_out);
        let (setting, fault) = refusal(&urls);
        assert_eq!(fault, Fault::MixedFamilies);
        assert!(setting.ends_with("_URL"), "{setting}");
    }
}

#[test]
fn store_and_queue_never_share_a_file() {
    assert_eq!(
        refusal(&[
            ("SKYNET_DATABASE_URL", "sqlite://x.db"),
            ("SKYNET_QUEUE_URL", "sqlite://x.db"),
        ]),
        ("SKYNET_QUEUE_URL".to_owned(), Fault::SharedFile)
    );
}

#[test]
fn production_needs_a_signing_key_that_nobody_knows() {
    let production =
        |secret: &str| refusal(&[("SKYNET_ENV", "production"), ("SKYNET_JWT_SECRET", secret)]);
    let name = || "SKYNET_JWT_SECRET".to_owned();

    assert_eq!(production(""), (name(), Fault::MissingInProduction));
    assert_eq!(production("short"), (name(), Fault::TooShort));
    assert_eq!(
        production("change-me-to-something-that-is-long-enough"),
        (name(), Fault::Example)
    );
    let config = read(&[("SKYNET_ENV", "production"), ("SKYNET_JWT_SECRET", STRONG)]).unwrap();
    assert!(matches!(config.signing, Signing::Secret(_)));
}

#[test]
fn a_short_secret_is_refused_in_development_too() {
    let (setting, fault) = refusal(&[("SKYNET_JWT_SECRET", "1234567890123456789012345678901")]);

    assert_eq!(
        (setting.as_str(), fault),
        ("SKYNET_JWT_SECRET", Fault::TooShort)
    );
}

#[test]
fn a_secret_and_a_key_file_together_are_refused() {
    let (setting, fault) = refusal(&[
        ("SKYNET_JWT_SECRET", STRONG),
        ("SKYNET_JWT_PRIVATE_KEY_FILE", "key.pem"),
    ]);

    assert_eq!(setting, "SKYNET_JWT_PRIVATE_KEY_FILE");
    assert_eq!(fault, Fault::Exclusive("SKYNET_JWT_SECRET"));
}

#[test]
fn production_keeps_no_full_bodies() {
    let (setting, fault) = refusal(&[
        ("SKYNET_ENV", "production"),
        ("SKYNET_JWT_SECRET", STRONG),
        ("SKYNET_JOURNAL_PAYLOAD", "full"),
    ]);

    assert_eq!(setting, "SKYNET_JOURNAL_PAYLOAD");
    assert_eq!(fault, Fault::RefusedInProduction);
}

#[test]
fn no_secret_is_printed() {
    let config = read(&[
        ("SKYNET_JWT_SECRET", STRONG),
        ("SKYNET_DATABASE_URL", "mysql://u:hunter2@h/db"),
        ("SKYNET_QUEUE_URL", "amqp://u:hunter2@h/%2f"),
        ("SKYNET_CACHE_URL", "redis://:hunter2@h/0"),
    ])
    .unwrap();

    let shown = format!("{config:?}");

    assert!(
        !shown.contains(STRONG) && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn the_environment_wins_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    fs::write(
        &file,
        "SKYNET_BIND = \"127.0.0.1:1\"\nSKYNET_WORKER_BATCH = 7\nSKYNET_RETRY_DELAYS = [\"20ms\", \"5m\"]\n",
    )
    .unwrap();
    let bind = (OsString::from("SKYNET_BIND"), OsString::from("127.0.0.1:2"));

    let config = Config::read(Some(&file), [bind]).unwrap();

    assert_eq!(config.api.bind.port(), 2);
    assert_eq!(config.worker.batch, 7);
    let delays = [Duration::from_millis(20), Duration::from_mins(5)];
    assert_eq!(config.retry.delays(), delays);
}

#[test]
fn a_file_that_cannot_be_used_says_where_and_not_what() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |text: &str| {
        let file = folder.path().join("settings.toml");
        fs::write(&file, text).unwrap();
        Config::read(Some(&file), []).unwrap_err()
    };

    let broken = refused("SKYNET_BIND = \"127.0.0.1:1\"\nSKYNET_JWT_SECRET = hunter2 hunter2\n");
    assert_eq!(broken.fault, Fault::NotToml(2));
    assert!(!broken.to_string().contains("hunter2"));

    let unknown = refused("bind = \"127.0.0.1:1\"\n");
    assert_eq!(
        (unknown.setting.as_str(), unknown.fault),
        ("bind", Fault::Unknown)
    );

    let table = refused("[SKYNET_BIND]\nx = 1\n");
    assert_eq!(
        (table.setting.as_str(), table.fault),
        ("SKYNET_BIND", Fault::Kind)
    );
}

#[test]
fn a_file_that_was_asked_for_must_be_there() {
    let error = Config::read(Some(Path::new("no/such/file.toml")), []).unwrap_err();

    assert_eq!(error.setting, "no/such/file.toml");
    assert!(matches!(error.fault, Fault::Unreadable(_)));
}

#[test]
fn the_documented_defaults_are_taken_as_values() {
    for setting in SETTINGS {
        let Some(default) = setting
            .default
            .strip_prefix('`')
            .and_then(|it| it.strip_suffix('`'))
        else {
            continue;
        };
        read(&[(setting.name, default)])
            .unwrap_or_else(|error| panic!("{} is refused: {error}", setting.name));
    }
}

#[test]
fn the_page_of_settings_is_the_table_in_the_code() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");

    let written = fs::read_to_string(&page).unwrap_or_default();

    if written != reference() {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("configuration.md");
        fs::write(&fresh, reference()).unwrap();
        panic!(
            "docs/configuration.md differs; a fresh one is at {}",
            fresh.display()
        );
    }
}
