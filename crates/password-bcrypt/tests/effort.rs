//! How much work a verification is. Alone in its process, whose processor time it looks at: unlike
//! the time by the clock, that is the same on a busy machine.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use std::fs;
use std::time::Duration;

use auth::ports::PasswordHasher;
use auth::{NewPassword, PasswordHash};
use kernel::Secret;
use password_bcrypt::BcryptHasher;

#[tokio::test]
async fn nobody_takes_as_long_as_somebody() {
    let hasher = BcryptHasher::new(9).unwrap();
    let password = NewPassword::parse("correct horse".into()).unwrap();
    let hash = hasher.hash(&password).await.unwrap();
    let garbage = PasswordHash::new("garbage".into());
    let wrong = Secret::new("wrong horse".to_owned());
    let long = Secret::new("x".repeat(72));
    let somebody = effort(&hasher, &wrong, Some(&hash)).await;

    for (password, hash) in [
        (&wrong, None),
        (&wrong, Some(&garbage)),
        (&long, Some(&hash)),
        (&long, None),
    ] {
        let other = effort(&hasher, password, hash).await;
        let (less, more) = (somebody.min(other), somebody.max(other));
        assert!(more * 2 < less * 3, "{somebody:?} and {other:?}");
    }
}

/// Of eight verifications.
async fn effort(
    hasher: &BcryptHasher,
    password: &Secret<String>,
    hash: Option<&PasswordHash>,
) -> Duration {
    let before = processor_time();
    for _ in 0..8 {
        assert!(!hasher.verify(password, hash).await.unwrap());
    }
    processor_time().checked_sub(before).unwrap()
}

/// Of every thread of this process; the pool keeps its threads longer than this test takes.
fn processor_time() -> Duration {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let nanoseconds = threads.map(|thread| {
        let told = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
        let run = told.split_whitespace().next().unwrap();
        run.parse::<u64>().unwrap()
    });
    Duration::from_nanos(nanoseconds.sum())
}
