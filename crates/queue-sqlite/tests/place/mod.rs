//! A queue file in a folder of its own.

use std::path::PathBuf;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use queue_sqlite::{Role, SqliteQueue, open};
use rusqlite::Connection;
use tempfile::TempDir;
use testkit::contract::PATIENCE;
use testkit::contract::lead_queue::{QueuePlace, QueuePorts};
use tokio::sync::Mutex;

pub(crate) struct FilePlace {
    folder: TempDir,
    /// One process consumes; its workers share it.
    process: Mutex<Weak<SqliteQueue>>,
}

impl FilePlace {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            process: Mutex::default(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("queue.db")
    }
}

#[async_trait]
impl QueuePlace for FilePlace {
    async fn open(&self) -> QueuePorts {
        let mut process = self.process.lock().await;
        let queue = if let Some(queue) = process.upgrade() {
            queue
        } else {
            let opened = open(&self.path(), self.policy(), Role::Consumer).await;
            Arc::new(opened.unwrap())
        };
        *process = Arc::downgrade(&queue);
        QueuePorts {
            publisher: queue.clone(),
            consumer: queue.clone(),
            monitor: queue,
        }
    }

    async fn inject(&self, bytes: &[u8]) {
        let connection = Connection::open(self.path()).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        let insert =
            "INSERT INTO messages (lane, available_at_ms, leads, body) VALUES (0, 0, 1, ?)";
        connection.execute(insert, [bytes]).unwrap();
    }
}
