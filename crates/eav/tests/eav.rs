//! The rules of attribute names, values and their types.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use eav::{
    Attribute, AttributeName, AttributeNameError, Attributes, AttributesError, Value, ValueError,
    ValueType,
};
use proptest::prelude::*;

fn seen(value: Result<Value, ValueError>) -> (ValueType, String) {
    let value = value.unwrap();
    (value.kind(), value.text().to_owned())
}

#[test]
fn json_strings_are_dates_datetimes_or_text() {
    use ValueType::{Date, Datetime, String};
    for (text, kind) in [
        ("", String),
        ("true", String),
        ("42", String),
        ("1990-05-15", Date),
        ("2024-02-29", Date),
        ("2023-02-29", String),
        ("1990-5-15", String),
        (" 1990-05-15", String),
        ("1990-05-15 ", String),
        ("1990-05-15T10:20:30", Datetime),
        ("1990-05-15 10:20:30", Datetime),
        ("1990-05-15T10:20:30Z", Datetime),
        ("1990-05-15T10:20:30.5", Datetime),
        ("1990-05-15T10:20:30.123456789Z", Datetime),
        ("1990-05-15T10:20:30+02:00", Datetime),
        ("1990-05-15 10:20:30.25-09:30", Datetime),
        ("1990-05-15T23:59:60Z", Datetime),
        ("1990-05-15T10:20", String),
        ("1990-05-15T24:00:00", String),
        ("1990-05-15T10:60:00", String),
        ("1990-05-15T10:20:30.", String),
        ("1990-05-15T10:20:30+2", String),
        ("1990-05-15T10:20:30+24:00", String),
        ("1990-05-15T10:20:30Zulu", String),
        ("1990-05-15_10:20:30", String),
        ("2023-02-29T10:20:30", String),
        ("1990-05-1é", String),
        ("née 1990", String),
    ] {
        assert_eq!(
            seen(Value::from_text(text)),
            (kind, text.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn cells_tell_booleans_and_numbers_by_their_form() {
    use ValueType::{Boolean, Date, Float, Integer, String};
    for (text, kind, kept) in [
        ("true", Boolean, "1"),
        ("TRUE", Boolean, "1"),
        ("False", Boolean, "0"),
        ("yes", String, "yes"),
        ("0", Integer, "0"),
        ("-7", Integer, "-7"),
        ("9223372036854775807", Integer, "9223372036854775807"),
        ("-9223372036854775808", Integer, "-9223372036854775808"),
        ("18446744073709551615", Integer, "18446744073709551615"),
        ("18446744073709551616", String, "18446744073709551616"),
        ("-9223372036854775809", String, "-9223372036854775809"),
        ("007", String, "007"),
        ("-07", String, "-07"),
        ("+15550100", String, "+15550100"),
        ("1.50", Float, "1.50"),
        ("-0.5e-3", Float, "-0.5e-3"),
        ("1E5", Float, "1E5"),
        ("1.", String, "1."),
        (".5", String, ".5"),
        ("1e", String, "1e"),
        ("1e400", String, "1e400"),
        ("1_000", String, "1_000"),
        ("0x10", String, "0x10"),
        ("NaN", String, "NaN"),
        ("inf", String, "inf"),
        ("١٢", String, "١٢"),
        (" 5", String, " 5"),
        ("1990-05-15", Date, "1990-05-15"),
    ] {
        assert_eq!(
            seen(Value::from_cell(text)),
            (kind, kept.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn json_numbers_are_never_rounded() {
    use ValueType::{Float, Integer, String};
    for (text, kind) in [
        ("0", Integer),
        ("-0", Float),
        ("9007199254740993", Integer),
        ("18446744073709551615", Integer),
        ("1000000000000000000000000000000000000000", String),
        ("-1000000000000000000000000000000000000000", String),
        ("0.1", Float),
        ("3.14159265358979323846264338327950288", Float),
        ("1e5", Float),
        ("1e-400", Float),
    ] {
        assert_eq!(
            seen(Value::from_number(text)),
            (kind, text.to_owned()),
            "{text}"
        );
    }
    for text in ["1e400", "-1e400", &"9".repeat(400)] {
        assert_eq!(Value::from_number(text), Err(ValueError::NumberOutOfRange));
    }
}

#[test]
fn booleans_are_one_and_zero() {
    assert_eq!(
        seen(Ok(Value::from_bool(true))),
        (ValueType::Boolean, "1".to_owned())
    );
    assert_eq!(
        seen(Ok(Value::from_bool(false))),
        (ValueType::Boolean, "0".to_owned())
    );
}

#[test]
fn text_with_nul_is_refused_everywhere() {
    for value in [
        Value::from_text("a\0b"),
        Value::from_cell("\0"),
        Value::from_json("[\"\0\"]"),
    ] {
        assert_eq!(value, Err(ValueError::Nul));
    }
}

#[test]
fn json_keeps_its_bytes() {
    let text = "{ \"b\" : [1.0, 10000000000000000000000001],\n \"a\":\"\\u0000\" }";
    assert_eq!(
        seen(Value::from_json(text)),
        (ValueType::Json, text.to_owned())
    );
}

#[test]
fn types_widen_to_what_holds_both() {
    use ValueType::{Boolean, Date, Datetime, Float, Integer, Json, String};
    for (a, b, both) in [
        (Integer, Float, Float),
        (Date, Datetime, Datetime),
        (Integer, Boolean, String),
        (Json, String, String),
        (Date, Integer, String),
    ] {
        assert_eq!(a.widen(b), both);
    }
    for a in ValueType::ALL {
        assert_eq!(a.widen(a), a);
        assert_eq!(ValueType::from_name(a.as_str()), Some(a));
        for b in ValueType::ALL {
            assert_eq!(a.widen(b), b.widen(a));
            for c in ValueType::ALL {
                assert_eq!(a.widen(b).widen(c), a.widen(b.widen(c)));
            }
        }
    }
    assert_eq!(ValueType::from_name("String"), None);
}

#[test]
fn names_have_one_to_a_hundred_characters() {
    for good in [
        "a",
        "First Name",
        "größe",
        "日本",
        "a/b~c",
        &"𝒳".repeat(100),
    ] {
        assert_eq!(AttributeName::parse(good).unwrap().as_str(), good);
    }
    assert_eq!(
        AttributeName::parse("\u{3000} Note \t").unwrap().as_str(),
        "Note"
    );
    for (bad, error) in [
        ("", AttributeNameError::Blank),
        (" \u{a0}\n", AttributeNameError::Blank),
        ("a\0b", AttributeNameError::Control),
        ("a\tb", AttributeNameError::Control),
        ("a\u{85}b", AttributeNameError::Control),
        (&"𝒳".repeat(101), AttributeNameError::TooLong),
    ] {
        assert_eq!(AttributeName::parse(bad), Err(error));
    }
}

fn attribute(name: &str) -> Attribute {
    Attribute {
        name: AttributeName::parse(name).unwrap(),
        value: Value::from_bool(true),
    }
}

#[test]
fn names_are_compared_byte_by_byte() {
    let twins = ["Note", "note", "n\u{f3}te", "no\u{301}te"].map(attribute);
    assert_eq!(Attributes::new(twins.to_vec()).unwrap().as_slice(), twins);
    let twice = ["Note", "Note "].map(attribute);
    assert_eq!(
        Attributes::new(twice.to_vec()),
        Err(AttributesError::NameTwice)
    );
}

#[test]
fn a_lead_has_at_most_256_attributes() {
    let many = |len: usize| (0..len).map(|it| attribute(&format!("a{it}"))).collect();
    let full = Attributes::new(many(256)).unwrap();
    assert_eq!(full.get("a255"), Some(&Value::from_bool(true)));
    assert_eq!(full.get("a256"), None);
    assert_eq!(Attributes::new(many(257)), Err(AttributesError::TooMany));
}

proptest! {
    #[test]
    fn texts_keep_every_byte(text in any::<String>()) {
        prop_assume!(!text.contains('\0'));
        let (kind, kept) = seen(Value::from_text(&text));
        prop_assert_eq!(&kept, &text);
        prop_assert!(matches!(kind, ValueType::String | ValueType::Date | ValueType::Datetime));
    }

    #[test]
    fn cells_keep_every_byte_but_of_booleans(text in "\\PC{0,30}|-?[0-9]{1,25}(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?") {
        let (kind, kept) = seen(Value::from_cell(&text));
        if kind == ValueType::Boolean {
            prop_assert!(text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"));
        } else {
            prop_assert_eq!(kept, text);
        }
    }

    #[test]
    fn integers_of_64_bits_are_integers(signed: i64, unsigned: u64) {
        for text in [signed.to_string(), unsigned.to_string()] {
            prop_assert_eq!(seen(Value::from_cell(&text)), (ValueType::Integer, text.clone()));
            prop_assert_eq!(seen(Value::from_number(&text)), (ValueType::Integer, text.clone()));
        }
    }

    #[test]
    fn a_cell_that_is_a_number_is_what_the_json_number_is(text in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?") {
        let cell = Value::from_cell(&text).unwrap();
        match Value::from_number(&text) {
            Ok(number) if text != "-0" => prop_assert_eq!(cell, number),
            _ => prop_assert_eq!(cell.kind(), ValueType::String),
        }
    }

    #[test]
    fn every_moment_is_a_datetime(day in 1_u8..=28, hour in 0_u8..24, minute in 0_u8..60, second in 0_u8..60, separator in "[T ]", fraction in "(\\.[0-9]{1,9})?", zone in "(Z|[+-][01][0-9]:[0-5][0-9])?") {
        let text = format!("2024-02-{day:02}{separator}{hour:02}:{minute:02}:{second:02}{fraction}{zone}");
        prop_assert_eq!(seen(Value::from_text(&text)).0, ValueType::Datetime);
    }

    #[test]
    fn a_name_is_stable(raw in any::<String>()) {
        if let Ok(name) = AttributeName::parse(&raw) {
            prop_assert_eq!(AttributeName::parse(name.as_str()).unwrap(), name);
        }
    }
}
