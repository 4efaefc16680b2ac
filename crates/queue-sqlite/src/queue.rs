//! The ports over the writer.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use kernel::{Batch, Cause, Probe};
use lead::ports::{
    Delivery, LeadConsumer, LeadPublisher, QueueDepth, QueueError, QueueMonitor, ReceiveAsk,
    Settled, Settlement, Undecodable,
};
use lead::{Lane, Message, RetryPolicy};
use rusqlite::Connection;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use crate::file::{self, FileError, QueueFile, Row, SCHEMA_VERSION};
use crate::writer::{Ending, Hand, Reply, Request, Take, Taken, Writer, now_ms};

/// Requests that wait for the writer.
const WAITING_MAX_REQUESTS: usize = 4_096;
/// Bytes of messages that wait for the writer, in KiB: 64 MiB.
const WAITING_MAX_KIB: usize = 64 * 1024;
/// How long a caller waits for room among those that wait.
const ROOM_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a probe waits for its transaction.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a consumer looks for messages of other processes.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The longest that a call waits for messages, whatever it asks for.
const WAIT_MAX: Duration = Duration::from_hours(1);
/// How long opening waits for a consumer that is about to end.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
const LOCK_RETRY_EVERY: Duration = Duration::from_millis(10);
/// The most bytes of one message here: room above [`Message::MAX_BYTES`], since those who fill a
/// message go by the size of what was sent to them.
const MESSAGE_MAX_BYTES: usize = 4 * Message::MAX_BYTES;

/// What a process does with a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Puts messages in and looks how many there are.
    Publisher,
    /// Takes messages out too; one process at a time.
    Consumer,
}

/// A queue in a file.
pub struct SqliteQueue {
    role: Role,
    policy: RetryPolicy,
    requests: mpsc::Sender<Request>,
    room: Arc<Semaphore>,
    dropped: mpsc::UnboundedSender<Vec<lead::ports::DeliveryTag>>,
    changed: watch::Receiver<()>,
    file: QueueFile,
    reader: Arc<Mutex<Option<Connection>>>,
}

/// Why a queue file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process consumes from it.
    #[error("another process consumes from the queue file")]
    ConsumedElsewhere,
    /// The file was written by another version of this program.
    #[error("queue file has unknown version {found}")]
    Version {
        /// The version in the file.
        found: i64,
    },
    /// The lock beside the file could not be made.
    #[error("queue lock file failed")]
    Lock(#[source] std::io::Error),
    /// The file could not be opened, read or written.
    #[error("queue file failed")]
    File(#[source] Cause),
    /// The thread that writes could not be started.
    #[error("queue writer cannot be started")]
    Thread(#[source] std::io::Error),
}

/// Opens the queue at `path`, making it where there is none; its folder must be there. Delays of
/// retries are those of `policy`.
///
/// A [`Role::Consumer`] makes everything available again that an earlier one left in hand.
///
/// # Errors
///
/// See [`OpenError`].
pub async fn open(path: &Path, policy: RetryPolicy, role: Role) -> Result<SqliteQueue, OpenError> {
    let lock = match role {
        Role::Publisher => None,
        Role::Consumer => Some(lock_beside(path).await?),
    };
    let queue_file = QueueFile::new(path);
    let connection = {
        let queue_file = queue_file.clone();
        let opening = tokio::task::spawn_blocking(move || prepared(&queue_file, role));
        opening
            .await
            .map_err(|error| OpenError::File(Cause::new(error)))??
    };

    let (requests, waiting) = mpsc::channel(WAITING_MAX_REQUESTS);
    let (dropped, dropped_tags) = mpsc::unbounded_channel();
    let (changed_tx, changed) = watch::channel(());
    let longest_delay = policy.delays().iter().max().copied().unwrap_or_default();
    let writer = Writer::new(
        queue_file.clone(),
        connection,
        lock,
        longest_delay,
        changed_tx,
        dropped.clone(),
    );
    let own = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(OpenError::Thread)?;
    thread::Builder::new()
        .name("queue writer".to_owned())
        .spawn(move || own.block_on(writer.run(waiting, dropped_tags)))
        .map_err(OpenError::Thread)?;
    Ok(SqliteQueue {
        role,
        policy,
        requests,
        room: Arc::new(Semaphore::new(WAITING_MAX_KIB)),
        dropped,
        changed,
        file: queue_file,
        reader: Arc::default(),
    })
}

fn prepared(queue_file: &QueueFile, role: Role) -> Result<Connection, OpenError> {
    let failed = |error| OpenError::File(Cause::new(error));
    let mut connection = queue_file.connect().map_err(failed)?;
    match file::prepare(&mut connection).map_err(failed)? {
        SCHEMA_VERSION => {}
        found => return Err(OpenError::Version { found }),
    }
    if role == Role::Consumer {
        file::forget_holders(&connection, &[]).map_err(failed)?;
    }
    Ok(connection)
}

async fn lock_beside(path: &Path) -> Result<File, OpenError> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(PathBuf::from(lock_path))
        .map_err(OpenError::Lock)?;
    let give_up_at = Instant::now() + LOCK_TIMEOUT;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::Error(error)) => return Err(OpenError::Lock(error)),
            Err(TryLockError::WouldBlock) if Instant::now() >= give_up_at => {
                return Err(OpenError::ConsumedElsewhere);
            }
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_RETRY_EVERY).await,
        }
    }
}

/// What stands between a caller and the writer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum QueueFault {
    #[error("too much waits for the queue file")]
    Full,
    #[error("the queue file is closed")]
    Closed,
    #[error("the queue file did not answer in time")]
    Slow,
    #[error("this process does not consume from the queue")]
    NotAConsumer,
}

fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> QueueError {
    QueueError::Unavailable(Cause::new(error))
}

impl SqliteQueue {
    /// Has the writer do it, and waits until it is synced.
    async fn ask<T>(
        &self,
        request: impl FnOnce(Reply<T>) -> Request + Send,
    ) -> Result<T, QueueError> {
        let place = timeout(ROOM_TIMEOUT, self.requests.reserve())
            .await
            .map_err(|_| unavailable(QueueFault::Full))?
            .map_err(|_| unavailable(QueueFault::Closed))?;
        let (reply, answer) = oneshot::channel();
        place.send(request(reply));
        answer
            .await
            .map_err(|_| unavailable(QueueFault::Closed))?
            .map_err(unavailable)
    }

    async fn take(&self, ask: Take) -> Result<Hand, QueueError> {
        self.ask(|reply| Request::Take { ask, reply }).await
    }

    fn check_consumes(&self) -> Result<(), QueueError> {
        match self.role {
            Role::Consumer => Ok(()),
            Role::Publisher => Err(unavailable(QueueFault::NotAConsumer)),
        }
    }

    /// Messages that take another's place.
    fn replacements(&self, messages: &Batch<Message>, lane: Lane) -> Vec<Row> {
        let now_ms = now_ms();
        let row = |message: &Message| {
            let delay = match lane {
                // Beyond the last attempt there is none, but losing the message is no answer.
                Lane::Work => self.policy.delay_before(message.attempt),
                Lane::Suspect => None,
            };
            let delay_ms = i64::try_from(delay.unwrap_or_default().as_millis());
            Row {
                lane,
                available_at_ms: now_ms.saturating_add(delay_ms.unwrap_or(i64::MAX)),
                leads: message.lead_count(),
                body: queue_codec::encode(message),
            }
        };
        messages.iter().map(row).collect()
    }
}

#[async_trait]
impl LeadPublisher for SqliteQueue {
    async fn publish(&self, messages: &Batch<Message>) -> Result<(), QueueError> {
        let now_ms = now_ms();
        let mut rows = Vec::with_capacity(messages.len());
        for message in messages.iter() {
            let leads = message.lead_count();
            let body = queue_codec::encode(message);
            if leads > Message::MAX_LEADS || body.len() > MESSAGE_MAX_BYTES {
                return Err(QueueError::TooLarge);
            }
            rows.push(Row {
                lane: Lane::Work,
                available_at_ms: now_ms,
                leads,
                body,
            });
        }
        let bytes: usize = rows.iter().map(|row| row.body.len()).sum();
        let kib = bytes.div_ceil(1024).min(WAITING_MAX_KIB);
        let room =
            Arc::clone(&self.room).acquire_many_owned(u32::try_from(kib).unwrap_or(u32::MAX));
        let room = timeout(ROOM_TIMEOUT, room)
            .await
            .map_err(|_| unavailable(QueueFault::Full))?
            .map_err(|_| unavailable(QueueFault::Closed))?;
        self.ask(|reply| Request::Publish { rows, room, reply })
            .await
    }
}

#[async_trait]
impl LeadConsumer for SqliteQueue {
    async fn receive(&self, ask: ReceiveAsk) -> Result<Vec<Delivery>, QueueError> {
        self.check_consumes()?;
        let give_up_at = Instant::now() + ask.wait.min(WAIT_MAX);
        let max_leads = usize::from(ask.max_leads.max(1));
        let mut changed = self.changed.clone();
        let mut linger_until = None;
        let mut hand = Hand::empty(self.dropped.clone());
        loop {
            // Seen before the look, so that what comes in during it is not missed.
            changed.borrow_and_update();
            let more = self
                .take(Take {
                    max_leads: max_leads.saturating_sub(hand.leads),
                    is_first: hand.taken.is_empty(),
                })
                .await?;
            hand.add(more);
            let now = Instant::now();
            let until = if hand.taken.is_empty() {
                give_up_at
            } else {
                *linger_until.get_or_insert(now + ask.linger.min(WAIT_MAX))
            };
            if hand.is_full || now >= until {
                break;
            }
            let look_in = hand.next_due_in.unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
            let look_at = until.min(now + look_in);
            if let Ok(Err(_)) = timeout_at(look_at, changed.changed()).await {
                return Err(unavailable(QueueFault::Closed));
            }
        }
        Ok(hand.into_taken().into_iter().map(delivery).collect())
    }

    async fn settle(&self, settled: Vec<Settled>) -> Result<(), QueueError> {
        self.check_consumes()?;
        if settled.is_empty() {
            return Ok(());
        }
        let ending = |settlement| match settlement {
            Settlement::Done => Ending::Replaced(Vec::new()),
            Settlement::Return => Ending::PutBack,
            Settlement::Retry(messages) => {
                Ending::Replaced(self.replacements(&messages, Lane::Work))
            }
            Settlement::Isolate(messages) => {
                Ending::Replaced(self.replacements(&messages, Lane::Suspect))
            }
        };
        let endings = settled
            .into_iter()
            .map(|it| (it.tag, ending(it.settlement)))
            .collect();
        self.ask(|reply| Request::Settle { endings, reply }).await
    }
}

fn delivery(taken: Taken) -> Delivery {
    Delivery {
        tag: taken.tag,
        redeliveries: taken.redeliveries,
        lane: taken.lane,
        payload: queue_codec::decode(&taken.body).map_err(|error| {
            tracing::warn!(%error, bytes = taken.body.len(), "message cannot be read");
            let mut bytes = taken.body;
            bytes.truncate(Message::MAX_BYTES);
            Undecodable { bytes }
        }),
    }
}

#[async_trait]
impl QueueMonitor for SqliteQueue {
    async fn depths(&self) -> Result<Vec<QueueDepth>, QueueError> {
        let (queue_file, reader) = (self.file.clone(), Arc::clone(&self.reader));
        let looking = tokio::task::spawn_blocking(move || look(&queue_file, &reader));
        let depths = looking.await.map_err(unavailable)?.map_err(unavailable)?;
        let consumes = self.role == Role::Consumer;
        let named = ["leads.work", "leads.suspect"].into_iter().zip(depths);
        let depth = |(name, (all, held)): (&str, (u64, u64))| QueueDepth {
            name: name.to_owned(),
            ready: all.saturating_sub(held),
            in_flight: consumes.then_some(held),
            consumers: u64::from(consumes),
        };
        Ok(named.map(depth).collect())
    }
}

/// A connection that failed is not used again.
fn look(
    queue_file: &QueueFile,
    reader: &Mutex<Option<Connection>>,
) -> Result<[(u64, u64); 2], FileError> {
    let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
    let mut connection = match reader.take() {
        Some(connection) => connection,
        None => queue_file.connect()?,
    };
    let depths = file::depths(&mut connection)?;
    *reader = Some(connection);
    Ok(depths)
}

/// A transaction that changes nothing, behind whatever waits for the writer.
#[async_trait]
impl Probe for SqliteQueue {
    async fn probe(&self) -> Result<(), Cause> {
        timeout(PROBE_TIMEOUT, self.ask(|reply| Request::Ping { reply }))
            .await
            .map_err(|_| Cause::new(QueueFault::Slow))?
            .map_err(Cause::new)
    }
}
