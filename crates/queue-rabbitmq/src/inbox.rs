//! What the broker handed over, until callers have taken it and said what became of it.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use lead::ports::{Delivery, DeliveryTag, ReceiveAsk, Undecodable};
use lead::{Lane, Message};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::message::Label;

/// Messages of the work lane that a process holds, waiting or in hand: a message has at most about
/// 1 MiB, and mostly some KiB.
pub(crate) const PREFETCH: u16 = 48;
/// The longest that a call waits for messages, whatever it asks for.
const WAIT_MAX: Duration = Duration::from_hours(1);
/// How long telling the broker may take; it does not answer, so this is the socket alone.
const TELL_TIMEOUT: Duration = Duration::from_secs(2);

/// A channel that brings messages of one lane.
pub(crate) struct Source {
    pub(crate) channel: Channel,
    pub(crate) lane: Lane,
    /// What the broker waits to hear of, by its own tags. Whoever holds it may speak to the broker,
    /// which hears everything in the order in which it was taken from here.
    unsettled: tokio::sync::Mutex<BTreeSet<u64>>,
}

impl Source {
    pub(crate) fn new(channel: Channel, lane: Lane) -> Self {
        Self {
            channel,
            lane,
            unsettled: tokio::sync::Mutex::default(),
        }
    }

    /// Acknowledges all of `done`: those up to which nothing else is unsettled in one word. What
    /// was settled before is left out, since a broker closes a channel that settles twice.
    pub(crate) async fn acknowledge(&self, done: &BTreeSet<u64>) {
        let mut unsettled = self.unsettled.lock().await;
        let done: BTreeSet<u64> = done.intersection(&unsettled).copied().collect();
        let prefix = unsettled.iter().take_while(|it| done.contains(it)).last();
        let prefix = prefix.copied().unwrap_or_default();
        unsettled.retain(|it| !done.contains(it));
        let several = (prefix > 0).then_some((prefix, true));
        let single = done
            .iter()
            .filter(|it| **it > prefix)
            .map(|it| (*it, false));
        for (tag, multiple) in several.into_iter().chain(single) {
            let told = self.channel.basic_ack(tag, BasicAckOptions { multiple });
            if !is_told(timeout(TELL_TIMEOUT, told).await) {
                return;
            }
        }
    }

    /// Gives back all of `returned`. What the broker was not told stays unsettled, so that no
    /// acknowledgement of several covers it.
    pub(crate) async fn give_back(&self, returned: &BTreeSet<u64>) {
        let mut unsettled = self.unsettled.lock().await;
        let returned: BTreeSet<u64> = returned.intersection(&unsettled).copied().collect();
        for tag in returned {
            let options = BasicNackOptions {
                multiple: false,
                requeue: true,
            };
            let told = self.channel.basic_nack(tag, options);
            if !is_told(timeout(TELL_TIMEOUT, told).await) {
                return;
            }
            unsettled.remove(&tag);
        }
    }
}

/// A broker that cannot be told has lost the connection, or is about to: it hands everything out
/// again, and whoever settled may take it for done.
fn is_told(result: Result<lapin::Result<()>, tokio::time::error::Elapsed>) -> bool {
    match result {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::debug!(%error, "deliveries come again");
            false
        }
        Err(_) => {
            tracing::debug!("deliveries come again, the broker could not be told in time");
            false
        }
    }
}

/// A message that nobody has taken yet.
struct Waiting {
    source: Arc<Source>,
    broker_tag: u64,
    label: Label,
    body: Vec<u8>,
}

/// A message in somebody's hands.
#[derive(Clone)]
pub(crate) struct InHand {
    pub(crate) source: Arc<Source>,
    pub(crate) broker_tag: u64,
}

/// Shared by the connection that fills it and the callers that empty it.
pub(crate) struct Inbox {
    inner: Mutex<Inner>,
    news: watch::Sender<()>,
    /// Somebody asked for messages, so that it is worth fetching some.
    asked: watch::Sender<bool>,
}

/// How it stands with the connection that fills the inbox.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Link {
    /// The first one is under way, and nothing says that it will fail.
    #[default]
    Coming,
    There,
    Gone,
}

#[derive(Default)]
struct Inner {
    link: Link,
    work: VecDeque<Waiting>,
    suspects: VecDeque<Waiting>,
    /// By tags that are never used twice, so that none means a message of another connection.
    in_hand: HashMap<DeliveryTag, InHand>,
    last_tag: u64,
    suspect_next: bool,
}

/// What a caller would get now.
#[derive(PartialEq, Eq)]
enum Look {
    Nothing,
    Some,
    Enough,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::default(),
            news: watch::Sender::new(()),
            asked: watch::Sender::new(false),
        }
    }

    /// Waits until somebody asks for messages for the first time.
    pub(crate) async fn until_asked(&self) {
        let mut asked = self.asked.subscribe();
        // The sender lives as long as this.
        let _ = asked.wait_for(|it| *it).await;
    }

    pub(crate) fn open(&self) {
        self.lock().link = Link::There;
    }

    /// Forgets everything, since its connection is gone or none was to be had: it comes again.
    pub(crate) fn close(&self) {
        let forgotten = {
            let mut inner = self.lock();
            inner.link = Link::Gone;
            let waiting = (mem::take(&mut inner.work), mem::take(&mut inner.suspects));
            (waiting, mem::take(&mut inner.in_hand))
        };
        drop(forgotten);
        self.news.send_replace(());
    }

    /// Takes a delivery of the broker in.
    pub(crate) async fn put(&self, source: &Arc<Source>, delivery: lapin::message::Delivery) {
        source.unsettled.lock().await.insert(delivery.delivery_tag);
        let waiting = Waiting {
            source: Arc::clone(source),
            broker_tag: delivery.delivery_tag,
            label: Label::of(&delivery),
            body: delivery.data,
        };
        let mut inner = self.lock();
        match source.lane {
            Lane::Work => inner.work.push_back(waiting),
            Lane::Suspect => inner.suspects.push_back(waiting),
        }
        drop(inner);
        self.news.send_replace(());
    }

    /// Messages that are no longer in the broker's queue and not in anybody's hands.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.work.len(), inner.suspects.len())
    }

    /// What the port promises of receiving; none when the connection is gone.
    pub(crate) async fn receive(&self, ask: ReceiveAsk) -> Option<Vec<Delivery>> {
        self.asked.send_if_modified(|it| !mem::replace(it, true));
        let max_leads = usize::from(ask.max_leads.max(1));
        let give_up_at = Instant::now() + ask.wait.min(WAIT_MAX);
        let mut linger_until = None;
        let mut news = self.news.subscribe();
        loop {
            // Seen before the look, so that what comes in during it is not missed.
            news.borrow_and_update();
            let now = Instant::now();
            let (look, link) = {
                let inner = self.lock();
                (inner.look(max_leads), inner.link)
            };
            let until = match look {
                Look::Enough => now,
                Look::Some => *linger_until.get_or_insert(now + ask.linger.min(WAIT_MAX)),
                Look::Nothing => {
                    linger_until = None;
                    give_up_at
                }
            };
            if now >= until {
                let taken = self.take(max_leads);
                if !taken.is_empty() || look == Look::Nothing {
                    return (link != Link::Gone || !taken.is_empty()).then_some(taken);
                }
                // Somebody else was faster.
                continue;
            }
            // Nothing is taken while waiting, so that nothing is lost when this is dropped. That
            // the time is up shows in the next look.
            let _ = timeout_at(until, news.changed()).await;
        }
    }

    /// Hands out what there is, up to so many leads.
    fn take(&self, max_leads: usize) -> Vec<Delivery> {
        let picked = self.lock().pick(max_leads);
        let mut leads = 0;
        let mut read = Vec::with_capacity(picked.len());
        let mut picked = picked.into_iter();
        for waiting in picked.by_ref() {
            let payload = decode(&waiting);
            let more = payload.as_ref().map_or(1, Message::lead_count).max(1);
            // What a message says of itself is believed no further than this.
            if !read.is_empty() && leads + more > max_leads {
                self.lock().put_back(waiting);
                break;
            }
            leads += more;
            read.push((waiting, payload));
        }
        let mut inner = self.lock();
        for waiting in picked.rev() {
            inner.put_back(waiting);
        }
        read.into_iter()
            .map(|(waiting, payload)| inner.hand_out(&waiting, payload))
            .collect()
    }

    /// The messages behind these tags, and nothing for those of a connection that is gone.
    pub(crate) fn in_hand(&self, tag: DeliveryTag) -> Option<InHand> {
        self.lock().in_hand.get(&tag).cloned()
    }

    /// It is settled: nobody may settle it again.
    pub(crate) fn settled(&self, tag: DeliveryTag) {
        self.lock().in_hand.remove(&tag);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn look(&self, max_leads: usize) -> Look {
        if self.is_suspects_turn() {
            return Look::Enough;
        }
        let mut leads = 0;
        for waiting in &self.work {
            leads += waiting.label.leads.max(1);
            if leads >= max_leads {
                return Look::Enough;
            }
        }
        if self.work.is_empty() {
            return Look::Nothing;
        }
        let held = self
            .in_hand
            .values()
            .filter(|it| it.source.lane == Lane::Work);
        // The broker sends no more before something is settled.
        if self.work.len() + held.count() >= usize::from(PREFETCH) {
            return Look::Enough;
        }
        Look::Some
    }

    /// Suspects and other work take turns where both wait.
    fn is_suspects_turn(&self) -> bool {
        !self.suspects.is_empty() && (self.suspect_next || self.work.is_empty())
    }

    fn pick(&mut self, max_leads: usize) -> Vec<Waiting> {
        if self.is_suspects_turn() {
            self.suspect_next = false;
            return self.suspects.pop_front().into_iter().collect();
        }
        self.suspect_next = true;
        let mut leads = 0;
        let mut picked = Vec::new();
        while let Some(next) = self.work.front() {
            leads += next.label.leads.max(1);
            if leads > max_leads && !picked.is_empty() {
                break;
            }
            picked.extend(self.work.pop_front());
        }
        picked
    }

    /// Back to where it was; nowhere when its connection is gone meanwhile.
    fn put_back(&mut self, waiting: Waiting) {
        if self.link == Link::There {
            self.work.push_front(waiting);
        }
    }

    fn hand_out(&mut self, waiting: &Waiting, payload: Result<Message, Undecodable>) -> Delivery {
        self.last_tag += 1;
        let tag = DeliveryTag(self.last_tag);
        if self.link == Link::There {
            let in_hand = InHand {
                source: Arc::clone(&waiting.source),
                broker_tag: waiting.broker_tag,
            };
            self.in_hand.insert(tag, in_hand);
        }
        Delivery {
            tag,
            payload,
            redeliveries: waiting.label.redeliveries,
            lane: waiting.source.lane,
        }
    }
}

fn decode(waiting: &Waiting) -> Result<Message, Undecodable> {
    match queue_codec::decode(&waiting.body) {
        Ok(mut message) => {
            message.attempt = waiting.label.attempt.unwrap_or(message.attempt);
            Ok(message)
        }
        Err(error) => {
            tracing::warn!(%error, bytes = waiting.body.len(), "message cannot be read");
            let mut bytes = waiting.body.clone();
            bytes.truncate(Message::MAX_BYTES);
            Err(Undecodable { bytes })
        }
    }
}
