//! Takes leads from the queue and stores them.
//!
//! A [`Worker`] runs some loops, each of which takes messages, has them judged by
//! [`lead::StoreLeads`], and settles them; one task that keeps house, and one that indexes what was
//! stored. While the store is away a loop keeps what it holds, spends no attempts, and goes on with
//! the same deliveries later.

mod bumps;
mod hands;
mod house;
mod index;
mod linger;
mod program;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use backends::{Config, Family, Ports};
use kernel::{Clock, Entropy, Probe};
use lead::ports::{LeadCache, LeadConsumer, LeadStore};
use lead::{RetryPolicy, StoreLeads};
use process::drain_time;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::bumps::SpacedBumps;
pub use self::program::program;

use self::hands::Hands;
use self::house::House;
use self::index::Index;

/// How a worker works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Leads that are stored at once, 1 to [`lead::Message::MAX_LEADS`].
    pub batch: u16,
    /// The longest that a part-full batch waits for more.
    pub linger: Duration,
    /// Loops side by side.
    pub concurrency: NonZeroUsize,
    /// Waits between the attempts at a lead.
    pub retry: RetryPolicy,
    /// How old batches and outcomes become.
    pub results_age: Duration,
    /// How long a drain may take; what is not done by then goes back.
    pub drain: Duration,
    /// How far apart bumps of the cache are at least; zero where a bump costs nothing.
    pub bump_every: Duration,
}

impl Settings {
    /// How far apart bumps are of a cache that all nodes share.
    pub const SHARED_BUMP_EVERY: Duration = Duration::from_millis(200);

    /// What the configuration says, for so many loops.
    pub fn of(config: &Config, concurrency: NonZeroUsize) -> Self {
        Self {
            batch: config.worker.batch,
            linger: config.worker.linger,
            concurrency,
            retry: config.retry.clone(),
            results_age: config.worker.results_age,
            drain: drain_time(config.shutdown),
            bump_every: match config.family {
                Family::Embedded { .. } => Duration::ZERO,
                Family::Production { .. } => Self::SHARED_BUMP_EVERY,
            },
        }
    }
}

/// What a worker needs of the world.
#[derive(Clone)]
pub struct Needs {
    /// Where messages come from.
    pub consumer: Arc<dyn LeadConsumer>,
    /// Where leads go.
    pub store: Arc<dyn LeadStore>,
    /// Whether the store answers.
    pub store_probe: Arc<dyn Probe>,
    /// The current moment.
    pub clock: Arc<dyn Clock>,
    /// Random bits, for waits that differ.
    pub entropy: Arc<dyn Entropy>,
}

/// Takes, stores, settles, until it is told to stop.
pub struct Worker {
    needs: Needs,
    verdicts: Arc<StoreLeads>,
    bumps: Option<Arc<SpacedBumps>>,
    settings: Settings,
}

impl Worker {
    /// A worker on these ports.
    pub fn new(ports: &Ports, settings: Settings) -> Self {
        let spaced = || SpacedBumps::new(Arc::clone(&ports.cache), settings.bump_every);
        let bumps = (!settings.bump_every.is_zero()).then(|| Arc::new(spaced()));
        let cache: Arc<dyn LeadCache> = match &bumps {
            Some(bumps) => Arc::clone(bumps) as _,
            None => Arc::clone(&ports.cache),
        };
        let verdicts = StoreLeads::new(
            Arc::clone(&ports.store),
            cache,
            Arc::clone(&ports.clock),
            Arc::clone(&ports.ids),
            settings.retry.clone(),
        );
        let needs = Needs {
            consumer: Arc::clone(&ports.consumer),
            store: Arc::clone(&ports.store),
            store_probe: Arc::clone(&ports.store_probe),
            clock: Arc::clone(&ports.clock),
            entropy: Arc::clone(&ports.entropy),
        };
        Self {
            bumps,
            ..Self::from_parts(needs, verdicts, settings)
        }
    }

    /// A worker on some ports of different origin, whose verdicts bump as they like.
    pub fn from_parts(needs: Needs, verdicts: StoreLeads, settings: Settings) -> Self {
        Self {
            needs,
            verdicts: Arc::new(verdicts),
            bumps: None,
            settings,
        }
    }

    /// Works until `stop` is cancelled, then finishes what it holds, or returns it, within
    /// [`Settings::drain`].
    pub async fn run(self, stop: CancellationToken) {
        let mut loops = JoinSet::new();
        for _ in 0..self.settings.concurrency.get() {
            loops.spawn(self.hands().work(stop.clone()));
        }
        let house = House {
            store: Arc::clone(&self.needs.store),
            clock: Arc::clone(&self.needs.clock),
            results_age: self.settings.results_age,
        };
        let house = tokio::spawn(house.keep(stop.clone()));
        let index = Index {
            store: Arc::clone(&self.needs.store),
        };
        let index = tokio::spawn(index.keep_up(stop.clone()));
        let is_empty_handed = CancellationToken::new();
        let bumps = self.bumps.clone().map(|bumps| {
            let until = is_empty_handed.clone();
            tokio::spawn(async move { bumps.pass_on(&until).await })
        });
        while let Some(ended) = loops.join_next().await {
            // What a loop held when it broke is not settled, and so handed out again in time.
            if let Err(error) = ended {
                tracing::error!(%error, "worker loop broke");
                if !stop.is_cancelled() {
                    loops.spawn(self.hands().work(stop.clone()));
                }
            }
        }
        is_empty_handed.cancel();
        for (task, what) in [
            (Some(house), "housekeeping"),
            (Some(index), "indexing"),
            (bumps, "bumping the cache"),
        ] {
            if let Some(task) = task
                && let Err(error) = task.await
            {
                tracing::error!(%error, "{what} broke");
            }
        }
    }

    fn hands(&self) -> Hands {
        Hands {
            needs: self.needs.clone(),
            verdicts: Arc::clone(&self.verdicts),
            batch: self.settings.batch,
            linger: self.settings.linger,
            drain: self.settings.drain,
        }
    }
}
