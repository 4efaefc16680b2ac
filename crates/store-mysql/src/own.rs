//! A connection for each thread with a runtime of its own.
//!
//! A connection of a pool is driven by the runtime that made it: where that is another thread's, each
//! answer wakes that thread, which wakes the one that waits. And a pool asks a connection that comes
//! back whether it still works, while the next lone lead wants it. So a thread that runs a server's
//! requests has one of its own for what is done in one round trip. It is as trusted as those of a pool,
//! and no longer kept; where it is in use, or cannot be made, the pool serves.

use std::cell::RefCell;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sea_orm::sqlx::{ConnectOptions as _, Connection as _};
use tokio::runtime::{Handle, Id, RuntimeFlavor};
use tokio::time::{sleep, timeout};

use crate::session::{AGE_MAX, IDLE_MAX, TRUSTED_IDLE, Trust, begin};

/// How long it takes at most to make a connection, or to end one in order.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

thread_local! {
    static OWN: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
}

/// What a thread has for a store.
struct Place {
    of: Whose,
    state: State,
}

/// Which store, and which runtime: a thread may have several, one after the other.
#[derive(Clone)]
struct Whose {
    store: Weak<()>,
    runtime: Id,
}

enum State {
    Lent,
    Idle(Connected),
}

struct Connected {
    connection: MySqlConnection,
    began_at: Instant,
    used_at: Instant,
}

/// The connections of a store that belong to threads. They end with their threads, a while after
/// they were used last, or a while after the store is gone.
pub(crate) struct Owned {
    store: Arc<()>,
    connect: MySqlConnectOptions,
    trust: Trust,
}

/// A thread's connection while it is used. It is closed unless it is given back.
pub(crate) struct Borrowed {
    of: Whose,
    connected: Option<Connected>,
    is_given_back: bool,
}

impl Owned {
    pub(crate) fn new(connect: MySqlConnectOptions, trust: Trust) -> Self {
        Self {
            store: Arc::new(()),
            connect,
            trust,
        }
    }

    /// This thread's connection; none where the thread shares its runtime with others, where the
    /// connection is in use, and where it cannot be made.
    pub(crate) async fn borrow(&self) -> Option<Borrowed> {
        let runtime = Handle::try_current().ok()?;
        if runtime.runtime_flavor() != RuntimeFlavor::CurrentThread {
            return None;
        }
        let of = Whose {
            store: Arc::downgrade(&self.store),
            runtime: runtime.id(),
        };
        let idle = of.lend()?;
        // From here on what is dropped gives the place back.
        let mut borrowed = Borrowed {
            of,
            connected: None,
            is_given_back: false,
        };
        borrowed.connected = match idle {
            Some(idle) => self.if_good(idle).await,
            None => None,
        };
        if borrowed.connected.is_none() {
            let made = self.connect().await?;
            tokio::spawn(borrowed.of.clone().watch(made.began_at));
            borrowed.connected = Some(made);
        }
        Some(borrowed)
    }

    async fn if_good(&self, mut idle: Connected) -> Option<Connected> {
        let (age, idle_for) = (idle.began_at.elapsed(), idle.used_at.elapsed());
        if age > AGE_MAX || idle_for > IDLE_MAX || !self.trust.covers(age) {
            end(idle).await;
            return None;
        }
        let is_good = idle_for < TRUSTED_IDLE || self.trust.holds(&mut idle.connection, age).await;
        is_good.then_some(idle)
    }

    async fn connect(&self) -> Option<Connected> {
        let connecting = async {
            let began_at = Instant::now();
            let mut connection = self.connect.connect().await.ok()?;
            begin(&mut connection).await.ok()?;
            Some(Connected {
                connection,
                began_at,
                used_at: Instant::now(),
            })
        };
        timeout(CONNECT_TIMEOUT, connecting).await.ok()?
    }
}

impl Whose {
    fn is(&self, other: &Self) -> bool {
        self.runtime == other.runtime && self.store.ptr_eq(&other.store)
    }

    /// Takes what is in the place, which may be nothing yet; none where it is lent.
    #[allow(clippy::option_option, reason = "a free place may be empty")]
    fn lend(&self) -> Option<Option<Connected>> {
        OWN.with_borrow_mut(|all| {
            let Some(place) = all.iter_mut().find(|it| it.of.is(self)) else {
                all.retain(|it| it.of.store.strong_count() > 0);
                all.push(Place {
                    of: self.clone(),
                    state: State::Lent,
                });
                return Some(None);
            };
            match std::mem::replace(&mut place.state, State::Lent) {
                State::Idle(idle) => Some(Some(idle)),
                State::Lent => None,
            }
        })
    }

    /// Puts back what was lent; nothing leaves no place.
    fn put(&self, connected: Option<Connected>) {
        OWN.with_borrow_mut(|all| {
            let Some(at) = all.iter().position(|it| it.of.is(self)) else {
                return;
            };
            match connected {
                Some(connected) => all[at].state = State::Idle(connected),
                None => drop(all.swap_remove(at)),
            }
        });
    }

    /// Ends the connection that began then, once nobody has used it for long or the store is gone.
    async fn watch(self, began_at: Instant) {
        loop {
            sleep(IDLE_MAX).await;
            let unused = OWN.with_borrow_mut(|all| {
                let at = all.iter().position(|it| it.of.is(&self))?;
                let State::Idle(idle) = &all[at].state else {
                    return Some(None);
                };
                if idle.began_at != began_at {
                    return None;
                }
                let is_over = idle.used_at.elapsed() >= IDLE_MAX || self.store.strong_count() == 0;
                Some(is_over.then(|| all.swap_remove(at)))
            });
            match unused {
                Some(Some(Place {
                    state: State::Idle(idle),
                    ..
                })) => return end(idle).await,
                Some(_) => {}
                None => return,
            }
        }
    }
}

impl Borrowed {
    /// None once it is given back.
    pub(crate) fn connection(&mut self) -> Option<&mut MySqlConnection> {
        self.connected.as_mut().map(|it| &mut it.connection)
    }

    /// It is as it was when it was lent: when this is dropped, it is kept.
    pub(crate) fn give_back(&mut self) {
        self.is_given_back = true;
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let connected = self.connected.take().filter(|_| self.is_given_back);
        self.of.put(connected.map(|it| Connected {
            used_at: Instant::now(),
            ..it
        }));
    }
}

async fn end(connected: Connected) {
    let _ = timeout(CONNECT_TIMEOUT, connected.connection.close()).await;
}
