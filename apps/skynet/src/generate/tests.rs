#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::collections::HashSet;

use super::*;

fn made(recipe: &Recipe) -> String {
    let mut out = Vec::new();
    write(recipe, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn recipe(leads: u64, seed: u64, format: Format) -> Recipe {
    Recipe {
        leads,
        seed,
        format,
        attributes: Recipe::DEFAULT_ATTRIBUTES,
    }
}

#[test]
fn a_table_of_seed_1_begins_with_exactly_these_bytes() {
    assert_eq!(made(&recipe(3, 1, Format::Csv)), "\
firstName,lastName,email,phone,dateOfBirth,status,Company,Lead Source,Visits,Score,Newsletter,Last Contact,Signed Up
Hannah,Smith,hannah.smith.0-1@example.org,+1 487-555-0121,,,Café Central,Web Form,66,37.69,true,2020-03-26,2025-08-24T19:52:02Z
Quentin,Dubois,quentin.dubois.1-1@example.net,+1 483-555-0155,1962-04-09,inactive,Hikari 株式会社,Web Form,51,85.14,true,,2020-08-11T09:35:20Z
Olivia,Nowak,olivia.nowak.2-1@example.com,+1 968-555-0148,1972-02-02,invalid,Kestrel Air,Newsletter,38,1.65,false,,2020-01-18T15:47:03Z
");
}

#[test]
fn lines_of_seed_1_begin_with_exactly_these_bytes() {
    assert_eq!(
        made(&recipe(2, 1, Format::Ndjson)),
        concat!(
            r#"{"firstName":"Hannah","lastName":"Smith","email":"hannah.smith.0-1@example.org","phone":"+1 487-555-0121","#,
            r#""Company":"Café Central","Lead Source":"Web Form","Visits":66,"Score":37.69,"Newsletter":true,"#,
            r#""Last Contact":"2020-03-26","Signed Up":"2025-08-24T19:52:02Z"}"#,
            "\n",
            r#"{"firstName":"Quentin","lastName":"Dubois","email":"quentin.dubois.1-1@example.net","phone":"+1 483-555-0155","#,
            r#""dateOfBirth":"1962-04-09","status":"inactive","Company":"Hikari 株式会社","Lead Source":"Web Form","#,
            r#""Visits":51,"Score":85.14,"Newsletter":true,"Signed Up":"2020-08-11T09:35:20Z"}"#,
            "\n",
        )
    );
}

#[test]
fn a_longer_list_begins_with_the_shorter_one() {
    let short = made(&recipe(10, 7, Format::Ndjson));
    let long = made(&recipe(1_000, 7, Format::Ndjson));

    assert!(long.starts_with(&short));
    assert!(long.len() > 50 * short.len());
}

#[test]
fn no_address_comes_twice_within_a_seed_or_in_two() {
    let lines = made(&recipe(5_000, 1, Format::Ndjson)) + &made(&recipe(5_000, 2, Format::Ndjson));

    let emails: HashSet<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|lead| lead["email"].as_str().unwrap().to_lowercase())
        .collect();

    assert_eq!(emails.len(), 10_000);
}

#[test]
fn a_json_body_holds_the_leads_of_the_lines() {
    let lines = made(&recipe(20, 3, Format::Ndjson));
    let body = made(&recipe(20, 3, Format::Json));

    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();

    assert_eq!(body["leads"].as_array().unwrap(), &lines);
}

#[test]
fn a_table_holds_the_texts_of_the_lines() {
    let all = |format| Recipe {
        attributes: Recipe::MAX_ATTRIBUTES,
        ..recipe(500, 4, format)
    };
    let lines = made(&all(Format::Ndjson));
    let table = made(&all(Format::Csv));

    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let header = reader.headers().unwrap().clone();
    let mut rows = 0;
    for (record, line) in reader.records().zip(lines.lines()) {
        let lead: serde_json::Value = serde_json::from_str(line).unwrap();
        for (name, cell) in header.iter().zip(&record.unwrap()) {
            let text = match &lead[name] {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            if name != "Score" {
                assert_eq!(cell, text, "{name}");
            }
        }
        rows += 1;
    }
    assert_eq!(rows, 500);
}

#[test]
fn every_lead_is_valid() {
    let today = kernel::Day::parse("2026-01-01").unwrap();
    let table = made(&Recipe {
        attributes: Recipe::MAX_ATTRIBUTES,
        ..recipe(2_000, 5, Format::Csv)
    });

    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let header = reader.headers().unwrap().clone();
    for record in reader.records() {
        let mut form = lead::LeadForm::new(today);
        for (name, cell) in header.iter().zip(&record.unwrap()) {
            if !cell.is_empty() {
                form.put(name, lead::Raw::Cell(cell));
            }
        }
        assert_eq!(form.finish().err(), None);
    }
}

#[test]
fn an_empty_list_is_a_header_or_nothing() {
    assert_eq!(made(&recipe(0, 1, Format::Csv)).lines().count(), 1);
    assert_eq!(made(&recipe(0, 1, Format::Ndjson)), "");
    assert_eq!(made(&recipe(0, 1, Format::Json)), "{\"leads\":[\n]}\n");
}
