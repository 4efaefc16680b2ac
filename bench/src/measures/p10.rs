//! P10: a table that `skynet import` reads.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use skynet::generate::{self, Format, Recipe};
use test_rig::Process;

use super::{Known, p1};
use crate::Failure;
use crate::proc::{self, Memory, Role};
use crate::programs;
use crate::report::{Measure, Plot, Row};
use crate::rig::Rig;
use crate::scale::Scale;
use crate::system::{Balance, System};

const DATABASE: &str = "skynet_p10";
const SEED: u64 = 10;
/// Leads of which follows the rate of bulks, where that was not measured.
const TRIAL: u64 = 100_000;
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The longest that a store may take for what was sent.
const STORED_MAX: Duration = Duration::from_mins(2);
/// The target for the ratio to the rate of bulks.
const RATIO: f64 = 0.8;

/// Imports a table through the API.
pub(crate) async fn run(rig: &Rig, scale: &Scale, known: &Known) -> Result<Measure, Failure> {
    let title = format!(
        "skynet import of {} rows of CSV, until stored",
        scale.import_rows
    );
    let mut measure = Measure::new("P10", title);
    let mut system = System::fresh(rig, DATABASE).await?;
    let (trial, _) = p1::push(&mut system, TRIAL, 1).await?;
    let bulk_rate = known.bulk_rate.unwrap_or_else(|| trial.rate());
    let table = rig.folder().join("leads.csv");
    write_table(&table, scale.import_rows)?;

    let (rows_before, _) = system.counter.rows().await?;
    let kept_before = system.counter.kept().await?;
    let clock = system.watched.start()?;
    let began = Instant::now();
    let (memory, import_cpu) = import(&system, &table).await?;
    let imported = began.elapsed();
    while system.counter.kept().await?.settled() < kept_before.settled() + scale.import_rows {
        if imported + STORED_MAX < began.elapsed() {
            return Err("not all rows of the table are stored".into());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let time = began.elapsed();
    let mut cpu = clock.stop()?;
    cpu.retain(|it| it.0 != Role::Bench);
    cpu.push((Role::Import, import_cpu));
    let kept = system.counter.kept().await?;
    let (rows, parked) = system.counter.rows().await?;
    let balance = Balance {
        accepted: scale.import_rows,
        duplicate: kept.duplicate - kept_before.duplicate,
        stored: rows - rows_before,
        counted: kept.stored - kept_before.stored,
        parked,
        queued: system.queued().await?,
    };
    let balance = balance.checked()?;
    let rate = scale.import_rows as f64 / time.as_secs_f64();
    let peak = memory.iter().fold(0.0, |most: f64, it| most.max(it.1));
    let held = Memory {
        now_mib: memory.last().map_or(f64::NAN, |it| it.1),
        peak_mib: peak,
    };
    let row = Row::new("import").rate(rate).ratio(rate / bulk_rate);
    let row = row.cpu(&cpu, scale.import_rows).memory(Role::Import, held);
    measure.rows.push(Row {
        balance: Some(balance),
        ..row
    });
    measure.at_least("ratio to the rate of bulks", rate / bulk_rate, RATIO);
    measure.plots.push(growth(memory));
    system.stop().await;
    rig.drop(DATABASE).await?;
    Ok(measure)
}

fn write_table(path: &Path, leads: u64) -> Result<(), Failure> {
    let recipe = Recipe {
        leads,
        seed: SEED,
        format: Format::Csv,
        attributes: Recipe::DEFAULT_ATTRIBUTES,
    };
    generate::write(&recipe, &mut BufWriter::new(File::create(path)?))?;
    Ok(())
}

/// Runs the import, and tells what it held in memory, by seconds, and its processor time.
async fn import(system: &System, table: &Path) -> Result<(Vec<(f64, f64)>, Duration), Failure> {
    let folder = table.parent().ok_or("the table lies in no folder")?;
    let mut command = programs::command("skynet", folder)?;
    command
        .args(["import", "--restart", "--api"])
        .arg(format!("http://{}", system.api.address))
        .arg(table)
        .env("SKYNET_TOKEN", &system.token)
        .stdin(Stdio::null());
    let mut process = Process::spawn(command, &folder.join("import.log"))?;
    let began = Instant::now();
    let (mut seen, mut cpu) = (Vec::new(), Duration::ZERO);
    let status = loop {
        if let Some(status) = process.ended() {
            break status;
        }
        // It may end between the two.
        if let (Ok(memory), Ok(used)) = (proc::memory(process.id()), proc::cpu(process.id())) {
            seen.push((began.elapsed().as_secs_f64(), memory.now_mib));
            cpu = used;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    if !status.success() {
        return Err(format!("skynet import: {}", process.log()).into());
    }
    Ok((seen, cpu))
}

fn growth(memory: Vec<(f64, f64)>) -> Plot {
    let mut plot = Plot {
        title: "P10: memory of the import".to_owned(),
        across: "seconds",
        up: "MiB",
        lines: Vec::new(),
    };
    plot.line("skynet import", memory);
    plot
}
