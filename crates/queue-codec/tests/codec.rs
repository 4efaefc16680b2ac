//! Round trips, and bytes that are no message.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may stop at the first surprise"
)]

mod any;

use lead::Message;
use proptest::prelude::*;
use queue_codec::{DecodeError, VERSION, decode, encode};

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_comes_back_as_it_was(message in any::message()) {
        prop_assert_eq!(decode(&encode(&message)), Ok(message));
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(decode(&bytes).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_body_behind_a_good_version_and_checksum_never_panics(
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        if let Ok(message) = decode(&sealed(&[&[VERSION], &body[..]].concat())) {
            prop_assert!(!message.parts.is_empty());
        }
    }

    #[test]
    fn a_changed_byte_is_found(message in any::message(), at in any::<prop::sample::Index>(), change in 1..=u8::MAX) {
        let mut bytes = encode(&message);
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn a_changed_byte_behind_a_matching_checksum_never_panics(
        message in any::message(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut body = encode(&message);
        body.truncate(body.len() - 4);
        let at = at.index(body.len());
        body[at] = byte;
        let bytes = sealed(&body);
        if let Ok(read) = decode(&bytes) {
            // What is taken is written down in the same bytes: there is one form only.
            prop_assert_eq!(encode(&read), bytes);
        }
    }

    #[test]
    fn a_message_cut_anywhere_is_refused(message in any::message(), at in any::<prop::sample::Index>()) {
        let bytes = encode(&message);
        let at = at.index(bytes.len());
        prop_assert!(decode(&bytes[..at]).is_err());
        let body = &bytes[..bytes.len() - 4];
        let at = at.min(body.len() - 1);
        prop_assert!(decode(&sealed(&body[..at])).is_err());
    }
}

#[test]
fn an_unknown_version_is_named() {
    let mut bytes = encode(&any::small_message());
    bytes[0] = 9;

    assert_eq!(decode(&bytes), Err(DecodeError::UnknownVersion(9)));
}

#[test]
fn trailing_bytes_are_refused_also_behind_a_matching_checksum() {
    let mut bytes = encode(&any::small_message());
    bytes.truncate(bytes.len() - 4);
    bytes.push(0);

    assert_eq!(decode(&sealed(&bytes)), Err(DecodeError::Trailing));
}

#[test]
fn nothing_at_all_is_refused() {
    assert_eq!(decode(&[]), Err(DecodeError::Truncated));
    assert_eq!(decode(&[VERSION]), Err(DecodeError::Truncated));
}

#[test]
fn absurd_counts_are_refused_before_anything_is_allocated() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    let bytes = sealed(&[&[VERSION, 0, 0, 0, 0], &huge[..]].concat());

    assert_eq!(decode(&bytes), Err(DecodeError::Truncated));
}

#[test]
fn a_number_has_one_form_only() {
    for number in [
        &[0x81, 0x00][..],
        &[0xff; 9],
        &[0xff; 10],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
    ] {
        let bytes = sealed(&[&[VERSION, 0, 0, 0, 0], number].concat());

        assert!(matches!(
            decode(&bytes),
            Err(DecodeError::Number | DecodeError::Truncated)
        ));
    }
}

#[test]
fn more_leads_than_a_message_may_hold_are_refused() {
    let mut message = any::small_message();
    let lead = message.parts[0].leads[0].clone();
    message.parts[0].leads = vec![lead; Message::MAX_LEADS];
    assert_eq!(
        decode(&encode(&message)).unwrap().lead_count(),
        Message::MAX_LEADS
    );

    message.parts.push(message.parts[0].clone());

    assert_eq!(decode(&encode(&message)), Err(DecodeError::Count));
}

#[test]
fn a_message_without_parts_is_refused() {
    assert_eq!(
        decode(&encode(&Message::first(Vec::new()))),
        Err(DecodeError::Count)
    );
}

#[test]
fn errors_never_show_what_the_bytes_held() {
    let mut bytes = encode(&any::small_message());
    bytes.truncate(bytes.len() - 4);
    let at = bytes.windows(5).position(|it| it == b"Grace").unwrap();
    bytes[at] = b' ';

    let error = decode(&sealed(&bytes)).unwrap_err();

    assert_eq!(error, DecodeError::Value);
    assert!(!format!("{error} {error:?}").contains("race"));
}

#[test]
fn a_lead_costs_few_bytes_beyond_its_own() {
    let one = encode(&any::small_message()).len();
    let mut message = any::small_message();
    let lead = message.parts[0].leads[0].clone();
    message.parts[0].leads.push(lead);

    let own = "Grace".len() + "Hopper".len() + "grace@navy.example".len();
    assert!(encode(&message).len() - one <= own + 32);
}

/// `body` with the checksum that belongs to it.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut bytes = body.to_vec();
    bytes.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    bytes
}
