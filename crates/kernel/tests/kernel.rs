//! The rules of moments, days, ids, keys and batches.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kernel::{
    Batch, BatchSizeError, Clock, Day, Entropy, IdSource, Secret, ThreadKey, Timestamp,
    has_control, is_longer, lower_case, time_of_uuid, trimmed, uuid_at,
};
use proptest::prelude::*;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// Shows the moments of a list, the last one for ever.
struct Scripted(Mutex<Vec<u64>>);

impl Clock for Scripted {
    fn now(&self) -> Timestamp {
        let mut moments = self.0.lock().unwrap();
        let now = if moments.len() > 1 {
            moments.remove(0)
        } else {
            moments[0]
        };
        Timestamp::from_unix_ms(now)
    }
}

/// The same bits for ever.
struct Fixed(u64);

impl Entropy for Fixed {
    fn random_u64(&self) -> u64 {
        self.0
    }
}

/// Other bits each time.
struct Counted(AtomicU64);

impl Entropy for Counted {
    fn random_u64(&self) -> u64 {
        self.0
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
            .rotate_left(17)
    }
}

fn source(moments: Vec<u64>, entropy: impl Entropy) -> IdSource {
    IdSource::new(Arc::new(Scripted(Mutex::new(moments))), Arc::new(entropy))
}

#[test]
fn a_moment_is_written_in_utc_with_milliseconds() {
    for (ms, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_795_456_800_123, "2026-11-23T18:00:00.123Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (u64::MAX, "9999-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(Timestamp::from_unix_ms(ms).to_string(), text);
    }
}

#[test]
fn moments_are_held_at_both_ends() {
    let epoch = Timestamp::from_unix_ms(0);
    let second = Duration::from_secs(1);
    assert_eq!(epoch.minus(second), epoch);
    assert_eq!(Timestamp::MAX.plus(second), Timestamp::MAX);
    assert_eq!(epoch.plus(Duration::MAX), Timestamp::MAX);
    assert_eq!(epoch.since(Timestamp::MAX), Duration::ZERO);
    assert_eq!(epoch.plus(second).since(epoch), second);
}

#[test]
fn a_moment_before_the_epoch_is_refused() {
    let just_before = Timestamp::from_unix_ms(0).date_time() - Duration::from_micros(1);
    assert!(Timestamp::from_date_time(just_before).is_err());
}

#[test]
fn days_are_real_and_written_one_way() {
    for good in [
        "2024-02-29",
        "1900-01-01",
        "0000-01-01",
        "9999-12-31",
        "2000-02-29",
    ] {
        assert_eq!(Day::parse(good).unwrap().to_string(), good);
    }
    for bad in [
        "",
        "2023-02-29",
        "1900-02-29",
        "1990-13-01",
        "1990-00-10",
        "1990-01-00",
        "1990-04-31",
        "1990-1-01",
        "90-01-01",
        "1990/01/01",
        "1990-01-01 ",
        " 1990-01-01",
        "1990-01-01T00:00:00",
        "+990-01-01",
        "-990-01-01",
        "١٩٩٠-٠١-٠١",
        "now",
        "5",
        "12345-01-01",
    ] {
        assert!(Day::parse(bad).is_err(), "{bad} was taken");
    }
}

#[test]
fn a_day_starts_at_midnight() {
    let day = Day::parse("2026-11-23").unwrap();
    assert_eq!(day.start().to_string(), "2026-11-23T00:00:00.000Z");
    assert_eq!(day.start().day(), day);
    assert_eq!(
        Day::parse("1900-01-01").unwrap().start(),
        Timestamp::from_unix_ms(0)
    );
}

#[test]
fn ids_go_up_when_the_clock_stands_still_or_is_set_back() {
    for entropy in [0, u64::MAX, 0x0123_4567_89ab_cdef] {
        let source = source(
            vec![5_000, 5_000, 5_001, 1_000, 1_000, 6_000, 2],
            Fixed(entropy),
        );
        let ids: Vec<_> = (0..2_000).map(|_| source.next()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        let times = ids.iter().map(|id| time_of_uuid(*id).unwrap());
        assert!(times.clone().all(|it| it.unix_ms() >= 5_000));
        assert_eq!(times.max().unwrap().unix_ms() / 10, 600);
    }
}

#[test]
fn ids_of_another_version_have_no_time() {
    let random = uuid::Uuid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cdef);
    assert!(time_of_uuid(random).is_err());
    assert!(time_of_uuid(uuid::Uuid::nil()).is_err());
}

#[test]
fn a_thread_key_has_seconds_six_digits_and_ten_hex_digits() {
    let now = Timestamp::from_unix_ms(1_753_548_641_999);
    let key = ThreadKey::new(now, &Fixed(999_999));
    assert_eq!(key.as_str(), "1753548641-999999-0000000000");
    let longest = ThreadKey::new(Timestamp::MAX, &Fixed(u64::MAX));
    assert!(longest.as_str().len() <= ThreadKey::MAX_BYTES);
    assert_eq!(ThreadKey::parse(longest.as_str()), Ok(longest));
}

#[test]
fn what_is_no_thread_key_is_refused() {
    assert!(ThreadKey::parse("1753548641-123456-abc123def4").is_ok());
    for bad in [
        "",
        "-123456-abc123def4",
        "1753548641-12345-abc123def4",
        "1753548641-123456-abc123def",
        "1753548641-123456-abc123defg",
        "1753548641-123456-abc123def4-",
        "x753548641-123456-abc123def4",
        "1753548641 123456 abc123def4",
        "1753548641-123456-abc123def4\n",
        "000000000000000000001753548641-123456-abc123def4",
    ] {
        assert!(ThreadKey::parse(bad).is_err(), "{bad} was taken");
    }
}

#[test]
fn a_batch_has_one_to_a_thousand_items() {
    assert_eq!(Batch::<u8>::new(vec![]), Err(BatchSizeError::Empty));
    assert_eq!(Batch::new(vec![0; 1_001]), Err(BatchSizeError::TooLong));
    assert_eq!(Batch::new(vec![0; 1_000]).unwrap().len(), 1_000);
    assert_eq!(Batch::one(7).into_vec(), [7]);
}

#[test]
fn a_secret_is_not_shown() {
    let secret = Secret::new("hunter2".to_owned());
    assert_eq!(
        format!("{secret:?} {:?}", Some(&secret)),
        "[secret] Some([secret])"
    );
    assert_eq!(secret.expose(), "hunter2");
}

#[test]
fn what_differs_in_case_only_is_one() {
    for (a, b) in [
        ("ADA", "ada"),
        ("ÉLAN", "élan"),
        ("ΟΔΟΣ", "οδος"),
        ("ΟΔΟΣ", "οδοσ"),
        ("ЖУК", "жук"),
        ("ẞ", "ß"),
    ] {
        assert_eq!(lower_case(a), lower_case(b));
    }
    for (a, b) in [("é", "e"), ("ß", "ss"), ("jо", "jo"), ("ı", "i")] {
        assert_ne!(lower_case(a), lower_case(b));
    }
}

proptest! {
    #[test]
    fn the_time_of_an_id_comes_back(ms in 0..=Timestamp::MAX.unix_ms(), random: u128) {
        let id = uuid_at(Timestamp::from_unix_ms(ms), random);
        prop_assert_eq!(time_of_uuid(id).unwrap().unix_ms(), ms);
        prop_assert_eq!(id.get_version_num(), 7);
        prop_assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
    }

    #[test]
    fn ids_order_by_time_first(a in 0_u64..1 << 47, b in 0_u64..1 << 47, x: u128, y: u128) {
        prop_assume!(a < b);
        let (early, late) = (Timestamp::from_unix_ms(a), Timestamp::from_unix_ms(b));
        prop_assert!(early == late || uuid_at(early, x) < uuid_at(late, y));
    }

    #[test]
    fn ids_go_up_whatever_the_clock_does(moments in prop::collection::vec(0_u64..10_000, 1..200)) {
        let count = moments.len();
        let source = source(moments, Counted(AtomicU64::new(1)));
        let ids: Vec<_> = (0..count).map(|_| source.next()).collect();
        prop_assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn moments_survive_calendar_types(ms in 0..=Timestamp::MAX.unix_ms()) {
        let moment = Timestamp::from_unix_ms(ms);
        prop_assert_eq!(Timestamp::from_date_time(moment.date_time()), Ok(moment));
        prop_assert_eq!(Day::parse(&moment.to_string()[..10]), Ok(moment.day()));
    }

    #[test]
    fn thread_keys_are_read_back(ms in 0..=Timestamp::MAX.unix_ms(), random: u64) {
        let key = ThreadKey::new(Timestamp::from_unix_ms(ms), &Fixed(random));
        prop_assert_eq!(ThreadKey::parse(key.as_str()), Ok(key));
    }

    #[test]
    fn any_text_is_read_as_a_thread_key_or_a_day_without_panic(text in ".{0,50}") {
        if let Ok(key) = ThreadKey::parse(&text) {
            prop_assert_eq!(key.as_str(), text.as_str());
        }
        if let Ok(day) = Day::parse(&text) {
            prop_assert_eq!(day.to_string(), text);
        }
    }

    #[test]
    fn splitting_loses_nothing_and_keeps_the_order(len in 0_usize..3_500) {
        let batches = Batch::split((0..len).collect());
        prop_assert!(batches.iter().all(|it| (1..=1_000).contains(&it.len())));
        prop_assert_eq!(batches.len(), len.div_ceil(1_000));
        let back: Vec<usize> = batches.into_iter().flat_map(Batch::into_vec).collect();
        prop_assert_eq!(back, (0..len).collect::<Vec<_>>());
    }

    #[test]
    fn lower_case_is_stable_and_blind_to_case(text in "\\PC{0,20}") {
        let lower = lower_case(&text);
        prop_assert_eq!(&lower_case(&lower), &lower);
    }
    #[test]
    fn days_and_moments_are_what_a_calendar_library_makes_of_them(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]", ms in 0..=Timestamp::MAX.unix_ms()) {
        let day = time::Date::parse(&text, DAY).ok();
        prop_assert_eq!(Day::parse(&text).ok(), day.map(Day::from_date));
        let moment = Timestamp::from_unix_ms(ms);
        let known = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
        prop_assert_eq!(moment.date_time().assume_utc(), known.unwrap());
        prop_assert_eq!(moment.to_string(), moment.date_time().format(MOMENT).unwrap());
        prop_assert_eq!(moment.day().to_string(), moment.date_time().format(DAY).unwrap());
    }

    #[test]
    fn rules_of_texts_are_those_of_their_characters(text in "([ -~]|\\p{Cc}|[\u{7e}-\u{a1}é漢])*", most in 0_usize..40) {
        prop_assert_eq!(trimmed(&text), text.trim());
        prop_assert_eq!(has_control(&text), text.chars().any(char::is_control));
        prop_assert_eq!(is_longer(&text, most), text.chars().count() > most);
    }
}

const DAY: &[BorrowedFormatItem<'static>] =
    format_description!(version = 2, "[year repr:full range:standard]-[month]-[day]");
const MOMENT: &[BorrowedFormatItem<'static>] = format_description!(
    version = 2,
    "[year repr:full range:standard]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
);
