use eav::{Value, ValueType};
use kernel::Day;
use lead::{FieldCode, FieldError, LeadDetails, LeadForm, Raw, Status};
use proptest::prelude::*;

fn text(value: &str) -> Raw<'_> {
    Raw::Text(value.into())
}

fn fill(fields: Vec<(&str, Raw<'_>)>) -> Result<LeadDetails, Vec<FieldError>> {
    let mut form = LeadForm::new(Day::parse("2026-11-23").unwrap());
    for (key, value) in fields {
        form.put(key, value);
    }
    form.finish()
}

/// What is wrong with a lead that is fine but for these fields.
fn wrong(fields: Vec<(&str, Raw<'_>)>) -> Vec<(String, FieldCode)> {
    let mut all = vec![
        ("firstName", text("Ada")),
        ("lastName", text("Lovelace")),
        ("email", text("ada@example.com")),
    ];
    all.retain(|(key, _)| fields.iter().all(|(given, _)| given != key));
    all.extend(fields);
    let errors = fill(all).err().unwrap_or_default();
    errors.into_iter().map(|it| (it.pointer, it.code)).collect()
}

fn one(pointer: &str, code: FieldCode) -> Vec<(String, FieldCode)> {
    vec![(pointer.to_owned(), code)]
}

#[test]
fn both_spellings_make_the_same_lead() {
    let camel = fill(vec![
        ("firstName", text(" Ada ")),
        ("lastName", text("Lovelace")),
        ("email", text("Ada@example.com")),
        ("phone", text("+1 555")),
        ("dateOfBirth", text("1990-05-15")),
        ("status", text("converted")),
        ("Company", text("Analytical Engines")),
    ])
    .unwrap();
    let snake = fill(vec![
        ("Company", Raw::Cell("Analytical Engines")),
        ("status", Raw::Cell("converted")),
        ("date_of_birth", Raw::Cell("1990-05-15")),
        ("phone", Raw::Cell("+1 555")),
        ("email", Raw::Cell("Ada@example.com")),
        ("last_name", Raw::Cell("Lovelace")),
        ("first_name", Raw::Cell(" Ada ")),
    ])
    .unwrap();
    assert_eq!(camel, snake);
    assert_eq!(camel.first_name.as_str(), "Ada");
    assert_eq!(camel.status, Status::Converted);
}

#[test]
fn a_lead_without_a_status_is_active_and_null_is_not_sent() {
    let lead = fill(vec![
        ("firstName", text("Ada")),
        ("lastName", text("Lovelace")),
        ("email", text("ada@example.com")),
        ("phone", Raw::Null),
        ("status", Raw::Null),
        ("dateOfBirth", Raw::Null),
        ("Company", Raw::Null),
        ("id", Raw::Null),
    ])
    .unwrap();
    assert_eq!(lead.status, Status::Active);
    assert_eq!((lead.phone, lead.date_of_birth), (None, None));
    assert!(lead.attributes.as_slice().is_empty());
}

#[test]
fn everything_that_is_required_and_missing_is_told_at_once() {
    let required = |pointer: &str| FieldError {
        pointer: pointer.to_owned(),
        code: FieldCode::Required,
    };
    let all = ["/firstName", "/lastName", "/email"].map(required).to_vec();
    assert_eq!(fill(vec![]), Err(all.clone()));
    for blank in [
        Raw::Null,
        text(""),
        text("  "),
        text("\u{3000}"),
        Raw::Cell(" "),
    ] {
        let keys = ["first_name", "lastName", "email"];
        assert_eq!(
            fill(keys.map(|key| (key, blank.clone())).to_vec()),
            Err(all.clone())
        );
    }
}

#[test]
fn every_wrong_core_field_has_its_code() {
    let long_mail = format!("{}@example.com", "a".repeat(250));
    let long_name = "n".repeat(101);
    for (key, value, pointer, code) in [
        (
            "firstName",
            text(&long_name),
            "/firstName",
            FieldCode::NameTooLong,
        ),
        (
            "lastName",
            text("a\u{1}b"),
            "/lastName",
            FieldCode::ControlCharacter,
        ),
        ("email", text("nobody"), "/email", FieldCode::EmailInvalid),
        ("email", text(&long_mail), "/email", FieldCode::EmailTooLong),
        ("phone", text("call me"), "/phone", FieldCode::PhoneInvalid),
        (
            "phone",
            text("123456789012345678901"),
            "/phone",
            FieldCode::PhoneTooLong,
        ),
        (
            "date_of_birth",
            text("1990-13-01"),
            "/dateOfBirth",
            FieldCode::DateInvalid,
        ),
        (
            "dateOfBirth",
            text("2026-11-24"),
            "/dateOfBirth",
            FieldCode::DateOutOfRange,
        ),
        (
            "status",
            text("Active"),
            "/status",
            FieldCode::StatusUnknown,
        ),
        ("status", text(""), "/status", FieldCode::StatusUnknown),
        (
            "firstName",
            Raw::Number("5"),
            "/firstName",
            FieldCode::WrongType,
        ),
        ("email", Raw::Bool(true), "/email", FieldCode::WrongType),
        (
            "phone",
            Raw::Number("5550100"),
            "/phone",
            FieldCode::WrongType,
        ),
        (
            "dateOfBirth",
            Raw::Number("5"),
            "/dateOfBirth",
            FieldCode::WrongType,
        ),
        ("status", Raw::Json("[]"), "/status", FieldCode::WrongType),
        (
            "lastName",
            Raw::Refused(FieldCode::TooDeep),
            "/lastName",
            FieldCode::TooDeep,
        ),
        ("id", text("7"), "/id", FieldCode::NotAccepted),
        (
            "createdAt",
            text("now"),
            "/createdAt",
            FieldCode::NotAccepted,
        ),
        (
            "updated_at",
            Raw::Number("1"),
            "/updated_at",
            FieldCode::NotAccepted,
        ),
    ] {
        assert_eq!(
            wrong(vec![(key, value)]),
            one(pointer, code),
            "{key} {code:?}"
        );
    }
}

#[test]
fn a_field_given_twice_or_in_both_spellings_is_refused() {
    for (a, b, pointer) in [
        ("firstName", "first_name", "/firstName"),
        ("last_name", "last_name", "/lastName"),
        ("email", "email", "/email"),
        ("date_of_birth", "dateOfBirth", "/dateOfBirth"),
        ("Company", "Company", "/Company"),
        ("Company", " Company", "/Company"),
    ] {
        for first in [text("1990-05-15"), Raw::Null] {
            assert_eq!(
                wrong(vec![(a, first), (b, text("1990-05-15"))]),
                one(pointer, FieldCode::GivenTwice),
                "{a} {b}"
            );
        }
    }
}

#[test]
fn bad_and_reserved_attribute_names_are_refused() {
    for name in ["", "  ", "a\0b", "a\nb", &"n".repeat(101)] {
        assert_eq!(
            wrong(vec![(name, text("x"))]),
            one("", FieldCode::AttributeNameInvalid)
        );
    }
    for name in ["email ", " id", "fields", "first_name\t", "\u{a0}createdAt"] {
        let pointer = format!("/{}", name.trim());
        assert_eq!(
            wrong(vec![(name, text("x"))]),
            one(&pointer, FieldCode::AttributeNameReserved)
        );
    }
    for name in ["Email", "FIRSTNAME", "Id", "e-mail"] {
        assert_eq!(wrong(vec![(name, text("x"))]), [], "{name}");
    }
}

#[test]
fn every_wrong_attribute_value_has_its_code() {
    for (value, code) in [
        (text("a\0b"), FieldCode::NulCharacter),
        (Raw::Cell("\0"), FieldCode::NulCharacter),
        (Raw::Number("1e400"), FieldCode::NumberOutOfRange),
        (Raw::Refused(FieldCode::TooDeep), FieldCode::TooDeep),
    ] {
        assert_eq!(wrong(vec![("a/b", value)]), one("/a~1b", code));
    }
}

#[test]
fn attributes_keep_their_order_and_text() {
    let lead = fill(vec![
        ("zeta", Raw::Number("9007199254740993")),
        ("firstName", text("Ada")),
        ("Note", text("  spaced  ")),
        ("lastName", text("Lovelace")),
        ("note", Raw::Json("{ \"a\" : 1.0 }")),
        ("email", text("ada@example.com")),
        ("vip", Raw::Bool(true)),
        ("cell", Raw::Cell("TRUE")),
        ("empty", text("")),
    ])
    .unwrap();
    let seen: Vec<_> = lead
        .attributes
        .as_slice()
        .iter()
        .map(|it| (it.name.as_str(), it.value.kind(), it.value.text()))
        .collect();
    assert_eq!(
        seen,
        [
            ("zeta", ValueType::Integer, "9007199254740993"),
            ("Note", ValueType::String, "  spaced  "),
            ("note", ValueType::Json, "{ \"a\" : 1.0 }"),
            ("vip", ValueType::Boolean, "1"),
            ("cell", ValueType::Boolean, "1"),
            ("empty", ValueType::String, ""),
        ]
    );
}

fn attributes(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|it| format!("a{it}")).collect()
}

#[test]
fn the_257th_attribute_refuses_the_lead_and_nulls_do_not_count() {
    let (nulls, values) = (attributes(0..300), attributes(300..556));
    let mut fields: Vec<_> = nulls.iter().map(|it| (it.as_str(), Raw::Null)).collect();
    fields.extend(values.iter().map(|it| (it.as_str(), text("x"))));
    fields.extend([("firstName", text("Ada")), ("lastName", text("Lovelace"))]);
    fields.push(("email", text("ada@example.com")));
    assert_eq!(
        fill(fields.clone()).unwrap().attributes.as_slice().len(),
        256
    );
    fields.push(("one more", text("x")));
    assert_eq!(
        fill(fields),
        Err(vec![FieldError::of_lead(FieldCode::TooManyAttributes)])
    );
}

#[test]
fn a_lead_full_of_mistakes_has_a_short_list_of_them() {
    let names = attributes(0..5_000);
    let bad = names.iter().map(|it| (it.as_str(), text("\0")));
    let errors = fill(bad.collect()).unwrap_err();
    assert_eq!(errors.len(), LeadForm::MAX_ERRORS);
    assert_eq!(errors[0], FieldError::at("firstName", FieldCode::Required));
}

#[test]
fn core_fields_come_first_in_the_list_then_the_order_sent() {
    let errors = wrong(vec![
        ("b", text("\0")),
        ("id", text("1")),
        ("phone", text("x")),
        ("email", text("x")),
        ("a", Raw::Number("1e999")),
    ]);
    let pointers: Vec<&str> = errors.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(pointers, ["/email", "/phone", "/b", "/id", "/a"]);
}

proptest! {
    #[test]
    fn any_fields_are_a_lead_or_a_bounded_list_of_mistakes(fields in prop::collection::vec((any::<String>(), any::<String>()), 0..40)) {
        match fill(fields.iter().map(|(key, value)| (key.as_str(), text(value))).collect()) {
            Ok(_) => prop_assert!(fields.len() >= 3),
            Err(errors) => {
                prop_assert!(!errors.is_empty() && errors.len() <= LeadForm::MAX_ERRORS);
                prop_assert!(errors.iter().all(|it| it.pointer.is_empty() || it.pointer.starts_with('/')));
            }
        }
    }

    #[test]
    fn what_is_accepted_is_never_dropped(values in prop::collection::btree_map("[A-Z][a-z]{2,6}", "[ -~é]{0,20}", 0..300)) {
        let mut fields = vec![
            ("firstName", text("Ada")),
            ("lastName", text("Lovelace")),
            ("email", text("ada@example.com")),
        ];
        fields.extend(values.iter().map(|(key, value)| (key.as_str(), text(value))));
        match fill(fields) {
            Ok(lead) => {
                prop_assert_eq!(lead.attributes.as_slice().len(), values.len());
                for (key, value) in &values {
                    prop_assert_eq!(lead.attributes.get(key).map(Value::text), Some(value.as_str()));
                }
            }
            Err(_) => prop_assert!(values.len() > 256),
        }
    }
}
