use lead::{Email, EmailError, MatchKey};
use proptest::prelude::*;

fn key(text: &str) -> String {
    Email::parse(text).unwrap().key().as_str().to_owned()
}

#[test]
fn an_address_has_one_at_sign_a_local_part_and_a_dotted_domain() {
    for good in [
        "a@b.c",
        "ada.lovelace+tag@example.com",
        "o'neil@example.com",
        "\"quoted\"@example.com",
        "josé@example.com",
        "用户@例え.jp",
        "ada@münchen.de",
        "ada@xn--mnchen-3ya.de",
        "a@sub.domain.example.co.uk",
        "a@under_score.example",
        "a@127.0.0.1",
    ] {
        assert_eq!(Email::parse(good).unwrap().as_str(), good);
    }
    for bad in [
        "plain",
        "@example.com",
        "a@",
        "a@b",
        "a@@example.com",
        "a@b@example.com",
        "a@.com",
        "a@example.",
        "a@example..com",
        "a b@example.com",
        "a@exa mple.com",
        "a\t@example.com",
        "a\0@example.com",
        "a@example.com\u{7f}x",
        "a\u{a0}b@example.com",
        "a@exam\u{3000}ple.com",
        "a\u{85}b@x.io",
        "a@x\u{ff20}y.com",
        "a@xn--a.com",
        "a@XN--A.com",
        "a@\u{a8}.com",
        "a@.\u{ad}.com",
    ] {
        assert_eq!(Email::parse(bad), Err(EmailError::Malformed), "{bad:?}");
    }
    for blank in ["", " ", "\u{3000}\n"] {
        assert_eq!(Email::parse(blank), Err(EmailError::Blank));
    }
}

#[test]
fn an_address_has_at_most_255_bytes_after_trimming() {
    let domain = "@example.com";
    let longest = format!("{}{domain}", "a".repeat(255 - domain.len()));
    assert_eq!(
        Email::parse(&format!("  {longest}\n")).unwrap().as_str(),
        longest
    );
    assert_eq!(
        Email::parse(&format!("a{longest}")),
        Err(EmailError::TooLong)
    );
    let wide = format!("{}{domain}", "é".repeat(122));
    assert_eq!(Email::parse(&wide), Err(EmailError::TooLong));
    assert!(Email::parse(&wide[2..]).is_ok());
}

#[test]
fn the_text_is_kept_as_sent_and_the_key_is_made_of_it() {
    let email = Email::parse(" Ada@EXAMPLE.com ").unwrap();
    assert_eq!(email.as_str(), "Ada@EXAMPLE.com");
    assert_eq!(email.key().as_str(), "ada@example.com");
    assert_eq!(MatchKey::restored("ada@example.com"), *email.key());
}

#[test]
fn what_differs_only_in_case_form_or_spelling_of_the_domain_is_one_address() {
    for (a, b) in [
        ("ADA@example.COM", "ada@EXAMPLE.com"),
        ("JOSÉ@example.com", "josé@example.com"),
        ("jose\u{301}@example.com", "jos\u{e9}@example.com"),
        ("JOSE\u{301}@example.com", "josé@example.com"),
        ("ΣΊΣΥΦΟΣ@example.gr", "σίσυφος@example.gr"),
        ("ЖУК@example.com", "жук@example.com"),
        ("\u{212b}ke@example.com", "åke@example.com"),
        ("\u{212a}ay@example.com", "kay@example.com"),
        ("GRO\u{1e9e}@example.com", "groß@example.com"),
        ("ada@MÜNCHEN.de", "ada@münchen.de"),
        ("ada@münchen.de", "ada@xn--mnchen-3ya.de"),
        ("ada@XN--MNCHEN-3YA.de", "ada@münchen.de"),
        ("ada@mu\u{308}nchen.de", "ada@m\u{fc}nchen.de"),
        ("ada@ｅxample.com", "ada@example.com"),
        (" ada@example.com\t", "ada@example.com"),
    ] {
        assert_eq!(key(a), key(b), "{a:?} {b:?}");
    }
}

#[test]
fn letters_that_look_or_sort_alike_make_different_addresses() {
    for (a, b) in [
        ("jose@example.com", "josé@example.com"),
        ("ss@example.com", "ß@example.com"),
        ("strasse@example.com", "straße@example.com"),
        ("jose@example.com", "j\u{43e}se@example.com"),
        ("jose@example.com", "\u{200b}jose@example.com"),
        ("ada@strasse.de", "ada@straße.de"),
        ("ada@example.com", "ada@ex\u{430}mple.com"),
        ("a.da@example.com", "ada@example.com"),
        ("ada+x@example.com", "ada@example.com"),
        ("ﬁ@example.com", "fi@example.com"),
        ("i@example.com", "ı@example.com"),
        ("ada@example.com", "ada@example.com.au"),
    ] {
        assert_ne!(key(a), key(b), "{a:?} {b:?}");
    }
}

#[test]
fn errors_do_not_repeat_the_text() {
    let error = Email::parse("secret person@example.com").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
}

fn address() -> impl Strategy<Value = String> {
    let label = "[a-zA-Z0-9éÉßẞñÑżŻσςΣжЖ例üÜ]{1,8}";
    ("\\PC{1,12}", label, label).prop_map(|(local, a, b)| format!("{local}@{a}.{b}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_key_of_a_key_is_that_key(text in address()) {
        if let Ok(email) = Email::parse(&text) {
            let key = email.key().as_str();
            prop_assert!(key.len() <= MatchKey::MAX_BYTES);
            if key.len() <= Email::MAX_BYTES {
                let again = Email::parse(key).unwrap();
                prop_assert_eq!(again.key(), email.key());
            }
        }
    }

    #[test]
    fn composed_and_decomposed_forms_have_one_key(text in address()) {
        use unicode_normalization::UnicodeNormalization;
        let (nfc, nfd): (String, String) = (text.nfc().collect(), text.nfd().collect());
        if let (Ok(a), Ok(b)) = (Email::parse(&nfc), Email::parse(&nfd)) {
            prop_assert_eq!(a.key(), b.key());
        }
    }

    #[test]
    fn lower_and_upper_case_ascii_have_one_key(local in "[!-?A-~]{1,20}", domain in "[a-z0-9-]{1,10}\\.[a-z]{2,5}") {
        let text = format!("{local}@{domain}");
        prop_assume!(!domain.starts_with("xn--"));
        prop_assert_eq!(key(&text.to_ascii_uppercase()), key(&text.to_ascii_lowercase()));
    }

    #[test]
    fn any_text_is_an_address_or_an_error(text in any::<String>()) {
        if let Ok(email) = Email::parse(&text) {
            prop_assert_eq!(email.as_str(), text.trim());
            prop_assert_eq!(Email::parse(email.as_str()).unwrap(), email);
        }
    }
}
