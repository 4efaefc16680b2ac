use std::time::Duration;

use kernel::{Timestamp, UserId};
use lead::{
    BatchCounts, BatchId, BatchState, BatchView, Filter, RetryPolicy, SearchText, SearchTextError,
};
use proptest::prelude::*;
use uuid::Uuid;

#[test]
fn a_search_text_has_3_to_100_characters_after_trimming() {
    assert_eq!(SearchText::parse("  Ada% ").unwrap().as_str(), "ada%");
    assert_eq!(SearchText::parse("ÉÉÉ").unwrap().as_str(), "ééé");
    assert!(SearchText::parse(&"é".repeat(100)).is_ok());
    for (bad, error) in [
        ("", SearchTextError::TooShort),
        ("ab", SearchTextError::TooShort),
        (" ab ", SearchTextError::TooShort),
        ("éé", SearchTextError::TooShort),
        (&"é".repeat(101), SearchTextError::TooLong),
    ] {
        assert_eq!(SearchText::parse(bad), Err(error));
    }
}

#[test]
fn a_part_of_a_word_is_found_in_it_whatever_the_case() {
    for (text, part) in [("ΟΔΟΣΑ", "ΟΔΟΣ"), ("ΟΔΟΣ", "οδοσ"), ("ZOË BELL", "zoë")]
    {
        let part = SearchText::parse(part).unwrap();
        assert!(SearchText::fold(text).contains(part.as_str()), "{text}");
    }
}

#[test]
fn only_filters_on_text_count_to_a_cap() {
    let text = SearchText::parse("ada").ok();
    assert!(!Filter::default().looks_into_text());
    assert!(
        Filter {
            email: text.clone(),
            ..Filter::default()
        }
        .looks_into_text()
    );
    assert!(
        Filter {
            search: text,
            ..Filter::default()
        }
        .looks_into_text()
    );
}

#[test]
fn attempts_wait_longer_and_longer_and_then_end() {
    let policy = RetryPolicy::default();
    let waits: Vec<_> = (0..8)
        .map(|it| policy.delay_before(it).map(|it| it.as_secs()))
        .collect();
    assert_eq!(
        waits,
        [
            Some(0),
            Some(1),
            Some(2),
            Some(4),
            Some(8),
            Some(16),
            None,
            None
        ]
    );
    let never = RetryPolicy::new(vec![]).unwrap();
    assert_eq!(never.delay_before(0), Some(Duration::ZERO));
    assert_eq!(never.delay_before(1), None);
}

#[test]
fn a_retry_policy_is_bounded() {
    let second = Duration::from_secs(1);
    assert!(RetryPolicy::new(vec![second; RetryPolicy::MAX_LEN]).is_some());
    assert!(RetryPolicy::new(vec![second; RetryPolicy::MAX_LEN + 1]).is_none());
    assert!(RetryPolicy::new(vec![RetryPolicy::MAX_DELAY]).is_some());
    assert!(RetryPolicy::new(vec![RetryPolicy::MAX_DELAY + second]).is_none());
}

fn view(complete: bool, counts: BatchCounts) -> BatchView {
    BatchView {
        id: BatchId(Uuid::nil()),
        owner: UserId(Uuid::nil()),
        counts,
        complete,
        created_at: Timestamp::from_unix_ms(0),
        finished_at: None,
    }
}

#[test]
fn a_submission_is_finished_when_all_is_read_and_nothing_waits() {
    let waiting = BatchCounts {
        received: 3,
        rejected: 1,
        stored: 1,
        ..BatchCounts::default()
    };
    let decided = BatchCounts {
        failed: 1,
        ..waiting
    };
    assert_eq!(view(false, waiting).state(), BatchState::Receiving);
    assert_eq!(view(false, decided).state(), BatchState::Receiving);
    assert_eq!(view(true, waiting).state(), BatchState::Processing);
    assert_eq!(view(true, decided).state(), BatchState::Finished);
}

proptest! {
    #[test]
    fn counts_always_add_up(rejected in 0_u64..1_000, stored in 0_u64..1_000, duplicate in 0_u64..1_000, failed in 0_u64..1_000, pending in 0_u64..1_000) {
        let received = rejected + stored + duplicate + failed + pending;
        let counts = BatchCounts { received, rejected, stored, duplicate, failed };
        prop_assert_eq!(counts.pending(), pending);
    }
}
