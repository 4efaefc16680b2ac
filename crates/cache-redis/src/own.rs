//! A connection for each thread with a runtime of its own.
//!
//! A call over the connection that all share wakes the task that drives it, which wakes the call:
//! two hand-overs, and where that task runs on another thread each of them wakes a thread. So a
//! thread that runs a server's requests drives a connection of its own. It is made in the
//! background, once after each fault; the shared one serves until it is there, and where none is to
//! be had.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};
use tokio::runtime::{Handle, RuntimeFlavor};

thread_local! {
    static OWN: RefCell<Vec<Own>> = const { RefCell::new(Vec::new()) };
}

/// What a thread has for a link.
struct Own {
    link: Weak<()>,
    /// Of the link's connections that all share: those that were made before a fault are not used.
    generation: u64,
    /// None while it is being made, and when that failed.
    connection: Option<MultiplexedConnection>,
}

/// The connections of a link that belong to threads. They end with their threads, or when their
/// threads find that the link is gone.
///
/// None of them comes out of a pool: a connection that is there already is driven by the runtime that
/// made it.
pub(crate) struct Owned {
    link: Arc<()>,
    client: Client,
    config: AsyncConnectionConfig,
}

impl Owned {
    pub(crate) fn new(client: Client, config: AsyncConnectionConfig) -> Self {
        Self {
            link: Arc::new(()),
            client,
            config,
        }
    }

    /// The connection of this thread; none where there is none yet, or the thread shares its
    /// runtime with others.
    pub(crate) fn of_this_thread(&self, generation: u64) -> Option<MultiplexedConnection> {
        OWN.with_borrow_mut(|all| {
            match all.iter().position(|it| self.is_mine(it)) {
                Some(at) if all[at].generation == generation => return all[at].connection.clone(),
                Some(at) => drop(all.swap_remove(at)),
                None => {}
            }
            let runtime = Handle::try_current().ok()?;
            if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
                all.retain(|it| it.link.strong_count() > 0);
                let link = Arc::downgrade(&self.link);
                all.push(Own {
                    link: link.clone(),
                    generation,
                    connection: None,
                });
                runtime.spawn(make(
                    self.client.clone(),
                    self.config.clone(),
                    link,
                    generation,
                ));
            }
            None
        })
    }

    /// Does not use this thread's connection again, since a call over it failed.
    pub(crate) fn forget(&self) {
        OWN.with_borrow_mut(|all| all.retain(|it| !self.is_mine(it)));
    }

    fn is_mine(&self, own: &Own) -> bool {
        std::ptr::eq(own.link.as_ptr(), Arc::as_ptr(&self.link))
    }
}

/// Makes a connection that this thread drives.
async fn make(client: Client, config: AsyncConnectionConfig, link: Weak<()>, generation: u64) {
    let making = client.get_multiplexed_async_connection_with_config(&config);
    let made = making.await.ok();
    OWN.with_borrow_mut(|all| {
        let is_asked_for = |it: &&mut Own| it.generation == generation && it.link.ptr_eq(&link);
        if let Some(own) = all.iter_mut().find(is_asked_for) {
            own.connection = made;
        }
    });
}
