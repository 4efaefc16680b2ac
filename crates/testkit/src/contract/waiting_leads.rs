//! `WaitingLeads`: who sent what waits.

use kernel::{Batch, Timestamp};
use lead::LeadId;
use lead::ports::WaitingLeads;

use super::eventually;
use crate::fixtures::{any_id, any_user, now};

suite! {
    ($)
    /// What `WaitingLeads` promises. Takes a future of the port.
    waiting_leads_contract, waiting_leads:
    waiting_leads {
        the_owner_of_a_held_lead_is_known,
        of_other_leads_nothing_is_known,
        holding_again_tells_the_same,
    }
}

/// And when it was accepted, for as many as one call takes.
pub async fn the_owner_of_a_held_lead_is_known(waiting: &impl WaitingLeads) {
    let (owner, at) = (any_user(), now());
    let leads: Vec<LeadId> = (0..Batch::<LeadId>::MAX_LEN)
        .map(|_| LeadId(any_id()))
        .collect();

    waiting
        .hold(&Batch::new(leads.clone()).unwrap(), owner, at)
        .await;

    for lead in leads {
        let found = eventually("the owner is known", async || waiting.owner(lead).await).await;
        assert_eq!(found, (owner, at));
    }
}

/// Neither before they are held, nor because others are.
pub async fn of_other_leads_nothing_is_known(waiting: &impl WaitingLeads) {
    let unknown = LeadId(any_id());
    waiting
        .hold(&Batch::one(LeadId(any_id())), any_user(), now())
        .await;

    assert_eq!(waiting.owner(unknown).await, None);
}

/// A request that is sent again with its key.
pub async fn holding_again_tells_the_same(waiting: &impl WaitingLeads) {
    let (lead, owner) = (LeadId(any_id()), any_user());
    let at = Timestamp::from_unix_ms(now().unix_ms() - 1);
    for _ in 0..2 {
        waiting
            .hold(&Batch::new(vec![lead, lead]).unwrap(), owner, at)
            .await;
    }

    let found = eventually("the owner is known", async || waiting.owner(lead).await).await;
    assert_eq!(found, (owner, at));
}
