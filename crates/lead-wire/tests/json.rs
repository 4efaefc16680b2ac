//! Reading leads as JSON.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics has failed"
)]

use eav::ValueType;
use kernel::Day;
use lead::{FieldCode, LeadDetails};
use lead_wire::{BulkDocument, DocumentError, OnError, Rules, read_lead};
use proptest::prelude::*;

fn rules() -> Rules {
    Rules::new(Day::parse("2026-11-23").unwrap())
}

fn read(json: &str) -> Result<LeadDetails, Vec<(String, FieldCode)>> {
    read_bytes(json.as_bytes())
}

fn read_bytes(json: &[u8]) -> Result<LeadDetails, Vec<(String, FieldCode)>> {
    read_lead(json, &rules())
        .map_err(|errors| errors.into_iter().map(|it| (it.pointer, it.code)).collect())
}

/// A lead with more keys after the three it must have.
fn lead_with(rest: &str) -> String {
    format!(r#"{{"firstName":"Ada","lastName":"Byron","email":"ada@example.com"{rest}}}"#)
}

fn refusal(rest: &str) -> Vec<(String, FieldCode)> {
    read(&lead_with(rest)).unwrap_err()
}

#[test]
fn both_spellings_and_fields_give_the_same_lead() {
    let camel = read(&lead_with(r#","dateOfBirth":"1990-05-15","city":"Graz""#)).unwrap();
    let snake = read(
        r#"{"first_name":"Ada","last_name":"Byron","email":"ada@example.com",
            "date_of_birth":"1990-05-15","city":"Graz"}"#,
    )
    .unwrap();
    let fields = read(
        r#"{"email":"ada@example.com","fields":{"first_name":"Ada","lastName":"Byron",
            "dateOfBirth":"1990-05-15","city":"Graz"}}"#,
    )
    .unwrap();
    assert_eq!(camel, snake);
    assert_eq!(camel, fields);
}

#[test]
fn a_field_given_twice_is_refused_wherever_it_stands() {
    let twice = |pointer: &str| vec![(pointer.to_owned(), FieldCode::GivenTwice)];
    assert_eq!(refusal(r#","email":"b@example.com""#), twice("/email"));
    assert_eq!(refusal(r#","first_name":"B""#), twice("/firstName"));
    assert_eq!(refusal(r#","a":1,"a":2"#), twice("/a"));
    assert_eq!(refusal(r#","a":1,"\u0061":2"#), twice("/a"));
    assert_eq!(refusal(r#","a":1,"fields":{"a":2}"#), twice("/a"));
    assert_eq!(refusal(r#","fields":{},"fields":{}"#), twice("/fields"));
    assert_eq!(refusal(r#","a":{"x":1,"x":1}"#), twice("/a"));
    assert_eq!(refusal(r#","a":[{"y":{"x":1,"\u0078":1}}]"#), twice("/a"));
    assert!(read(&lead_with(r#","a":[{"x":1},{"x":[{"x":1}]}]"#)).is_ok());
}

#[test]
fn a_value_is_nested_sixteen_levels_at_most() {
    let nested = |depth: usize| format!(r#","a":{}1{}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(read(&lead_with(&nested(16))).is_ok());
    assert_eq!(
        refusal(&nested(17)),
        vec![("/a".into(), FieldCode::TooDeep)]
    );
    assert_eq!(
        refusal(&nested(30_000)),
        vec![("/a".into(), FieldCode::TooDeep)]
    );
}

#[test]
fn a_hundred_thousand_brackets_do_no_harm() {
    for brackets in ["[".repeat(100_000), r#"{"a":"#.repeat(100_000)] {
        let malformed = vec![(String::new(), FieldCode::LeadTooLarge)];
        assert_eq!(read(&brackets).unwrap_err(), malformed);
        assert!(BulkDocument::read(brackets.as_bytes()).is_err());
        let document = format!(r#"{{"leads":[{brackets}]}}"#);
        let error = BulkDocument::read(document.as_bytes()).unwrap_err();
        assert_eq!(error, DocumentError::Malformed);
    }
    let closed = format!(
        r#"{{"leads":[{}{}]}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(BulkDocument::read(closed.as_bytes()).unwrap().len(), 1);
}

#[test]
fn numbers_are_kept_by_their_text() {
    let lead = read(&lead_with(
        r#","a":9007199254740993,"b":18446744073709551615,
           "c":1000000000000000000000000000000000000000,"d":1.10,"e":[12345678901234567890123]"#,
    ))
    .unwrap();
    let value = |name: &str| {
        let value = lead.attributes.get(name).unwrap();
        (value.kind(), value.text().to_owned())
    };
    assert_eq!(value("a"), (ValueType::Integer, "9007199254740993".into()));
    assert_eq!(
        value("b"),
        (ValueType::Integer, "18446744073709551615".into())
    );
    assert_eq!(
        value("c"),
        (ValueType::String, format!("1{}", "0".repeat(39)))
    );
    assert_eq!(value("d"), (ValueType::Float, "1.10".into()));
    assert_eq!(
        value("e"),
        (ValueType::Json, "[12345678901234567890123]".into())
    );
    let out_of_range = vec![("/a".into(), FieldCode::NumberOutOfRange)];
    assert_eq!(refusal(r#","a":1e400"#), out_of_range);
    assert_eq!(refusal(r#","a":[{"b":-1e400}]"#), out_of_range);
}

#[test]
fn lone_surrogates_and_nul_are_refused() {
    let malformed = vec![("/a".to_owned(), FieldCode::MalformedJson)];
    let nul = vec![("/a".to_owned(), FieldCode::NulCharacter)];
    assert_eq!(refusal(r#","a":"\ud800""#), malformed);
    assert_eq!(refusal(r#","a":["\udc00\ud800"]"#), malformed);
    assert_eq!(refusal(r#","a":{"\ud800":1}"#), malformed);
    assert_eq!(
        refusal(r#","fields":{"\ud800":1}"#),
        vec![("/fields".into(), FieldCode::MalformedJson)]
    );
    assert_eq!(
        refusal(r#","\ud800":1"#),
        vec![(String::new(), FieldCode::MalformedJson)]
    );
    assert_eq!(refusal(r#","a":"x\u0000""#), nul);
    assert_eq!(refusal(r#","a":[{"b":"\u0000"}]"#), nul);
    assert_eq!(
        refusal(",\"a\":\"\0\""),
        vec![(String::new(), FieldCode::MalformedJson)]
    );
    assert_eq!(
        refusal(r#","a\u0000":1"#),
        vec![(String::new(), FieldCode::AttributeNameInvalid)]
    );
    let paired = read(&lead_with(r#","a":"\ud83d\ude00""#)).unwrap();
    assert_eq!(paired.attributes.get("a").unwrap().text(), "\u{1f600}");
}

#[test]
fn what_is_no_lead_is_refused_as_a_whole() {
    let whole = |code| vec![(String::new(), code)];
    for json in ["[]", "1", "\"a\"", "null", " true "] {
        assert_eq!(
            read(json).unwrap_err(),
            whole(FieldCode::NotAnObject),
            "{json}"
        );
    }
    for json in [
        "",
        "{",
        "{}x",
        "{\"a\":}",
        "{'a':1}",
        "[",
        "nul",
        "{\"a\":01}",
        "{\"a\":1,}",
    ] {
        assert_eq!(
            read(json).unwrap_err(),
            whole(FieldCode::MalformedJson),
            "{json}"
        );
    }
    assert_eq!(
        read_bytes(b"{\"a\":\"\xff\"}").unwrap_err(),
        whole(FieldCode::InvalidUtf8)
    );
    let large = lead_with(&format!(r#","a":"{}""#, "x".repeat(65_536)));
    assert_eq!(read(&large).unwrap_err(), whole(FieldCode::LeadTooLarge));
}

#[test]
fn attributes_are_counted() {
    let with = |count: usize| {
        (0..count)
            .map(|it| format!(r#","a{it}":{it}"#))
            .collect::<Vec<_>>()
            .concat()
    };
    assert_eq!(
        read(&lead_with(&with(256)))
            .unwrap()
            .attributes
            .as_slice()
            .len(),
        256
    );
    assert_eq!(
        refusal(&with(257)),
        vec![(String::new(), FieldCode::TooManyAttributes)]
    );
}

#[test]
fn all_mistakes_are_told_at_once_and_their_number_is_bounded() {
    let errors = read(r#"{"firstName":" ","email":5,"phone":"call me"}"#).unwrap_err();
    let expected = [
        ("/firstName", FieldCode::Required),
        ("/lastName", FieldCode::Required),
        ("/email", FieldCode::WrongType),
        ("/phone", FieldCode::PhoneInvalid),
    ];
    assert_eq!(
        errors,
        expected.map(|(pointer, code)| (pointer.to_owned(), code))
    );
    assert_eq!(
        refusal(&r#","":1"#.repeat(5_000)).len(),
        lead_wire::MAX_ERRORS
    );
}

#[test]
fn a_document_gives_its_rows_in_order_and_bad_ones_among_them() {
    let good = lead_with("");
    let body = format!(r#"{{"batchSize":7,"leads":[{good}, 5 ,{good}],"on_error":"abort"}}"#);
    let document = BulkDocument::read(body.as_bytes()).unwrap();
    let rules = rules();
    let rows: Vec<_> = document.rows(&rules).collect();
    assert_eq!(document.batch_size.get(), 7);
    assert_eq!(document.on_error, OnError::Abort);
    assert_eq!(
        rows.iter().map(|it| it.index).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert_eq!(rows[0].raw, good.as_bytes());
    assert_eq!(rows[1].raw, b"5");
    assert_eq!(
        rows.iter().map(|it| it.lead.is_ok()).collect::<Vec<_>>(),
        [true, false, true]
    );
}

#[test]
fn batch_sizes_are_whole_numbers_from_one() {
    let size = |text: &str| {
        let body = format!(r#"{{"leads":[],"batch_size":{text}}}"#);
        BulkDocument::read(body.as_bytes()).map(|it| it.batch_size.get())
    };
    for (text, expected) in [
        ("1", 1),
        ("null", 50),
        ("1000", 1000),
        ("1001", 1000),
        ("1000000000", 1000),
        ("99999999999999999999999", 1000),
    ] {
        assert_eq!(size(text), Ok(expected), "{text}");
    }
    for text in ["0", "-1", "\"50\"", "1.5", "1e2", "[]", "true"] {
        assert_eq!(size(text), Err(DocumentError::BatchSize), "{text}");
    }
}

#[test]
fn a_document_that_is_no_bulk_says_why() {
    let error = |body: &str| BulkDocument::read(body.as_bytes()).unwrap_err();
    let key = |pointer: &str| pointer.to_owned();
    assert_eq!(error("{}"), DocumentError::LeadsMissing);
    assert_eq!(error("[]"), DocumentError::NotAnObject);
    assert_eq!(error("{\"leads\":{}}"), DocumentError::LeadsNotAList);
    assert_eq!(error("{\"leads\":null}"), DocumentError::LeadsNotAList);
    assert_eq!(error("{\"leads\":[1"), DocumentError::Malformed);
    assert_eq!(error("{\"leads\":[]} x"), DocumentError::Malformed);
    assert_eq!(
        error("{\"leads\":[],\"leads\":[]}"),
        DocumentError::KeyTwice {
            pointer: key("/leads")
        }
    );
    assert_eq!(
        error("{\"leads\":[],\"batch_size\":1,\"batchSize\":1}"),
        DocumentError::KeyTwice {
            pointer: key("/batchSize")
        }
    );
    assert_eq!(
        error("{\"leads\":[],\"dry\":1}"),
        DocumentError::UnknownKey {
            pointer: key("/dry")
        }
    );
    assert_eq!(
        error("{\"leads\":[],\"on_error\":\"stop\"}"),
        DocumentError::OnError
    );
    let many = format!("{{\"leads\":[{}1]}}", "1,".repeat(10_000));
    assert_eq!(error(&many), DocumentError::TooManyLeads);
    assert!(
        BulkDocument::read(format!("{{\"leads\":[{}1]}}", "1,".repeat(9_999)).as_bytes()).is_ok()
    );
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_bytes(&bytes);
        let _ = BulkDocument::read(&bytes);
    }

    #[test]
    fn no_text_of_json_signs_makes_a_reader_panic(text in r#"[\[\]{}",:\\u0d8a1eE.+-]{0,60}"#) {
        let _ = read(&text);
        let _ = read(&lead_with(&format!(",\"a\":{text}")));
    }

    #[test]
    fn a_lead_after_others_is_read_as_it_is_alone(
        rows in prop::collection::vec(prop::collection::vec(key(), 0..5), 1..6), renames in any::<bool>(),
    ) {
        let mut rules = rules();
        if renames {
            rules.keys.renamed.push(("b".to_owned(), "fields".to_owned()));
            rules.keys.left_out.push("a".to_owned());
        }
        let row = |keys: &Vec<String>| {
            let members: Vec<_> = keys.iter().map(|it| format!(r#""{it}":{{"a":{{}},"{it}":"1"}}"#)).collect();
            format!("{{{}}}", members.join(","))
        };
        let rows: Vec<String> = rows.iter().map(row).collect();
        let body = format!(r#"{{"leads":[{}]}}"#, rows.join(","));
        for (read, row) in BulkDocument::read(body.as_bytes()).unwrap().rows(&rules).zip(&rows) {
            prop_assert_eq!(read.lead, read_lead(row.as_bytes(), &rules), "{}", row);
        }
    }
}

/// A key of JSON, escapes included.
fn key() -> impl Strategy<Value = String> {
    r"a|b|ab|email|first_?[nN]ame|fields|id|\\\\|\\u0061|\\ud800|\\\\n|\\n| a|x{255,258}"
}
