//! What is found before work begins: server, credentials, schema.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use kernel::Secret;
use lead::ports::LeadStore;
use sea_orm::sqlx::query_scalar;
use store_mysql::{MysqlStore, OpenError, Options, Schema, connect_lazily, prepare};
use testkit::fixtures::{any_lead, intake_of};
use testkit::servers::database_url;

use self::support::{Database, OwnStore, User, is_mariadb, run};

async fn tables(database: &Database) -> Vec<String> {
    let columns = "SELECT CONCAT(table_name, '.', column_name, ' ', column_type) \
         FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY 1";
    let mut sql = database.sql().await;
    query_scalar(columns).fetch_all(&mut sql).await.unwrap()
}

async fn error_of(options: &Options, schema: Schema) -> OpenError {
    prepare(options, schema).await.unwrap_err()
}

/// Everything that is said, down to the last cause.
fn text_of(error: &OpenError) -> String {
    use std::error::Error;
    let cause = error.source().map(ToString::to_string);
    format!("{error}: {}", cause.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_that_prepare_an_empty_database_at_once_migrate_it_once() {
    let database = Database::fresh().await;
    let preparing: Vec<_> = (0..4)
        .map(|_| {
            let options = database.options();
            tokio::spawn(async move { prepare(&options, Schema::Migrate).await })
        })
        .collect();
    for prepared in preparing {
        prepared.await.unwrap().unwrap();
    }

    let mut sql = database.sql().await;
    let steps: Vec<String> = query_scalar("SELECT version FROM seaql_migrations")
        .fetch_all(&mut sql)
        .await
        .unwrap();
    let counters: i64 = query_scalar("SELECT COUNT(*) FROM lead_counters")
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert!(!steps.is_empty());
    assert_eq!(counters, 4);
    prepare(&database.options(), Schema::MustBeCurrent)
        .await
        .unwrap();
}

#[tokio::test]
async fn preparing_again_and_after_a_step_that_stopped_half_way_gives_the_same_schema() {
    let database = Database::fresh().await;
    prepare(&database.options(), Schema::Migrate).await.unwrap();
    let once = tables(&database).await;

    prepare(&database.options(), Schema::Migrate).await.unwrap();
    assert_eq!(tables(&database).await, once);

    // Every step is done but for its last statement, and none is noted as done.
    let mut sql = database.sql().await;
    let undone = "DELETE FROM seaql_migrations; DROP VIEW lead_data; DROP TABLE outcomes; \
         DROP TABLE revoked_tokens; UPDATE lead_counters SET total = 7 WHERE status = 'active'";
    run(&mut sql, undone).await;
    prepare(&database.options(), Schema::Migrate).await.unwrap();

    assert_eq!(tables(&database).await, once);
    let total: i64 = query_scalar("SELECT total FROM lead_counters WHERE status = 'active'")
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(total, 7);
}

#[tokio::test]
async fn a_schema_that_is_not_this_programs_is_told() {
    let database = Database::fresh().await;
    let pending = error_of(&database.options(), Schema::MustBeCurrent).await;
    assert!(
        matches!(&pending, OpenError::PendingSchema(steps) if steps.starts_with("m0001_leads, ")),
        "{pending:?}"
    );
    assert!(
        tables(&database).await.is_empty(),
        "looking changes nothing"
    );

    prepare(&database.options(), Schema::Migrate).await.unwrap();
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_newer', 0)";
    run(&mut database.sql().await, newer).await;
    for schema in [Schema::Migrate, Schema::MustBeCurrent] {
        let newer = error_of(&database.options(), schema).await;
        assert!(
            matches!(&newer, OpenError::NewerSchema(steps) if steps == "m9999_newer"),
            "{newer:?}"
        );
    }
}

#[tokio::test]
async fn one_that_migrates_for_too_long_is_waited_for_so_long_and_no_longer() {
    let database = Database::fresh().await;
    let mut sql = database.sql().await;
    let name = format!(
        "SELECT GET_LOCK(LEFT('skynet migrate {}', 64), 0)",
        database.name
    );
    run(&mut sql, &name).await;
    let options = Options {
        migration_wait: std::time::Duration::from_secs(1),
        ..database.options()
    };

    let waited = error_of(&options, Schema::Migrate).await;

    assert!(matches!(waited, OpenError::Migration(_)), "{waited:?}");
    assert!(tables(&database).await.is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let url = "mysql://root:hidden@127.0.0.1:1/skynet";
    let away = error_of(&Options::new(Secret::new(url.to_owned())), Schema::Migrate).await;
    assert!(matches!(away, OpenError::Unreachable(_)), "{away:?}");
    assert!(!text_of(&away).contains("hidden"));
}

#[tokio::test]
async fn wrong_passwords_unknown_databases_and_missing_permissions_are_denied() {
    let database = Database::fresh().await;
    let user = User::fresh("SELECT, INSERT, UPDATE, DELETE", &database).await;
    let elsewhere = support::url_of(&database_url(), "skynet_test_of_nothing");
    let wrong_password = user.url(&database, "wrong", "");
    let no_ddl = user.url(&database, &user.password, "");

    for url in [elsewhere, wrong_password, no_ddl] {
        let denied = error_of(&Options::new(Secret::new(url)), Schema::Migrate).await;
        assert!(matches!(denied, OpenError::Denied(_)), "{denied:?}");
        let text = text_of(&denied);
        assert!(
            !text.contains(&user.password) && !text.contains('\n'),
            "{text}"
        );
    }
    assert!(tables(&database).await.is_empty());
}

#[tokio::test]
async fn a_user_with_a_password_gets_in_and_is_told_where_that_takes_tls() {
    let own = OwnStore::fresh().await;
    let user = User::fresh("SELECT, INSERT, UPDATE, DELETE", &own.database).await;
    let in_the_open = user.url(&own.database, &user.password, "ssl-mode=DISABLED");
    let open = Options::new(Secret::new(in_the_open));
    let prepared = prepare(&open, Schema::MustBeCurrent).await;
    // What MySQL gives users without being asked for it is caching_sha2_password.
    if is_mariadb().await {
        prepared.unwrap();
    } else {
        let denied = prepared.unwrap_err();
        assert!(matches!(denied, OpenError::Denied(_)), "{denied:?}");
        assert!(text_of(&denied).contains("TLS"), "{}", text_of(&denied));
    }

    let url = user.url(&own.database, &user.password, "");
    let options = Options::new(Secret::new(url));
    prepare(&options, Schema::MustBeCurrent).await.unwrap();
    let store: MysqlStore = connect_lazily(&options).unwrap();
    store.append(&intake_of(&[any_lead()])).await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn where_tls_is_asked_for_and_not_to_be_had_nothing_is_sent() {
    let database = Database::fresh().await;
    let url = database.url();
    let joint = if url.contains('?') { '&' } else { '?' };
    let missing = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    // The file holds no certificate that could vouch for the server.
    let url = format!("{url}{joint}ssl-mode=VERIFY_CA&ssl-ca={missing}");
    let denied = error_of(&Options::new(Secret::new(url)), Schema::Migrate).await;
    assert!(matches!(denied, OpenError::Denied(_)), "{denied:?}");
}
