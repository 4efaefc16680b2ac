//! The leads queue: one place that survives its consumers.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kernel::{Batch, Cause, Clock, Timestamp};
use lead::ports::{
    Delivery, DeliveryTag, LeadConsumer, LeadPublisher, QueueDepth, QueueError, QueueMonitor,
    ReceiveAsk, Settled, Settlement, Undecodable,
};
use lead::{Lane, Message, RetryPolicy};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Away, lock};

/// How often a consumer looks whether the clock made a delayed message ready.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The publisher, the monitor, and the source of consumers.
pub struct MemoryQueue {
    clock: Arc<dyn Clock>,
    policy: RetryPolicy,
    state: Mutex<State>,
    changed: Notify,
    away: AtomicBool,
}

#[derive(Default)]
struct State {
    next: u64,
    consumers: u64,
    /// By arrival.
    waiting: BTreeMap<u64, Entry>,
    /// By tag; with the consumer that holds it.
    in_hand: HashMap<u64, (u64, Entry)>,
}

#[derive(Clone)]
struct Entry {
    payload: Result<Message, Undecodable>,
    lane: Lane,
    redeliveries: u32,
    ready_at: Timestamp,
}

impl Entry {
    fn lead_count(&self) -> usize {
        self.payload.as_ref().map_or(0, Message::lead_count)
    }
}

impl MemoryQueue {
    /// An empty queue. Delays are measured by `clock`; [`ReceiveAsk::wait`] and
    /// [`ReceiveAsk::linger`] are not.
    pub fn new(clock: Arc<dyn Clock>, policy: RetryPolicy) -> Self {
        Self {
            clock,
            policy,
            state: Mutex::default(),
            changed: Notify::new(),
            away: AtomicBool::new(false),
        }
    }

    /// Another consumer. What it holds when it is dropped is handed out again.
    pub fn consumer(self: &Arc<Self>) -> MemoryConsumer {
        let mut state = lock(&self.state);
        state.next += 1;
        state.consumers += 1;
        MemoryConsumer {
            id: state.next,
            queue: Arc::clone(self),
        }
    }

    /// Puts bytes in that are no message.
    pub fn inject(&self, bytes: Vec<u8>) {
        self.put(vec![Entry {
            payload: Err(Undecodable { bytes }),
            lane: Lane::Work,
            redeliveries: 0,
            ready_at: self.clock.now(),
        }]);
    }

    /// From now on every call is [`QueueError::Unavailable`], or no longer.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    fn check(&self) -> Result<(), QueueError> {
        if self.away.load(Ordering::SeqCst) {
            Err(QueueError::Unavailable(Cause::new(Away)))
        } else {
            Ok(())
        }
    }

    fn put(&self, entries: Vec<Entry>) {
        lock(&self.state).put(entries);
        self.changed.notify_waiters();
    }

    fn entries(&self, messages: Batch<Message>, lane: Lane) -> Vec<Entry> {
        let now = self.clock.now();
        let entry = |message: Message| {
            let delay = match lane {
                Lane::Work => self.policy.delay_before(message.attempt),
                Lane::Suspect => None,
            };
            Entry {
                ready_at: now.plus(delay.unwrap_or_default()),
                payload: Ok(message),
                lane,
                redeliveries: 0,
            }
        };
        messages.into_vec().into_iter().map(entry).collect()
    }
}

impl State {
    fn put(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            self.next += 1;
            self.waiting.insert(self.next, entry);
        }
    }

    /// What one `receive` would be given now, and whether it can grow no more.
    fn next_for(&self, max_leads: u16, now: Timestamp) -> (Vec<u64>, bool) {
        let (mut keys, mut leads) = (Vec::new(), 0);
        let ready = self.waiting.iter().filter(|(_, it)| it.ready_at <= now);
        for (key, entry) in ready {
            if entry.lane == Lane::Suspect {
                if keys.is_empty() {
                    keys.push(*key);
                }
                return (keys, true);
            }
            if !keys.is_empty() && leads + entry.lead_count() > usize::from(max_leads) {
                return (keys, true);
            }
            leads += entry.lead_count();
            keys.push(*key);
        }
        (keys, leads >= usize::from(max_leads))
    }
}

#[async_trait]
impl LeadPublisher for MemoryQueue {
    async fn publish(&self, messages: &Batch<Message>) -> Result<(), QueueError> {
        self.check()?;
        if messages
            .iter()
            .any(|it| it.lead_count() > Message::MAX_LEADS)
        {
            return Err(QueueError::TooLarge);
        }
        let now = self.clock.now();
        let entry = |message: &Message| Entry {
            payload: Ok(message.clone()),
            lane: Lane::Work,
            redeliveries: 0,
            ready_at: now,
        };
        self.put(messages.iter().map(entry).collect());
        Ok(())
    }
}

#[async_trait]
impl QueueMonitor for MemoryQueue {
    async fn depths(&self) -> Result<Vec<QueueDepth>, QueueError> {
        self.check()?;
        let state = lock(&self.state);
        let depth = |name: &str, lane: Lane| QueueDepth {
            name: name.to_owned(),
            ready: state.waiting.values().filter(|it| it.lane == lane).count() as u64,
            in_flight: Some(
                state
                    .in_hand
                    .values()
                    .filter(|(_, it)| it.lane == lane)
                    .count() as u64,
            ),
            consumers: state.consumers,
        };
        Ok(vec![
            depth("leads.work", Lane::Work),
            depth("leads.suspect", Lane::Suspect),
        ])
    }
}

/// One worker's hands.
pub struct MemoryConsumer {
    id: u64,
    queue: Arc<MemoryQueue>,
}

impl MemoryConsumer {
    /// Dies with what it holds, which is handed out again; then it starts anew.
    pub fn crash(&self) {
        let mut state = lock(&self.queue.state);
        let held = state
            .in_hand
            .extract_if(|_, (holder, _)| *holder == self.id)
            .collect::<BTreeMap<_, _>>();
        let again = held.into_values().map(|(_, entry)| Entry {
            redeliveries: entry.redeliveries + 1,
            ..entry
        });
        state.put(again.collect());
        drop(state);
        self.queue.changed.notify_waiters();
    }

    /// Waits until something is ready to be handed out, or `until`.
    async fn something_new(&self, until: Instant) {
        let look_at = until.min(Instant::now() + LOOK_EVERY);
        let changed = self.queue.changed.notified();
        let _ = tokio::time::timeout_at(look_at, changed).await;
    }
}

impl Drop for MemoryConsumer {
    fn drop(&mut self) {
        self.crash();
        lock(&self.queue.state).consumers -= 1;
    }
}

#[async_trait]
impl LeadConsumer for MemoryConsumer {
    async fn receive(&self, ask: ReceiveAsk) -> Result<Vec<Delivery>, QueueError> {
        let give_up_at = Instant::now() + ask.wait;
        let mut linger_until = None;
        loop {
            self.queue.check()?;
            let until = {
                let mut state = lock(&self.queue.state);
                let (keys, full) = state.next_for(ask.max_leads, self.queue.clock.now());
                let now = Instant::now();
                if keys.is_empty() {
                    if now >= give_up_at {
                        return Ok(Vec::new());
                    }
                    give_up_at
                } else {
                    let until = *linger_until.get_or_insert(now + ask.linger);
                    if full || now >= until {
                        return Ok(state.hand_out(&keys, self.id));
                    }
                    until
                }
            };
            self.something_new(until).await;
        }
    }

    async fn settle(&self, settled: Vec<Settled>) -> Result<(), QueueError> {
        self.queue.check()?;
        let mut state = lock(&self.queue.state);
        for Settled { tag, settlement } in settled {
            // What was handed out again meanwhile is no longer this consumer's to settle.
            let Some((_, entry)) = state.in_hand.remove(&tag.0) else {
                continue;
            };
            state.put(match settlement {
                Settlement::Done => Vec::new(),
                Settlement::Return => vec![entry],
                Settlement::Retry(messages) => self.queue.entries(messages, Lane::Work),
                Settlement::Isolate(messages) => self.queue.entries(messages, Lane::Suspect),
            });
        }
        drop(state);
        self.queue.changed.notify_waiters();
        Ok(())
    }
}

impl State {
    fn hand_out(&mut self, keys: &[u64], consumer: u64) -> Vec<Delivery> {
        let mut deliveries = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(entry) = self.waiting.remove(key) else {
                continue;
            };
            self.next += 1;
            deliveries.push(Delivery {
                tag: DeliveryTag(self.next),
                payload: entry.payload.clone(),
                redeliveries: entry.redeliveries,
                lane: entry.lane,
            });
            self.in_hand.insert(self.next, (consumer, entry));
        }
        deliveries
    }
}
