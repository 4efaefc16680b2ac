//! What is written can be read again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics has failed"
)]

use kernel::{Day, Timestamp, UserId, uuid_at};
use lead::{Lead, LeadDetails, LeadId};
use lead_wire::{
    AttributesForm, KeyMap, Rules, TableReader, read_lead, write_details, write_export_line,
    write_lead, write_table_header, write_table_row, write_text,
};
use proptest::prelude::*;

fn rules() -> Rules {
    let keys = KeyMap {
        renamed: Vec::new(),
        left_out: ["id", "createdAt", "updatedAt"].map(str::to_owned).to_vec(),
    };
    Rules {
        today: Day::parse("2026-11-23").unwrap(),
        keys,
    }
}

fn stored(details: LeadDetails) -> Lead {
    let at = Timestamp::from_unix_ms(1_795_456_800_123);
    Lead {
        id: LeadId(uuid_at(at, 7)),
        submitted_by: UserId(uuid_at(at, 8)),
        details,
        updated_at: at,
    }
}

fn lead(json: &str) -> Lead {
    stored(read_lead(json.as_bytes(), &rules()).unwrap())
}

fn json_of(lead: &Lead, form: AttributesForm) -> serde_json::Value {
    let mut out = Vec::new();
    write_lead(&mut out, lead, form);
    serde_json::from_slice(&out).unwrap()
}

const LEAD: &str = r#"{"firstName":"Ada","lastName":"Byron","email":"Ada@example.com",
    "dateOfBirth":"1990-05-15","big":12345678901234567890123,"ratio":1.50,"ok":true,
    "tags":["a", {"b":1e3}],"since":"2024-01-02","quote":"\"\n\\"}"#;

#[test]
fn answers_have_every_field_and_attributes_in_the_order_sent() {
    let json = json_of(&lead(LEAD), AttributesForm::List);
    assert_eq!(json["firstName"], "Ada");
    assert_eq!(json["email"], "Ada@example.com");
    assert_eq!(json["phone"], serde_json::Value::Null);
    assert_eq!(json["dateOfBirth"], "1990-05-15");
    assert_eq!(json["status"], "active");
    assert_eq!(json["createdAt"], json["updatedAt"]);
    let list: Vec<[&str; 3]> = json["dynamicData"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| ["fieldName", "fieldValue", "fieldType"].map(|key| it[key].as_str().unwrap()))
        .collect();
    let expected = [
        ["big", "12345678901234567890123", "string"],
        ["ratio", "1.50", "float"],
        ["ok", "1", "boolean"],
        ["tags", r#"["a", {"b":1e3}]"#, "json"],
        ["since", "2024-01-02", "date"],
        ["quote", "\"\n\\", "string"],
    ];
    assert_eq!(list, expected);
}

#[test]
fn attributes_as_an_object_have_typed_values() {
    let mut out = Vec::new();
    write_lead(&mut out, &lead(LEAD), AttributesForm::Object);
    let text = String::from_utf8(out).unwrap();
    let object = text.split_once(r#""attributes":"#).unwrap().1;
    assert_eq!(
        object,
        concat!(
            r#"{"big":"12345678901234567890123","ratio":1.50,"ok":true,"tags":["a", {"b":1e3}],"#,
            r#""since":"2024-01-02","quote":"\"\n\\"}}"#
        )
    );
}

#[test]
fn an_export_is_read_as_the_same_lead_again() {
    let lead = lead(LEAD);
    let mut line = Vec::new();
    write_export_line(&mut line, &lead);
    assert_eq!(line.split(|it| *it == b'\n').count(), 2);
    assert_eq!(read_lead(&line, &rules()).unwrap(), lead.details);
}

#[test]
fn a_table_is_read_as_the_same_leads_again() {
    let names = ["ok", "quote", "ratio", "note"];
    let lead = lead(
        r#"{"firstName":"Ada, \"A\"","lastName":"Byron","email":"ada@example.com","phone":"+1 5",
            "ok":false,"quote":"a\r\n\"b\"","ratio":-1.50}"#,
    );
    let mut out = Vec::new();
    write_table_header(&mut out, names);
    write_table_row(&mut out, &lead, names);
    let mut read = Vec::new();
    let mut reader = TableReader::new(rules());
    reader.feed(&out, |row| read.push(row.lead)).unwrap();
    reader.finish(|row| read.push(row.lead)).unwrap();
    assert_eq!(read, [Ok(lead.details)]);
}

#[test]
fn what_a_client_sends_of_a_lead_is_read_as_the_same_lead() {
    let mut table = Vec::from(*b"first_name,last_name,email,phone,status,n,x,day,yes,text\n");
    table.extend_from_slice(
        b"Ada,Byron,ada@example.com,+1 5,invalid,-12,1.50,2026-01-02,TRUE,\"007, \"\"x\"\"\"\n",
    );
    let mut read = Vec::new();
    let mut reader = TableReader::new(rules());
    reader
        .feed(&table, |row| read.push(row.lead.unwrap()))
        .unwrap();
    assert_eq!(
        reader.header(),
        Some(&table[..table.iter().position(|it| *it == b'\n').unwrap()])
    );

    let mut out = Vec::new();
    write_details(&mut out, &read[0]);

    assert_eq!(read_lead(&out, &rules()).as_ref(), Ok(&read[0]));
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<u64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        "[^\u{0}]{0,12}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[^\u{0}]{0,6}", inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_value_comes_back_as_it_was_sent(value in any_json()) {
        let body = serde_json::json!({
            "firstName": "Ada", "lastName": "Byron", "email": "ada@example.com", "value": value,
        });
        let details = read_lead(body.to_string().as_bytes(), &rules()).unwrap();
        let mut out = Vec::new();
        write_lead(&mut out, &stored(details), AttributesForm::Object);
        let text = String::from_utf8(out).unwrap();
        let back = text.split_once("\"attributes\":").unwrap().1;
        prop_assert_eq!(back, format!("{{\"value\":{value}}}}}"));
    }
    #[test]
    fn a_text_is_written_as_a_json_library_writes_it(text in "([ -~]|\\p{Cc}|é|漢|\u{1f600})*") {
        let mut out = Vec::new();
        write_text(&mut out, &text);
        prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&text).unwrap());
    }
}
