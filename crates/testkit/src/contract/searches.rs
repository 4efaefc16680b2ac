//! `LeadStore::index`: what a search finds does not depend on it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lead::{Filter, LeadId, ListQuery, NewLead, Phone, Position, SearchText, Status, Total};

use super::lead_finder::{by_email, by_search, text};
use super::lead_store::LeadStorePorts;
use crate::fixtures::{any_lead, intake_of, lead_of, name, now, random_seed, unique};

/// More steps than any of these promises needs.
const STEPS_MAX: usize = 10_000;

impl LeadStorePorts {
    /// Takes steps until none is left; says how many leads they indexed.
    async fn index_all(&self) -> u64 {
        let mut leads = 0;
        for _ in 0..STEPS_MAX {
            let step = self.store.index().await.unwrap();
            leads += step.leads;
            if !step.more {
                return leads;
            }
        }
        panic!("there is always more to index");
    }
}

fn leads_named(word: &str, count: usize) -> Vec<NewLead> {
    let lead = |_| {
        let mut lead = any_lead();
        lead.details.last_name = name(word);
        lead
    };
    (0..count).map(lead).collect()
}

fn newest_first(leads: &[NewLead]) -> Vec<LeadId> {
    let mut ids: Vec<LeadId> = leads.iter().map(|it| it.id).collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids
}

fn exactly(count: usize) -> Total {
    Total {
        count: count as u64,
        exact: true,
    }
}

/// Leads that are indexed, that wait for it, and both.
pub async fn searches_find_the_same_before_and_after_indexing(ports: &LeadStorePorts) {
    let word = unique();
    let mut leads = Vec::new();
    for count in [1, 40, 3, 200, 1, 1, 17] {
        let more = leads_named(&word, count);
        ports.append(&more).await;
        leads.extend(more);
        let expected = newest_first(&leads);
        let filter = by_search(&word);
        assert_eq!(ports.found(&filter, leads.len()).await, expected);
        ports.index_all().await;
        assert_eq!(ports.found(&filter, leads.len()).await, expected);
        assert_eq!(ports.total(&filter).await, exactly(leads.len()));
        let one = leads[leads.len() / 2].clone();
        let whole_address = by_email(one.details.email.as_str());
        assert_eq!(ports.found(&whole_address, 1).await, [one.id]);
    }
}

/// Leads of two days, which come in any order, and some of them again.
pub async fn the_index_tells_the_leads_of_a_day(ports: &LeadStorePorts) {
    let today = now().day().start();
    let before = ports.finder.stats(today).await.unwrap();
    let (mut all, mut of_today) = (before.total(), before.today);
    for count in [1, 20, 3, 64, 1, 9] {
        let mut leads = leads_named("today", count);
        for lead in leads.iter_mut().step_by(3) {
            let at = today.minus(Duration::from_millis(1));
            lead.id = LeadId(kernel::uuid_at(at, lead.id.0.as_u128()));
        }
        ports.append(&leads).await;
        ports.append(&leads[..1]).await;
        all += count as u64;
        of_today += (count - count.div_ceil(3)) as u64;
        for _ in 0..2 {
            let stats = ports.finder.stats(today).await.unwrap();
            assert_eq!((stats.total(), stats.today), (all, of_today));
            ports.index_all().await;
        }
    }
}

/// Also where leads were stored one by one.
pub async fn indexing_comes_to_an_end(ports: &LeadStorePorts) {
    assert_eq!(ports.index_all().await, 0);
    let leads = leads_named(&unique(), 60);
    for lead in &leads {
        ports.append(std::slice::from_ref(lead)).await;
    }
    assert!(ports.index_all().await <= leads.len() as u64);
    assert_eq!(ports.index_all().await, 0);
}

/// Whether it is in the index by then or not; and a duplicate is not found.
pub async fn a_lead_that_arrives_again_is_found_once(ports: &LeadStorePorts) {
    let word = unique();
    let leads = leads_named(&word, 30);
    let mut twins = leads.clone();
    for twin in &mut twins {
        twin.id = any_lead().id;
    }
    for _ in 0..3 {
        ports.append(&leads).await;
        ports.append(&twins).await;
        let filter = by_search(&word);
        assert_eq!(ports.found(&filter, 30).await, newest_first(&leads));
        assert_eq!(ports.total(&filter).await, exactly(30));
        ports.index_all().await;
    }
}

/// Numbers that look random, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn word(&mut self, letters: &[&str], most: usize) -> String {
        let length = 1 + self.roll(most);
        (0..length)
            .map(|_| letters[self.roll(letters.len())])
            .collect()
    }

    fn lead(&mut self) -> NewLead {
        let letters = ["a", "b", "B", "\u{e4}", "."];
        let local = self.word(&["a", "b", "-"], 6);
        let mut lead = lead_of(&format!("{local}x{}@ab.example", unique()));
        lead.details.first_name = name(&self.word(&letters[..4], 5));
        lead.details.last_name = name(&self.word(&letters, 5));
        lead.details.status = Status::ALL[self.roll(4)];
        if self.roll(2) == 0 {
            let number = format!("+49{}", self.word(&["1", "2"], 8).repeat(2));
            lead.details.phone = Phone::parse(&number).ok();
        }
        lead
    }
}

/// What a plain look at a lead says of a filter.
fn passes(lead: &NewLead, filter: &Filter) -> bool {
    let details = &lead.details;
    let email = SearchText::fold(details.email.as_str());
    let (first, last) = (details.first_name.as_str(), details.last_name.as_str());
    let names = SearchText::fold(format!("{first} {last}"));
    let phone = details.phone.as_ref().map_or("", |it| it.as_str());
    let has = |text: &str, part: &SearchText| text.contains(part.as_str());
    filter.status.is_none_or(|it| it == details.status)
        && filter.email.as_ref().is_none_or(|it| has(&email, it))
        && filter
            .search
            .as_ref()
            .is_none_or(|it| has(&email, it) || has(&names, it) || has(phone, it))
}

/// Whatever is asked, and wherever a lead stands: some are stored long after younger ones.
pub async fn searches_agree_with_a_look_at_every_lead(ports: &LeadStorePorts) {
    let seed = random_seed();
    let dice = &mut Dice(seed);
    let leads: Vec<NewLead> = (0..400).map(|_| dice.lead()).collect();
    let mut left = leads.clone();
    while !left.is_empty() {
        let count = (1 + dice.roll(40)).min(left.len());
        let some: Vec<NewLead> = (0..count)
            .map(|_| left.swap_remove(dice.roll(left.len())))
            .collect();
        ports.append(&some).await;
        if dice.roll(3) > 0 {
            ports.store.index().await.unwrap();
        }
    }

    let pieces = [
        "aaa", "aba", "abab", "bb\u{e4}", "bab", "ab.", "@ab", "xt", "+4912", "1212", "zzz",
    ];
    for _ in 0..60 {
        let part = |dice: &mut Dice| text(pieces[dice.roll(pieces.len())]);
        let filter = Filter {
            status: (dice.roll(3) == 0).then(|| Status::ALL[dice.roll(4)]),
            email: if dice.roll(3) == 0 { part(dice) } else { None },
            search: part(dice).or(text("aaa")),
        };
        let passing: Vec<NewLead> = leads
            .iter()
            .filter(|it| passes(it, &filter))
            .cloned()
            .collect();
        let newest = newest_first(&passing);
        let case = format!("{filter:?}, seed {seed}");
        assert_eq!(ports.total(&filter).await, exactly(newest.len()), "{case}");

        let skip = dice.roll(newest.len() + 2);
        let limit = 1 + dice.roll(50);
        let cursor = leads[dice.roll(leads.len())].id;
        let older = newest.iter().filter(|it| **it < cursor).take(limit);
        let newer = newest.iter().rev().filter(|it| **it > cursor).take(limit);
        let on_page = newest.iter().skip(skip).take(limit);
        let pages = [
            (
                Position::Offset(u32::try_from(skip).unwrap()),
                on_page.copied().collect::<Vec<_>>(),
            ),
            (Position::Before(cursor), older.copied().collect()),
            (Position::After(cursor), newer.copied().collect()),
        ];
        for (position, expected) in pages {
            let query = ListQuery {
                filter: filter.clone(),
                position,
                limit: u16::try_from(limit).unwrap(),
            };
            let page = ports.finder.list(&query).await.unwrap();
            let ids: Vec<LeadId> = page.iter().map(|it| it.id).collect();
            assert_eq!(ids, expected, "{case}, {query:?}");
            let both = ports.finder.list_and_total(&query).await.unwrap();
            assert_eq!(both, (page, exactly(newest.len())), "{case}, {query:?}");
        }
    }
}

/// What was stored before a search began is in its answer, in order and once.
pub async fn leads_are_found_once_while_two_index_and_others_store(ports: &LeadStorePorts) {
    const STORERS: usize = 3;
    let word = unique();
    let stored = Arc::new(Mutex::new(BTreeSet::new()));
    let done = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for _ in 0..STORERS {
        let (store, stored, done) = (
            Arc::clone(&ports.store),
            Arc::clone(&stored),
            Arc::clone(&done),
        );
        let batches: Vec<_> = (0..30).map(|_| leads_named(&word, 10)).collect();
        tasks.push(tokio::spawn(async move {
            for leads in batches {
                store.append(&intake_of(&leads)).await.unwrap();
                stored.lock().unwrap().extend(leads.iter().map(|it| it.id));
            }
            done.fetch_add(1, Ordering::SeqCst);
        }));
    }
    for _ in 0..2 {
        let (store, done) = (Arc::clone(&ports.store), Arc::clone(&done));
        tasks.push(tokio::spawn(async move {
            while done.load(Ordering::SeqCst) < STORERS || store.index().await.unwrap().more {
                store.index().await.unwrap();
            }
        }));
    }

    let filter = by_search(&word);
    let mut is_over = false;
    while !is_over {
        is_over = tasks.iter().all(tokio::task::JoinHandle::is_finished);
        let before: Vec<LeadId> = stored.lock().unwrap().iter().copied().collect();
        let page = ports.page(&filter, Position::Offset(0), 1_000).await;
        assert!(page.is_sorted_by(|a, b| a > b), "in order and once");
        let found: BTreeSet<LeadId> = page.into_iter().collect();
        let missing = before.iter().filter(|it| !found.contains(it)).count();
        assert_eq!(missing, 0, "of {} that were stored", before.len());
        let total = ports.total(&filter).await;
        assert!(total.count >= found.len() as u64);
    }
    for task in tasks {
        task.await.unwrap();
    }
    let total = ports.total(&filter).await;
    assert_eq!(total, exactly(STORERS * 300));
}
