//! What is said when Redis goes and comes back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

mod place;

use std::io::Write;
use std::sync::{Arc, Mutex};

use cache_redis::{Options, RedisCache};
use kernel::{Probe as _, Secret};
use lead::ports::LeadCache as _;
use tempfile::TempDir;
use test_rig::Cache;
use testkit::contract::eventually;

use place::{a_list, keeps, read};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn taken(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// On one thread, which is the one whose lines are caught.
#[tokio::test]
async fn each_change_is_one_line_and_no_secret_is_in_it() {
    const PASSWORD: &str = "kept-to-ourselves";
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let folder = TempDir::new().unwrap();
    let mut server = Cache::prepare(folder.path()).unwrap();
    let url = format!("redis://:{PASSWORD}@{}/0", server.address());

    for _ in 0..2 {
        let options = Options::new(Secret::new(url.clone()));
        let node = RedisCache::connect_lazily(options).unwrap();
        let away = async || node.probe().await.is_err().then_some(());
        eventually("redis is away", away).await;
        for _ in 0..10 {
            read(&node, &a_list(), "there").await;
            node.bump().await;
        }
        let said = lines.taken();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("WARN") && said[0].contains("cache is away: "));
        assert!(!said[0].contains(PASSWORD), "{said:?}");

        server.start().await.unwrap();
        let set = format!("CONFIG SET requirepass {PASSWORD}");
        assert_eq!(server.command(&set).await.unwrap(), "+OK");
        eventually("answers are kept", async || keeps(&node).await).await;
        let said = lines.taken();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("INFO") && said[0].contains("cache is back"));
        server.stop().await;
    }
}
