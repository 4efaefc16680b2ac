//! The embedded family beside raw `SQLite`.

use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::{Client, StatusCode};
use skynet::generate::{self, Format, Recipe};

use crate::raw::{self, Inserted};
use crate::server::{self, Server};
use crate::{Failure, cpu};

/// How much is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leads of a round
    #[arg(long, default_value_t = 100_000)]
    leads: u64,
    /// Rounds, each of the system and then of the raw database
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Leads of a request
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    bulk: u64,
    /// Connections that requests come over
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// The program to measure [default: built from this workspace, optimised]
    #[arg(long)]
    program: Option<PathBuf>,
}

/// What the system needed.
struct Fed {
    /// Until the last answer.
    accepted: Duration,
    /// Until the last lead was stored.
    time: Duration,
    server_cpu: Duration,
    client_cpu: Duration,
}

/// Measures and prints.
pub(crate) async fn run(args: &Args) -> Result<(), Failure> {
    let program = match &args.program {
        Some(program) => program.clone(),
        None => server::program()?,
    };
    let client = Client::builder()
        .pool_max_idle_per_host(args.connections)
        .build()?;
    println!(
        "{} leads a round in bulks of {} over {} connections; {} processors, load {}",
        args.leads,
        args.bulk,
        args.connections,
        thread::available_parallelism()?,
        cpu::load(),
    );
    println!(
        "round  accepted/s  system/s  CPU µs/lead  client µs/lead    raw/s  raw CPU µs/lead  ratio  load"
    );
    let (mut rates, mut ratios) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        let bodies = bodies(args, u64::from(round))?;
        let mut server = Server::start(&program, &client).await?;
        let fed = feed(&server, &client, bodies, args).await?;
        check_balance(&server, args.leads)?;
        server.stop()?;
        let (store, copy) = (server.store(), server.beside("raw.db"));
        let Inserted { rows, time, cpu } =
            tokio::task::spawn_blocking(move || raw::insert_again(&store, &copy)).await??;
        let per_lead = |it: Duration| it.as_secs_f64() * 1e6 / args.leads as f64;
        let rate = args.leads as f64 / fed.time.as_secs_f64();
        let raw = rows as f64 / time.as_secs_f64();
        println!(
            "{round:5}  {:10.0}  {rate:8.0}  {:11.1}  {:14.1}  {raw:7.0}  {:15.1}  {:5.2}  {}",
            args.leads as f64 / fed.accepted.as_secs_f64(),
            per_lead(fed.server_cpu),
            per_lead(fed.client_cpu),
            per_lead(cpu),
            rate / raw,
            cpu::load(),
        );
        rates.push(rate);
        ratios.push(rate / raw);
    }
    println!(
        "median: {:.0} leads/s, ratio {:.2}; balance: every round stored what it accepted, parked 0",
        median(rates),
        median(ratios),
    );
    Ok(())
}

/// Sends everything, and waits until it is stored.
async fn feed(
    server: &Server,
    client: &Client,
    bodies: Vec<Bytes>,
    args: &Args,
) -> Result<Fed, Failure> {
    let token = server.token(client).await?;
    let store = raw::look_at(&server.store())?;
    let (bodies, next) = (Arc::new(bodies), Arc::new(AtomicUsize::new(0)));
    let (server_before, client_before) = (
        cpu::of_process(server.pid())?,
        cpu::of_process(process::id())?,
    );
    let began = Instant::now();
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..args.connections {
        let (bodies, next) = (Arc::clone(&bodies), Arc::clone(&next));
        let (client, token) = (client.clone(), token.clone());
        let url = server.url("/api/v1/leads/process-bulk");
        senders.spawn(async move {
            while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                send(&client, &url, &token, body).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent??;
    }
    let accepted = began.elapsed();
    let deadline = Instant::now() + Duration::from_mins(5);
    while raw::counted(&store)? < args.leads {
        if Instant::now() > deadline {
            return Err("leads are not stored after 5 minutes".into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(Fed {
        accepted,
        time: began.elapsed(),
        server_cpu: cpu::of_process(server.pid())?.saturating_sub(server_before),
        client_cpu: cpu::of_process(process::id())?.saturating_sub(client_before),
    })
}

/// Sends a bulk, again where the system sheds load.
async fn send(client: &Client, url: &str, token: &str, body: &Bytes) -> Result<(), Failure> {
    loop {
        let answer = client
            .post(url)
            .bearer_auth(token)
            .header("Content-Type", "application/json")
            .body(body.clone())
            .send()
            .await?;
        match answer.status() {
            StatusCode::ACCEPTED => {
                answer.bytes().await?;
                return Ok(());
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            status => return Err(format!("the server answers {status}").into()),
        }
    }
}

/// A rate without its balance is no rate.
fn check_balance(server: &Server, leads: u64) -> Result<(), Failure> {
    let balance = raw::balance(&raw::look_at(&server.store())?)?;
    if balance.rows == leads && balance.counted == leads && balance.parked == 0 {
        return Ok(());
    }
    Err(format!(
        "accepted {leads}, stored {}, counted {}, parked {}",
        balance.rows, balance.counted, balance.parked
    )
    .into())
}

/// The requests of a round, made before the clock starts.
fn bodies(args: &Args, seed: u64) -> Result<Vec<Bytes>, Failure> {
    let recipe = Recipe {
        leads: args.leads,
        seed,
        format: Format::Ndjson,
        attributes: Recipe::DEFAULT_ATTRIBUTES,
    };
    let mut lines = Vec::new();
    generate::write(&recipe, &mut lines)?;
    let lines: Vec<&[u8]> = lines
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    let bulk = usize::try_from(args.bulk)?;
    Ok(lines
        .chunks(bulk)
        .map(|bulk| {
            let leads = bulk.join(&b","[..]);
            [b"{\"leads\":[", leads.as_slice(), b"],\"batch_size\":1000}"]
                .concat()
                .into()
        })
        .collect())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}
