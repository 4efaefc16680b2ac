//! P9: how soon a start is ready.

use crate::Failure;
use crate::latency::Latency;
use crate::programs::Program;
use crate::report::{Measure, Row};
use crate::rig::Rig;
use crate::scale::Scale;
use crate::system::System;

const DATABASE: &str = "skynet_p9";
/// Starts of each kind in a round.
const STARTS: u32 = 3;
/// The targets, in ms.
const EMBEDDED_MS: f64 = 1_000.0;
const PRODUCTION_MS: f64 = 2_000.0;

/// Starts programs, again and again.
pub(crate) async fn run(rig: &Rig, scale: &Scale) -> Result<Measure, Failure> {
    let mut measure = Measure::new("P9", "from the start of a process until it is ready");
    System::fresh(rig, DATABASE).await?.stop().await;
    let settings = rig.settings(DATABASE);
    let (mut embedded, mut api, mut worker) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..scale.rounds * STARTS {
        let folder = tempfile::tempdir()?;
        let data = [("SKYNET_DATA_DIR", folder.path().display().to_string())];
        let mut program = Program::start("skynet", &["serve"], folder.path(), &data)?;
        embedded.push(program.ready().await?);
        drop(program);

        let mut program = Program::start("skynet-api", &[], folder.path(), &settings)?;
        api.push(program.ready().await?);
        let mut program = Program::start("skynet-worker", &[], folder.path(), &settings)?;
        worker.push(program.written("skynet-worker is ready").await?);
    }
    rig.drop(DATABASE).await?;
    for (name, times, bound) in [
        ("embedded, empty folder", embedded, EMBEDDED_MS),
        ("API, migrated database", api, PRODUCTION_MS),
        ("worker, migrated database", worker, PRODUCTION_MS),
    ] {
        let latency = Latency::of(times);
        let slowest = latency.as_ref().map_or(f64::NAN, |it| it.max);
        measure.rows.push(Row::new(name).latency(latency));
        measure.at_most(format!("{name}: ms until ready, slowest"), slowest, bound);
    }
    Ok(measure)
}
