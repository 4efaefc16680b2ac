//! Kept answers to reads.

use std::sync::Arc;
use std::time::Duration;

use lead::ports::{CACHE_MAX_AGE, Load, ReadKey, StoreError};
use redis::Pipeline;
use tokio::time::{Instant, sleep};

use crate::debt::Debt;
use crate::flight::{Flights, Join};
use crate::link::Link;
use crate::token::{Mint, Token};

/// What one read may take of Redis, looking and keeping together. With a limit in the same request
/// it stays below 50 ms.
const READ_LIMIT: Duration = Duration::from_millis(30);
/// What a bump may take of Redis.
const BUMP_LIMIT: Duration = Duration::from_millis(50);
/// Larger answers are not kept, in bytes.
const KEPT_MAX_BYTES: usize = 1024 * 1024;
/// How long a token lives that nothing changes; a new one only makes what is kept unreachable.
const TOKEN_SECONDS: u64 = 24 * 60 * 60;
/// How often it is looked whether a bump is owed.
const PAY_EVERY: Duration = Duration::from_millis(250);

/// Answers to reads.
pub(crate) struct Reads {
    link: Arc<Link>,
    mint: Mint,
    lists: Kind,
    leads: Kind,
    flights: Flights<Slot, Landed>,
    namespace: String,
}

/// Reads that become unreachable together.
struct Kind {
    token_key: String,
    debt: Debt,
}

/// What is loaded once.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Slot {
    /// Of this node; tells a read before a bump from one after it where Redis is away.
    epoch: u64,
    /// None where Redis is not to be asked.
    token: Option<Token>,
    key: ReadKey,
}

/// How a load ended.
#[derive(Clone)]
enum Landed {
    Found(Arc<[u8]>),
    NotThere,
    /// The error is its own caller's.
    Failed,
}

/// What Redis has for a read.
enum Look {
    Kept(Arc<[u8]>),
    Missing {
        token: Token,
        /// The server's time then, in ms.
        at_ms: u64,
    },
}

impl Reads {
    pub(crate) fn new(link: Arc<Link>, namespace: String) -> Self {
        let kind = |name| Kind {
            token_key: format!("{namespace}:token:{name}"),
            debt: Debt::default(),
        };
        Self {
            link,
            mint: Mint::new(),
            lists: kind("list"),
            leads: kind("lead"),
            flights: Flights::new(),
            namespace,
        }
    }

    pub(crate) async fn read(
        &self,
        key: &ReadKey,
        load: Load<'_>,
    ) -> Result<Option<Arc<[u8]>>, StoreError> {
        let kind = match key {
            ReadKey::List(_) => &self.lists,
            ReadKey::Lead(..) => &self.leads,
        };
        let epoch = kind.debt.epoch();
        let asked_at = Instant::now();
        let look = match kind.debt.due() {
            Some(_) => None,
            None => self.look(kind, key, asked_at + READ_LIMIT).await,
        };
        let left = READ_LIMIT.saturating_sub(asked_at.elapsed());
        let missing = match look {
            Some(Look::Kept(bytes)) => return Ok(Some(bytes)),
            Some(Look::Missing { token, at_ms }) => Some((token, at_ms)),
            None => None,
        };

        let slot = Slot {
            epoch,
            token: missing.map(|(token, _)| token),
            key: key.clone(),
        };
        loop {
            match self.flights.join(&slot) {
                Join::Lead(leader) => {
                    let loaded = load.await;
                    leader.land(match &loaded {
                        Ok(Some(bytes)) => Landed::Found(Arc::clone(bytes)),
                        Ok(None) => Landed::NotThere,
                        Err(_) => Landed::Failed,
                    });
                    if let (Ok(Some(bytes)), Some((token, at_ms))) = (&loaded, missing) {
                        let until = Instant::now() + left;
                        self.keep(key, bytes, token, at_ms, until).await;
                    }
                    return loaded;
                }
                Join::Follow(follower) => match follower.landed().await {
                    Some((Landed::Found(bytes), began_at))
                        if began_at.elapsed() < CACHE_MAX_AGE =>
                    {
                        return Ok(Some(bytes));
                    }
                    Some((Landed::NotThere, _)) => return Ok(None),
                    Some(_) => return load.await,
                    None => {}
                },
            }
        }
    }

    pub(crate) async fn bump(&self) {
        self.lists.debt.owe();
        self.pay().await;
    }

    pub(crate) async fn clear(&self) {
        self.lists.debt.owe();
        self.leads.debt.owe();
        self.pay().await;
    }

    /// Pays what is owed for as long as it is polled.
    pub(crate) async fn pay_debts(&self) {
        loop {
            sleep(PAY_EVERY).await;
            self.pay().await;
        }
    }

    /// Changes the tokens that have to change. Until Redis has taken that, reads of their kind go
    /// without it on this node.
    async fn pay(&self) {
        let due = [&self.lists, &self.leads].map(|kind| kind.debt.due().map(|due| (kind, due)));
        let mut change = Pipeline::new();
        for (kind, _) in due.iter().flatten() {
            let token = self.mint.next();
            change
                .cmd("SET")
                .arg(&kind.token_key)
                .arg(&token[..])
                .arg("EX")
                .arg(TOKEN_SECONDS)
                .ignore();
        }
        if change.is_empty() {
            return;
        }
        let until = Instant::now() + BUMP_LIMIT;
        if self.link.ask::<()>(&change, until).await.is_ok() {
            for (kind, due) in due.into_iter().flatten() {
                kind.debt.pay(due);
            }
        }
    }

    async fn look(&self, kind: &Kind, key: &ReadKey, until: Instant) -> Option<Look> {
        type Found = ((u64, u64), (Option<Vec<u8>>, Option<Vec<u8>>));
        let mut question = Pipeline::new();
        question.cmd("TIME");
        question
            .cmd("MGET")
            .arg(&kind.token_key)
            .arg(self.name(key));
        let ((seconds, micros), (token, kept)): Found =
            self.link.ask(&question, until).await.ok()?;
        let token: Token = match token {
            Some(token) => token.try_into().ok()?,
            None => self.first_token(kind, until).await?,
        };
        match kept.as_deref().and_then(|it| it.strip_prefix(&token)) {
            Some(bytes) => Some(Look::Kept(bytes.into())),
            None => Some(Look::Missing {
                token,
                at_ms: seconds * 1_000 + micros / 1_000,
            }),
        }
    }

    /// Makes a token where there is none. Of several who do so at once all get the same.
    async fn first_token(&self, kind: &Kind, until: Instant) -> Option<Token> {
        let token = self.mint.next();
        let mut question = Pipeline::new();
        question
            .cmd("SET")
            .arg(&kind.token_key)
            .arg(&token[..])
            .arg("EX")
            .arg(TOKEN_SECONDS)
            .arg("NX")
            .ignore();
        question.cmd("GET").arg(&kind.token_key);
        let (token,): (Vec<u8>,) = self.link.ask(&question, until).await.ok()?;
        token.try_into().ok()
    }

    /// Keeps an answer that was not older than `at_ms` by the server's clock: what arrives late, for
    /// whatever reason, expires no later.
    async fn keep(&self, key: &ReadKey, bytes: &[u8], token: Token, at_ms: u64, until: Instant) {
        if bytes.len() > KEPT_MAX_BYTES {
            return;
        }
        let mut value = Vec::with_capacity(token.len() + bytes.len());
        value.extend_from_slice(&token);
        value.extend_from_slice(bytes);
        let max_age_ms = u64::try_from(CACHE_MAX_AGE.as_millis()).unwrap_or(u64::MAX);
        let mut question = Pipeline::new();
        question
            .cmd("SET")
            .arg(self.name(key))
            .arg(value)
            .arg("PXAT")
            .arg(at_ms.saturating_add(max_age_ms))
            .ignore();
        // What is not kept is read again.
        let _: Result<(), _> = self.link.ask(&question, until).await;
    }

    fn name(&self, key: &ReadKey) -> String {
        let namespace = &self.namespace;
        match key {
            ReadKey::List(text) => format!("{namespace}:list:{text}"),
            ReadKey::Lead(id, form) => format!("{namespace}:lead:{id}:{form}"),
        }
    }
}
