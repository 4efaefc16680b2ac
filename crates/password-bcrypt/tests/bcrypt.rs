//! What bcrypt asks of its adapter beyond the port's promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may stop at the first surprise"
)]

use std::sync::Arc;

use auth::ports::{HashError, PasswordHasher};
use auth::{NewPassword, PasswordHash};
use kernel::Secret;
use password_bcrypt::{BcryptHasher, CostError, development};

/// The same hash in the three forms that mean the same, of `correct horse`.
async fn one_hash() -> String {
    let password = NewPassword::parse("correct horse".into()).unwrap();
    hasher(4).hash(&password).await.unwrap().expose().to_owned()
}

fn hasher(cost: u32) -> BcryptHasher {
    BcryptHasher::new(cost).unwrap()
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[tokio::test]
async fn hashes_of_all_three_forms_verify() {
    let hash = one_hash().await;
    for form in ["$2a$", "$2b$", "$2y$"] {
        let hash = PasswordHash::new(format!("{form}{}", &hash[4..]));

        assert!(
            hasher(4)
                .verify(&secret("correct horse"), Some(&hash))
                .await
                .unwrap()
        );
        assert!(
            !hasher(4)
                .verify(&secret("wrong horse"), Some(&hash))
                .await
                .unwrap()
        );
    }
}

#[tokio::test]
async fn garbage_hashes_are_false_without_a_panic() {
    let good = one_hash().await;
    let garbage = [
        String::new(),
        "garbage".into(),
        "é".repeat(30),
        good[..59].to_owned(),
        good.replacen("$2b$04", "$2b$99", 1),
        good.replacen("$2b$04", "$2b$31", 1),
        good.replacen("$2b$04", "$2x$04", 1),
        good.replacen("$2b$", "$3b$", 1),
        format!("{}é", &good[..58]),
        format!("{}\0\0", &good[..58]),
    ];
    for hash in garbage {
        let hash = PasswordHash::new(hash);

        assert!(
            !hasher(4)
                .verify(&secret("correct horse"), Some(&hash))
                .await
                .unwrap()
        );
    }
}

#[tokio::test]
async fn a_password_that_bcrypt_would_cut_never_matches() {
    let longest = "x".repeat(NewPassword::MAX_BYTES);
    let hash = hasher(4)
        .hash(&NewPassword::parse(longest.clone()).unwrap())
        .await
        .unwrap();
    let matches = async |text: String| {
        hasher(4)
            .verify(&Secret::new(text), Some(&hash))
            .await
            .unwrap()
    };

    assert!(matches(longest.clone()).await);
    assert!(!matches(format!("{longest}x")).await);
    assert!(!matches(format!("{longest}\0")).await);
    assert!(!matches("x".repeat(10_000)).await);
}

#[tokio::test]
async fn a_nul_is_not_the_end_of_a_password() {
    // What `crypt("")` and `crypt("\0")` share.
    let hash = PasswordHash::new(bcrypt::hash("", 4).unwrap());

    assert!(!hasher(4).verify(&secret("\0"), Some(&hash)).await.unwrap());
    assert!(
        !hasher(4)
            .verify(&secret("\0anything"), Some(&hash))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_storm_is_told_that_hashing_is_busy_and_then_all_is_well() {
    let hasher = Arc::new(hasher(8));
    let storm: Vec<_> = (0..64)
        .map(|_| {
            let hasher = Arc::clone(&hasher);
            tokio::spawn(async move { hasher.verify(&secret("wrong horse"), None).await })
        })
        .collect();

    let (mut answered, mut busy) = (0, 0);
    for it in storm {
        match it.await.unwrap() {
            Ok(matches) => {
                assert!(!matches);
                answered += 1;
            }
            Err(HashError::Busy) => busy += 1,
            Err(error) => panic!("{error}"),
        }
    }

    assert_eq!(answered + busy, 64);
    assert!(answered >= 18, "{answered}");
    assert!(busy > 0);
    assert!(!hasher.verify(&secret("wrong horse"), None).await.unwrap());
}

#[test]
fn a_cost_that_bcrypt_does_not_have_is_refused() {
    for cost in [0, 3, 32, u32::MAX] {
        assert_eq!(BcryptHasher::new(cost).err(), Some(CostError));
    }
    for cost in [4, 12, 31] {
        assert!(BcryptHasher::new(cost).is_ok());
    }
}

#[tokio::test]
async fn the_development_hashes_are_of_the_documented_passwords() {
    let hasher = hasher(BcryptHasher::DEFAULT_COST);
    for (hash, password) in [
        (development::ADMIN, "password"),
        (development::USER, "password123"),
        (development::API_USER, "api123"),
    ] {
        let hash = PasswordHash::new(hash.to_owned());

        assert!(hasher.verify(&secret(password), Some(&hash)).await.unwrap());
        assert!(hash.expose().starts_with("$2b$12$"));
    }
}
