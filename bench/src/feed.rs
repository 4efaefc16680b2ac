//! Sends requests until every lead of them is stored, and tells what that took.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::sleep;

use crate::counter::{Counter, Kept};
use crate::http::Connection;
use crate::latency::Latency;
use crate::proc::{Memory, Role, Watched};
use crate::{Failure, machine};

/// How often the store is asked how much it holds.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What a plotted point of a rate covers.
const POINT: Duration = Duration::from_millis(500);
/// How long a client rests that was told to come again, or that waits for the store.
const REST: Duration = Duration::from_millis(2);
const REST_WHEN_REFUSED: Duration = Duration::from_millis(50);
/// A store that takes nothing more for so long has lost leads.
const STILL_MAX: Duration = Duration::from_mins(1);

/// What to send, and how.
pub(crate) struct Feed<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) requests: &'a [Bytes],
    pub(crate) leads_a_request: u64,
    pub(crate) connections: usize,
    /// Leads that may be accepted and not yet stored; more are held back, so that a round shows a
    /// steady state and no growing queue.
    pub(crate) backlog_max: u64,
    /// Leads a second at most.
    pub(crate) pace: Option<f64>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub(crate) struct Fed {
    pub(crate) accepted: u64,
    pub(crate) duplicate: u64,
    /// Requests that were told to come again.
    pub(crate) refused: u64,
    /// Until the last answer.
    pub(crate) answered: Duration,
    /// Until the last lead was stored.
    pub(crate) stored: Duration,
    pub(crate) latency: Option<Latency>,
    pub(crate) cpu: Vec<(Role, Duration)>,
    /// The most that was seen while it ran, and the peak of the process.
    pub(crate) memory: Vec<(Role, Memory)>,
    /// Seconds since the beginning, and leads stored a second.
    pub(crate) rates: Vec<(f64, f64)>,
    pub(crate) load: f64,
}

impl Fed {
    pub(crate) fn rate(&self) -> f64 {
        self.accepted as f64 / self.stored.as_secs_f64()
    }
}

/// What the senders of a feed share.
struct Shared<'a> {
    feed: &'a Feed<'a>,
    next: AtomicUsize,
    /// Leads whose requests have begun.
    sent: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    /// Leads of this feed that the store has settled.
    settled: AtomicU64,
    is_sending: AtomicBool,
    began: Instant,
}

impl Feed<'_> {
    /// Sends everything, and waits until it is stored.
    pub(crate) async fn run(
        &self,
        counter: &mut Counter,
        watched: &Watched,
    ) -> Result<Fed, Failure> {
        let before = counter.kept().await?;
        let clock = watched.start()?;
        let shared = Shared {
            feed: self,
            next: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            is_sending: AtomicBool::new(true),
            began: Instant::now(),
        };
        let sending = async {
            let senders = (0..self.connections).map(|_| shared.send());
            let times = futures_util::future::try_join_all(senders).await?;
            shared.is_sending.store(false, Ordering::Relaxed);
            Ok::<_, Failure>((times.concat(), shared.began.elapsed()))
        };
        let looking = shared.look(counter, before, watched);
        let ((times, answered), seen) = tokio::try_join!(sending, looking)?;
        Ok(Fed {
            accepted: shared.accepted.load(Ordering::Relaxed),
            duplicate: seen.kept.duplicate - before.duplicate,
            refused: shared.refused.load(Ordering::Relaxed),
            answered,
            stored: seen.after,
            latency: Latency::of(times),
            cpu: clock.stop()?,
            memory: seen.memory,
            rates: seen.rates,
            load: machine::load(),
        })
    }
}

/// What was seen in the store.
struct Seen {
    kept: Kept,
    after: Duration,
    memory: Vec<(Role, Memory)>,
    rates: Vec<(f64, f64)>,
}

impl Shared<'_> {
    /// Sends requests over one connection until none is left.
    async fn send(&self) -> Result<Vec<Duration>, Failure> {
        let feed = self.feed;
        let mut connection = Connection::new(feed.address);
        let mut times = Vec::with_capacity(feed.requests.len() / feed.connections + 1);
        while let Some(request) = feed.requests.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            self.wait_for_turn().await;
            loop {
                let asked = Instant::now();
                let answer = connection.exchange(request).await?;
                match answer.status {
                    201 | 202 => {
                        times.push(asked.elapsed());
                        let accepted = match feed.leads_a_request {
                            1 => 1,
                            _ => number_after(answer.body, b"\"accepted\":")
                                .ok_or("a bulk answer tells no number of accepted leads")?,
                        };
                        self.accepted.fetch_add(accepted, Ordering::Relaxed);
                        break;
                    }
                    429 | 503 => {
                        self.refused.fetch_add(1, Ordering::Relaxed);
                        sleep(REST_WHEN_REFUSED).await;
                    }
                    status => {
                        let body = String::from_utf8_lossy(answer.body);
                        return Err(format!("the API answers {status}: {body}").into());
                    }
                }
            }
        }
        Ok(times)
    }

    /// Waits until the pace allows another request and the store has caught up.
    async fn wait_for_turn(&self) {
        let feed = self.feed;
        let sent = self.sent.fetch_add(feed.leads_a_request, Ordering::Relaxed);
        if let Some(pace) = feed.pace {
            let due = self.began + Duration::from_secs_f64(sent as f64 / pace);
            tokio::time::sleep_until(due.into()).await;
        }
        while sent.saturating_sub(self.settled.load(Ordering::Relaxed)) > feed.backlog_max {
            sleep(REST).await;
        }
    }

    /// Looks at the store until it has settled all that was accepted.
    async fn look(
        &self,
        counter: &mut Counter,
        before: Kept,
        watched: &Watched,
    ) -> Result<Seen, Failure> {
        let mut rates = Rates::default();
        let mut memory: Vec<(Role, Memory)> = Vec::new();
        let mut moved_at = Instant::now();
        loop {
            // In this order: what is accepted later is looked for in a later turn.
            let was_sending = self.is_sending.load(Ordering::Relaxed);
            let kept = counter.kept().await?;
            let after = self.began.elapsed();
            let settled = kept.settled() - before.settled();
            if self.settled.swap(settled, Ordering::Relaxed) != settled {
                moved_at = Instant::now();
            }
            if rates.add(after, kept.stored - before.stored) {
                for role in [Role::Api, Role::Worker] {
                    if let Some(now) = watched.memory(role) {
                        most(&mut memory, role, now);
                    }
                }
            }
            if !was_sending && settled >= self.accepted.load(Ordering::Relaxed) {
                return Ok(Seen {
                    kept,
                    after,
                    memory,
                    rates: rates.points,
                });
            }
            if moved_at.elapsed() > STILL_MAX {
                let accepted = self.accepted.load(Ordering::Relaxed);
                return Err(format!("{accepted} leads accepted, {settled} settled").into());
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Keeps the largest memory that a role was seen with.
fn most(memory: &mut Vec<(Role, Memory)>, role: Role, now: Memory) {
    match memory.iter_mut().find(|it| it.0 == role) {
        Some((_, most)) => {
            most.now_mib = most.now_mib.max(now.now_mib);
            most.peak_mib = most.peak_mib.max(now.peak_mib);
        }
        None => memory.push((role, now)),
    }
}

/// Rates from counts.
#[derive(Default)]
struct Rates {
    points: Vec<(f64, f64)>,
    from: (Duration, u64),
}

impl Rates {
    /// Adds a count, and says whether that made a point.
    fn add(&mut self, after: Duration, stored: u64) -> bool {
        let time = after.saturating_sub(self.from.0);
        if time < POINT {
            return false;
        }
        let rate = stored.saturating_sub(self.from.1) as f64 / time.as_secs_f64();
        self.points.push((after.as_secs_f64(), rate));
        self.from = (after, stored);
        true
    }
}

/// The number that follows `mark` in a text.
fn number_after(text: &[u8], mark: &[u8]) -> Option<u64> {
    let at = text.windows(mark.len()).position(|it| it == mark)?;
    let digits = &text[at + mark.len()..];
    let end = digits.iter().position(|it| !it.is_ascii_digit())?;
    str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_answer_tells_how_many_were_accepted() {
        let answer = br#"{"details":{"total_leads":100,"accepted":97,"rejected":3}}"#;
        assert_eq!(number_after(answer, b"\"accepted\":"), Some(97));
        assert_eq!(number_after(b"{}", b"\"accepted\":"), None);
    }
}
