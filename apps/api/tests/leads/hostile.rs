//! Input that nobody means well with.

use serde_json::json;

use crate::support::assert_problem;
use crate::world::{ASYNC, BULK, SYNC, World, errors, lead_with};

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn bytes_that_are_no_json_are_malformed() {
    let world = World::new().await;
    for path in [SYNC, ASYNC, BULK] {
        for body in [
            "",
            "{",
            "{\"a\":}",
            "nul",
            "{\"a\":\"\u{0}\"}",
            "{\"\\ud800\":1}",
            "{}{}",
        ] {
            let answer = world.send(path, &[JSON], body).await;
            assert_problem(&answer, 400, "malformed-json", path);
        }
    }
    let answer = world
        .send(SYNC, &[JSON], &b"{\"firstName\":\"\xff\"}"[..])
        .await;
    assert_eq!(
        (answer.status, errors(&answer)),
        (400, vec![" invalid_utf8".to_owned()])
    );
    world.assert_untouched().await;
}

#[tokio::test]
async fn values_that_no_lead_can_have_are_named() {
    let world = World::new().await;
    let deep = |levels: usize| format!("\"a\":{}{}", "[".repeat(levels), "]".repeat(levels));
    let attributes = |count: usize| {
        (0..count)
            .map(|it| format!("\"a{it}\":1"))
            .collect::<Vec<_>>()
            .join(",")
    };
    let cases = [
        (deep(17), "/a too_deep"),
        (deep(30_000), "/a too_deep"),
        ("\"a\":1,\"a\":2".into(), "/a given_twice"),
        ("\"a\":{\"b\":1,\"b\":2}".into(), "/a given_twice"),
        ("\"first_name\":\"x\"".into(), "/firstName given_twice"),
        (
            "\"fields\":{\"email\":\"x@y.zz\"}".into(),
            "/email given_twice",
        ),
        ("\"a\":\"\\ud800\"".into(), "/a malformed_json"),
        ("\"a\":\"\\u0000\"".into(), "/a nul_character"),
        ("\"a\":[\"\\u0000\"]".into(), "/a nul_character"),
        ("\"a\":1e400".into(), "/a number_out_of_range"),
        ("\"a\":[1e400]".into(), "/a number_out_of_range"),
        ("\"\":1".into(), " attribute_name_invalid"),
        (
            format!("\"{}\":1", "n".repeat(101)),
            " attribute_name_invalid",
        ),
        ("\"email \":1".into(), "/email attribute_name_reserved"),
        ("\"id\":1".into(), "/id not_accepted"),
        (attributes(257), " too_many_attributes"),
    ];
    for (rest, expected) in cases {
        let lead = lead_with(&rest);
        for path in [SYNC, ASYNC] {
            let answer = world.send(path, &[JSON], lead.clone()).await;
            assert_problem(&answer, 400, "validation-error", path);
            assert_eq!(errors(&answer), [expected]);
        }
        let bulk = world
            .send(BULK, &[JSON], format!("{{\"leads\":[{lead}]}}"))
            .await;
        assert_problem(&bulk, 400, "nothing-queued", BULK);
        let (pointer, code) = expected.split_once(' ').unwrap();
        assert_eq!(errors(&bulk), [format!("/leads/0{pointer} {code}")]);
    }
    world.assert_untouched().await;
}

#[tokio::test]
async fn what_is_just_within_the_limits_is_stored_digit_for_digit() {
    let world = World::new().await;
    let whole = format!("1{}", "0".repeat(39));
    let name = "n".repeat(100);
    let rest = format!(
        "\"deep\":{}{},\"whole\":{whole},\"big\":18446744073709551615,\"{name}\":1,\"Note\":1,\"note\":2",
        "[".repeat(16),
        "]".repeat(16)
    );
    let answer = world.send(SYNC, &[JSON], lead_with(&rest)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let lead = world.get(answer.header("location")).await.json();
    let values: Vec<_> = lead["data"]["dynamicData"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["fieldValue"].clone())
        .collect();
    let deep = format!("{}{}", "[".repeat(16), "]".repeat(16));
    assert_eq!(
        values,
        [
            json!(deep),
            json!(whole),
            json!("18446744073709551615"),
            json!("1"),
            json!("1"),
            json!("2")
        ]
    );
}

#[tokio::test]
async fn a_body_that_is_too_large_is_413() {
    let world = World::new().await;
    let large = lead_with(&format!("\"a\":\"{}\"", "x".repeat(65_536)));
    assert_problem(
        &world.send(SYNC, &[JSON], large.clone()).await,
        413,
        "too-large",
        SYNC,
    );
    let bulk = world
        .send(BULK, &[JSON], format!("{{\"leads\":[{large}]}}"))
        .await;
    assert_eq!(errors(&bulk), ["/leads/0 lead_too_large"]);
    world.assert_untouched().await;
}

#[tokio::test]
async fn other_content_types_and_charsets_are_415() {
    let world = World::new().await;
    for path in [SYNC, ASYNC, BULK] {
        for form in [
            "text/plain",
            "application/xml",
            "application/json; charset=utf-16",
            "multipart/form-data; boundary=x",
        ] {
            let answer = world.send(path, &[("content-type", form)], "{}").await;
            assert_problem(&answer, 415, "unsupported-media-type", path);
        }
        assert_problem(
            &world.send(path, &[], "{}").await,
            415,
            "unsupported-media-type",
            path,
        );
    }
    let answer = world
        .send(SYNC, &[("content-type", "application/x-ndjson")], "{}")
        .await;
    assert_eq!(answer.status, 415);
    let utf8 = ("content-type", "Application/JSON; Charset=\"UTF-8\"");
    assert_eq!(
        world.send(SYNC, &[utf8], lead_with("\"a\":1")).await.status,
        201
    );
}

#[tokio::test]
async fn a_hundred_thousand_brackets_do_no_harm() {
    let world = World::new().await;
    for deep in ["[".repeat(100_000), "{\"a\":".repeat(100_000)] {
        assert_eq!(world.send(SYNC, &[JSON], deep.clone()).await.status, 413);
        let bulk = world
            .send(BULK, &[JSON], format!("{{\"leads\":[{deep}]}}"))
            .await;
        assert_problem(&bulk, 400, "malformed-json", BULK);
    }
    world.assert_untouched().await;
}
