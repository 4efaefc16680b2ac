//! Reading many leads from bytes that come in pieces.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics has failed"
)]

use kernel::Day;
use lead::{FieldCode, LeadDetails};
use lead_wire::{HeaderError, KeyMap, NdjsonReader, Row, Rules, TableReader};
use proptest::prelude::*;

/// A row, kept: its index, its bytes, and the lead or the codes of its mistakes.
type Kept = (u64, Vec<u8>, Result<LeadDetails, Vec<FieldCode>>);

fn rules() -> Rules {
    Rules::new(Day::parse("2026-11-23").unwrap())
}

fn keep(row: Row<'_>) -> Kept {
    let lead = row
        .lead
        .map_err(|errors| errors.into_iter().map(|it| it.code).collect());
    (row.index, row.raw.to_vec(), lead)
}

fn ndjson(bytes: &[u8], piece: usize) -> Vec<Kept> {
    let mut rows = Vec::new();
    let mut reader = NdjsonReader::new(rules());
    for piece in bytes.chunks(piece) {
        reader.feed(piece, |row| rows.push(keep(row)));
    }
    reader.finish(|row| rows.push(keep(row)));
    rows
}

fn table(bytes: &[u8], piece: usize) -> Result<Vec<Kept>, HeaderError> {
    table_by(rules(), bytes, piece)
}

fn table_by(rules: Rules, bytes: &[u8], piece: usize) -> Result<Vec<Kept>, HeaderError> {
    let mut rows = Vec::new();
    let mut reader = TableReader::new(rules);
    for piece in bytes.chunks(piece) {
        reader.feed(piece, |row| rows.push(keep(row)))?;
    }
    reader.finish(|row| rows.push(keep(row)))?;
    Ok(rows)
}

fn codes(rows: &[Kept]) -> Vec<Option<FieldCode>> {
    rows.iter()
        .map(|(_, _, lead)| lead.as_ref().err().map(|codes| codes[0]))
        .collect()
}

const LINE: &str = r#"{"firstName":"Ada","lastName":"Byron","email":"ada@example.com"}"#;
const HEADER: &str = "first_name,last_name,email,note";

#[test]
fn lines_are_rows_whatever_ends_them() {
    let body = format!("\u{feff}{LINE}\r\n\n  \r\n{LINE}\nnope\n{LINE}");
    for piece in [1, 2, 7, 10_000] {
        let rows = ndjson(body.as_bytes(), piece);
        assert_eq!(
            codes(&rows),
            [None, None, Some(FieldCode::MalformedJson), None]
        );
        assert!(rows.iter().enumerate().all(|(at, row)| row.0 == at as u64));
        assert_eq!(rows[0].1, LINE.as_bytes());
        assert_eq!(rows[2].1, b"nope");
    }
}

#[test]
fn a_line_that_is_too_long_is_one_bad_row() {
    let body = format!("{LINE}\n{}\n{LINE}\n", "[".repeat(300_000));
    for piece in [1_000, 65_536, 1_000_000] {
        let rows = ndjson(body.as_bytes(), piece);
        assert_eq!(codes(&rows), [None, Some(FieldCode::LeadTooLarge), None]);
    }
}

#[test]
fn a_line_of_just_the_limit_is_read() {
    let room = 65_536 - LINE.len();
    let full = LINE.replace('}', &format!("{}}}", " ".repeat(room)));
    assert_eq!(full.len(), 65_536);
    for piece in [100, 65_536, 1_000_000] {
        assert_eq!(
            codes(&ndjson(format!("{full}\r\n").as_bytes(), piece)),
            [None]
        );
        let over = codes(&ndjson(format!("{full} \r\n").as_bytes(), piece));
        assert_eq!(over, [Some(FieldCode::LeadTooLarge)]);
    }
}

#[test]
fn a_table_is_read_in_pieces_of_any_size() {
    let body = format!(
        "\u{feff}{HEADER}\r\nAda,Byron,a@example.com,\"two\r\nlines, \"\"quoted\"\"\"\r\n\r\n\
         Bob,Byron,b@example.com,\r\nCid,Byron,c@example.com\r\nDan,Byron,d@example.com,TRUE"
    );
    for piece in [1, 2, 3, 11, 10_000] {
        let rows = table(body.as_bytes(), piece).unwrap();
        assert_eq!(
            codes(&rows),
            [None, None, Some(FieldCode::ColumnCount), None]
        );
        let note = |at: usize| {
            let lead = rows[at].2.as_ref().unwrap();
            lead.attributes.get("note").map(|it| it.text().to_owned())
        };
        assert_eq!(note(0).unwrap(), "two\r\nlines, \"quoted\"");
        assert_eq!(note(1), None, "an empty cell is not sent");
        assert_eq!(note(3).unwrap(), "1");
        assert_eq!(rows[1].1, b"Bob,Byron,b@example.com,");
        assert_eq!(rows[3].0, 3);
    }
}

#[test]
fn bad_rows_of_a_table_leave_their_neighbours() {
    let mut body = format!("{HEADER}\nAda,Byron,a@example.com,").into_bytes();
    body.extend_from_slice(b"\xff\nAda,\xc3,\xa9,\n");
    body.extend_from_slice("x,".repeat(50_000).as_bytes());
    body.extend_from_slice(b"\n");
    body.extend_from_slice("y".repeat(200_000).as_bytes());
    body.extend_from_slice(b"\na,b,c,d,e,f,g\nAda,Byron,a@example.com,ok\n");
    for piece in [1, 1_000, 1_000_000] {
        let rows = table(&body, piece).unwrap();
        let expected = [
            Some(FieldCode::InvalidUtf8),
            Some(FieldCode::InvalidUtf8),
            Some(FieldCode::LeadTooLarge),
            Some(FieldCode::LeadTooLarge),
            Some(FieldCode::ColumnCount),
            None,
        ];
        assert_eq!(codes(&rows), expected);
    }
}

#[test]
fn a_quote_that_is_never_closed_makes_one_bad_row_of_the_rest() {
    let rest = format!("{HEADER}\nAda,Byron,a@example.com,ok\nBob,Byron,b@example.com,\"open\n");
    for tail in [String::new(), "Cid,Byron,c@example.com,\n".repeat(10_000)] {
        let body = format!("{rest}{tail}");
        for piece in [13, 100_000] {
            let rows = table(body.as_bytes(), piece).unwrap();
            assert_eq!(codes(&rows), [None, Some(FieldCode::UnterminatedQuote)]);
        }
    }
    let closed = table(
        format!("{HEADER}\nAda,Byron,a@example.com,\"ok\"").as_bytes(),
        5,
    );
    assert_eq!(codes(&closed.unwrap()), [None]);
}

#[test]
fn a_header_that_cannot_be_used_refuses_the_table() {
    let error = |body: &[u8]| table(body, 4).unwrap_err();
    assert_eq!(error(b""), HeaderError::Missing);
    assert_eq!(error(b"\n\r\n"), HeaderError::Missing);
    assert_eq!(error(b"a,b,a\n"), HeaderError::NameTwice { column: 2 });
    assert_eq!(
        error(b"firstName,first_name\n"),
        HeaderError::NameTwice { column: 1 }
    );
    assert_eq!(error(b"email,,b\n"), HeaderError::BadName { column: 1 });
    assert_eq!(
        error(b"email,created_at"),
        HeaderError::ReservedName { column: 1 }
    );
    assert_eq!(error(b"email,\xff\n"), HeaderError::InvalidUtf8);
    assert_eq!(
        error(b"email,\"open\n1,2\n"),
        HeaderError::UnterminatedQuote
    );
    assert_eq!(error("a".repeat(70_000).as_bytes()), HeaderError::TooLong);
    assert_eq!(error("a,".repeat(70_000).as_bytes()), HeaderError::TooLong);
    assert_eq!(table(b"email\n", 2).unwrap(), []);
}

#[test]
fn columns_can_be_renamed_and_left_out() {
    let keys = KeyMap {
        renamed: vec![("phone1".into(), "phone".into())],
        left_out: vec!["id".into(), "skynet:row".into()],
    };
    let rules = Rules { keys, ..rules() };
    let body = b"skynet:row,id,firstName,lastName,email,phone1\n7,x,Ada,Byron,a@b.io,+1 555\n";
    let rows = table_by(rules.clone(), body, 9).unwrap();
    let lead = rows[0].2.as_ref().unwrap();
    assert_eq!(lead.phone.as_ref().unwrap().as_str(), "+1 555");
    assert_eq!(lead.attributes.as_slice(), []);
    let missing = table_by(rules, b"firstName,lastName,email\n", 9).unwrap_err();
    assert_eq!(missing, HeaderError::NotThere { renaming: 0 });
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic_and_pieces_make_no_difference(
        bytes in prop::collection::vec(prop::sample::select(&b"a,\"\r\n \xff{}:1\xef\xbb\xbf"[..]), 0..200),
        piece in 1_usize..20,
    ) {
        prop_assert_eq!(ndjson(&bytes, piece), ndjson(&bytes, 1_000));
        prop_assert_eq!(table(&bytes, piece), table(&bytes, 1_000));
        let body = [b"email,note\n", bytes.as_slice()].concat();
        prop_assert_eq!(table(&body, piece), table(&body, 1_000));
    }
}
