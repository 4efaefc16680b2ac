//! `skynet serve` as a process: killed at any moment, started twice, asked to end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops where something is not as it should be, and tells what it found"
)]

mod support;

use std::time::{Duration, Instant};

use reqwest::Method;

use test_rig::load::{Chance, Load, verify};

use self::support::Server;

const KILLS: usize = 25;
const CLIENTS: usize = 6;
const SEED: u64 = 20_261_123;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_is_kept_by_a_server_that_is_killed_again_and_again() {
    let mut chance = Chance::new(SEED);
    let mut server = Server::new();
    server.start().await;
    let api = server.sign_in().await;
    let load = Load::start("kill", vec![api.clone()], CLIENTS, SEED);
    for _ in 0..KILLS {
        load.answered(chance.below(120)).await;
        server.kill();
        while chance.one_in(4) {
            // It dies while it starts, too.
            server.spawn();
            tokio::time::sleep(Duration::from_millis(chance.below(300) as u64)).await;
            server.kill();
        }
        server.start().await;
    }
    load.answered(100).await;
    let ledger = load.finish().await;
    api.drained().await;

    // What took several servers down with it by chance is parked; nothing but that may be.
    let replay = api
        .call(Method::POST, "/api/v1/failed/replay", r#"{"all":true}"#)
        .await;
    api.drained().await;
    let tally = verify(&api, &ledger).await;
    println!("{KILLS} kills: {tally}; replay: {replay}");
    assert!(tally.stored > 1_000 && tally.duplicate > 0, "{tally}");
}

#[tokio::test]
async fn a_second_server_on_the_same_data_ends_with_one_line() {
    let mut server = Server::new();
    server.start().await;
    let asked = Instant::now();
    let second = server.run_second().await;
    assert_eq!(second.status.code(), Some(78), "{second:?}");
    assert!(asked.elapsed() < Duration::from_secs(10));
    let said = [second.stdout, second.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
}

#[tokio::test]
async fn a_server_on_an_empty_folder_is_soon_ready() {
    let mut server = Server::new();
    let started = Instant::now();
    server.start().await;
    let took = started.elapsed();
    println!("ready after {} ms", took.as_millis());
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_asked_to_end_finishes_its_work_and_exits_with_0() {
    let mut server = Server::new();
    server.start().await;
    let api = server.sign_in().await;
    let load = Load::start("end", vec![api.clone()], 3, SEED + 1);
    load.answered(100).await;
    let asked = Instant::now();
    let status = server.terminate().await;
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(asked.elapsed() < Duration::from_secs(35));

    server.start().await;
    let ledger = load.finish().await;
    api.drained().await;
    let tally = verify(&api, &ledger).await;
    println!("after SIGTERM: {tally}");
    assert!(tally.promised > 0, "{tally}");
}
