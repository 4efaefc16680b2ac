//! Many leads in a stream of lines or a table.

use std::io::Write as _;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Api, assert_problem};
use crate::world::{BULK, World, any_lead, errors};

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const CSV: (&str, &str) = ("content-type", "text/csv; charset=utf-8");

fn lines(count: usize) -> String {
    (0..count)
        .map(|_| format!("{}\n", any_lead()))
        .collect::<Vec<_>>()
        .concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn lines_are_leads_and_bad_ones_leave_their_neighbours() {
    let world = World::new().await;
    let body = format!(
        "{}\r\n\nnope\n{}\n{}",
        any_lead(),
        "x".repeat(70_000),
        any_lead()
    );
    let answer = world
        .send(&format!("{BULK}?batch_size=2"), &[NDJSON], body)
        .await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.json()["details"]["total_leads"], 4);
    assert_eq!(
        errors(&answer),
        ["/leads/1 malformed_json", "/leads/2 lead_too_large"]
    );
    world.work().await;
    let id = answer.json()["processing_id"].as_str().unwrap().to_owned();
    let batch = world.get(&format!("/api/v1/batches/{id}")).await.json();
    assert_eq!(batch["data"]["state"], "finished");
    assert_eq!(
        (world.stored().await, &batch["data"]["counts"]["rejected"]),
        (2, &json!(2))
    );
}

#[tokio::test]
async fn a_table_gives_typed_attributes_and_its_bad_rows_are_named() {
    let world = World::new().await;
    let body = "\u{feff}first_name,Last Seen,last_name,email,active,score\r\n\
        Ada,2024-01-02,Lovelace,a@example.com,TRUE,1.50\r\n\
        Bob,\"two\nlines\",Byron,b@example.com,,007\r\n\
        short,row\r\n\
        Cid,,Byron,c@example.com,,\r\n\
        Dan,\"open,Byron,d@example.com,,\r\n";
    let answer = world.send(BULK, &[CSV], body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.json()["details"]["accepted"], 3);
    assert_eq!(
        errors(&answer),
        ["/leads/2 column_count", "/leads/4 unterminated_quote"]
    );
    world.work().await;
    let list = world.get("/api/v1/leads?attributes=object").await.json();
    let of = |name: &str| {
        let all = list["data"].as_array().unwrap();
        all.iter().find(|it| it["firstName"] == name).unwrap()["attributes"].clone()
    };
    assert_eq!(
        of("Ada"),
        json!({"Last Seen": "2024-01-02", "active": true, "score": 1.5})
    );
    assert_eq!(
        of("Bob"),
        json!({"Last Seen": "two\nlines", "score": "007"})
    );
    assert_eq!(of("Cid"), json!({}));
}

#[tokio::test]
async fn a_header_that_cannot_be_used_and_an_empty_stream_are_400() {
    let world = World::new().await;
    for header in [
        "email,email\n",
        "firstName,first_name\n",
        "email,id\n",
        "email,,x\n",
        "\"email\n",
    ] {
        let answer = world.send(BULK, &[CSV], header).await;
        assert_problem(&answer, 400, "validation-error", BULK);
    }
    for (form, body) in [(CSV, ""), (CSV, "email\n"), (NDJSON, ""), (NDJSON, "\n \n")] {
        assert_eq!(
            errors(&world.send(BULK, &[form], body).await),
            ["/leads leads_required"]
        );
    }
    let none = world.send(BULK, &[NDJSON], "1\n2\n").await;
    assert_problem(&none, 400, "nothing-queued", BULK);
    world.assert_untouched().await;
}

#[tokio::test]
async fn gzip_and_zstd_are_undone() {
    let world = World::new().await;
    let body = lines(300);
    let zstd = zstd::bulk::compress(body.as_bytes(), 3).unwrap();
    let twice = [gzip(lines(150).as_bytes()), gzip(lines(150).as_bytes())].concat();
    let gzip = gzip(body.as_bytes());
    for (coding, coded) in [("gzip", gzip), ("gzip", twice), ("zstd", zstd)] {
        let answer = world
            .send(BULK, &[NDJSON, ("content-encoding", coding)], coded)
            .await;
        assert_eq!(
            (answer.status, &answer.json()["details"]["accepted"]),
            (202, &json!(300))
        );
    }
    for coding in ["br", "gzip, gzip", "deflate"] {
        let answer = world
            .send(BULK, &[NDJSON, ("content-encoding", coding)], "x")
            .await;
        assert_problem(&answer, 415, "unsupported-media-type", BULK);
    }
}

#[tokio::test]
async fn a_corrupt_or_cut_coding_is_400() {
    let world = World::new().await;
    let body = any_lead().to_string();
    let zstd = zstd::bulk::compress(body.as_bytes(), 3).unwrap();
    let gzip = gzip(body.as_bytes());
    let cut = |bytes: &[u8]| bytes[..bytes.len() - 4].to_vec();
    for (coding, coded) in [
        ("gzip", b"nope".to_vec()),
        ("zstd", b"nope".to_vec()),
        ("gzip", cut(&gzip)),
        ("zstd", cut(&zstd)),
    ] {
        let answer = world
            .send(BULK, &[NDJSON, ("content-encoding", coding)], coded)
            .await;
        assert_problem(&answer, 400, "broken-body", BULK);
    }
    world.assert_untouched().await;
}

#[tokio::test]
async fn a_bomb_is_counted_decoded() {
    let world = World::new().await;
    let bomb = vec![b' '; 33 * 1024 * 1024];
    let zstd = zstd::bulk::compress(&bomb, 3).unwrap();
    let gzip = gzip(&bomb);
    let json = ("content-type", "application/json");
    for (coding, coded) in [("gzip", &gzip), ("zstd", &zstd)] {
        assert!(coded.len() < 1024 * 1024);
        for path in [BULK, "/api/v1/lead/process", "/api/v1/lead/process-async"] {
            let answer = world
                .send(path, &[json, ("content-encoding", coding)], coded.clone())
                .await;
            assert_problem(&answer, 413, "too-large", path);
        }
        let abort = format!("{BULK}?on_error=abort");
        let answer = world
            .send(
                &abort,
                &[NDJSON, ("content-encoding", coding)],
                coded.clone(),
            )
            .await;
        assert_problem(&answer, 400, "abort-needs-small-body", BULK);
        assert_eq!(errors(&answer), ["on_error abort_needs_small_body"]);
    }
    world.assert_untouched().await;
}

#[tokio::test]
async fn abort_queues_all_or_nothing() {
    let world = World::new().await;
    let path = format!("{BULK}?on_error=abort&batch_size=10");
    let bad = format!("{}nope\n", lines(40));
    let answer = world.send(&path, &[NDJSON], bad).await;
    assert_problem(&answer, 400, "nothing-queued", BULK);
    assert_eq!(errors(&answer), ["/leads/40 malformed_json"]);
    world.assert_untouched().await;
    let answer = world.send(&path, &[NDJSON], lines(40)).await;
    assert_eq!((answer.status, world.queued().await), (202, 4));
}

#[tokio::test]
async fn parameters_that_cannot_be_used_are_400() {
    let world = World::new().await;
    for query in [
        "batch_size=0",
        "batch_size=x",
        "batch_size=-1",
        "on_error=stop",
        "dry_run=maybe",
        "x=1",
        "batch_size=1&batch_size=2",
    ] {
        let answer = world
            .send(&format!("{BULK}?{query}"), &[NDJSON], lines(1))
            .await;
        assert_eq!(answer.status, 400, "{query}");
    }
    world.assert_untouched().await;
}

/// Starts a request with `headers` and answers its connection.
async fn open(world: &World, path: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.api.address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{headers}\r\n\r\n",
        world.user
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Everything up to the end of the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset after the answer is an end as well.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_declared_length_over_the_limit_is_413_unread_and_the_connection_closes() {
    let world = World::new().await;
    for (path, form, size) in [
        (BULK, "application/json", 50_u64 << 20),
        (BULK, "application/x-ndjson", (4_u64 << 30) + 1),
        ("/api/v1/lead/process", "application/json", 70_000),
    ] {
        for expect in ["", "\r\nExpect: 100-continue"] {
            let headers = format!("Content-Type: {form}\r\nContent-Length: {size}{expect}");
            let answer = rest(&mut open(&world, path, &headers).await).await;
            assert!(answer.contains("HTTP/1.1 413 "), "{answer}");
            assert!(answer.contains(&format!("\"size\":{size}")), "{answer}");
        }
    }
    world.assert_untouched().await;
}

#[tokio::test]
async fn a_body_that_stalls_or_crawls_is_408() {
    let idle = Api::with(|settings, _| settings.times.body_idle = Duration::from_millis(50)).await;
    let crawl = Api::with(|settings, _| {
        settings.times.body_grace = Duration::from_millis(50);
    })
    .await;
    for api in [idle, crawl] {
        let world = World::of(api).await;
        let headers = "Content-Type: application/x-ndjson\r\nContent-Length: 1000000";
        let mut stream = open(&world, BULK, headers).await;
        let (mut read, mut write) = stream.split();
        let mut answer = Vec::new();
        let reading = read.read_to_end(&mut answer);
        let writing = async {
            loop {
                if write.write_all(b"{").await.is_err() {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        };
        tokio::select! { _ = reading => {}, () = writing => {} }
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.contains("HTTP/1.1 408 "), "{answer}");
        world.assert_untouched().await;
    }
}

#[tokio::test]
async fn a_stream_that_breaks_keeps_what_was_confirmed_and_says_how_far() {
    let api = Api::with(|settings, _| settings.times.body_idle = Duration::from_millis(100)).await;
    let world = World::of(api).await;
    let path = format!("{BULK}?batch_size=10");
    let headers = "Content-Type: application/x-ndjson\r\nContent-Length: 1000000";
    let mut stream = open(&world, &path, headers).await;
    stream.write_all(lines(35).as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.contains("HTTP/1.1 408 "), "{answer}");
    let body: serde_json::Value =
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["confirmed_through"], 30);
    world.work().await;
    let id = body["processing_id"].as_str().unwrap();
    let batch = world.get(&format!("/api/v1/batches/{id}")).await.json();
    assert_eq!(batch["data"]["state"], "finished");
    assert_eq!(
        (world.stored().await, &batch["data"]["counts"]["received"]),
        (30, &json!(30))
    );
}
