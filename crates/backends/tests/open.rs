//! Folders, keys and accounts of the embedded family.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may fail loudly"
)]

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::time::Duration;

use auth::Username;
use backends::{
    Config, DEVELOPMENT_ACCOUNTS, DataLock, LockError, OpenError, Ports, Work, find_admin,
    issue_token, look, migrate, open, open_beside,
};
use kernel::Secret;
use lead::{Claim, ClaimKey, Fingerprint, KeyText};
use tempfile::TempDir;
use testkit::fixtures::any_user;

const PRODUCTION: [(&str, &str); 2] = [
    ("SKYNET_ENV", "production"),
    ("SKYNET_JWT_SECRET", "k3v9-Q7fz-2mXw-81Lp-0aBd-55Rt-cc9Y"),
];

const WORK: Work = Work::Consume(NonZeroUsize::MIN);

fn config(folder: &TempDir, settings: &[(&str, &str)]) -> Config {
    let data = folder.path().join("data");
    let pairs = settings
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)))
        .chain([(OsString::from("SKYNET_DATA_DIR"), data.into_os_string())]);
    Config::read(None, pairs).unwrap()
}

async fn signs_in(ports: &Ports, username: &str, password: &str) -> bool {
    let name = Username::parse(username).unwrap();
    let account = ports.accounts.by_username(&name).await.unwrap();
    let hash = account.map(|it| it.password);
    let password = Secret::new(password.to_owned());
    ports.hasher.verify(&password, hash.as_ref()).await.unwrap()
}

#[test]
fn one_process_at_a_time_has_the_folders_and_says_where_it_answers() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder, &[]);
    assert!(look(&config).is_ok());

    let mut lock = DataLock::take(&config).unwrap();
    let silent = DataLock::take(&config).unwrap_err();
    assert!(matches!(silent, LockError::Held { address: None }));
    lock.announce("http://127.0.0.1:1").unwrap();
    for refused in [DataLock::take(&config).map(drop), look(&config)] {
        let Err(LockError::Held { address }) = refused else {
            panic!("two have the folder");
        };
        assert_eq!(address.as_deref(), Some("http://127.0.0.1:1"));
    }

    drop(lock);
    assert!(look(&config).is_ok());
    drop(DataLock::take(&config).unwrap());
}

#[test]
fn two_data_folders_cannot_share_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite://{}/shared/x.db", folder.path().display());
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    let with_data = |data: &std::path::Path| {
        let pairs = [
            ("SKYNET_DATABASE_URL", store.clone()),
            ("SKYNET_DATA_DIR", data.display().to_string()),
        ];
        let pairs = pairs.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Config::read(None, pairs).unwrap()
    };

    let _lock = DataLock::take(&with_data(&one)).unwrap();

    let refused = DataLock::take(&with_data(&other)).unwrap_err();
    assert!(matches!(refused, LockError::Held { .. }));
}

#[tokio::test]
async fn a_first_start_in_development_makes_the_accounts_and_later_ones_none() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder, &[]);
    let _lock = DataLock::take(&config).unwrap();

    let ports = open(&config, WORK).await.unwrap().0;
    for known in DEVELOPMENT_ACCOUNTS {
        assert!(
            signs_in(&ports, known.username, known.password).await,
            "{}",
            known.username
        );
    }
    let before = ports.accounts.list(None, 10).await.unwrap();
    drop(ports);

    let again = open_beside(&config).await.unwrap().0;
    assert_eq!(again.accounts.list(None, 10).await.unwrap(), before);
}

#[tokio::test]
async fn accounts_of_another_cost_are_hashed_at_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder, &[("SKYNET_BCRYPT_COST", "4")]);
    let _lock = DataLock::take(&config).unwrap();

    let ports = open(&config, WORK).await.unwrap().0;

    assert!(signs_in(&ports, "admin", "password").await);
    assert!(signs_in(&ports, "api_user", "api123").await);
}

#[tokio::test]
async fn production_asks_for_a_migration_and_makes_no_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder, &PRODUCTION);
    let _lock = DataLock::take(&config).unwrap();

    let refused = open(&config, WORK).await.map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::SchemaPending), "{refused}");
    assert!(refused.to_string().contains("skynet migrate"));

    migrate(&config).await.unwrap();
    let ports = open(&config, WORK).await.unwrap().0;
    assert!(ports.accounts.list(None, 1).await.unwrap().is_empty());
    assert!(find_admin(&ports).await.unwrap().is_none());
}

#[tokio::test]
async fn a_made_secret_signs_what_every_process_of_the_folder_reads() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder, &[]);
    let _lock = DataLock::take(&config).unwrap();
    let server = open(&config, WORK).await.unwrap().0;

    let command = open_beside(&config).await.unwrap().0;
    let admin = find_admin(&command).await.unwrap().unwrap();
    let token = issue_token(&command, &admin, Duration::from_mins(1)).unwrap();

    let claims = server
        .tokens
        .read(token.expose(), server.clock.now())
        .unwrap();
    assert_eq!(claims.user, admin.id);
}

#[tokio::test]
async fn a_request_that_ran_when_the_process_ended_can_be_sent_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder, &[]);
    let _lock = DataLock::take(&config).unwrap();
    let key = ClaimKey {
        owner: any_user(),
        path: "/api/v1/lead/process".to_owned(),
        key: KeyText::parse("a key").unwrap(),
    };
    let (content, other) = (Fingerprint([1; 32]), Fingerprint([2; 32]));
    let ports = open(&config, WORK).await.unwrap().0;
    let began = ports.clock.now();
    let held = Claim::Held { accepted_at: began };
    let claimed = ports
        .store_claims
        .claim(&key, content, began)
        .await
        .unwrap();
    assert_eq!(claimed, held);
    drop(ports);

    let ports = open(&config, WORK).await.unwrap().0;

    let now = ports.clock.now();
    let another = ports.store_claims.claim(&key, other, now).await.unwrap();
    assert_eq!(another, Claim::OtherContent);
    let again = ports.store_claims.claim(&key, content, now).await.unwrap();
    assert_eq!(again, held);
    let meanwhile = ports.store_claims.claim(&key, content, now).await.unwrap();
    assert_eq!(meanwhile, Claim::Running);
}
