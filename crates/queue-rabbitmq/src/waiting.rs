//! Callers that wait to have something published.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lead::{Message, Part};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use crate::broker::LinkFault;
use crate::message::Outgoing;
use crate::pace::{Pace, SHARED_MAX_LEADS};

/// Callers that wait.
const WAITING_MAX: usize = 8_192;
/// Bytes that wait: 64 MiB.
const WAITING_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Messages of one window, and bytes. What one caller sends is never cut in two.
const WINDOW_MAX_MESSAGES: usize = 256;
const WINDOW_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Single leads of one window.
const SINGLES_MAX: usize = 1_000;

/// How long a caller waits for a connection that was lost just now; later it is refused at once.
const RECONNECT_GRACE: Duration = Duration::from_secs(1);
/// The longest that a caller waits for its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(6);

/// Why something was not published; any part of it may be.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum PublishFault {
    #[error("too much waits to be published")]
    Full,
    #[error("no connection to the broker")]
    Down,
    #[error("the broker takes no messages for now")]
    Blocked,
    #[error("the broker did not confirm in time")]
    Slow,
    #[error("the broker refused a message")]
    Refused,
    #[error("the broker returned a message, its queue is not there")]
    Returned,
    #[error("the broker was not asked to confirm")]
    Unconfirmed,
    #[error(transparent)]
    Link(#[from] LinkFault),
}

/// Whether there is somebody who publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Down { since: Instant },
    Blocked,
    Ready,
}

type Reply = oneshot::Sender<Result<(), PublishFault>>;

/// A first attempt at one lead, sent alone: it may share a message.
pub(crate) struct Single {
    pub(crate) part: Part,
    /// The encoded message that holds nothing else.
    pub(crate) body: Vec<u8>,
}

struct Waiting<T> {
    what: T,
    bytes: usize,
    since: Instant,
    reply: Reply,
}

/// Callers stand here until a channel takes them along.
pub(crate) struct WaitingList {
    work_queue: String,
    phase: watch::Sender<Phase>,
    inner: Mutex<Inner>,
    news: Notify,
}

#[derive(Default)]
struct Inner {
    is_open: bool,
    singles: VecDeque<Waiting<Single>>,
    whole: VecDeque<Waiting<Vec<Outgoing>>>,
    bytes: usize,
    pace: Pace,
    singles_next: bool,
}

/// What goes out together and is confirmed together.
pub(crate) struct Window {
    pub(crate) messages: Vec<Outgoing>,
    replies: Vec<Reply>,
    singles: usize,
    list: Arc<WaitingList>,
}

/// When to look for a window.
enum Next {
    Now {
        singles: Vec<Waiting<Single>>,
        whole: Vec<Waiting<Vec<Outgoing>>>,
        is_more: bool,
    },
    At(Instant),
    OnNews,
}

impl WaitingList {
    pub(crate) fn new(work_queue: String) -> Self {
        let since = Instant::now();
        Self {
            work_queue,
            phase: watch::Sender::new(Phase::Down { since }),
            inner: Mutex::default(),
            news: Notify::new(),
        }
    }

    /// Has one lead published, perhaps together with others'.
    pub(crate) async fn publish_single(&self, single: Single) -> Result<(), PublishFault> {
        let bytes = single.body.len();
        self.publish(
            bytes,
            single,
            |inner| &mut inner.singles,
            |inner| inner.pace.is_news(inner.singles.len()),
        )
        .await
    }

    /// Has messages published as they are.
    pub(crate) async fn publish_whole(&self, messages: Vec<Outgoing>) -> Result<(), PublishFault> {
        let bytes = messages.iter().map(|it| it.body.len()).sum();
        self.publish(bytes, messages, |inner| &mut inner.whole, |_| true)
            .await
    }

    async fn publish<T>(
        &self,
        bytes: usize,
        what: T,
        list: impl FnOnce(&mut Inner) -> &mut VecDeque<Waiting<T>> + Send,
        is_news: impl FnOnce(&Inner) -> bool + Send,
    ) -> Result<(), PublishFault> {
        self.until_not_down().await;
        let (reply, answer) = oneshot::channel();
        let is_news = {
            let mut inner = self.lock();
            if !inner.is_open {
                return Err(match *self.phase.borrow() {
                    Phase::Blocked => PublishFault::Blocked,
                    Phase::Down { .. } | Phase::Ready => PublishFault::Down,
                });
            }
            let is_full = inner.singles.len() + inner.whole.len() >= WAITING_MAX
                || inner.bytes > 0 && inner.bytes + bytes > WAITING_MAX_BYTES;
            if is_full {
                return Err(PublishFault::Full);
            }
            inner.bytes += bytes;
            let since = Instant::now();
            list(&mut inner).push_back(Waiting {
                what,
                bytes,
                since,
                reply,
            });
            is_news(&inner)
        };
        if is_news {
            self.news.notify_one();
        }
        match timeout(ANSWER_TIMEOUT, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(PublishFault::Down),
            Err(_) => Err(PublishFault::Slow),
        }
    }

    /// Waits a moment for a connection that was lost just now.
    async fn until_not_down(&self) {
        let mut phase = self.phase.subscribe();
        let since = match *phase.borrow_and_update() {
            Phase::Down { since } => since,
            Phase::Blocked | Phase::Ready => return,
        };
        let is_up = |phase: &Phase| !matches!(phase, Phase::Down { .. });
        // Who waited in vain is refused right after.
        let _ = timeout_at(since + RECONNECT_GRACE, phase.wait_for(is_up)).await;
    }

    pub(crate) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Somebody publishes from now on.
    pub(crate) fn open(&self) {
        let mut inner = self.lock();
        inner.is_open = true;
        self.phase.send_replace(Phase::Ready);
    }

    /// Nobody publishes any more: whoever waits is told so.
    pub(crate) fn close(&self, phase: Phase, fault: &PublishFault) {
        let (singles, whole) = {
            let mut inner = self.lock();
            inner.is_open = false;
            inner.bytes = 0;
            // A moment that began earlier does not begin again.
            self.phase.send_if_modified(|it| {
                let stays = matches!((&*it, phase), (Phase::Down { .. }, Phase::Down { .. }));
                if !stays {
                    *it = phase;
                }
                !stays
            });
            (mem::take(&mut inner.singles), mem::take(&mut inner.whole))
        };
        let singles = singles.into_iter().map(|it| it.reply);
        for reply in singles.chain(whole.into_iter().map(|it| it.reply)) {
            // Who does not wait any more needs no answer.
            let _ = reply.send(Err(fault.clone()));
        }
    }

    /// What is to go out next, as soon as there is something.
    pub(crate) async fn next_window(self: &Arc<Self>) -> Window {
        loop {
            let news = self.news.notified();
            let next = self.lock().next(Instant::now());
            match next {
                Next::Now {
                    singles,
                    whole,
                    is_more,
                } => {
                    if is_more {
                        self.news.notify_one();
                    }
                    return self.window(singles, whole);
                }
                Next::At(moment) => {
                    // Either way it is time to look again.
                    let _ = timeout_at(moment, news).await;
                }
                Next::OnNews => news.await,
            }
        }
    }

    fn window(
        self: &Arc<Self>,
        singles: Vec<Waiting<Single>>,
        whole: Vec<Waiting<Vec<Outgoing>>>,
    ) -> Window {
        let mut window = Window {
            messages: Vec::new(),
            replies: Vec::with_capacity(singles.len() + whole.len()),
            singles: singles.len(),
            list: Arc::clone(self),
        };
        let mut sharing: Vec<Single> = Vec::new();
        let mut bytes = 0;
        for single in singles {
            window.replies.push(single.reply);
            let is_full = bytes + single.bytes > Message::MAX_BYTES;
            if is_full || sharing.len() == SHARED_MAX_LEADS {
                window.messages.extend(self.shared(mem::take(&mut sharing)));
                bytes = 0;
            }
            bytes += single.bytes;
            sharing.push(single.what);
        }
        window.messages.extend(self.shared(sharing));
        for whole in whole {
            window.replies.push(whole.reply);
            window.messages.extend(whole.what);
        }
        window
    }

    /// One message of several leads.
    fn shared(&self, mut singles: Vec<Single>) -> Option<Outgoing> {
        let alone = match singles.len() {
            0 => return None,
            1 => singles.first_mut().map(|it| mem::take(&mut it.body)),
            _ => None,
        };
        let message = Message::first(singles.into_iter().map(|it| it.part).collect());
        let body = alone.unwrap_or_else(|| queue_codec::encode(&message));
        Some(Outgoing::new(self.work_queue.clone(), &message, body))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn next(&mut self, now: Instant) -> Next {
        let oldest = self.singles.front();
        let due_at = oldest.map(|it| self.pace.due_at(self.singles.len(), it.since, now));
        let singles_are_due = due_at.is_some_and(|it| it <= now);
        if !singles_are_due && self.whole.is_empty() {
            return due_at.map_or(Next::OnNews, Next::At);
        }
        let (mut singles, mut whole) = (Vec::new(), Vec::new());
        if singles_are_due && (self.singles_next || self.whole.is_empty()) {
            let count = self.singles.len().min(SINGLES_MAX);
            singles = self.singles.drain(..count).collect();
            self.bytes -= singles.iter().map(|it| it.bytes).sum::<usize>();
            self.pace.sent();
            self.singles_next = false;
        } else {
            whole = self.take_whole();
            self.bytes -= whole.iter().map(|it| it.bytes).sum::<usize>();
            self.singles_next = true;
        }
        Next::Now {
            singles,
            whole,
            is_more: !self.singles.is_empty() || !self.whole.is_empty(),
        }
    }

    fn take_whole(&mut self) -> Vec<Waiting<Vec<Outgoing>>> {
        let (mut messages, mut bytes) = (0, 0);
        let mut taken = Vec::new();
        while let Some(next) = self.whole.front() {
            messages += next.what.len();
            bytes += next.bytes;
            let is_too_much = messages > WINDOW_MAX_MESSAGES || bytes > WINDOW_MAX_BYTES;
            if is_too_much && !taken.is_empty() {
                break;
            }
            taken.extend(self.whole.pop_front());
        }
        taken
    }
}

impl Window {
    /// Tells everybody in it.
    pub(crate) fn answer(mut self, result: &Result<(), PublishFault>) {
        for reply in self.replies.drain(..) {
            // Who does not wait any more needs no answer.
            let _ = reply.send(result.clone());
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        if self.singles > 0 {
            let mut inner = self.list.lock();
            let waiting = inner.singles.len();
            inner.pace.confirmed(Instant::now(), self.singles, waiting);
        }
    }
}
