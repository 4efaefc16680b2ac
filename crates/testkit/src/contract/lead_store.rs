//! `LeadStore::append`: which leads are stored, and how whole they come back.

use std::collections::HashMap;
use std::sync::Arc;

use eav::Value;
use kernel::{Batch, Day};
use lead::ports::{Appended, Intake};
use lead::{BirthDate, NewLead, Phone, Status};

use crate::fixtures::{
    any_lead, intake_of, lead_of, lead_with_attributes, name, now, twin_of, unique,
};

pub use super::store_ports::LeadStorePorts;

suite! {
    ($)
    /// What `LeadStore` and `LeadFinder` promise together. Takes a future of
    /// [`LeadStorePorts`](crate::contract::lead_store::LeadStorePorts) over an empty store.
    lead_store_contract, lead_store:
    lead_store {
        a_lead_with_what_is_required_comes_back_whole,
        a_lead_with_every_field_comes_back_whole,
        attributes_come_back_byte_for_byte_in_order_with_their_types,
        names_that_differ_in_case_or_accent_are_two_attributes,
        a_lead_may_have_256_attributes,
        a_lead_may_have_64_kib_in_one_value,
        an_intake_of_1000_leads_is_stored_whole,
        an_empty_intake_is_taken,
        outcomes_align_with_the_leads,
        of_two_with_one_email_in_an_intake_the_earlier_is_stored,
        of_two_with_one_email_in_two_intakes_the_first_is_stored,
        emails_that_differ_in_case_are_one,
        emails_that_look_alike_are_different,
        the_same_intake_again_gets_the_same_answers,
        a_duplicate_stays_one_when_it_is_sent_again_alone,
        one_id_twice_in_an_intake_is_one_lead,
        an_id_held_by_another_email_is_a_clash_and_nothing_is_recorded,
        rivals_in_opposite_order_agree_on_every_holder,
        rivals_that_meet_new_attribute_names_at_once_keep_every_value,
        of_forty_rivals_for_one_email_one_is_stored,
        the_same_intake_twice_at_once_gets_the_same_answers,
    }
    submissions {
        a_note_makes_a_submission_known,
        notes_may_come_twice_and_in_any_order,
        a_submission_is_received_then_processed_then_finished,
        a_submission_of_rejected_rows_is_finished_at_once,
        counters_add_up,
        a_redelivery_is_counted_once,
        a_redelivery_beside_the_first_delivery_is_counted_once,
        rivals_in_opposite_order_count_every_lead_once,
        results_are_in_input_order_and_paged_by_index,
        a_rejected_row_told_twice_is_listed_once,
        receipts_tell_what_became_of_a_lead,
        a_receipt_keeps_the_moment_of_the_decision,
        the_old_is_forgotten_and_what_waits_is_kept,
    }
    parking {
        parking_makes_a_lead_failed,
        parking_twice_counts_once,
        parking_what_was_decided_changes_nothing_of_it,
        a_parked_lead_is_decided_anew,
        rivals_that_park_in_opposite_order_count_once,
    }
    lead_finder {
        what_is_not_there_is_not_found,
        the_holder_of_an_email_is_found_by_its_key,
        the_list_is_newest_first_with_offset_and_limit,
        a_cursor_walks_the_list_once_in_both_directions,
        a_status_filters,
        an_email_filter_looks_into_the_email_only,
        a_search_looks_into_names_email_and_phone,
        percent_underscore_and_backslash_are_literal,
        texts_are_found_without_regard_to_case_in_any_script,
        filters_are_joined_by_and,
        totals_without_text_are_exact,
        totals_of_texts_are_exact_up_to_their_cap,
        stats_count_by_status_and_since_today,
        a_recount_keeps_what_is_right,
    }
    searches {
        searches_find_the_same_before_and_after_indexing,
        the_index_tells_the_leads_of_a_day,
        indexing_comes_to_an_end,
        a_lead_that_arrives_again_is_found_once,
        searches_agree_with_a_look_at_every_lead,
        leads_are_found_once_while_two_index_and_others_store,
    }
}

/// A lead may be nothing but names and an address.
pub async fn a_lead_with_what_is_required_comes_back_whole(ports: &LeadStorePorts) {
    ports.comes_back_whole(&[any_lead()]).await;
}

/// Every field survives as it was sent, in every script.
pub async fn a_lead_with_every_field_comes_back_whole(ports: &LeadStorePorts) {
    let mut leads = Vec::new();
    for status in Status::ALL {
        let mut lead = lead_of(&format!("Zoë.{}@Example.COM", unique()));
        lead.details.first_name = name(&"🦀".repeat(100));
        lead.details.last_name = name("O'Brien \"%_\\ -- ß é e\u{301}");
        lead.details.phone = Some(Phone::parse("+1 (555) 010-9999").unwrap());
        lead.details.date_of_birth = Some(BirthDate::parse("2024-02-29", now().day()).unwrap());
        lead.details.status = status;
        leads.push(lead);
    }
    leads[0].details.date_of_birth = Some(BirthDate::restored(Day::parse("1900-01-01").unwrap()));
    ports.comes_back_whole(&leads).await;
}

/// Types, texts and order survive.
pub async fn attributes_come_back_byte_for_byte_in_order_with_their_types(ports: &LeadStorePorts) {
    let lead = lead_with_attributes(vec![
        ("zip", Value::from_cell("00789").unwrap()),
        ("age", Value::from_number("-42").unwrap()),
        ("big", Value::from_number("18446744073709551615").unwrap()),
        (
            "beyond",
            Value::from_number("1234567890123456789012345678901234567890").unwrap(),
        ),
        ("ratio", Value::from_number("1.50e+3").unwrap()),
        ("agrees", Value::from_bool(true)),
        ("refuses", Value::from_bool(false)),
        ("day", Value::from_text("1990-05-15").unwrap()),
        (
            "moment",
            Value::from_text("1990-05-15T10:00:00.25+02:00").unwrap(),
        ),
        (
            "list",
            Value::from_json("[1, 2.0,{\"b\":1,\"a\": null}]").unwrap(),
        ),
        ("empty", Value::from_text("").unwrap()),
        ("blank", Value::from_text("  \t\r\n ").unwrap()),
        ("trailing ", Value::from_text("space ").unwrap()),
        (
            "quote",
            Value::from_text("'; drop table leads; -- \\' \" %_ \u{1}").unwrap(),
        ),
        (
            "emoji 🦀",
            Value::from_text("👩‍👩‍👧‍👦 e\u{301} é \u{10FFFF}").unwrap(),
        ),
        ("a", Value::from_text("last").unwrap()),
    ]);
    ports.comes_back_whole(&[lead]).await;
}

/// Names are compared byte by byte.
pub async fn names_that_differ_in_case_or_accent_are_two_attributes(ports: &LeadStorePorts) {
    let value = |text: &str| Value::from_text(text).unwrap();
    let lead = lead_with_attributes(vec![
        ("Note", value("1")),
        ("note", value("2")),
        ("NOTE", value("3")),
        ("noté", value("4")),
        ("note\u{301}", value("5")),
        ("strasse", value("6")),
        ("straße", value("7")),
    ]);
    ports.comes_back_whole(&[lead]).await;
}

/// As many attributes as the domain allows, under the longest names.
pub async fn a_lead_may_have_256_attributes(ports: &LeadStorePorts) {
    let names: Vec<String> = (0..256)
        .map(|at| format!("{at:03}{}", "🦀".repeat(97)))
        .collect();
    let attributes = names
        .iter()
        .map(|name| (name.as_str(), Value::from_text(name).unwrap()))
        .collect();
    ports
        .comes_back_whole(&[lead_with_attributes(attributes)])
        .await;
}

/// As long a value as the domain allows.
pub async fn a_lead_may_have_64_kib_in_one_value(ports: &LeadStorePorts) {
    let value = Value::from_text(&"é".repeat(32 * 1_024)).unwrap();
    ports
        .comes_back_whole(&[lead_with_attributes(vec![("essay", value)])])
        .await;
}

/// An intake may be as long as a batch.
pub async fn an_intake_of_1000_leads_is_stored_whole(ports: &LeadStorePorts) {
    let lead = |at: usize| {
        let at = at.to_string();
        lead_with_attributes(vec![
            ("row", Value::from_cell(&at).unwrap()),
            ("text", Value::from_text(&format!("row {at}")).unwrap()),
        ])
    };
    let leads: Vec<NewLead> = (0..Batch::<NewLead>::MAX_LEN).map(lead).collect();
    ports.comes_back_whole(&leads).await;
}

/// There need be nothing in an intake.
pub async fn an_empty_intake_is_taken(ports: &LeadStorePorts) {
    let outcomes = ports
        .store
        .append(&Intake::notes_only(now(), Vec::new()))
        .await
        .unwrap();
    assert_eq!(outcomes, []);
}

/// Each lead has its outcome at its own place.
pub async fn outcomes_align_with_the_leads(ports: &LeadStorePorts) {
    let held = any_lead();
    ports.append(std::slice::from_ref(&held)).await;

    let leads = [
        any_lead(),
        twin_of(&held),
        any_lead(),
        twin_of(&held),
        held.clone(),
    ];
    let outcomes = ports.append(&leads).await;

    let duplicate = Appended::Duplicate { of: held.id };
    let stored = Appended::Stored;
    assert_eq!(outcomes, [stored, duplicate, stored, duplicate, stored]);
}

/// Within an intake the input order decides, not the order of ids.
pub async fn of_two_with_one_email_in_an_intake_the_earlier_is_stored(ports: &LeadStorePorts) {
    let later_id_first = {
        let lead = any_lead();
        [twin_of(&lead), lead]
    };
    let outcomes = ports.append(&later_id_first).await;

    let duplicate = Appended::Duplicate {
        of: later_id_first[0].id,
    };
    assert_eq!(outcomes, [Appended::Stored, duplicate]);
    assert_eq!(ports.find(&later_id_first[1]).await, None);
}

/// The first committed wins, and nothing of it is overwritten.
pub async fn of_two_with_one_email_in_two_intakes_the_first_is_stored(ports: &LeadStorePorts) {
    let first = any_lead();
    let mut second = twin_of(&first);
    second.details.first_name = name("Eve");
    ports.append(std::slice::from_ref(&first)).await;
    let before = ports.find(&first).await;

    let outcomes = ports.append(std::slice::from_ref(&second)).await;

    assert_eq!(outcomes, [Appended::Duplicate { of: first.id }]);
    assert_eq!(ports.find(&first).await, before);
    assert_eq!(ports.find(&second).await, None);
}

/// `A@X.IO` and `a@x.io` are one customer, in any script, composed or not.
pub async fn emails_that_differ_in_case_are_one(ports: &LeadStorePorts) {
    let tail = unique();
    for (one, other) in [
        ("ada", "ADA"),
        ("jörg", "JÖRG"),
        ("жанна", "ЖАННА"),
        ("é", "e\u{301}"),
    ] {
        let one = lead_of(&format!("{one}.{tail}@example.com"));
        let other = lead_of(&format!("{other}.{tail}@EXAMPLE.com"));
        let outcomes = ports.append(&[one.clone(), other]).await;
        assert_eq!(
            outcomes,
            [Appended::Stored, Appended::Duplicate { of: one.id }]
        );
    }
}

/// Collations take these for equal; the store must not.
pub async fn emails_that_look_alike_are_different(ports: &LeadStorePorts) {
    let tail = unique();
    let locals = [
        "jose",
        "josé",
        "jоse",
        "strasse",
        "straße",
        "jose\u{200b}",
        "ﬁ",
        "fi",
        "i",
        "ı",
    ];
    let leads: Vec<NewLead> = locals
        .iter()
        .map(|local| lead_of(&format!("{local}{tail}@example.com")))
        .collect();

    assert_eq!(
        ports.append(&leads).await,
        vec![Appended::Stored; leads.len()]
    );
}

/// A redelivery finds its own ids and is answered as before.
pub async fn the_same_intake_again_gets_the_same_answers(ports: &LeadStorePorts) {
    let lead = any_lead();
    let leads = [lead.clone(), twin_of(&lead), any_lead()];
    let first = ports.append(&leads).await;
    let rows = [ports.find(&leads[0]).await, ports.find(&leads[2]).await];

    for _ in 0..2 {
        assert_eq!(ports.append(&leads).await, first);
    }
    assert_eq!(
        [ports.find(&leads[0]).await, ports.find(&leads[2]).await],
        rows
    );
}

/// Also in another intake than the one that made it a duplicate.
pub async fn a_duplicate_stays_one_when_it_is_sent_again_alone(ports: &LeadStorePorts) {
    let lead = any_lead();
    let duplicate = twin_of(&lead);
    ports.append(&[lead.clone(), duplicate.clone()]).await;

    let outcomes = ports.append(&[any_lead(), duplicate]).await;

    assert_eq!(
        outcomes,
        [Appended::Stored, Appended::Duplicate { of: lead.id }]
    );
}

/// A lead that two messages of one intake carry is one lead.
pub async fn one_id_twice_in_an_intake_is_one_lead(ports: &LeadStorePorts) {
    let lead = any_lead();
    let outcomes = ports
        .append(&[lead.clone(), any_lead(), lead.clone()])
        .await;

    assert_eq!(outcomes, [Appended::Stored; 3]);
    assert_eq!(ports.find(&lead).await.unwrap().details, lead.details);
}

/// An id says who a lead is; it cannot be another one.
pub async fn an_id_held_by_another_email_is_a_clash_and_nothing_is_recorded(
    ports: &LeadStorePorts,
) {
    let lead = any_lead();
    let clashing = NewLead {
        id: lead.id,
        ..any_lead()
    };
    ports.append(std::slice::from_ref(&lead)).await;
    let before = (
        ports.find(&lead).await,
        ports.finder.receipt(lead.id).await.unwrap(),
    );

    let outcomes = ports.append(&[clashing.clone(), any_lead()]).await;

    assert_eq!(outcomes, [Appended::IdClash, Appended::Stored]);
    let after = (
        ports.find(&lead).await,
        ports.finder.receipt(lead.id).await.unwrap(),
    );
    assert_eq!(after, before);
    let holder = ports
        .finder
        .holder(clashing.details.email.key())
        .await
        .unwrap();
    assert_eq!(holder, None);
}

/// Two intakes with the same keys in opposite order are both answered, and agree on who holds each.
pub async fn rivals_in_opposite_order_agree_on_every_holder(ports: &LeadStorePorts) {
    for _ in 0..5 {
        let ours: Vec<NewLead> = (0..200).map(|_| any_lead()).collect();
        let theirs: Vec<NewLead> = ours.iter().rev().map(twin_of).collect();

        let (left, right) = tokio::join!(
            in_task(ports, intake_of(&ours)),
            in_task(ports, intake_of(&theirs)),
        );

        for (at, (one, other)) in left.into_iter().zip(right.into_iter().rev()).enumerate() {
            let (one_id, other_id) = (ours[at].id, theirs[199 - at].id);
            let agreed = match (one, other) {
                (Appended::Stored, Appended::Duplicate { of }) => of == one_id,
                (Appended::Duplicate { of }, Appended::Stored) => of == other_id,
                _ => false,
            };
            assert!(agreed, "{one:?} and {other:?} for one e-mail");
        }
    }
}

/// Names that nobody knew before are learnt by several intakes at once.
pub async fn rivals_that_meet_new_attribute_names_at_once_keep_every_value(ports: &LeadStorePorts) {
    let names: Vec<String> = (0..50).map(|_| unique()).collect();
    let attributes = |names: Vec<&String>| {
        let value = |name: &String| Value::from_text(&format!("of {name}")).unwrap();
        lead_with_attributes(names.iter().map(|it| (it.as_str(), value(it))).collect())
    };
    let one = attributes(names.iter().collect());
    let other = attributes(names.iter().rev().collect());

    let (left, right) = tokio::join!(
        in_task(ports, intake_of(std::slice::from_ref(&one))),
        in_task(ports, intake_of(std::slice::from_ref(&other))),
    );

    assert_eq!(
        (left, right),
        (vec![Appended::Stored], vec![Appended::Stored])
    );
    for lead in [one, other] {
        assert_eq!(ports.find(&lead).await.unwrap().details, lead.details);
    }
}

/// Duplicates are decided without a race.
pub async fn of_forty_rivals_for_one_email_one_is_stored(ports: &LeadStorePorts) {
    let lead = any_lead();
    let rivals: Vec<NewLead> = (0..40).map(|_| twin_of(&lead)).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for rival in rivals {
        let store = Arc::clone(&ports.store);
        tasks.spawn(async move {
            let intake = intake_of(std::slice::from_ref(&rival));
            (rival.id, store.append(&intake).await.unwrap()[0])
        });
    }
    let outcomes: HashMap<_, _> = tasks.join_all().await.into_iter().collect();

    let stored: Vec<_> = outcomes
        .iter()
        .filter(|(_, it)| **it == Appended::Stored)
        .collect();
    assert_eq!(stored.len(), 1);
    let holder = *stored[0].0;
    let agreeing = outcomes
        .values()
        .filter(|it| **it == Appended::Duplicate { of: holder });
    assert_eq!(agreeing.count(), 39);
}

/// A redelivery to another worker while the first one is still at it.
pub async fn the_same_intake_twice_at_once_gets_the_same_answers(ports: &LeadStorePorts) {
    let lead = any_lead();
    let mut leads: Vec<NewLead> = (0..100).map(|_| any_lead()).collect();
    leads.extend([lead.clone(), twin_of(&lead)]);
    let intake = intake_of(&leads);

    let (left, right) = tokio::join!(
        in_task(ports, intake.clone()),
        in_task(ports, intake.clone()),
    );

    let mut expected = vec![Appended::Stored; 101];
    expected.push(Appended::Duplicate { of: lead.id });
    assert_eq!(left, expected);
    assert_eq!(right, expected);
}

/// Appends in a task of its own, so that two run on two threads.
pub(super) async fn in_task(ports: &LeadStorePorts, intake: Intake) -> Vec<Appended> {
    let store = Arc::clone(&ports.store);
    tokio::spawn(async move { store.append(&intake).await.unwrap() })
        .await
        .unwrap()
}
