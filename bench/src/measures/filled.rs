//! A store that holds many leads, sent to it through the system, and kept where that is asked for.

use crate::Failure;
use crate::feed::Fed;
use crate::rig::Rig;
use crate::system::{Balance, System};

use super::p1;

/// Leads that are sent at once.
const PART: u64 = 200_000;

/// A system over many leads.
pub(super) struct Filled {
    pub(super) system: System,
    /// Leads in the store, and leads stored a second when it held so many.
    pub(super) rates: Vec<(f64, f64)>,
}

impl Filled {
    /// Starts one on what is kept in a database, apart from those of other measures, which are emptied.
    pub(super) async fn start(rig: &Rig, database: &str) -> Result<Self, Failure> {
        rig.create(database).await?;
        rig.forget().await?;
        Ok(Self {
            system: System::start(rig, database).await?,
            rates: Vec::new(),
        })
    }

    /// Leads in the store.
    pub(super) async fn leads(&mut self) -> Result<u64, Failure> {
        Ok(self.system.counter.kept().await?.stored)
    }

    /// Sends leads until the store holds so many.
    pub(super) async fn fill(&mut self, leads: u64) -> Result<(), Failure> {
        loop {
            let missing = leads.saturating_sub(self.leads().await?);
            if missing < p1::BULK as u64 {
                return Ok(());
            }
            self.push(p1::whole_bulks(missing.min(PART) as f64)).await?;
            println!("  filled to {}", self.leads().await?);
        }
    }

    /// Sends so many leads that the store does not hold.
    pub(super) async fn push(&mut self, leads: u64) -> Result<(Fed, Balance), Failure> {
        let held = self.leads().await?;
        // It only grows, so that no two times have leads in common.
        let seed = held + 1;
        let (fed, balance) = p1::push(&mut self.system, leads, seed).await?;
        let (mut count, mut from) = (held as f64, 0.0);
        for (after, rate) in &fed.rates {
            count += rate * (after - from);
            from = *after;
            self.rates.push((count, *rate));
        }
        Ok((fed, balance))
    }
}
