//! Ports that fail on purpose. For anything else there are the reference adapters.

#![allow(
    missing_docs,
    reason = "mockall makes public items without documentation"
)]

use async_trait::async_trait;
use auth::ports::{AccountStoreError, Added, HashError, PasswordHasher, Session};
use auth::{
    Account, AccountChange, Allowance, NewAccount, NewPassword, PasswordHash, Quota, ThrottleKey,
    TokenId, Username,
};
use kernel::{Batch, Cause, Secret, Timestamp, UserId};
use lead::ports::{
    Appended, ClaimsError, Delivery, Indexed, Intake, QueueDepth, QueueError, ReceiveAsk,
    ResultsQuery, SeenDead, Settled, StoreError,
};
use lead::{
    BatchId, BatchView, Claim, ClaimKey, DeadLetter, DeadLetterId, Filter, Fingerprint, Lead,
    LeadId, ListQuery, MatchKey, Message, Parked, Receipt, ResultRow, Stats, StoredAnswer, Total,
};
use mockall::mock;

mock! {
    pub LeadStore {}

    #[async_trait]
    impl lead::ports::LeadStore for LeadStore {
        async fn append(&self, intake: &Intake) -> Result<Vec<Appended>, StoreError>;
        async fn park(&self, parked: &Batch<Parked>) -> Result<(), StoreError>;
        async fn forget(&self, before: Timestamp) -> Result<u64, StoreError>;
        async fn recount(&self) -> Result<(), StoreError>;
        async fn index(&self) -> Result<Indexed, StoreError>;
    }
}

mock! {
    pub LeadFinder {}

    #[async_trait]
    impl lead::ports::LeadFinder for LeadFinder {
        async fn find(&self, id: LeadId) -> Result<Option<Lead>, StoreError>;
        async fn holder(&self, key: &MatchKey) -> Result<Option<LeadId>, StoreError>;
        async fn list(&self, query: &ListQuery) -> Result<Vec<Lead>, StoreError>;
        async fn total(&self, filter: &Filter) -> Result<Total, StoreError>;
        async fn list_and_total(&self, query: &ListQuery) -> Result<(Vec<Lead>, Total), StoreError>;
        async fn stats(&self, today: Timestamp) -> Result<Stats, StoreError>;
        async fn receipt(&self, id: LeadId) -> Result<Option<Receipt>, StoreError>;
        async fn batch(&self, id: BatchId) -> Result<Option<BatchView>, StoreError>;
        async fn results(&self, query: &ResultsQuery) -> Result<Vec<ResultRow>, StoreError>;
    }
}

mock! {
    pub DeadLetters {}

    #[async_trait]
    impl lead::ports::DeadLetters for DeadLetters {
        async fn list(
            &self,
            after: Option<DeadLetterId>,
            limit: u16,
        ) -> Result<Vec<DeadLetter>, StoreError>;
        async fn count(&self) -> Result<u64, StoreError>;
        async fn show(&self, id: DeadLetterId) -> Result<Option<DeadLetter>, StoreError>;
        async fn replayed(&self, seen: &Batch<SeenDead>) -> Result<(), StoreError>;
        async fn discard(&self, id: DeadLetterId) -> Result<bool, StoreError>;
    }
}

mock! {
    pub LeadPublisher {}

    #[async_trait]
    impl lead::ports::LeadPublisher for LeadPublisher {
        async fn publish(&self, messages: &Batch<Message>) -> Result<(), QueueError>;
    }
}

mock! {
    pub LeadConsumer {}

    #[async_trait]
    impl lead::ports::LeadConsumer for LeadConsumer {
        async fn receive(&self, ask: ReceiveAsk) -> Result<Vec<Delivery>, QueueError>;
        async fn settle(&self, settled: Vec<Settled>) -> Result<(), QueueError>;
    }
}

mock! {
    pub QueueMonitor {}

    #[async_trait]
    impl lead::ports::QueueMonitor for QueueMonitor {
        async fn depths(&self) -> Result<Vec<QueueDepth>, QueueError>;
    }
}

mock! {
    pub Claims {}

    #[async_trait]
    impl lead::ports::Claims for Claims {
        async fn claim(
            &self,
            key: &ClaimKey,
            content: Fingerprint,
            now: Timestamp,
        ) -> Result<Claim, ClaimsError>;
        async fn finish(&self, key: &ClaimKey, answer: &StoredAnswer) -> Result<(), ClaimsError>;
        async fn release(
            &self,
            key: &ClaimKey,
            anything_published: bool,
        ) -> Result<(), ClaimsError>;
    }
}

mock! {
    pub AccountStore {}

    #[async_trait]
    impl auth::ports::AccountStore for AccountStore {
        async fn by_username(
            &self,
            username: &Username,
        ) -> Result<Option<Account>, AccountStoreError>;
        async fn by_id(&self, user: UserId) -> Result<Option<Account>, AccountStoreError>;
        async fn list(
            &self,
            after: Option<UserId>,
            limit: u16,
        ) -> Result<Vec<Account>, AccountStoreError>;
        async fn add(&self, account: &NewAccount) -> Result<Added, AccountStoreError>;
        async fn change(
            &self,
            user: UserId,
            change: &AccountChange,
        ) -> Result<Option<Account>, AccountStoreError>;
        async fn signed_in(&self, user: UserId, at: Timestamp) -> Result<(), AccountStoreError>;
        async fn session(
            &self,
            user: UserId,
            token: TokenId,
        ) -> Result<Option<Session>, AccountStoreError>;
        async fn revoke(
            &self,
            token: TokenId,
            expires_at: Timestamp,
            now: Timestamp,
        ) -> Result<(), AccountStoreError>;
    }
}

mock! {
    pub Throttle {}

    #[async_trait]
    impl auth::ports::Throttle for Throttle {
        async fn take(&self, key: &ThrottleKey, quota: Quota) -> Allowance;
    }
}

mock! {
    pub Probe {}

    #[async_trait]
    impl kernel::Probe for Probe {
        async fn probe(&self) -> Result<(), Cause>;
    }
}

/// A hasher that too many wait for.
#[derive(Clone, Copy, Debug)]
pub struct BusyHasher;

#[async_trait]
impl PasswordHasher for BusyHasher {
    async fn hash(&self, _: &NewPassword) -> Result<PasswordHash, HashError> {
        Err(HashError::Busy)
    }

    async fn verify(
        &self,
        _: &Secret<String>,
        _: Option<&PasswordHash>,
    ) -> Result<bool, HashError> {
        Err(HashError::Busy)
    }
}
