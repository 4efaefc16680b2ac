//! What a database does of its own accord, or is made to do.

use std::time::Duration;

use test_rig::Proxy;

use super::doors::Role;
use super::scene::Scene;

const READ_ONLY: Duration = Duration::from_secs(3);
/// Deadlocks that a rival provokes.
const DEADLOCKS: usize = 8;
/// A transaction that wrote so many rows is not the one that a deadlock ends.
const BALLAST: &str = "CREATE TABLE ballast (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY)";
const WEIGH: &str = "INSERT INTO ballast SELECT NULL FROM information_schema.columns AS a, \
    information_schema.columns AS b LIMIT 20000";
const WAITING: &str = "SELECT 'one' FROM information_schema.innodb_metrics \
    WHERE name = 'lock_row_lock_current_waits' AND count > 0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_takes_no_writes_or_no_connections_for_a_while() {
    let mut scene = Scene::new().await;
    for (name, hurt, heal) in [
        (
            "database is read-only",
            "SET GLOBAL read_only = 1",
            "SET GLOBAL read_only = 0",
        ),
        (
            "database refuses the password",
            "ALTER USER skynet@'%' IDENTIFIED BY 'another'",
            "ALTER USER skynet@'%' IDENTIFIED BY ''",
        ),
    ] {
        scene
            .tried(name, async |scene, _| {
                let mut database = scene.place.servers.database.session().await;
                database.run(hurt).await;
                scene.doors(Role::Store, Proxy::cut);
                let receipts = scene.queues().await;
                tokio::time::sleep(READ_ONLY).await;
                database.run(heal).await;
                let healed = scene.recovers().await;
                for receipt in receipts {
                    scene.is_stored(&receipt).await;
                }
                healed
            })
            .await;
    }
    scene.ends().await;
}

/// A rival locks what transactions of the product want last, and then what they hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlocks_reach_nobody() {
    let mut scene = Scene::new().await;
    scene
        .tried("deadlocks", async |scene, load| {
            let mut rival = scene.place.servers.database.session().await;
            let mut watcher = scene.place.servers.database.session().await;
            rival.run(BALLAST).await;
            let mut won = 0;
            for _ in 0..DEADLOCKS {
                rival.run("BEGIN").await;
                rival.run(WEIGH).await;
                let lock = "SELECT total FROM lead_counters WHERE status = 'active' FOR UPDATE";
                rival.run(lock).await;
                for _ in 0..250 {
                    if !watcher.texts(WAITING).await.is_empty() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                let theirs = "SELECT id FROM leads ORDER BY id DESC LIMIT 5000 FOR UPDATE";
                // Who gets through while another waits has won over it.
                won += usize::from(rival.attempt(theirs).await.is_ok());
                rival.run("ROLLBACK").await;
                load.answered(20).await;
            }
            assert!(won > 0, "no transaction of the product was ended");
            assert_eq!(load.answers().unavailable, 0, "somebody was told");
            println!("{won} deadlocks");
            scene.recovers().await
        })
        .await;
    scene.ends().await;
}
