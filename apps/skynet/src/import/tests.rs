//! Whole runs, into the store and through an API, over the reference adapters.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests stop at the first surprise"
)]

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;

use auth::ports::{AccountStore, TokenCodec};
use auth::{Claims, NewAccount, Role, Roles, TokenId};
use backends::Ports;
use families::ports;
use kernel::Secret;
use lead::ports::{LeadFinder, ReceiveAsk};
use lead::{Filter, ListQuery, Position, RetryPolicy, StoreLeads};
use skynet_api::{Running, Server, Services, Settings};
use tempfile::TempDir;
use testkit::fixtures::{any_account, any_id, any_user};
use testkit::memory::{Family, family};
use tokio::task::JoinHandle;

use super::api::{Api, Credentials};
use super::direct::Direct;
use super::*;
use crate::generate::{self, Format, Recipe};
use lead::BatchId;

/// An installation, and a folder for files.
struct House {
    family: Family,
    folder: TempDir,
    server: Option<(Running, JoinHandle<()>, NewAccount)>,
}

impl House {
    fn without_api() -> Self {
        Self {
            family: family(),
            folder: tempfile::tempdir().unwrap(),
            server: None,
        }
    }

    /// With an API, and a worker behind it.
    async fn with_api() -> Self {
        let house = Self::without_api();
        let account = NewAccount {
            roles: Roles::new([Role::Admin]).unwrap(),
            ..any_account()
        };
        house.family.accounts.add(&account).await.unwrap();
        let settings = Settings {
            workers: 1,
            ..Settings::default()
        };
        let services = Services::new(ports(&house.family), settings);
        let listener = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let running = Server::start(listener, services).unwrap();
        let worker = tokio::spawn(work(ports(&house.family)));
        Self {
            server: Some((running, worker, account)),
            ..house
        }
    }

    fn new_state(&self, chunk_rows: usize) -> RunState {
        RunState {
            version: RunState::VERSION,
            fingerprint: String::new(),
            run: any_id().to_string(),
            started_at_ms: self.family.clock.now().unix_ms(),
            target: String::new(),
            chunk_rows,
            chunks: 0,
            rows: 0,
            counts: Counts::default(),
            waiting: Vec::new(),
            rejected_bytes: 0,
            all_sent: false,
            finished: false,
        }
    }

    fn target(&self, state: &RunState) -> Target {
        let Some((running, _, account)) = &self.server else {
            let direct = Direct::new(
                &ports(&self.family),
                RetryPolicy::default(),
                any_user(),
                BatchId(state.run.parse().unwrap()),
                kernel::Timestamp::from_unix_ms(state.started_at_ms),
                PATIENCE,
            );
            return Target::Store {
                direct: Box::new(direct.unwrap()),
                lock: None,
            };
        };
        let now = self.family.clock.now();
        let claims = Claims {
            user: account.id,
            username: account.username.clone(),
            roles: account.roles,
            token: TokenId(any_id()),
            issued_at: now,
            expires_at: now.plus(Duration::from_hours(1)),
        };
        let token: Secret<String> = self.family.tokens.issue(&claims).unwrap();
        let base = format!("http://{}", running.address);
        Target::Api {
            api: Box::new(Api::new(&base, Credentials::Token(token), PATIENCE).unwrap()),
            run: state.run.clone(),
        }
    }

    /// Runs to the end from a state, and gives the state then.
    async fn run(&self, file: &Path, state: RunState) -> (Result<(), Failure>, RunState) {
        let args = args(file);
        let input = Input::open(&args).unwrap();
        let reading = reading(&args, input.shape, self.today(), Some(&state));
        let states = self.folder.path().join(format!("{}.json", state.run));
        let rejects = Rejects::resume(
            rejects::default_path(file, input.shape),
            input.shape,
            state.rejected_bytes,
        );
        let run = Run::new(
            self.target(&state),
            state,
            Some(StateFile::open(states.clone()).unwrap()),
            rejects.unwrap(),
        );
        let ended = run.finish(input, reading).await;
        let state = StateFile::open(states).unwrap().load().unwrap().unwrap();
        (ended, state)
    }

    /// Delivers the first chunks without noting it, as a process does that is killed.
    async fn deliver_unnoticed(&self, file: &Path, state: &RunState, chunks: usize) {
        let args = args(file);
        let input = Input::open(&args).unwrap();
        let reading = reading(&args, input.shape, self.today(), Some(state));
        let mut all = Vec::new();
        source::read_chunks(input.reader.unwrap(), &reading, |chunk| {
            all.push(chunk);
            true
        })
        .unwrap();
        let target = self.target(state);
        for chunk in all.into_iter().take(chunks) {
            target.deliver(chunk).await.unwrap();
        }
    }

    fn today(&self) -> Day {
        self.family.clock.now().day()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The stored leads' attributes as text, by e-mail.
    async fn stored(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let query = ListQuery {
            filter: Filter::default(),
            position: Position::Offset(0),
            limit: ListQuery::MAX_LIMIT,
        };
        let leads = self.family.store.list(&query).await.unwrap();
        leads
            .into_iter()
            .map(|lead| {
                let attributes = lead.details.attributes.as_slice();
                let pairs = attributes
                    .iter()
                    .map(|it| (it.name.as_str().to_owned(), it.value.text().to_owned()));
                (lead.details.email.as_str().to_owned(), pairs.collect())
            })
            .collect()
    }
}

fn args(file: &Path) -> Args {
    Args {
        file: file.to_owned(),
        mappings: Vec::new(),
        batch: 10,
        on_error: OnError::Continue,
        format: FileFormat::Auto,
        rejected: None,
        state: None,
        restart: false,
        api: None,
    }
}

fn made(leads: u64, format: Format) -> Vec<u8> {
    let recipe = Recipe {
        leads,
        seed: 21,
        format,
        attributes: Recipe::MAX_ATTRIBUTES,
    };
    let mut out = Vec::new();
    generate::write(&recipe, &mut out).unwrap();
    out
}

/// What a table says of its leads' attributes, by e-mail, as a store keeps it.
fn attributes_in(table: &[u8]) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(table);
    let header = reader.headers().unwrap().clone();
    reader
        .records()
        .map(|record| {
            let record = record.unwrap();
            let cells = header.iter().zip(&record).skip(6);
            let pairs = cells
                .filter(|(_, cell)| !cell.is_empty())
                .map(|(name, cell)| {
                    let text = match cell {
                        "true" => "1",
                        "false" => "0",
                        text => text,
                    };
                    (name.to_owned(), text.to_owned())
                });
            (record[2].to_owned(), pairs.collect())
        })
        .collect()
}

/// A worker that never ends by itself.
async fn work(ports: Ports) {
    let worker = StoreLeads::new(
        ports.store,
        ports.cache,
        ports.clock,
        ports.ids,
        RetryPolicy::default(),
    );
    let ask = ReceiveAsk {
        max_leads: 1_000,
        wait: Duration::from_millis(200),
        linger: Duration::ZERO,
    };
    loop {
        let deliveries = ports.consumer.receive(ask).await.unwrap();
        let settled = worker.run(&deliveries).await.unwrap();
        ports.consumer.settle(settled).await.unwrap();
    }
}

/// Both ways in.
async fn houses() -> [House; 2] {
    [House::without_api(), House::with_api().await]
}

#[tokio::test]
async fn every_row_is_stored_with_every_attribute() {
    for (name, format) in [
        ("a.csv", Format::Csv),
        ("a.ndjson", Format::Ndjson),
        ("a.json", Format::Json),
    ] {
        for house in houses().await {
            let file = house.file(name, &made(95, format));

            let (ended, state) = house.run(&file, house.new_state(10)).await;

            ended.unwrap();
            assert_eq!((state.rows, state.counts.stored), (95, 95));
            assert!(state.finished && state.all_sent && state.waiting.is_empty());
            assert_eq!(house.stored().await, attributes_in(&made(95, Format::Csv)));
        }
    }
}

#[tokio::test]
async fn a_second_run_stores_nothing_and_reports_duplicates() {
    for house in houses().await {
        let file = house.file("a.csv", &made(45, Format::Csv));
        house.run(&file, house.new_state(10)).await.0.unwrap();

        let (ended, state) = house.run(&file, house.new_state(10)).await;

        ended.unwrap();
        assert_eq!((state.counts.stored, state.counts.duplicate), (0, 45));
        assert_eq!(house.stored().await.len(), 45);
    }
}

#[tokio::test]
async fn a_run_that_was_killed_goes_on_with_the_right_totals() {
    for house in houses().await {
        let file = house.file("a.csv", &made(45, Format::Csv));
        let state = house.new_state(10);
        house.deliver_unnoticed(&file, &state, 3).await;

        let (ended, state) = house.run(&file, state).await;

        ended.unwrap();
        assert_eq!((state.counts.stored, state.counts.duplicate), (45, 0));
        assert_eq!(house.stored().await.len(), 45);
    }
}

#[tokio::test]
async fn rejected_rows_are_corrected_and_imported_again() {
    for house in houses().await {
        let table = "email,first_name,last_name,note\n\
                     a@example.com,A,B,1\n\
                     no address,C,D,\"2, \"\"two\"\"\"\n\
                     e@example.com,E,F,3\n";
        let file = house.file("a.csv", table.as_bytes());

        let (ended, state) = house.run(&file, house.new_state(10)).await;
        ended.unwrap();
        assert_eq!((state.counts.stored, state.counts.rejected), (2, 1));

        let rejected = house.folder.path().join("a.csv.rejected.csv");
        let text = fs::read_to_string(&rejected).unwrap();
        fs::write(&rejected, text.replace("no address", "c@example.com")).unwrap();
        let (ended, state) = house.run(&rejected, house.new_state(10)).await;

        ended.unwrap();
        assert_eq!((state.counts.stored, state.counts.rejected), (1, 0));
        let stored = house.stored().await;
        assert_eq!(stored.len(), 3);
        let note = ("note".to_owned(), "2, \"two\"".to_owned());
        assert_eq!(stored["c@example.com"], BTreeMap::from([note]));
    }
}

#[tokio::test]
async fn a_file_whose_rows_are_all_bad_is_a_failure() {
    for house in houses().await {
        let file = house.file("a.csv", b"email\nx\ny\n");

        let (ended, state) = house.run(&file, house.new_state(10)).await;

        assert_eq!(ended.unwrap_err().exit(), process::Exit::Failed);
        assert_eq!((state.rows, state.counts.rejected), (2, 2));
    }
}

#[tokio::test]
async fn one_bad_row_is_enough_to_store_none_where_that_is_asked_for() {
    let house = House::without_api();
    let mut table = made(20, Format::Csv);
    table.extend_from_slice(b"x,y\n");
    let file = house.file("a.csv", &table);
    let rejected = house.folder.path().join("bad.csv");
    let reading = reading(&args(&file), Shape::Csv, house.today(), None);

    let failure = validate(
        Box::new(File::open(&file).unwrap()),
        reading,
        rejected.clone(),
    )
    .await;

    assert_eq!(failure.unwrap_err().exit(), process::Exit::Failed);
    let rows = fs::read_to_string(&rejected).unwrap();
    assert_eq!(rows.lines().count(), 2);
    assert!(rows.contains("21,"), "{rows}");
}
