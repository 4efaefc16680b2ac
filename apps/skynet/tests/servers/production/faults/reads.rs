//! Several nodes at once: what one of them wrote the others show, and rivals agree.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use test_rig::load::Api;
use tokio::task::JoinSet;

use super::scene::{Healed, QUEUE_LEADS, STORE_LEAD, Scene};
use crate::place::until;

const NEWEST: &str = "/api/v1/leads?limit=100";
const ROUNDS: usize = 10;
const BULK: usize = 50;
/// How soon lists show leads of a bulk that are stored.
const SHOWN_WITHIN: Duration = Duration::from_secs(1);
/// How old a list may be while the cache is cut off from the node that wrote.
const OLD_MAX: Duration = Duration::from_secs(5);

async fn shows(api: &Api, email: &str) -> bool {
    let list = api.get(&format!("/api/v1/leads?email={email}")).await;
    let mut leads = list["data"].as_array().unwrap().iter();
    leads.any(|it| it["email"] == email)
}

async fn stored_by(scene: &Scene, api: &Api) -> String {
    let (lead, email) = scene.canary();
    let (status, answer) = api.post(STORE_LEAD, lead.to_string()).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    email
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_api_stored_is_in_the_next_list_of_the_other() {
    let scene = Scene::new().await;
    let [left, right] = scene.apis();
    for _ in 0..ROUNDS {
        for (writer, reader) in [(&left, &right), (&right, &left)] {
            // Both keep an answer.
            left.get(NEWEST).await;
            right.get(NEWEST).await;
            let email = stored_by(&scene, writer).await;
            assert!(shows(reader, &email).await);
            assert!(shows(writer, &email).await);
        }
    }
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leads_of_a_bulk_are_listed_within_a_second_of_their_commit() {
    let scene = Scene::new().await;
    let [left, right] = scene.apis();
    let mut database = scene.place.servers.database.session().await;
    let mut slowest = Duration::ZERO;
    for _ in 0..ROUNDS {
        let leads: Vec<(Value, String)> = (0..BULK).map(|_| scene.canary()).collect();
        let email = &leads[BULK - 1].1;
        let bulk: Vec<&Value> = leads.iter().map(|it| &it.0).collect();
        let (status, answer) = left
            .post(QUEUE_LEADS, json!({ "leads": bulk }).to_string())
            .await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        let select = format!("SELECT 'one' FROM leads WHERE email = '{email}'");
        while database.texts(&select).await.is_empty() {
            // A reader that keeps answers fresh in the cache.
            right.get(NEWEST).await;
        }
        let committed_at = Instant::now();
        for reader in [&left, &right] {
            until("the lead is listed", async || shows(reader, email).await).await;
        }
        slowest = slowest.max(committed_at.elapsed());
    }
    println!("listed after {} ms at most", slowest.as_millis());
    assert!(slowest < SHOWN_WITHIN, "{slowest:?}");
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_five_seconds_old_at_most_while_one_api_is_cut_off_from_the_cache() {
    let mut scene = Scene::new().await;
    scene
        .tried("cache cut off from one API", async |scene, _| {
            let [cut_off, other] = scene.apis();
            let door = scene.api_doors[0].cache.clone();
            door.refuse();
            let mut slowest = Duration::ZERO;
            for _ in 0..3 {
                other.get(NEWEST).await;
                let email = stored_by(scene, &cut_off).await;
                let stored_at = Instant::now();
                assert!(shows(&cut_off, &email).await);
                until("the other lists it", async || shows(&other, &email).await).await;
                slowest = slowest.max(stored_at.elapsed());
                let email = stored_by(scene, &other).await;
                assert!(shows(&cut_off, &email).await);
            }
            println!("listed after {} ms at most", slowest.as_millis());
            assert!(slowest <= OLD_MAX, "{slowest:?}");
            door.pass();
            scene.recovers().await
        })
        .await;
    scene.ends().await;
}

/// The same leads through both APIs at once, in opposite order, one by one and in bulk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rivals_store_each_lead_once_and_hear_of_no_conflict() {
    let mut scene = Scene::new().await;
    scene
        .tried("rivals with the same leads", async |scene, load| {
            let mut emails = HashSet::new();
            let mut batches = Vec::new();
            for _ in 0..ROUNDS {
                let leads: Vec<(Value, String)> = (0..BULK).map(|_| scene.canary()).collect();
                let mut bulk: Vec<Value> = leads.iter().map(|it| it.0.clone()).collect();
                emails.extend(leads.into_iter().map(|it| it.1));
                let mut rivals = JoinSet::new();
                for api in scene.apis() {
                    let body = json!({"leads": bulk, "batch_size": 10}).to_string();
                    let (bulk_api, single) = (api.clone(), bulk[0].to_string());
                    rivals.spawn(async move { bulk_api.post(QUEUE_LEADS, body).await });
                    rivals.spawn(async move { api.post(STORE_LEAD, single).await });
                    bulk.reverse();
                }
                for (status, answer) in rivals.join_all().await {
                    match status.as_u16() {
                        202 => batches.push(answer["processing_id"].as_str().unwrap().to_owned()),
                        201 | 409 => {}
                        _ => panic!("{status} {answer}"),
                    }
                }
            }
            for batch in &batches {
                let path = format!("/api/v1/batches/{batch}");
                until("a batch is finished", async || {
                    scene.api.get(&path).await["data"]["state"] == "finished"
                })
                .await;
            }
            let mut database = scene.place.servers.database.session().await;
            let select = "SELECT email FROM leads WHERE email LIKE 'canary-%'";
            let rows = database.texts(select).await;
            let stored: HashSet<String> = rows.iter().cloned().collect();
            assert_eq!(rows.len(), stored.len());
            assert!(emails.is_subset(&stored));
            assert_eq!(load.answers().unavailable, 0, "somebody was told");
            Healed::default()
        })
        .await;
    scene.ends().await;
}
