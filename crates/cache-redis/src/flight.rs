//! One load for all who want the same.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

/// Loads that are under way.
pub(crate) struct Flights<K: Eq + Hash> {
    flights: Mutex<HashMap<K, Flight>>,
}

#[derive(Clone)]
struct Flight {
    began_at: Instant,
    landed: watch::Receiver<Option<Landed>>,
}

/// How a load ended.
#[derive(Clone)]
pub(crate) enum Landed {
    Found(Arc<[u8]>),
    NotThere,
    /// The error is its own caller's.
    Failed,
}

/// What somebody who wants something is to do.
pub(crate) enum Join<'a, K: Eq + Hash> {
    /// Load it.
    Lead(Leader<'a, K>),
    /// Wait for who does.
    Follow(Follower),
}

/// Who loads for others. When it is dropped the next one loads.
pub(crate) struct Leader<'a, K: Eq + Hash> {
    flights: &'a Flights<K>,
    key: &'a K,
    landed: watch::Sender<Option<Landed>>,
}

/// Who waits for a load.
pub(crate) struct Follower {
    flight: Flight,
}

impl<K: Eq + Hash + Clone> Flights<K> {
    pub(crate) fn new() -> Self {
        Self {
            flights: Mutex::default(),
        }
    }

    pub(crate) fn join<'a>(&'a self, key: &'a K) -> Join<'a, K> {
        let mut flights = self.lock();
        if let Some(flight) = flights.get(key) {
            return Join::Follow(Follower {
                flight: flight.clone(),
            });
        }
        let (sender, landed) = watch::channel(None);
        let flight = Flight {
            began_at: Instant::now(),
            landed,
        };
        flights.insert(key.clone(), flight);
        Join::Lead(Leader {
            flights: self,
            key,
            landed: sender,
        })
    }
}

impl<K: Eq + Hash> Flights<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Leader<'_, K> {
    /// Tells all who wait, and all who come before this leader is dropped.
    pub(crate) fn land(&self, landed: Landed) {
        self.landed.send_replace(Some(landed));
    }
}

impl<K: Eq + Hash> Drop for Leader<'_, K> {
    fn drop(&mut self) {
        self.flights.lock().remove(self.key);
    }
}

impl Follower {
    /// How the load ended, and when it began; none when its leader gave up.
    pub(crate) async fn landed(mut self) -> Option<(Landed, Instant)> {
        let landed = self.flight.landed.wait_for(Option::is_some).await.ok()?;
        landed.clone().map(|it| (it, self.flight.began_at))
    }
}
