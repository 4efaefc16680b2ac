//! The promises of the port.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test may stop at the first surprise"
)]

testkit::password_hasher_contract!(async {
    password_bcrypt::BcryptHasher::new(password_bcrypt::BcryptHasher::MIN_COST).unwrap()
});
