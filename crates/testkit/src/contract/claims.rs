//! `Claims`: idempotency keys. Time is told to the port, so nothing is waited for.

use std::sync::Arc;
use std::time::Duration;

use kernel::Timestamp;
use lead::ports::{CLAIM_LEASE, CLAIM_LIFE, Claims};
use lead::{Claim, ClaimKey, Fingerprint, KeyText, StoredAnswer};

use crate::fixtures::{any_user, now, unique};

suite! {
    ($)
    /// What `Claims` promises. Takes a future of an `Arc` of the port.
    claims_contract, claims:
    claims {
        a_free_key_is_held_from_now_on,
        a_key_whose_request_runs_is_running,
        a_key_is_one_users_for_one_path,
        other_content_is_told_apart_in_every_standing,
        a_finished_key_gives_its_answer_again,
        finishing_twice_keeps_the_answer,
        a_dead_holder_is_followed_with_the_first_acceptance_time,
        a_follower_has_a_lease_of_its_own,
        a_released_key_is_held_again_with_the_first_acceptance_time,
        other_content_takes_a_released_key_of_which_nothing_was_published,
        other_content_never_takes_a_key_of_which_something_was_published,
        releasing_what_is_answered_keeps_the_answer,
        a_key_is_free_again_when_its_life_is_over,
        of_rivals_for_one_key_one_holds,
    }
}

const OURS: Fingerprint = Fingerprint([1; 32]);
const OTHER: Fingerprint = Fingerprint([2; 32]);
const A_MOMENT: Duration = Duration::from_millis(1);

fn any_key() -> ClaimKey {
    ClaimKey {
        owner: any_user(),
        path: "/api/v1/lead/process".to_owned(),
        key: KeyText::parse(&unique()).unwrap(),
    }
}

fn any_answer() -> StoredAnswer {
    StoredAnswer {
        status: 201,
        location: Some("/api/v1/leads/1".to_owned()),
        body: [&[0, 0xff][..], "🦀".as_bytes()].concat().repeat(10_000),
    }
}

async fn claim<C: Claims>(
    claims: &Arc<C>,
    key: &ClaimKey,
    content: Fingerprint,
    now: Timestamp,
) -> Claim {
    claims.claim(key, content, now).await.unwrap()
}

fn held(accepted_at: Timestamp) -> Claim {
    Claim::Held { accepted_at }
}

/// The acceptance time is the caller's now, to the millisecond.
pub async fn a_free_key_is_held_from_now_on<C: Claims>(claims: &Arc<C>) {
    let now = now();
    assert_eq!(claim(claims, &any_key(), OURS, now).await, held(now));
}

/// Until just before its lease ends.
pub async fn a_key_whose_request_runs_is_running<C: Claims>(claims: &Arc<C>) {
    let (key, began_at) = (any_key(), now());
    claim(claims, &key, OURS, began_at).await;

    for at in [began_at, began_at.plus(CLAIM_LEASE).minus(A_MOMENT)] {
        assert_eq!(claim(claims, &key, OURS, at).await, Claim::Running);
    }
}

/// Others may use the same text; case matters.
pub async fn a_key_is_one_users_for_one_path<C: Claims>(claims: &Arc<C>) {
    let (key, now) = (any_key(), now());
    claim(claims, &key, OURS, now).await;

    let shouted = key.key.as_str().to_uppercase();
    let others = [
        ClaimKey {
            owner: any_user(),
            ..key.clone()
        },
        ClaimKey {
            path: format!("{}-async", key.path),
            ..key.clone()
        },
        ClaimKey {
            key: KeyText::parse(&shouted).unwrap(),
            ..key.clone()
        },
        ClaimKey {
            key: KeyText::parse(&format!("{} ", key.key.as_str())).unwrap(),
            ..key
        },
    ];
    for other in others {
        assert_eq!(claim(claims, &other, OTHER, now).await, held(now));
    }
}

/// While the first runs, when it is dead, and when it is answered.
pub async fn other_content_is_told_apart_in_every_standing<C: Claims>(claims: &Arc<C>) {
    let (key, now) = (any_key(), now());
    claim(claims, &key, OURS, now).await;

    for at in [now, now.plus(CLAIM_LEASE * 2)] {
        assert_eq!(claim(claims, &key, OTHER, at).await, Claim::OtherContent);
    }
    claims.finish(&key, &any_answer()).await.unwrap();
    assert_eq!(claim(claims, &key, OTHER, now).await, Claim::OtherContent);
}

/// Byte for byte, for as long as the key lives.
pub async fn a_finished_key_gives_its_answer_again<C: Claims>(claims: &Arc<C>) {
    let without_location = StoredAnswer {
        status: 202,
        location: None,
        body: Vec::new(),
    };
    for answer in [any_answer(), without_location] {
        let (key, now) = (any_key(), now());
        claim(claims, &key, OURS, now).await;
        claims.finish(&key, &answer).await.unwrap();

        for at in [
            now,
            now.plus(CLAIM_LEASE),
            now.plus(CLAIM_LIFE).minus(A_MOMENT),
        ] {
            let again = claim(claims, &key, OURS, at).await;
            assert_eq!(again, Claim::Answered(answer.clone()));
        }
    }
}

/// The answer to the first call was lost.
pub async fn finishing_twice_keeps_the_answer<C: Claims>(claims: &Arc<C>) {
    let (key, now, answer) = (any_key(), now(), any_answer());
    claim(claims, &key, OURS, now).await;
    claims.finish(&key, &answer).await.unwrap();
    claims.finish(&key, &answer).await.unwrap();

    assert_eq!(
        claim(claims, &key, OURS, now).await,
        Claim::Answered(answer)
    );
}

/// So that derived ids are the same again.
pub async fn a_dead_holder_is_followed_with_the_first_acceptance_time<C: Claims>(claims: &Arc<C>) {
    let (key, first_at) = (any_key(), now());
    claim(claims, &key, OURS, first_at).await;

    let later = first_at.plus(CLAIM_LEASE);
    assert_eq!(claim(claims, &key, OURS, later).await, held(first_at));
}

/// It runs like the first, and its answer is kept.
pub async fn a_follower_has_a_lease_of_its_own<C: Claims>(claims: &Arc<C>) {
    let (key, first_at, answer) = (any_key(), now(), any_answer());
    claim(claims, &key, OURS, first_at).await;
    let second_at = first_at.plus(CLAIM_LEASE);
    claim(claims, &key, OURS, second_at).await;

    let still_runs = second_at.plus(CLAIM_LEASE).minus(A_MOMENT);
    assert_eq!(claim(claims, &key, OURS, still_runs).await, Claim::Running);
    let third_at = second_at.plus(CLAIM_LEASE);
    assert_eq!(claim(claims, &key, OURS, third_at).await, held(first_at));
    claims.finish(&key, &answer).await.unwrap();
    assert_eq!(
        claim(claims, &key, OURS, third_at).await,
        Claim::Answered(answer)
    );
}

/// At once, whether anything was published or not; releasing twice is releasing.
pub async fn a_released_key_is_held_again_with_the_first_acceptance_time<C: Claims>(
    claims: &Arc<C>,
) {
    for anything_published in [false, true] {
        let (key, first_at) = (any_key(), now());
        claim(claims, &key, OURS, first_at).await;
        claims.release(&key, anything_published).await.unwrap();
        claims.release(&key, anything_published).await.unwrap();

        let later = first_at.plus(A_MOMENT);
        assert_eq!(claim(claims, &key, OURS, later).await, held(first_at));
        assert_eq!(claim(claims, &key, OURS, later).await, Claim::Running);
    }
}

/// A request that was refused may be corrected; then the key is the corrected one's.
pub async fn other_content_takes_a_released_key_of_which_nothing_was_published<C: Claims>(
    claims: &Arc<C>,
) {
    let (key, now, answer) = (any_key(), now(), any_answer());
    claim(claims, &key, OURS, now).await;
    claims.release(&key, false).await.unwrap();

    let taken = claim(claims, &key, OTHER, now).await;
    assert_eq!(taken, held(now));
    assert_eq!(claim(claims, &key, OURS, now).await, Claim::OtherContent);
    claims.finish(&key, &answer).await.unwrap();
    assert_eq!(
        claim(claims, &key, OTHER, now).await,
        Claim::Answered(answer)
    );
}

/// Also when a later attempt published nothing.
pub async fn other_content_never_takes_a_key_of_which_something_was_published<C: Claims>(
    claims: &Arc<C>,
) {
    let (key, now) = (any_key(), now());
    claim(claims, &key, OURS, now).await;
    claims.release(&key, true).await.unwrap();
    assert_eq!(claim(claims, &key, OTHER, now).await, Claim::OtherContent);

    assert_eq!(claim(claims, &key, OURS, now).await, held(now));
    claims.release(&key, false).await.unwrap();
    assert_eq!(claim(claims, &key, OTHER, now).await, Claim::OtherContent);
}

/// A guard that releases late, after the answer was kept.
pub async fn releasing_what_is_answered_keeps_the_answer<C: Claims>(claims: &Arc<C>) {
    let (key, now, answer) = (any_key(), now(), any_answer());
    claim(claims, &key, OURS, now).await;
    claims.finish(&key, &answer).await.unwrap();
    claims.release(&key, false).await.unwrap();

    assert_eq!(
        claim(claims, &key, OURS, now).await,
        Claim::Answered(answer)
    );
}

/// For any content.
pub async fn a_key_is_free_again_when_its_life_is_over<C: Claims>(claims: &Arc<C>) {
    for content in [OURS, OTHER] {
        let (key, first_at) = (any_key(), now());
        claim(claims, &key, OURS, first_at).await;
        claims.finish(&key, &any_answer()).await.unwrap();

        let later = first_at.plus(CLAIM_LIFE);
        assert_eq!(claim(claims, &key, content, later).await, held(later));
    }
}

/// New, dead or released, and whatever they send.
pub async fn of_rivals_for_one_key_one_holds<C: Claims>(claims: &Arc<C>) {
    for standing in ["new", "dead", "released"] {
        let (key, first_at) = (any_key(), now());
        if standing != "new" {
            claim(claims, &key, OURS, first_at).await;
        }
        if standing == "released" {
            claims.release(&key, true).await.unwrap();
        }
        let later = first_at.plus(CLAIM_LEASE);
        let mut rivals = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (claims, key) = (Arc::clone(claims), key.clone());
            rivals.spawn(async move { claim(&claims, &key, OURS, later).await });
        }
        let answers = rivals.join_all().await;

        let holders = answers
            .iter()
            .filter(|it| matches!(it, Claim::Held { .. }))
            .count();
        let others = answers.iter().filter(|it| **it == Claim::Running).count();
        assert_eq!((holders, others), (1, 15), "{standing}");
    }
}
