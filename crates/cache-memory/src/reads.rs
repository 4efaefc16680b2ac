//! Kept answers to reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use kernel::{Cause, Probe};
use lead::ports::{CACHE_MAX_AGE, LeadCache, Load, ReadKey, StoreError};
use moka::future::Cache;

/// What an entry weighs beyond its text and bytes.
const ENTRY_BYTES: usize = 128;

/// Answers to reads, up to a number of bytes; the least used go first.
///
/// Lists carry the generation in which their read began, so a bump leaves what is older, or still
/// being read, where no later caller looks.
pub struct MemoryLeadCache {
    kept: Cache<Slot, Kept>,
    /// Goes up with every bump.
    lists: AtomicU64,
    /// Goes up when everything is dropped.
    all: AtomicU64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Slot {
    all: u64,
    /// Of lists; 0 for a lead by its id.
    lists: u64,
    key: ReadKey,
}

#[derive(Clone)]
struct Kept {
    /// When the read began: its answer may be as old as that.
    began_at: Instant,
    bytes: Arc<[u8]>,
}

/// Why a read that others wait for gave them nothing.
enum NothingKept {
    NotThere,
    /// The error is its own caller's; the others read for themselves.
    Failed,
}

impl MemoryLeadCache {
    /// What is kept unless said otherwise: 64 MiB.
    pub const DEFAULT_MAX_BYTES: u64 = 64 * 1024 * 1024;

    /// An empty cache of at most about `max_bytes`.
    pub fn new(max_bytes: u64) -> Self {
        let kept = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|slot: &Slot, kept: &Kept| {
                let text = match &slot.key {
                    ReadKey::Lead(_, text) | ReadKey::List(text) => text,
                };
                u32::try_from(ENTRY_BYTES + text.len() + kept.bytes.len()).unwrap_or(u32::MAX)
            })
            .time_to_live(CACHE_MAX_AGE)
            .build();
        Self {
            kept,
            lists: AtomicU64::new(0),
            all: AtomicU64::new(0),
        }
    }

    fn slot(&self, key: &ReadKey) -> Slot {
        Slot {
            all: self.all.load(Ordering::SeqCst),
            lists: match key {
                ReadKey::Lead(..) => 0,
                ReadKey::List(_) => self.lists.load(Ordering::SeqCst),
            },
            key: key.clone(),
        }
    }
}

impl Default for MemoryLeadCache {
    fn default() -> Self {
        Self::new(Self::DEFAULT_MAX_BYTES)
    }
}

#[async_trait]
impl LeadCache for MemoryLeadCache {
    async fn read(&self, key: &ReadKey, load: Load<'_>) -> Result<Option<Arc<[u8]>>, StoreError> {
        let slot = self.slot(key);
        let mut load = Some(load);
        loop {
            let mut own = None;
            let answer = self
                .kept
                .try_get_with_by_ref(&slot, async {
                    let began_at = Instant::now();
                    let loaded = match load.take() {
                        Some(load) => load.await,
                        None => Ok(None),
                    };
                    let kept = match &loaded {
                        Ok(Some(bytes)) => Ok(Kept {
                            began_at,
                            bytes: Arc::clone(bytes),
                        }),
                        Ok(None) => Err(NothingKept::NotThere),
                        Err(_) => Err(NothingKept::Failed),
                    };
                    own = Some(loaded);
                    kept
                })
                .await;
            if let Some(loaded) = own {
                return loaded;
            }
            match answer {
                Ok(kept) if kept.began_at.elapsed() < CACHE_MAX_AGE => return Ok(Some(kept.bytes)),
                Ok(_) => self.kept.invalidate(&slot).await,
                Err(nothing) => match *nothing {
                    NothingKept::NotThere => return Ok(None),
                    NothingKept::Failed => {}
                },
            }
        }
    }

    async fn bump(&self) {
        self.lists.fetch_add(1, Ordering::SeqCst);
    }

    async fn clear(&self) {
        self.all.fetch_add(1, Ordering::SeqCst);
        self.kept.invalidate_all();
    }
}

/// The memory of this process is always there.
#[async_trait]
impl Probe for MemoryLeadCache {
    async fn probe(&self) -> Result<(), Cause> {
        Ok(())
    }
}
