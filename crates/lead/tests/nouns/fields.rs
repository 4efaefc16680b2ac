use kernel::Day;
use lead::{
    BirthDate, BirthDateError, FieldCode, FieldError, ParkCode, PersonName, PersonNameError, Phone,
    PhoneError, Status, TraceParent,
};
use proptest::prelude::*;

#[test]
fn a_name_has_one_to_a_hundred_characters_after_trimming() {
    for (raw, name) in [
        ("Ada", "Ada"),
        (" \u{3000}Ada Maria\u{a0}\n", "Ada Maria"),
        ("Ó Súilleabháin", "Ó Súilleabháin"),
        ("李", "李"),
        ("Mary\u{200d}Ann", "Mary\u{200d}Ann"),
    ] {
        assert_eq!(PersonName::parse(raw).unwrap().as_str(), name);
    }
    let longest = "𝒳".repeat(100);
    assert_eq!(PersonName::parse(&longest).unwrap().as_str(), longest);
    for (bad, error) in [
        ("", PersonNameError::Blank),
        (" \t\u{2003}\n", PersonNameError::Blank),
        (&"𝒳".repeat(101), PersonNameError::TooLong),
        ("A\0da", PersonNameError::Control),
        ("A\nda", PersonNameError::Control),
        ("A\u{9f}da", PersonNameError::Control),
    ] {
        assert_eq!(PersonName::parse(bad), Err(error));
    }
}

#[test]
fn a_phone_number_has_one_to_twenty_characters_of_a_small_set() {
    for good in [
        "+1 (555) 010-9999",
        "5",
        "555.010.9999",
        "12345678901234567890",
    ] {
        assert_eq!(Phone::parse(good).unwrap().as_str(), good);
    }
    for (bad, error) in [
        ("", PhoneError::Malformed),
        ("  ", PhoneError::Malformed),
        ("call me", PhoneError::Malformed),
        ("555x123", PhoneError::Malformed),
        ("\u{661}\u{662}\u{663}", PhoneError::Malformed),
        ("555\t123", PhoneError::Malformed),
        ("555/123", PhoneError::Malformed),
        ("123456789012345678901", PhoneError::TooLong),
    ] {
        assert_eq!(Phone::parse(bad), Err(error), "{bad}");
    }
}

#[test]
fn a_day_of_birth_lies_between_1900_and_today() {
    let today = Day::parse("2026-11-23").unwrap();
    for good in ["1900-01-01", "2024-02-29", "1990-05-15", "2026-11-23"] {
        assert_eq!(
            BirthDate::parse(good, today).unwrap().day().to_string(),
            good
        );
    }
    for (bad, error) in [
        ("1899-12-31", BirthDateError::OutOfRange),
        ("1890-01-01", BirthDateError::OutOfRange),
        ("2026-11-24", BirthDateError::OutOfRange),
        ("9999-12-31", BirthDateError::OutOfRange),
        ("2023-02-29", BirthDateError::Malformed),
        ("1990-13-01", BirthDateError::Malformed),
        ("now", BirthDateError::Malformed),
        ("5", BirthDateError::Malformed),
        ("", BirthDateError::Malformed),
        (" 1990-05-15", BirthDateError::Malformed),
        ("1990-05-15T00:00:00", BirthDateError::Malformed),
        ("19900515", BirthDateError::Malformed),
    ] {
        assert_eq!(BirthDate::parse(bad, today), Err(error), "{bad}");
    }
}

#[test]
fn a_status_is_exactly_one_of_four() {
    for (name, status) in [
        ("active", Status::Active),
        ("inactive", Status::Inactive),
        ("converted", Status::Converted),
        ("invalid", Status::Invalid),
    ] {
        assert_eq!(Status::from_name(name), Some(status));
        assert_eq!(status.as_str(), name);
    }
    for bad in ["", "Active", "active ", "new"] {
        assert_eq!(Status::from_name(bad), None);
    }
    assert_eq!(Status::default(), Status::Active);
}

#[test]
fn codes_have_names_of_their_own() {
    for code in FieldCode::ALL {
        assert_eq!(FieldCode::from_name(code.as_str()), Some(*code));
        assert!(code.detail().ends_with('.'));
    }
    for code in ParkCode::ALL {
        assert_eq!(ParkCode::from_name(code.as_str()), Some(code));
    }
    assert_eq!(FieldCode::from_name("Required"), None);
}

#[test]
fn pointers_are_escaped_and_bounded() {
    let error = FieldError::at("a/b~c", FieldCode::GivenTwice);
    assert_eq!(error.pointer, "/a~1b~0c");
    let error = FieldError::at(&"x".repeat(5_000), FieldCode::GivenTwice);
    assert_eq!(error.pointer.len(), 101);
    assert_eq!(
        FieldError::of_lead(FieldCode::TooManyAttributes).pointer,
        ""
    );
}

#[test]
fn a_trace_parent_has_four_hexadecimal_parts() {
    let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(TraceParent::parse(good).unwrap().as_str(), good);
    for bad in [
        "",
        "00",
        &good.to_uppercase(),
        &format!("{good}-x"),
        &good.replace('-', "_"),
    ] {
        assert!(TraceParent::parse(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_text_of_the_phone_alphabet_is_a_number(text in "[0-9+().-][0-9 +().-]{0,18}[0-9+().-]?") {
        let phone = Phone::parse(&text).unwrap();
        prop_assert_eq!(phone.as_str(), text.trim());
    }

    #[test]
    fn what_is_parsed_is_stable(text in any::<String>()) {
        if let Ok(name) = PersonName::parse(&text) {
            prop_assert_eq!(PersonName::parse(name.as_str()).unwrap(), name);
        }
        if let Ok(phone) = Phone::parse(&text) {
            prop_assert_eq!(Phone::parse(phone.as_str()).unwrap(), phone);
        }
    }
}
