//! Kept answers to reads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kernel::{Clock, Timestamp};
use lead::ports::{CACHE_MAX_AGE, LeadCache, Load, ReadKey, StoreError};
use tokio::sync::OnceCell;

use super::lock;

/// A cache without a bound, whose age is told by a clock.
pub struct MemoryCache {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

type Answer = Option<Arc<[u8]>>;

/// The generation in which the read began, and what is read.
type Slot = (u64, ReadKey);

#[derive(Default)]
struct State {
    /// Of lists; goes up with every bump.
    lists: u64,
    /// Of everything; goes up when all is dropped.
    all: u64,
    kept: HashMap<Slot, (Arc<[u8]>, Timestamp)>,
    flying: HashMap<Slot, Arc<OnceCell<Answer>>>,
}

impl MemoryCache {
    /// An empty cache.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::default(),
        }
    }
}

#[async_trait]
impl LeadCache for MemoryCache {
    async fn read(&self, key: &ReadKey, load: Load<'_>) -> Result<Answer, StoreError> {
        let began_at = self.clock.now();
        let (slot, flight) = {
            let mut state = lock(&self.state);
            let generation = match key {
                ReadKey::Lead(..) => state.all,
                ReadKey::List(_) => state.lists,
            };
            let slot = (generation, key.clone());
            if let Some((bytes, kept_at)) = state.kept.get(&slot)
                && began_at.since(*kept_at) < CACHE_MAX_AGE
            {
                return Ok(Some(Arc::clone(bytes)));
            }
            let flight = Arc::clone(state.flying.entry(slot.clone()).or_default());
            (slot, flight)
        };
        // Should the one that loads fail or be dropped, another of those that wait loads.
        let answer = flight.get_or_try_init(|| load).await.cloned();

        let mut state = lock(&self.state);
        let ours = |it: &Arc<OnceCell<Answer>>| Arc::ptr_eq(it, &flight);
        if state.flying.get(&slot).is_some_and(ours) {
            // The last one out of a failed flight, or the first out of a good one.
            if answer.is_ok() || Arc::strong_count(&flight) <= 2 {
                state.flying.remove(&slot);
            }
            if let Ok(Some(bytes)) = &answer {
                state.kept.insert(slot, (Arc::clone(bytes), began_at));
            }
        }
        answer
    }

    async fn bump(&self) {
        lock(&self.state).lists += 1;
    }

    async fn clear(&self) {
        let mut state = lock(&self.state);
        state.lists += 1;
        state.all += 1;
        state.kept.clear();
    }
}
