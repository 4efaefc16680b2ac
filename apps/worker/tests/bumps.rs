//! How often a worker bumps a cache that others share.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may fail loudly")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lead::ports::{LeadCache, Load, ReadKey, StoreError};
use skynet_worker::SpacedBumps;
use tokio::time::{Instant, advance, sleep};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_millis(200);

#[derive(Default)]
struct Counting(AtomicU64);

impl Counting {
    fn bumps(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl LeadCache for Counting {
    async fn read(&self, _: &ReadKey, load: Load<'_>) -> Result<Option<Arc<[u8]>>, StoreError> {
        load.await
    }

    async fn bump(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    async fn clear(&self) {}
}

fn spaced() -> (Arc<Counting>, Arc<SpacedBumps>) {
    let counting = Arc::new(Counting::default());
    let inner: Arc<dyn LeadCache> = counting.clone();
    (counting, Arc::new(SpacedBumps::new(inner, EVERY)))
}

#[tokio::test(start_paused = true)]
async fn a_lone_bump_is_passed_on_at_once() {
    let (counting, spaced) = spaced();

    spaced.bump().await;
    assert_eq!(counting.bumps(), 1);
    advance(EVERY).await;
    spaced.bump().await;

    assert_eq!(counting.bumps(), 2);
}

#[tokio::test(start_paused = true)]
async fn of_many_bumps_few_are_passed_on_and_the_last_one_is_no_later_than_the_space() {
    let (counting, spaced) = spaced();
    let stop = CancellationToken::new();
    let (passing, stopped) = (Arc::clone(&spaced), stop.clone());
    let passing = tokio::spawn(async move { passing.pass_on(&stopped).await });

    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        spaced.bump().await;
        sleep(Duration::from_millis(1)).await;
    }
    let meanwhile = counting.bumps();
    assert!((10..=11).contains(&meanwhile), "{meanwhile}");
    sleep(EVERY + Duration::from_millis(2)).await;

    assert_eq!(counting.bumps(), meanwhile + 1);
    sleep(EVERY * 10).await;
    assert_eq!(counting.bumps(), meanwhile + 1);
    stop.cancel();
    passing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_postponed_when_the_worker_ends_is_passed_on() {
    let (counting, spaced) = spaced();
    let stop = CancellationToken::new();
    spaced.bump().await;
    spaced.bump().await;
    assert_eq!(counting.bumps(), 1);

    stop.cancel();
    spaced.pass_on(&stop).await;

    assert_eq!(counting.bumps(), 2);
}
