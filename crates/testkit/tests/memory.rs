//! Every suite over the reference adapters, and what only they can show.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use std::sync::Arc;

use async_trait::async_trait;
use kernel::Clock;
use testkit::contract::lead_queue::{QueuePlace, QueuePorts, short_waits};
use testkit::contract::lead_store::LeadStorePorts;
use testkit::contract::token_codec::TokenCodecs;
use testkit::memory::{
    MemoryAccounts, MemoryCache, MemoryClaims, MemoryLeadStore, MemoryQueue, MemoryRegistry,
    MemoryThrottle, MemoryWaiting, PlainHasher, PlainTokens, TickingClock,
};

fn clock() -> Arc<dyn Clock> {
    Arc::new(TickingClock)
}

/// A queue in memory outlives the processes at it, as a file does.
struct Place(Arc<MemoryQueue>);

#[async_trait]
impl QueuePlace for Place {
    async fn open(&self) -> QueuePorts {
        QueuePorts {
            publisher: Arc::clone(&self.0) as _,
            consumer: Arc::new(self.0.consumer()),
            monitor: Arc::clone(&self.0) as _,
        }
    }

    async fn inject(&self, bytes: &[u8]) {
        self.0.inject(bytes.to_vec());
    }
}

testkit::lead_store_contract!(async { LeadStorePorts::of(Arc::new(MemoryLeadStore::default())) });
testkit::dead_letters_contract!(async { LeadStorePorts::of(Arc::new(MemoryLeadStore::default())) });
testkit::lead_queue_contract!(async { Place(Arc::new(MemoryQueue::new(clock(), short_waits()))) });
testkit::lead_cache_contract!(async { Arc::new(MemoryCache::new(clock())) });
testkit::waiting_leads_contract!(async { MemoryWaiting::new(clock()) });
testkit::claims_contract!(async { Arc::new(MemoryClaims::default()) });
testkit::account_store_contract!(async { Arc::new(MemoryAccounts::default()) });
testkit::attribute_registry_contract!(async { Arc::new(MemoryRegistry::default()) });
testkit::password_hasher_contract!(async { PlainHasher });
testkit::token_codec_contract!(async {
    TokenCodecs {
        codec: Arc::new(PlainTokens::default()),
        strangers: vec![Arc::new(PlainTokens::new("another key"))],
    }
});
testkit::throttle_contract!(async { Arc::new(MemoryThrottle::new(clock())) });

mod reference_adapters {
    use std::sync::Arc;
    use std::time::Duration;

    use kernel::{Batch, Clock, Entropy, Timestamp};
    use lead::ports::{
        CACHE_MAX_AGE, LeadCache, LeadConsumer, LeadFinder, LeadPublisher, LeadStore, ReadKey,
        ReceiveAsk, Settled, Settlement, StoreError, WaitingLeads,
    };
    use lead::{LeadId, Message};
    use testkit::fixtures::{any_id, any_lead, any_message, any_user, intake_of, now};
    use testkit::memory::{ManualClock, SeededEntropy, family};

    /// Whatever is ready, at once.
    const NOW: ReceiveAsk = ReceiveAsk {
        max_leads: 1_000,
        wait: Duration::ZERO,
        linger: Duration::ZERO,
    };

    #[tokio::test]
    async fn an_intake_with_a_refused_lead_stores_nothing() {
        let store = family().store;
        let leads = [any_lead(), any_lead()];
        for lasting in [true, false] {
            store.refuse(leads[1].id, lasting);
            let refused = store.append(&intake_of(&leads)).await.unwrap_err();
            assert!(matches!(refused, StoreError::Refused { lasting: it, .. } if it == lasting));
            assert_eq!(store.find(leads[0].id).await.unwrap(), None);
        }

        store.relent(leads[1].id);
        store.append(&intake_of(&leads)).await.unwrap();
        assert!(store.find(leads[1].id).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_store_that_is_away_keeps_what_it_holds() {
        let store = family().store;
        let lead = any_lead();
        store
            .append(&intake_of(std::slice::from_ref(&lead)))
            .await
            .unwrap();

        store.set_away(true);
        let answer = store.find(lead.id).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))));
        store.set_away(false);
        assert!(store.find(lead.id).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_retry_waits_until_the_clock_is_moved() {
        let family = family();
        family
            .queue
            .publish(&Batch::one(any_message(1)))
            .await
            .unwrap();
        let delivery = family.consumer.receive(NOW).await.unwrap().remove(0);
        let again = Message {
            attempt: 1,
            ..delivery.payload.unwrap()
        };
        let settlement = Settlement::Retry(Batch::one(again.clone()));
        let settled = Settled {
            tag: delivery.tag,
            settlement,
        };
        family.consumer.settle(vec![settled]).await.unwrap();

        family.clock.advance(Duration::from_millis(999));
        assert!(family.consumer.receive(NOW).await.unwrap().is_empty());
        family.clock.advance(Duration::from_millis(1));
        let came = family.consumer.receive(NOW).await.unwrap().remove(0);
        assert_eq!(came.payload, Ok(again));
    }

    #[tokio::test]
    async fn a_consumer_that_crashes_gives_back_what_it_held() {
        let family = family();
        family
            .queue
            .publish(&Batch::one(any_message(1)))
            .await
            .unwrap();
        for redeliveries in 0..3 {
            let delivery = family.consumer.receive(NOW).await.unwrap().remove(0);
            assert_eq!(delivery.redeliveries, redeliveries);
            assert!(family.consumer.receive(NOW).await.unwrap().is_empty());
            family.consumer.crash();
        }
    }

    #[tokio::test]
    async fn the_cache_keeps_nothing_longer_than_promised() {
        let family = family();
        for key in [
            ReadKey::List("key".to_owned()),
            ReadKey::Lead(LeadId(any_id()), String::new()),
        ] {
            let read = async |text: &'static [u8]| {
                let load = Box::pin(async move { Ok(Some(text.into())) });
                family.cache.read(&key, load).await.unwrap()
            };
            read(b"old").await;
            family
                .clock
                .advance(CACHE_MAX_AGE.saturating_sub(Duration::from_millis(1)));
            assert_eq!(read(b"new").await.as_deref(), Some(&b"old"[..]));
            family.clock.advance(Duration::from_millis(1));
            assert_eq!(read(b"new").await.as_deref(), Some(&b"new"[..]));
        }
    }

    #[tokio::test]
    async fn who_waits_is_forgotten_after_a_day() {
        let family = family();
        let (lead, owner, at) = (LeadId(any_id()), any_user(), family.clock.now());
        family.waiting.hold(&Batch::one(lead), owner, at).await;

        family
            .clock
            .advance(Duration::from_hours(24).saturating_sub(Duration::from_millis(1)));
        assert_eq!(family.waiting.owner(lead).await, Some((owner, at)));
        family.clock.advance(Duration::from_millis(1));
        assert_eq!(family.waiting.owner(lead).await, None);
    }

    #[test]
    fn a_manual_clock_moves_only_when_it_is_moved() {
        let clock = ManualClock::at(Timestamp::from_unix_ms(5));
        clock.advance(Duration::from_millis(7));
        assert_eq!(clock.now(), Timestamp::from_unix_ms(12));
        clock.set(Timestamp::from_unix_ms(1));
        assert_eq!(clock.now(), Timestamp::from_unix_ms(1));
        assert!(ManualClock::default().now() <= now());
    }

    #[test]
    fn entropy_of_one_seed_is_the_same_and_of_another_is_not() {
        let bits = |seed| {
            let entropy = SeededEntropy::new(seed);
            [entropy.random_u64(), entropy.random_u64()]
        };
        assert_eq!(bits(1), bits(1));
        assert_ne!(bits(1), bits(2));
        assert_ne!(bits(1)[0], bits(1)[1]);
    }

    #[test]
    fn ids_of_a_family_go_up_while_its_clock_stands_still() {
        let ids = Arc::clone(&family().ids);
        let ids: Vec<_> = (0..1_000).map(|_| ids.next()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
    }
}
