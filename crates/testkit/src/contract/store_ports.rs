//! The ports of one store, as its clauses use them.

use std::any::Any;
use std::sync::Arc;

use lead::ports::{Appended, DeadLetters, LeadFinder, LeadStore};
use lead::{Lead, NewLead};

use crate::fixtures::intake_of;

/// The ports of one store.
pub struct LeadStorePorts {
    /// Writes.
    pub store: Arc<dyn LeadStore>,
    /// Reads.
    pub finder: Arc<dyn LeadFinder>,
    /// The parked messages.
    pub dead_letters: Arc<dyn DeadLetters>,
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl LeadStorePorts {
    /// These ports of one store.
    pub fn new(
        store: Arc<dyn LeadStore>,
        finder: Arc<dyn LeadFinder>,
        dead_letters: Arc<dyn DeadLetters>,
    ) -> Self {
        Self {
            store,
            finder,
            dead_letters,
            kept: Vec::new(),
        }
    }

    /// A store that is all three in one.
    pub fn of<S: LeadStore + LeadFinder + DeadLetters>(store: Arc<S>) -> Self {
        Self::new(store.clone(), store.clone(), store)
    }

    /// Keeps something alive as long as the ports, such as the folder of the store's file.
    #[must_use]
    pub fn keeping(mut self, it: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(it));
        self
    }

    pub(super) async fn append(&self, leads: &[NewLead]) -> Vec<Appended> {
        self.store.append(&intake_of(leads)).await.unwrap()
    }

    pub(super) async fn find(&self, lead: &NewLead) -> Option<Lead> {
        self.finder.find(lead.id).await.unwrap()
    }

    /// Stores leads, then reads each back, byte for byte.
    pub(super) async fn comes_back_whole(&self, leads: &[NewLead]) {
        let intake = intake_of(leads);
        let outcomes = self.store.append(&intake).await.unwrap();
        assert_eq!(outcomes, vec![Appended::Stored; leads.len()]);
        for lead in leads {
            let expected = Lead {
                id: lead.id,
                submitted_by: lead.submitted_by,
                details: lead.details.clone(),
                updated_at: intake.at,
            };
            assert_eq!(self.find(lead).await, Some(expected));
        }
    }
}
