//! `Throttle`: so many in a window, evenly refilled.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use auth::ports::Throttle;
use auth::{Quota, ThrottleKey};
use tokio::time::Instant;

use super::eventually;
use crate::fixtures::{any_user, unique};

suite! {
    ($)
    /// What `Throttle` promises. Takes a future of an `Arc` of the port.
    throttle_contract, throttle:
    throttle {
        a_quota_is_there_at_once_and_no_more,
        one_that_is_refused_takes_nothing,
        a_quota_is_refilled_evenly,
        keys_are_counted_apart,
        rivals_for_one_quota_share_it,
        a_large_quota_is_counted_like_a_small_one,
        rivals_for_a_large_quota_share_it,
    }
}

/// So long that nothing is refilled while a test runs.
const LONG: Duration = Duration::from_hours(10);

fn any_key() -> ThrottleKey {
    ThrottleKey::Caller(any_user())
}

/// What is left and how long to wait are told each time.
pub async fn a_quota_is_there_at_once_and_no_more<T: Throttle>(throttle: &Arc<T>) {
    for limit in [1, 5] {
        let (key, quota) = (
            any_key(),
            Quota {
                limit,
                window: LONG,
            },
        );
        for left in (0..limit).rev() {
            let allowance = throttle.take(&key, quota).await;
            assert!(allowance.allowed);
            assert_eq!(
                (allowance.remaining, allowance.retry_after),
                (left, Duration::ZERO)
            );
            assert!(allowance.reset_after > Duration::ZERO && allowance.reset_after <= LONG);
        }
        let refused = throttle.take(&key, quota).await;
        assert!(!refused.allowed);
        assert_eq!(refused.remaining, 0);
        let one_more = LONG / limit;
        assert!(refused.retry_after <= one_more && refused.retry_after > one_more / 2);
        assert!(refused.reset_after <= LONG && refused.reset_after > LONG / 2);
    }
}

/// So that knocking does not lock one out.
pub async fn one_that_is_refused_takes_nothing<T: Throttle>(throttle: &Arc<T>) {
    let (key, quota) = (
        any_key(),
        Quota {
            limit: 2,
            window: LONG,
        },
    );
    while throttle.take(&key, quota).await.allowed {}
    let first = throttle.take(&key, quota).await;
    for _ in 0..100 {
        throttle.take(&key, quota).await;
    }
    let last = throttle.take(&key, quota).await;

    assert!(last.retry_after <= first.retry_after);
    assert!(last.reset_after <= first.reset_after);
}

/// The next one may when its share of the window is over, not when the whole window is.
pub async fn a_quota_is_refilled_evenly<T: Throttle>(throttle: &Arc<T>) {
    let (key, window) = (any_key(), Duration::from_secs(2));
    let quota = Quota { limit: 20, window };
    let began_at = Instant::now();
    let mut taken: u32 = 0;
    while throttle.take(&key, quota).await.allowed {
        taken += 1;
    }
    assert!(taken >= quota.limit);

    eventually("another one may", async || {
        throttle.take(&key, quota).await.allowed.then_some(())
    })
    .await;
    let refilled = began_at.elapsed().as_secs_f64() / window.as_secs_f64() * f64::from(quota.limit);
    assert!(f64::from(taken + 1) <= f64::from(quota.limit) + refilled + 1.0);
}

/// Callers, addresses, and sign-ins by name and address.
pub async fn keys_are_counted_apart<T: Throttle>(throttle: &Arc<T>) {
    let quota = Quota {
        limit: 1,
        window: LONG,
    };
    let [a, b, c, d] = any_user().0.as_u128().to_be_bytes()[12..]
        .try_into()
        .unwrap();
    let address = IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    let other_address = IpAddr::V4(Ipv4Addr::new(a, b, c, !d));
    let (name, other_name) = (unique(), unique());
    let keys = [
        any_key(),
        any_key(),
        ThrottleKey::Address(address),
        ThrottleKey::Address(other_address),
        ThrottleKey::SignIn(name.clone(), address),
        ThrottleKey::SignIn(name, other_address),
        ThrottleKey::SignIn(other_name, address),
    ];
    for key in &keys {
        assert!(throttle.take(key, quota).await.allowed, "{key:?}");
    }
    for key in &keys {
        assert!(!throttle.take(key, quota).await.allowed, "{key:?}");
    }
}

/// However many ask at once.
pub async fn rivals_for_one_quota_share_it<T: Throttle>(throttle: &Arc<T>) {
    let (key, quota) = (
        any_key(),
        Quota {
            limit: 10,
            window: LONG,
        },
    );
    let mut rivals = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (throttle, key) = (Arc::clone(throttle), key.clone());
        rivals.spawn(async move { throttle.take(&key, quota).await.allowed });
    }
    let allowed = rivals.join_all().await.into_iter().filter(|it| *it).count();
    assert_eq!(allowed, 10);
}

/// An adapter may take several at once from what nodes share; nobody sees that.
pub async fn a_large_quota_is_counted_like_a_small_one<T: Throttle>(throttle: &Arc<T>) {
    let (key, quota) = (
        any_key(),
        Quota {
            limit: 1_000,
            window: LONG,
        },
    );
    for left in (0..quota.limit).rev() {
        let allowance = throttle.take(&key, quota).await;
        assert!(allowance.allowed);
        assert_eq!(
            (allowance.remaining, allowance.retry_after),
            (left, Duration::ZERO)
        );
        let used = LONG * (quota.limit - left) / quota.limit;
        assert!(allowance.reset_after <= used && allowance.reset_after > used / 2);
    }
    let refused = throttle.take(&key, quota).await;
    assert!(!refused.allowed);
    assert_eq!(refused.remaining, 0);
    assert!(refused.retry_after <= LONG / quota.limit && refused.retry_after > Duration::ZERO);
}

/// However many ask at once.
pub async fn rivals_for_a_large_quota_share_it<T: Throttle>(throttle: &Arc<T>) {
    let (key, quota) = (
        any_key(),
        Quota {
            limit: 1_000,
            window: LONG,
        },
    );
    let mut rivals = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (throttle, key) = (Arc::clone(throttle), key.clone());
        rivals.spawn(async move {
            let mut allowed = 0;
            for _ in 0..60 {
                allowed += u32::from(throttle.take(&key, quota).await.allowed);
            }
            allowed
        });
    }
    let allowed: u32 = rivals.join_all().await.into_iter().sum();
    assert_eq!(allowed, quota.limit);
}
