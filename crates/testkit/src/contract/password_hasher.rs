//! `PasswordHasher`: who knows a password, and who learns nothing.

use auth::ports::PasswordHasher;
use auth::{NewPassword, PasswordHash};
use kernel::Secret;

suite! {
    ($)
    /// What `PasswordHasher` promises. Takes a future of the port, set up to be fast.
    password_hasher_contract, password_hasher:
    password_hasher {
        a_password_belongs_to_its_hash,
        another_password_does_not,
        passwords_of_every_length_are_told_apart,
        without_a_hash_nobody_is_let_in,
        a_hash_that_cannot_be_read_lets_nobody_in,
        a_password_that_could_not_have_been_chosen_is_wrong,
    }
}

async fn hash(hasher: &impl PasswordHasher, password: &str) -> PasswordHash {
    hasher
        .hash(&NewPassword::parse(password.to_owned()).unwrap())
        .await
        .unwrap()
}

async fn verify(hasher: &impl PasswordHasher, password: &str, hash: Option<&PasswordHash>) -> bool {
    hasher
        .verify(&Secret::new(password.to_owned()), hash)
        .await
        .unwrap()
}

/// In any script.
pub async fn a_password_belongs_to_its_hash(hasher: &impl PasswordHasher) {
    for password in ["password123", "pässwörd 🦀", "  spaces  "] {
        let hash = hash(hasher, password).await;
        assert!(verify(hasher, password, Some(&hash)).await);
    }
}

/// However much alike.
pub async fn another_password_does_not(hasher: &impl PasswordHasher) {
    let hash = hash(hasher, "password123").await;
    for wrong in [
        "Password123",
        "password1234",
        "password12",
        " password123",
        "password123 ",
    ] {
        assert!(!verify(hasher, wrong, Some(&hash)).await);
    }
}

/// The last byte of the longest counts.
pub async fn passwords_of_every_length_are_told_apart(hasher: &impl PasswordHasher) {
    for bytes in [NewPassword::MIN_BYTES, NewPassword::MAX_BYTES] {
        let password = "a".repeat(bytes);
        let last_differs = format!("{}b", &password[1..]);
        let hash = hash(hasher, &password).await;
        assert!(verify(hasher, &password, Some(&hash)).await);
        assert!(!verify(hasher, &last_differs, Some(&hash)).await);
    }
}

/// An account that does not exist.
pub async fn without_a_hash_nobody_is_let_in(hasher: &impl PasswordHasher) {
    assert!(!verify(hasher, "password123", None).await);
    assert!(!verify(hasher, "", None).await);
}

/// And harms nobody.
pub async fn a_hash_that_cannot_be_read_lets_nobody_in(hasher: &impl PasswordHasher) {
    let good = hash(hasher, "password123").await;
    let text = good.expose();
    let cut = &text[..text.len() - 1];
    let garbage = [
        "",
        "$",
        "$2b$",
        "$2b$99$",
        "ü$2b$12$🦀",
        "\0",
        "password123",
        cut,
    ];
    for garbage in garbage {
        let hash = PasswordHash::new(garbage.to_owned());
        assert!(
            !verify(hasher, "password123", Some(&hash)).await,
            "{garbage:?}"
        );
    }
}

/// Too short, too long, or with a NUL: also where a hash would take it for another.
pub async fn a_password_that_could_not_have_been_chosen_is_wrong(hasher: &impl PasswordHasher) {
    let longest = "a".repeat(NewPassword::MAX_BYTES);
    let hash = hash(hasher, &longest).await;
    for wrong in [
        "",
        "short",
        "password\0",
        &format!("{longest}a"),
        &"a".repeat(100_000),
    ] {
        assert!(!verify(hasher, wrong, Some(&hash)).await);
    }
}
