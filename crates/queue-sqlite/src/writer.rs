//! The one thread that writes: it gathers what callers ask for while a transaction is being synced,
//! and does it in the next one.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lead::Lane;
use lead::ports::DeliveryTag;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use crate::file::{self, FileError, QueueFile, Row};

/// What one transaction takes in, at most and one request over it.
const GROUP_MAX_REQUESTS: usize = 1_024;
const GROUP_MAX_BYTES: usize = 8 * 1024 * 1024;

/// How often the file is looked after.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(1);

pub(crate) type Reply<T> = oneshot::Sender<Result<T, WriteError>>;

/// Something to do in the next transaction.
pub(crate) enum Request {
    Publish {
        rows: Vec<Row>,
        /// Of the bytes that may wait; given back when they are written.
        room: OwnedSemaphorePermit,
        reply: Reply<()>,
    },
    Settle {
        endings: Vec<(DeliveryTag, Ending)>,
        reply: Reply<()>,
    },
    Take {
        ask: Take,
        reply: Reply<Hand>,
    },
    Ping {
        reply: Reply<()>,
    },
}

/// What becomes of a message that was in hand.
pub(crate) enum Ending {
    PutBack,
    /// Nothing, when there are no rows.
    Replaced(Vec<Row>),
}

/// What to hand out.
#[derive(Clone, Copy)]
pub(crate) struct Take {
    pub(crate) max_leads: usize,
    /// Nothing is in hand yet: a suspect may come, and a message larger than asked for.
    pub(crate) is_first: bool,
}

/// Messages in hand. Dropped, they go back as if they had never been handed out.
pub(crate) struct Hand {
    pub(crate) taken: Vec<Taken>,
    pub(crate) leads: usize,
    pub(crate) is_full: bool,
    pub(crate) next_due_in: Option<Duration>,
    dropped: mpsc::UnboundedSender<Vec<DeliveryTag>>,
}

pub(crate) struct Taken {
    pub(crate) tag: DeliveryTag,
    pub(crate) lane: Lane,
    pub(crate) redeliveries: u32,
    pub(crate) body: Vec<u8>,
}

impl Hand {
    pub(crate) fn empty(dropped: mpsc::UnboundedSender<Vec<DeliveryTag>>) -> Self {
        Self {
            taken: Vec::new(),
            leads: 0,
            is_full: false,
            next_due_in: None,
            dropped,
        }
    }

    pub(crate) fn add(&mut self, mut more: Self) {
        self.taken.append(&mut more.taken);
        self.leads = self.leads.saturating_add(more.leads);
        self.is_full = more.is_full;
        self.next_due_in = more.next_due_in;
    }

    pub(crate) fn into_taken(mut self) -> Vec<Taken> {
        std::mem::take(&mut self.taken)
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        if !self.taken.is_empty() {
            // Without a writer the file is closed, and opening it puts them back.
            let _ = self
                .dropped
                .send(self.taken.iter().map(|it| it.tag).collect());
        }
    }
}

/// Why a transaction failed; every caller in it is told.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("queue file failed")]
    Failed(#[source] Arc<FileError>),
    /// What is on the disk is unknown until the file is opened anew.
    #[error("queue file failed to sync and must be opened again")]
    SyncFailed,
}

pub(crate) struct Writer {
    pub(crate) file: QueueFile,
    pub(crate) connection: Option<Connection>,
    /// A consumer's; held for as long as this lives.
    pub(crate) lock: Option<File>,
    /// The longest that any message waits.
    pub(crate) longest_delay: Duration,
    pub(crate) changed: watch::Sender<()>,
    pub(crate) dropped: mpsc::UnboundedSender<Vec<DeliveryTag>>,
    held: HashMap<DeliveryTag, (i64, Lane)>,
    last_tag: u64,
    suspect_next: bool,
    sync_failed: bool,
}

/// The requests of one transaction, by what is done with them.
#[derive(Default)]
struct Group {
    rows: Vec<Row>,
    rooms: Vec<OwnedSemaphorePermit>,
    endings: Vec<(DeliveryTag, Ending)>,
    done: Vec<Reply<()>>,
    takes: Vec<(Take, Reply<Hand>)>,
    requests: usize,
    bytes: usize,
}

impl Group {
    fn add(&mut self, request: Request) {
        self.requests += 1;
        match request {
            Request::Publish { rows, room, reply } => {
                self.bytes += rows.iter().map(|row| row.body.len()).sum::<usize>();
                self.rows.extend(rows);
                self.rooms.push(room);
                self.done.push(reply);
            }
            Request::Settle { endings, reply } => {
                self.endings.extend(endings);
                self.done.push(reply);
            }
            Request::Take { ask, reply } => self.takes.push((ask, reply)),
            Request::Ping { reply } => self.done.push(reply),
        }
    }

    fn put_back(&mut self, tags: Vec<DeliveryTag>) {
        let endings = tags.into_iter().map(|tag| (tag, Ending::PutBack));
        self.endings.extend(endings);
    }

    fn has_room(&self) -> bool {
        self.requests < GROUP_MAX_REQUESTS && self.bytes < GROUP_MAX_BYTES
    }
}

/// What a transaction did, to be told when it is synced.
struct Done {
    ended: Vec<DeliveryTag>,
    /// Something became available.
    news: bool,
    hands: Vec<Hand>,
}

impl Writer {
    pub(crate) fn new(
        file: QueueFile,
        connection: Connection,
        lock: Option<File>,
        longest_delay: Duration,
        changed: watch::Sender<()>,
        dropped: mpsc::UnboundedSender<Vec<DeliveryTag>>,
    ) -> Self {
        Self {
            file,
            connection: Some(connection),
            lock,
            longest_delay,
            changed,
            dropped,
            held: HashMap::new(),
            last_tag: 0,
            suspect_next: false,
            sync_failed: false,
        }
    }

    /// Works until nobody can ask for anything any more.
    pub(crate) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut dropped: mpsc::UnboundedReceiver<Vec<DeliveryTag>>,
    ) {
        let mut housekeeping = tokio::time::interval(HOUSEKEEPING_EVERY);
        housekeeping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut open = true;
        while open {
            let mut group = Group::default();
            tokio::select! {
                request = requests.recv() => match request {
                    Some(request) => group.add(request),
                    None => open = false,
                },
                Some(tags) = dropped.recv() => group.put_back(tags),
                _ = housekeeping.tick() => {
                    self.keep_house();
                    continue;
                }
            }
            while let Ok(tags) = dropped.try_recv() {
                group.put_back(tags);
            }
            while group.has_room()
                && let Ok(request) = requests.try_recv()
            {
                group.add(request);
            }
            self.work(group);
        }
    }

    fn work(&mut self, mut group: Group) {
        // Nobody waits for these any more.
        group.takes.retain(|(_, reply)| !reply.is_closed());
        let asks: Vec<Take> = group.takes.iter().map(|(ask, _)| *ask).collect();
        match self.transact(group.rows, group.endings, &asks) {
            Ok(done) => {
                for tag in done.ended {
                    self.held.remove(&tag);
                }
                for ((_, reply), hand) in group.takes.into_iter().zip(done.hands) {
                    // A hand that cannot be given is dropped, which puts it back.
                    let _ = reply.send(Ok(hand));
                }
                for reply in group.done {
                    let _ = reply.send(Ok(()));
                }
                if done.news {
                    self.changed.send_replace(());
                }
            }
            Err(error) => {
                tracing::warn!(%error, "queue transaction failed");
                for (_, reply) in group.takes {
                    let _ = reply.send(Err(error.clone()));
                }
                for reply in group.done {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// One transaction. A connection that failed in any way is closed, which rolls back.
    fn transact(
        &mut self,
        rows: Vec<Row>,
        endings: Vec<(DeliveryTag, Ending)>,
        asks: &[Take],
    ) -> Result<Done, WriteError> {
        if self.sync_failed {
            return Err(WriteError::SyncFailed);
        }
        let last_tag = self.last_tag;
        self.try_to_transact(rows, endings, asks).map_err(|error| {
            self.held.retain(|tag, _| tag.0 <= last_tag);
            self.sync_failed |= error.is_sync_failure();
            WriteError::Failed(Arc::new(error))
        })
    }

    fn try_to_transact(
        &mut self,
        rows: Vec<Row>,
        endings: Vec<(DeliveryTag, Ending)>,
        asks: &[Take],
    ) -> Result<Done, FileError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.reconnect()?,
        };
        let done = file::in_transaction(&mut connection, |connection| {
            let mut done = self.put_in(connection, rows, endings)?;
            for ask in asks {
                done.hands.push(self.take(connection, *ask)?);
            }
            Ok(done)
        })?;
        self.connection = Some(connection);
        Ok(done)
    }

    /// A new connection. The answer to the last commit may be lost, and with it who holds what.
    fn reconnect(&self) -> Result<Connection, FileError> {
        let connection = self.file.connect()?;
        if self.lock.is_some() {
            let held: Vec<i64> = self.held.values().map(|(id, _)| *id).collect();
            file::forget_holders(&connection, &held)?;
        }
        Ok(connection)
    }

    fn put_in(
        &self,
        connection: &Connection,
        mut rows: Vec<Row>,
        endings: Vec<(DeliveryTag, Ending)>,
    ) -> Result<Done, FileError> {
        let mut ended = HashSet::with_capacity(endings.len());
        let (mut gone, mut back) = (Vec::new(), Vec::new());
        for (tag, ending) in endings {
            // A delivery is settled once; what is settled is no longer anybody's to settle.
            let Some((id, _)) = self.held.get(&tag).copied() else {
                continue;
            };
            if !ended.insert(tag) {
                continue;
            }
            match ending {
                Ending::PutBack => back.push(id),
                Ending::Replaced(replacements) => {
                    gone.push(id);
                    rows.extend(replacements);
                }
            }
        }
        let news = !rows.is_empty() || !back.is_empty();
        file::delete(connection, &gone)?;
        file::put_back(connection, &back)?;
        file::insert(connection, &rows)?;
        Ok(Done {
            ended: ended.into_iter().collect(),
            news,
            hands: Vec::new(),
        })
    }

    /// Suspects and other work take turns where both wait.
    fn take(&mut self, connection: &Connection, ask: Take) -> Result<Hand, FileError> {
        let mut hand = Hand::empty(self.dropped.clone());
        let now_ms = now_ms();
        let mut lanes = [Lane::Work, Lane::Suspect];
        if self.suspect_next {
            lanes.reverse();
        }
        for lane in lanes {
            let is_free = lane == Lane::Work || ask.is_first && !self.holds_a_suspect();
            if !is_free {
                continue;
            }
            let picked = file::pick(connection, lane, now_ms, ask.max_leads, ask.is_first)?;
            if !picked.ids.is_empty() {
                self.suspect_next = lane == Lane::Work;
                hand.leads = picked.leads;
                hand.is_full = picked.is_full;
                for handed in file::hand_out(connection, &picked.ids)? {
                    self.last_tag += 1;
                    let tag = DeliveryTag(self.last_tag);
                    self.held.insert(tag, (handed.id, lane));
                    hand.taken.push(Taken {
                        tag,
                        lane,
                        redeliveries: u32::try_from(handed.redeliveries).unwrap_or(u32::MAX),
                        body: handed.body,
                    });
                }
                return Ok(hand);
            }
            hand.is_full |= picked.is_full;
        }
        let next_due_ms = file::next_due_ms(connection, now_ms)?;
        hand.next_due_in = next_due_ms
            .map(|due_ms| Duration::from_millis(u64::try_from(due_ms - now_ms).unwrap_or(0)));
        Ok(hand)
    }

    /// One at a time, so that a crash counts against one only.
    fn holds_a_suspect(&self) -> bool {
        self.held.values().any(|(_, lane)| *lane == Lane::Suspect)
    }

    fn keep_house(&mut self) {
        let (Some(_), Some(connection)) = (&self.lock, &self.connection) else {
            return;
        };
        let longest_ms = i64::try_from(self.longest_delay.as_millis()).unwrap_or(i64::MAX);
        let moved = file::bring_forward(connection, now_ms(), longest_ms)
            .and_then(|moved| file::shrink(connection).map(|_| moved));
        match moved {
            Ok(0) => {}
            Ok(moved) => {
                tracing::info!(
                    messages = moved,
                    "clock was set back, waiting messages go now"
                );
                self.changed.send_replace(());
            }
            Err(error) => {
                tracing::warn!(%error, "queue housekeeping failed");
                self.sync_failed |= error.is_sync_failure();
                self.connection = None;
            }
        }
    }
}

/// Milliseconds since the epoch by the host's clock, which all processes share.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
