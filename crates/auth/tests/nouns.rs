//! The rules of names, addresses, passwords and roles.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use auth::{EmailAddress, NewPassword, NewPasswordError, Role, Roles, Username};
use proptest::prelude::*;

#[test]
fn a_user_name_has_3_to_64_characters_without_white_space() {
    for good in [
        "abc",
        "api_user",
        "ada@example.com",
        "日本語",
        &"é".repeat(64),
    ] {
        assert_eq!(Username::parse(good).unwrap().as_str(), good);
    }
    assert_eq!(Username::parse(" admin ").unwrap().as_str(), "admin");
    for bad in [
        "",
        "ab",
        " ab ",
        "a b c",
        "a\0bc",
        "ab\u{a0}c",
        &"é".repeat(65),
    ] {
        assert!(Username::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn user_names_are_compared_without_regard_to_case() {
    for (a, b) in [("Admin", "ADMIN"), ("ÉLISE", "élise"), ("ΟΔΟΣ", "οδος")] {
        let (a, b) = (Username::parse(a).unwrap(), Username::parse(b).unwrap());
        assert_eq!(a.key(), b.key());
        assert_ne!(a.as_str(), b.as_str());
    }
    assert_ne!(
        Username::parse("josé").unwrap().key(),
        Username::parse("jose").unwrap().key()
    );
}

#[test]
fn an_account_address_has_one_at_sign_and_a_dotted_domain() {
    assert_eq!(EmailAddress::parse(" a@b.c ").unwrap().as_str(), "a@b.c");
    let longest = format!("{}@b.c", "a".repeat(251));
    assert!(EmailAddress::parse(&longest).is_ok());
    for bad in [
        "",
        "a",
        "a@b",
        "@b.c",
        "a@b@c.d",
        "a@.c",
        "a@b.",
        "a b@c.d",
        "a\0@b.c",
        &format!("a{longest}"),
    ] {
        assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_new_password_has_8_to_71_bytes_without_nul() {
    for good in ["password", &"x".repeat(71), "  spaces  ", "пароль12"] {
        let password = NewPassword::parse(good.to_owned()).unwrap();
        assert_eq!(password.secret().expose(), good);
    }
    for (bad, error) in [
        ("", NewPasswordError::TooShort),
        ("1234567", NewPasswordError::TooShort),
        (&"x".repeat(72), NewPasswordError::TooLong),
        (&"é".repeat(36), NewPasswordError::TooLong),
        ("pass\0word", NewPasswordError::Nul),
    ] {
        assert_eq!(NewPassword::parse(bad.to_owned()).unwrap_err(), error);
    }
}

#[test]
fn passwords_are_not_shown() {
    let password = NewPassword::parse("correct horse".to_owned()).unwrap();
    let hash = auth::PasswordHash::new("$2b$12$secret".to_owned());
    let shown = format!("{password:?} {hash:?}");
    assert!(!shown.contains("horse") && !shown.contains("2b"), "{shown}");
}

#[test]
fn roles_are_a_set_that_is_not_empty() {
    assert_eq!(Roles::new([]), None);
    let both = Roles::new([Role::User, Role::Admin, Role::User]).unwrap();
    assert_eq!(both.as_slice(), [Role::Admin, Role::User]);
    for role in Role::ALL {
        assert_eq!(Role::from_name(role.as_str()), Some(role));
    }
    assert_eq!(Role::from_name("role_user"), None);
}

#[test]
fn an_admin_may_do_everything_and_a_user_what_users_may() {
    let admin = Roles::new([Role::Admin]).unwrap();
    let user = Roles::new([Role::User]).unwrap();
    assert!(admin.allow(Role::Admin) && admin.allow(Role::User) && user.allow(Role::User));
    assert!(!user.allow(Role::Admin));
}

proptest! {
    #[test]
    fn what_is_parsed_is_stable(text in any::<String>()) {
        if let Ok(name) = Username::parse(&text) {
            prop_assert_eq!(&Username::parse(name.as_str()).unwrap(), &name);
        }
        if let Ok(address) = EmailAddress::parse(&text) {
            prop_assert_eq!(&EmailAddress::parse(address.as_str()).unwrap(), &address);
        }
    }
}
