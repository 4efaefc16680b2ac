//! `LeadFinder`: lists, filters, totals.
//!
//! Searches in texts may lag behind a write, so their answers are waited for.

use std::time::Duration;

use kernel::Timestamp;
use lead::{
    Email, Filter, Lead, LeadId, ListQuery, NewLead, Phone, Position, SearchText, Stats, Status,
    Total,
};

use super::eventually;
use super::lead_store::LeadStorePorts;
use crate::fixtures::{any_id, any_lead, lead_of, name, now, twin_of, unique};

pub(super) fn text(raw: &str) -> Option<SearchText> {
    SearchText::parse(raw).ok()
}

pub(super) fn by_search(raw: &str) -> Filter {
    Filter {
        search: text(raw),
        ..Filter::default()
    }
}

pub(super) fn by_email(raw: &str) -> Filter {
    Filter {
        email: text(raw),
        ..Filter::default()
    }
}

impl LeadStorePorts {
    pub(super) async fn page(
        &self,
        filter: &Filter,
        position: Position,
        limit: u16,
    ) -> Vec<LeadId> {
        let query = ListQuery {
            filter: filter.clone(),
            position,
            limit,
        };
        let page = self.finder.list(&query).await.unwrap();
        page.into_iter().map(|lead: Lead| lead.id).collect()
    }

    /// What a filter finds, newest first, once it finds so many.
    pub(super) async fn found(&self, filter: &Filter, count: usize) -> Vec<LeadId> {
        let what = format!("{filter:?} finds {count}");
        eventually(&what, async || {
            let page = self.page(filter, Position::Offset(0), 1_000).await;
            (page.len() == count).then_some(page)
        })
        .await
    }

    pub(super) async fn total(&self, filter: &Filter) -> Total {
        self.finder.total(filter).await.unwrap()
    }

    /// Stores leads that carry a word of their own; gives the word and their ids, newest first.
    async fn stored_with_a_word(&self, count: usize) -> (String, Vec<LeadId>) {
        let word = unique();
        let lead = |_| {
            let mut lead = any_lead();
            lead.details.last_name = name(&word);
            lead
        };
        let leads: Vec<NewLead> = (0..count).map(lead).collect();
        self.append(&leads).await;
        let newest_first: Vec<LeadId> = leads.iter().rev().map(|it| it.id).collect();
        assert_eq!(self.found(&by_search(&word), count).await, newest_first);
        (word, newest_first)
    }
}

/// Every look-up answers none.
pub async fn what_is_not_there_is_not_found(ports: &LeadStorePorts) {
    let lead = any_lead();
    assert_eq!(ports.find(&lead).await, None);
    assert_eq!(
        ports.finder.holder(lead.details.email.key()).await.unwrap(),
        None
    );
    assert_eq!(ports.finder.receipt(lead.id).await.unwrap(), None);
    assert_eq!(ports.found(&by_search(&unique()), 0).await, []);
    assert_eq!(
        ports.total(&by_search(&unique())).await,
        Total {
            count: 0,
            exact: true
        }
    );
}

/// However the address is written.
pub async fn the_holder_of_an_email_is_found_by_its_key(ports: &LeadStorePorts) {
    let lead = any_lead();
    ports.append(&[lead.clone(), twin_of(&lead)]).await;

    let shouted = Email::parse(&lead.details.email.as_str().to_uppercase()).unwrap();
    let holder = ports.finder.holder(shouted.key()).await.unwrap();
    assert_eq!(holder, Some(lead.id));
}

/// Pages by number neither overlap nor leave a gap; leads come whole.
pub async fn the_list_is_newest_first_with_offset_and_limit(ports: &LeadStorePorts) {
    let (word, ids) = ports.stored_with_a_word(7).await;
    let filter = by_search(&word);

    for (offset, page) in [
        (0, &ids[..3]),
        (3, &ids[3..6]),
        (6, &ids[6..]),
        (7, &[]),
        (10_000, &[]),
    ] {
        assert_eq!(ports.page(&filter, Position::Offset(offset), 3).await, page);
    }
    let everything = Filter::default();
    assert_eq!(ports.page(&everything, Position::Offset(0), 7).await, ids);
    let query = ListQuery {
        filter,
        position: Position::Offset(0),
        limit: 1,
    };
    let listed = ports.finder.list(&query).await.unwrap();
    assert_eq!(
        listed.into_iter().next(),
        ports.finder.find(ids[0]).await.unwrap()
    );
}

/// Older ones newest first, newer ones oldest first, each once, with a filter or without.
pub async fn a_cursor_walks_the_list_once_in_both_directions(ports: &LeadStorePorts) {
    let start = LeadId(any_id());
    let (word, ids) = ports.stored_with_a_word(10).await;
    let end = LeadId(any_id());
    for filter in [by_search(&word), Filter::default()] {
        let (mut back, mut position) = (Vec::new(), Position::Before(end));
        while back.len() < ids.len() {
            let page = ports.page(&filter, position, 4).await;
            position = Position::Before(*page.last().expect("more leads"));
            back.extend(page);
        }
        assert_eq!(back[..10], ids);

        let (mut forth, mut position) = (Vec::new(), Position::After(start));
        loop {
            let page = ports.page(&filter, position, 4).await;
            let Some(last) = page.last() else { break };
            position = Position::After(*last);
            forth.extend(page);
        }
        forth.reverse();
        assert_eq!(forth, ids);
    }
}

/// Alone and with a text.
pub async fn a_status_filters(ports: &LeadStorePorts) {
    let word = unique();
    let mut leads = Vec::new();
    for status in [
        Status::Active,
        Status::Invalid,
        Status::Invalid,
        Status::Converted,
    ] {
        let mut lead = any_lead();
        lead.details.last_name = name(&word);
        lead.details.status = status;
        leads.push(lead);
    }
    ports.append(&leads).await;
    ports.found(&by_search(&word), 4).await;

    for (status, ids) in [
        (Status::Active, vec![leads[0].id]),
        (Status::Invalid, vec![leads[2].id, leads[1].id]),
        (Status::Converted, vec![leads[3].id]),
        (Status::Inactive, Vec::new()),
    ] {
        let with_word = Filter {
            status: Some(status),
            ..by_search(&word)
        };
        let alone = Filter {
            status: Some(status),
            ..Filter::default()
        };
        assert_eq!(ports.page(&with_word, Position::Offset(0), 10).await, ids);
        let limit = u16::try_from(ids.len().max(1)).unwrap();
        assert_eq!(ports.page(&alone, Position::Offset(0), limit).await, ids);
    }
}

/// Any part of the address, and nothing but the address.
pub async fn an_email_filter_looks_into_the_email_only(ports: &LeadStorePorts) {
    let word = unique();
    let mut by_name = any_lead();
    by_name.details.first_name = name(&word);
    let by_address = lead_of(&format!("Max.{word}+tag@mail.example.com"));
    ports.append(&[by_name, by_address.clone()]).await;

    let part = format!("x.{word}+tag@mai");
    assert_eq!(ports.found(&by_email(&part), 1).await, [by_address.id]);
    assert_eq!(ports.found(&by_email(&word), 1).await, [by_address.id]);
}

/// Any part of any of the four, each for itself.
pub async fn a_search_looks_into_names_email_and_phone(ports: &LeadStorePorts) {
    let word = unique();
    let mut leads: Vec<NewLead> = (0..3).map(|_| any_lead()).collect();
    leads[0].details.first_name = name(&format!("<{word}>"));
    leads[1].details.last_name = name(&format!("<{word}>"));
    leads[2] = lead_of(&format!("<{word}>@example.com"));
    ports.append(&leads).await;
    let newest_first: Vec<LeadId> = leads.iter().rev().map(|it| it.id).collect();
    assert_eq!(ports.found(&by_search(&word), 3).await, newest_first);
    assert_eq!(ports.found(&by_search(&format!("{word}> <")), 0).await, []);

    let digits = format!("{:018}", any_id().as_u128() % 1_000_000_000_000_000_000);
    let mut caller = any_lead();
    caller.details.phone = Some(Phone::parse(&format!("+{digits}")).unwrap());
    ports.append(std::slice::from_ref(&caller)).await;
    assert_eq!(ports.found(&by_search(&digits[1..]), 1).await, [caller.id]);
}

/// They are characters of a text, not patterns.
pub async fn percent_underscore_and_backslash_are_literal(ports: &LeadStorePorts) {
    let word = unique();
    for (part, decoy) in [
        ("%", "x"),
        ("_", "y"),
        ("\\", "/"),
        ("\\%", "z%"),
        ("'", "-"),
        ("\"", "*"),
    ] {
        let (mut lead, mut other) = (any_lead(), any_lead());
        let looked_for = format!("{word}{part}end");
        lead.details.first_name = name(&looked_for);
        other.details.first_name = name(&format!("{word}{decoy}end"));
        ports.append(&[lead.clone(), other]).await;

        assert_eq!(
            ports.found(&by_search(&looked_for), 1).await,
            [lead.id],
            "{part}"
        );
        assert_eq!(
            ports.total(&by_search(&looked_for)).await.count,
            1,
            "{part}"
        );
    }
    assert_eq!(ports.found(&by_search("%%%%"), 0).await, []);
}

/// Three characters are enough in any script, and accents count.
pub async fn texts_are_found_without_regard_to_case_in_any_script(ports: &LeadStorePorts) {
    let word = unique();
    let texts = [
        ("Ärger", "äRGER", "arger"),
        ("ЖАННА", "жанна", "жана"),
        ("日本語", "日本語", "日本人"),
        ("🦀🦀🦀", "🦀🦀🦀", "🦀🦀🦐"),
        ("ΣΊΣΥΦΟς", "σίσυφο", "σισυφο"),
    ];
    for (held, looked_for, decoy) in texts {
        let mut lead = any_lead();
        lead.details.first_name = name(&format!("{word}{held}"));
        ports.append(std::slice::from_ref(&lead)).await;

        let found = ports
            .found(&by_search(&format!("{word}{looked_for}")), 1)
            .await;
        assert_eq!(found, [lead.id]);
        ports.found(&by_search(&format!("{word}{decoy}")), 0).await;
    }
    let upper = by_search(&word.to_uppercase());
    assert_eq!(ports.found(&upper, texts.len()).await.len(), texts.len());

    let mut short = any_lead();
    short.details.first_name = name("語彙力");
    short.details.last_name = name(&word);
    ports.append(std::slice::from_ref(&short)).await;
    let three = Filter {
        email: text(&short.details.email.as_str()[..30]),
        ..by_search("語彙力")
    };
    assert_eq!(ports.found(&three, 1).await, [short.id]);
}

/// A lead has to pass all of them.
pub async fn filters_are_joined_by_and(ports: &LeadStorePorts) {
    let (one, other) = (unique(), unique());
    let mut leads = Vec::new();
    for status in [Status::Active, Status::Inactive] {
        for local in [&one, &other] {
            let mut lead = lead_of(&format!("{local}.{}@example.com", status.as_str()));
            lead.details.first_name = name(&one);
            lead.details.status = status;
            leads.push(lead);
        }
    }
    ports.append(&leads).await;
    ports.found(&by_search(&one), 4).await;

    let all = Filter {
        status: Some(Status::Inactive),
        email: text(&other),
        search: text(&one),
    };
    assert_eq!(ports.found(&all, 1).await, [leads[3].id]);
    assert_eq!(
        ports.total(&all).await,
        Total {
            count: 1,
            exact: true
        }
    );
}

/// With no filter, or only a status; duplicates and redeliveries are no leads.
pub async fn totals_without_text_are_exact(ports: &LeadStorePorts) {
    let of = |status| Filter {
        status,
        ..Filter::default()
    };
    let before = [
        ports.total(&of(None)).await,
        ports.total(&of(Some(Status::Converted))).await,
    ];

    let mut leads: Vec<NewLead> = (0..3).map(|_| any_lead()).collect();
    leads[0].details.status = Status::Converted;
    leads.push(twin_of(&leads[0]));
    ports.append(&leads).await;
    ports.append(&leads).await;

    let after = [
        ports.total(&of(None)).await,
        ports.total(&of(Some(Status::Converted))).await,
    ];
    assert_eq!(
        after,
        [
            Total {
                count: before[0].count + 3,
                exact: true
            },
            Total {
                count: before[1].count + 1,
                exact: true
            },
        ]
    );
}

/// 10,000 is counted, 10,001 is "more than 10,000".
pub async fn totals_of_texts_are_exact_up_to_their_cap(ports: &LeadStorePorts) {
    let word = unique();
    let lead = |_| {
        let mut lead = lead_of(&format!("{}@{word}.example.com", unique()));
        lead.details.last_name = name(&word);
        lead
    };
    for _ in 0..10 {
        let leads: Vec<NewLead> = (0..1_000).map(lead).collect();
        ports.append(&leads).await;
    }
    let totals_are = async |expected: Total| {
        for filter in [by_search(&word), by_email(&word)] {
            eventually(&format!("{filter:?} has {expected:?}"), async || {
                (ports.total(&filter).await == expected).then_some(())
            })
            .await;
        }
    };
    totals_are(Total {
        count: 10_000,
        exact: true,
    })
    .await;
    ports.append(&[lead(0)]).await;
    totals_are(Total {
        count: 10_000,
        exact: false,
    })
    .await;
}

/// Duplicates and redeliveries are no leads; the day is that of acceptance.
pub async fn stats_count_by_status_and_since_today(ports: &LeadStorePorts) {
    let today = now().day().start();
    let before = ports.finder.stats(today).await.unwrap();

    let mut leads: Vec<NewLead> = (0..5).map(|_| any_lead()).collect();
    leads[1].details.status = Status::Inactive;
    leads[2].details.status = Status::Inactive;
    leads[3].details.status = Status::Invalid;
    let yesterday = today.minus(Duration::from_millis(1));
    leads[4].id = LeadId(kernel::uuid_at(yesterday, any_id().as_u128()));
    leads.push(twin_of(&leads[0]));
    ports.append(&leads).await;
    ports.append(&leads).await;

    let [active, inactive, converted, invalid] = before.by_status;
    let by_status = [active + 2, inactive + 2, converted, invalid + 1];
    let expected = Stats {
        by_status,
        today: before.today + 4,
    };
    assert_eq!(ports.finder.stats(today).await.unwrap(), expected);
    let never = ports.finder.stats(Timestamp::MAX).await.unwrap();
    assert_eq!(
        never,
        Stats {
            by_status,
            today: 0
        }
    );
}

/// Counting anew finds what was counted.
pub async fn a_recount_keeps_what_is_right(ports: &LeadStorePorts) {
    let lead = any_lead();
    ports
        .append(&[lead.clone(), any_lead(), twin_of(&lead)])
        .await;
    let today = now().day().start();
    let before = (
        ports.finder.stats(today).await.unwrap(),
        ports.total(&Filter::default()).await,
    );

    ports.store.recount().await.unwrap();

    let after = (
        ports.finder.stats(today).await.unwrap(),
        ports.total(&Filter::default()).await,
    );
    assert_eq!(after, before);
    assert_eq!(after.0.total(), after.1.count);
}
