//! P8: the embedded family beside raw `SQLite`.

use crate::Failure;
use crate::counter::Counter;
use crate::feed::Feed;
use crate::leads;
use crate::proc::{Role, Watched};
use crate::programs::Program;
use crate::raw::sqlite;
use crate::report::{Measure, Plot, Row, median};
use crate::scale::Scale;
use crate::system::{self, Balance};

/// Leads of a request.
const BULK: usize = 100;
const CONNECTIONS: usize = 16;
/// The target for the ratio to raw inserts, and for the rate.
const RATIO: f64 = 0.5;
const RATE: f64 = 20_000.0;

/// Measures the system and raw inserts in turns, each round on an empty folder.
pub(crate) async fn run(scale: &Scale) -> Result<Measure, Failure> {
    let title = format!(
        "embedded family: bulks of {BULK} over HTTP until committed, beside raw inserts of the rows"
    );
    let mut measure = Measure::new("P8", title);
    let mut over_time = Plot::rates("P8: leads stored a second");
    let (mut rates, mut ratios) = (Vec::new(), Vec::new());
    for round in 1..=scale.rounds {
        let folder = tempfile::tempdir()?;
        let data = folder.path().display().to_string();
        let settings = [("SKYNET_DATA_DIR", data)];
        let mut server = Program::start("skynet", &["serve"], folder.path(), &settings)?;
        server.ready().await?;
        let token = system::sign_in(server.address).await?;
        let requests = leads::bulk_requests(scale.embedded_leads, BULK, u64::from(round), &token)?;
        let store = folder.path().join("skynet.db");
        let mut counter = Counter::of_file(&store)?;
        let watched = Watched::new(vec![(Role::Api, server.process.id())]);
        let feed = Feed {
            address: server.address,
            requests: &requests,
            leads_a_request: BULK as u64,
            connections: CONNECTIONS,
            backlog_max: u64::MAX,
            pace: None,
        };
        let fed = feed.run(&mut counter, &watched).await?;
        let (stored, parked) = counter.rows().await?;
        let balance = Balance {
            accepted: fed.accepted,
            duplicate: fed.duplicate,
            stored,
            counted: counter.kept().await?.stored,
            parked,
            queued: 0,
        };
        let balance = balance.checked()?;
        drop(server);
        let copy = folder.path().join("raw.db");
        let raw = tokio::task::spawn_blocking(move || sqlite::insert_again(&store, &copy));
        let raw = raw.await??;

        let ratio = fed.rate() / raw.rate();
        let row = Row::of_fed(format!("system {round}"), &fed, balance);
        measure.rows.push(row.ratio(ratio));
        let row = Row::new(format!("raw {round}")).rate(raw.rate());
        measure
            .rows
            .push(row.cpu(&[(Role::Bench, raw.cpu)], raw.rows));
        over_time.line(format!("round {round}"), fed.rates.clone());
        rates.push(fed.rate());
        ratios.push(ratio);
    }
    measure.at_least("ratio to raw inserts, median", median(ratios), RATIO);
    measure.at_least("leads a second, median", median(rates), RATE);
    measure.plots.push(over_time);
    Ok(measure)
}
