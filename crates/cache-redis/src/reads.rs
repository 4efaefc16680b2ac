//! Kept answers to reads.

use std::sync::Arc;
use std::time::Duration;

use lead::ports::{CACHE_MAX_AGE, Load, ReadKey, StoreError};
use redis::Pipeline;
use tokio::time::{Instant, sleep};

use crate::debt::Debt;
use crate::flight::{Flights, Join};
use crate::link::Link;
use crate::near::{Answer, Near};
use crate::round::Rounds;
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
    near: Near,
    namespace: String,
}

/// Reads that become unreachable together.
struct Kind {
    token_key: String,
    debt: Debt,
    /// Those who only want to know the token.
    rounds: Rounds<Result<Option<Token>, NoAnswer>>,
}

/// Redis did not answer.
#[derive(Clone, Copy)]
struct NoAnswer;

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
            rounds: Rounds::new(),
        };
        Self {
            link,
            mint: Mint::new(),
            lists: kind("list"),
            leads: kind("lead"),
            flights: Flights::new(),
            near: Near::default(),
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
            None => self.look(kind, key, asked_at).await,
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
                        self.keep_near(key, bytes, token, asked_at + CACHE_MAX_AGE);
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

    async fn look(&self, kind: &Kind, key: &ReadKey, asked_at: Instant) -> Option<Look> {
        let until = asked_at + READ_LIMIT;
        if let Some(near) = self.near.get(key) {
            let token = kind.rounds.ask(self.token(kind, until)).await.ok()?;
            if token == Some(near.token) {
                return Some(Look::Kept(near.bytes));
            }
        }
        self.look_in_redis(kind, key, asked_at, until).await
    }

    /// The token of a kind; none where there is none.
    async fn token(&self, kind: &Kind, until: Instant) -> Result<Option<Token>, NoAnswer> {
        let mut question = Pipeline::with_capacity(1);
        question.cmd("GET").arg(&kind.token_key);
        let answer: Result<(Option<Vec<u8>>,), _> = self.link.ask(&question, until).await;
        let (token,) = answer.map_err(|_| NoAnswer)?;
        Ok(token.and_then(|it| it.try_into().ok()))
    }

    async fn look_in_redis(
        &self,
        kind: &Kind,
        key: &ReadKey,
        asked_at: Instant,
        until: Instant,
    ) -> Option<Look> {
        type Found = ((u64, u64), i64, (Option<Vec<u8>>, Option<Vec<u8>>));
        let name = self.name(key);
        let mut question = Pipeline::with_capacity(3);
        question.cmd("TIME");
        // Before the answer: one that is kept in between lives longer than this says.
        question.cmd("PTTL").arg(&name);
        question.cmd("MGET").arg(&kind.token_key).arg(&name);
        let ((seconds, micros), left_ms, (token, kept)): Found =
            self.link.ask(&question, until).await.ok()?;
        let token: Token = match token {
            Some(token) => token.try_into().ok()?,
            None => self.first_token(kind, until).await?,
        };
        match kept.as_deref().and_then(|it| it.strip_prefix(&token)) {
            Some(bytes) => {
                let bytes = bytes.into();
                let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
                self.keep_near(key, &bytes, token, asked_at + left.min(CACHE_MAX_AGE));
                Some(Look::Kept(bytes))
            }
            None => Some(Look::Missing {
                token,
                at_ms: seconds * 1_000 + micros / 1_000,
            }),
        }
    }

    fn keep_near(&self, key: &ReadKey, bytes: &Arc<[u8]>, token: Token, until: Instant) {
        let bytes = Arc::clone(bytes);
        self.near.put(
            key,
            Answer {
                token,
                bytes,
                until,
            },
        );
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
