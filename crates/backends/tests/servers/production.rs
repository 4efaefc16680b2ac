//! The production family on servers that come and go.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::time::Duration;

use backends::{
    Config, DEVELOPMENT_ACCOUNTS, DataLock, OpenError, Part, Work, migrate, open, open_beside,
};
use kernel::Batch;
use lead::ports::ReceiveAsk;
use tempfile::TempDir;
use test_rig::Servers;
use testkit::fixtures::any_message;

const WORK: Work = Work::Consume(NonZeroUsize::MIN);
const PRODUCTION: [(&str, &str); 2] = [
    ("SKYNET_ENV", "production"),
    ("SKYNET_JWT_SECRET", "k3v9-Q7fz-2mXw-81Lp-0aBd-55Rt-cc9Y"),
];

/// Servers, and processes that are told to use them.
struct Place {
    servers: Servers,
    folder: TempDir,
}

impl Place {
    async fn new() -> Self {
        Self {
            servers: Servers::start().await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// What a process is told; later settings win.
    fn config(&self, settings: &[(&str, &str)]) -> Config {
        let data = self.folder.path().join("data").display().to_string();
        let pairs = self
            .servers
            .settings()
            .into_iter()
            .chain([
                ("SKYNET_DATA_DIR", data),
                ("SKYNET_BCRYPT_COST", "4".into()),
            ])
            .chain(
                settings
                    .iter()
                    .map(|(name, value)| (*name, (*value).to_owned())),
            );
        let pairs: std::collections::HashMap<OsString, OsString> = pairs
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Config::read(None, pairs).unwrap()
    }

    fn url(&self, part: Part) -> String {
        let settings = self.servers.settings();
        let found = settings.into_iter().find(|it| it.0 == part.setting());
        found.unwrap().1
    }
}

async fn usernames(config: &Config) -> Vec<String> {
    let (ports, preparation) = open_beside(config).await.unwrap();
    preparation.store().await.unwrap();
    let accounts = ports.accounts.list(None, 100).await.unwrap();
    let mut names: Vec<String> = accounts
        .iter()
        .map(|it| it.username.as_str().to_owned())
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_before_their_servers_wait_and_then_prepare_them_once() {
    let mut place = Place::new().await;
    place.servers.database.stop().await;
    place.servers.broker.stop().await;
    place.servers.cache.stop().await;
    let config = place.config(&[]);
    let mut waiting = Vec::new();
    let mut opened = Vec::new();
    for _ in 0..4 {
        // No folder is anybody's alone.
        let _lock = DataLock::take(&config).unwrap();
        let (ports, preparation) = open(&config, WORK).await.unwrap();
        assert!(ports.store_probe.probe().await.is_err());
        assert!(ports.queue_probe.probe().await.is_err());
        waiting.push(tokio::spawn(preparation.wait()));
        opened.push(ports);
    }
    let (_, once) = open(&config, Work::Publish).await.unwrap();
    for (part, refused) in [
        (Part::Store, once.store().await),
        (Part::Queue, once.queue().await),
        (Part::Cache, once.cache().await),
    ] {
        let error = refused.unwrap_err();
        assert!(
            matches!(&error, OpenError::Unreachable { part: it, .. } if *it == part),
            "{error}"
        );
        assert!(!error.is_configuration() && error.setting() == part.setting());
    }

    place.servers.broker.start().await.unwrap();
    place.servers.database.start().await.unwrap();
    for prepared in waiting {
        prepared.await.unwrap().unwrap();
    }

    let mut expected = DEVELOPMENT_ACCOUNTS.map(|it| it.username.to_owned());
    expected.sort_unstable();
    assert_eq!(usernames(&config).await, expected);
    let [ports, other, ..] = &opened[..] else {
        panic!("four were opened");
    };
    ports.store_probe.probe().await.unwrap();
    ports.queue_probe.probe().await.unwrap();
    let message = Batch::new(vec![any_message(1)]).unwrap();
    ports.publisher.publish(&message).await.unwrap();
    let ask = ReceiveAsk {
        max_leads: 1,
        wait: Duration::from_secs(10),
        linger: Duration::ZERO,
    };
    assert_eq!(other.consumer.receive(ask).await.unwrap().len(), 1);
    let now = ports.clock.now();
    let admin = backends::find_admin(ports).await.unwrap().unwrap();
    let token = backends::issue_token(ports, &admin, Duration::from_mins(1)).unwrap();
    other.tokens.read(token.expose(), now).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_has_to_change_is_said_at_once() {
    let place = Place::new().await;
    let config = place.config(&PRODUCTION);

    let (_, preparation) = open(&config, WORK).await.unwrap();
    let refused = preparation.wait().await.unwrap_err();
    assert!(matches!(refused, OpenError::SchemaPending), "{refused}");
    assert!(refused.to_string().contains("skynet migrate"));
    let (_, beside) = open_beside(&config).await.unwrap();
    let beside = beside.store().await.unwrap_err();
    assert!(matches!(beside, OpenError::SchemaPending), "{beside}");
    migrate(&config).await.unwrap();
    let (_, preparation) = open(&config, WORK).await.unwrap();
    preparation.wait().await.unwrap();
    assert!(usernames(&config).await.is_empty());

    let wrong_login = |part| place.url(part).replace("//", "//hunter2:hunter2@");
    let store = wrong_login(Part::Store).replace("hunter2@skynet@", "hunter2@");
    let queue = wrong_login(Part::Queue).replace("hunter2@guest:guest@", "hunter2@");
    let cache = wrong_login(Part::Cache);
    for (part, url) in [
        (Part::Store, store),
        (Part::Queue, queue),
        (Part::Cache, cache),
    ] {
        let config = place.config(&[(part.setting(), &url)]);
        let (_, preparation) = open(&config, WORK).await.unwrap();
        let refused = preparation.wait().await.unwrap_err();
        assert!(
            matches!(&refused, OpenError::Denied { part: it, .. } if *it == part),
            "{refused}"
        );
        assert!(refused.is_configuration() && refused.setting() == part.setting());
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
    }

    for (part, url) in [
        (Part::Store, "mysql://u:hunter2@h/"),
        (Part::Queue, "amqp://u:hunter2@h:port/"),
        (Part::Cache, "redis://u:hunter2@h:port/"),
    ] {
        let config = place.config(&[(part.setting(), url)]);
        let refused = open(&config, WORK).await.map(drop).unwrap_err();
        assert!(
            matches!(&refused, OpenError::Url { part: it, .. } if *it == part),
            "{refused}"
        );
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
    }
}
