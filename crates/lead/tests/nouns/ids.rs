use std::collections::HashSet;

use kernel::{Timestamp, UserId, time_of_uuid};
use lead::{ClaimKey, IdSeed, KeyText, LeadId};
use proptest::prelude::*;
use uuid::Uuid;

const ACCEPTED: Timestamp = Timestamp::from_unix_ms(1_795_456_800_123);

fn claim(owner: u128, path: &str, key: &str) -> ClaimKey {
    ClaimKey {
        owner: UserId(Uuid::from_u128(owner)),
        path: path.to_owned(),
        key: KeyText::parse(key).unwrap(),
    }
}

#[test]
fn a_derived_id_carries_the_time_of_acceptance() {
    let id = IdSeed::new(&claim(1, "/p", "k"), ACCEPTED).id_of(0, b"row");
    assert_eq!(time_of_uuid(id.0), Ok(ACCEPTED));
    assert_eq!(id.created_at(), ACCEPTED);
}

#[test]
fn anything_else_about_the_request_gives_another_id() {
    let seed = |owner, path, key| IdSeed::new(&claim(owner, path, key), ACCEPTED);
    let ids = [
        seed(1, "/p", "k").id_of(0, b"row"),
        seed(2, "/p", "k").id_of(0, b"row"),
        seed(1, "/q", "k").id_of(0, b"row"),
        seed(1, "/p", "l").id_of(0, b"row"),
        seed(1, "/pk", "l").id_of(0, b"row"),
        seed(1, "/p", "kl").id_of(0, b"row"),
        seed(1, "/p", "k").id_of(1, b"row"),
        seed(1, "/p", "k").id_of(0, b"corrected row"),
        IdSeed::new(&claim(1, "/p", "k"), Timestamp::from_unix_ms(1)).id_of(0, b"row"),
    ];
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
}

#[test]
fn an_id_of_another_version_was_accepted_at_the_epoch() {
    let id = LeadId(Uuid::nil());
    assert_eq!(id.created_at(), Timestamp::from_unix_ms(0));
}

#[test]
fn an_idempotency_key_has_1_to_255_printable_characters() {
    for good in [
        "a",
        "8e03978e-40d5-43e8-bc93-6894a57f9324",
        "with space",
        "\"quoted\"",
        &"k".repeat(255),
    ] {
        assert_eq!(KeyText::parse(good).unwrap().as_str(), good);
    }
    for bad in ["", " ", "é", "a\tb", "a\u{7f}", &"k".repeat(256)] {
        assert!(KeyText::parse(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn the_same_row_of_the_same_request_has_the_same_id(owner: u128, path in "/[a-z/]{0,20}", key in "[a-z0-9]{1,20}", index: u64, row: Vec<u8>) {
        let make = || IdSeed::new(&claim(owner, &path, &key), ACCEPTED).id_of(index, &row);
        prop_assert_eq!(make(), make());
    }

    #[test]
    fn different_rows_have_different_ids(rows in prop::collection::hash_set(prop::collection::vec(any::<u8>(), 0..20), 2..50)) {
        let seed = IdSeed::new(&claim(1, "/p", "k"), ACCEPTED);
        let ids: HashSet<LeadId> = rows.iter().map(|row| seed.id_of(0, row)).collect();
        prop_assert_eq!(ids.len(), rows.len());
    }
}
