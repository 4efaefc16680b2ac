//! One load for all who want the same.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

/// Loads that are under way.
pub(crate) struct Flights<K: Eq + Hash, T> {
    flights: Mutex<HashMap<K, Flight<T>>>,
}

#[derive(Clone)]
struct Flight<T> {
    began_at: Instant,
    landed: watch::Receiver<Option<T>>,
}

/// What somebody who wants something is to do.
pub(crate) enum Join<'a, K: Eq + Hash, T> {
    /// Load it.
    Lead(Leader<'a, K, T>),
    /// Wait for who does.
    Follow(Follower<T>),
}

/// Who loads for others. When it is dropped the next one loads.
pub(crate) struct Leader<'a, K: Eq + Hash, T> {
    flights: &'a Flights<K, T>,
    key: &'a K,
    landed: watch::Sender<Option<T>>,
}

/// Who waits for a load.
pub(crate) struct Follower<T> {
    flight: Flight<T>,
}

impl<K: Eq + Hash + Clone, T: Clone> Flights<K, T> {
    pub(crate) fn new() -> Self {
        Self {
            flights: Mutex::default(),
        }
    }

    pub(crate) fn join<'a>(&'a self, key: &'a K) -> Join<'a, K, T> {
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

impl<K: Eq + Hash, T> Flights<K, T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Flight<T>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, T> Leader<'_, K, T> {
    /// Tells all who wait, and all who come before this leader is dropped.
    pub(crate) fn land(&self, landed: T) {
        self.landed.send_replace(Some(landed));
    }
}

impl<K: Eq + Hash, T> Drop for Leader<'_, K, T> {
    fn drop(&mut self) {
        self.flights.lock().remove(self.key);
    }
}

impl<T: Clone> Follower<T> {
    /// How the load ended, and when it began; none when its leader gave up.
    pub(crate) async fn landed(mut self) -> Option<(T, Instant)> {
        let landed = self.flight.landed.wait_for(Option::is_some).await.ok()?;
        landed.clone().map(|it| (it, self.flight.began_at))
    }
}
