//! The connection, and whether it works.

use std::time::Duration;

use deadpool_redis::{Connection, Manager, Pool, PoolError, Runtime, Timeouts};
use kernel::Cause;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, FromRedisValue, Pipeline, RedisError,
    ServerErrorKind,
};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::backoff::Backoff;
use crate::own::Owned;
use crate::{OpenError, deadline};

/// Connections in the pool: the one that all share, and one that checks.
const CONNECTIONS_MAX: usize = 2;
/// How long connecting may take, the sign-in included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long proof may take that Redis works.
const PROOF_TIMEOUT: Duration = Duration::from_secs(1);
/// How often it is proven that the connection works, when no call has set it in doubt.
const PROVE_EVERY: Duration = Duration::from_secs(1);
/// A connection that worked for so long starts anew with a short wait.
const STEADY_AFTER: Duration = Duration::from_secs(5);
/// How long checking waits for the supervisor once the server has proven that it answers.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why Redis gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the cache is known to be away")]
    Away,
    #[error("the cache did not answer in time")]
    Slow,
    #[error("the cache failed")]
    Failed(#[from] RedisError),
    #[error("no connection to be had: {0}")]
    Pool(&'static str),
}

impl Fault {
    /// The script is to be sent in full.
    pub(crate) fn is_unknown_script(&self) -> bool {
        matches!(self, Self::Failed(error)
            if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript))
    }

    /// The server understood, and did not let us in.
    fn is_refusal(&self) -> bool {
        let Self::Failed(error) = self else {
            return false;
        };
        match error.kind() {
            ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm) => true,
            // There is no code of its own for a database that is not there.
            ErrorKind::Server(ServerErrorKind::ResponseError) => {
                error.detail().is_some_and(|it| it.contains("DB index"))
            }
            _ => matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM")),
        }
    }
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        if fault.is_refusal() {
            Self::Denied(Cause::new(fault))
        } else {
            Self::Unreachable(Cause::new(fault))
        }
    }
}

#[derive(Clone)]
enum State {
    /// The first connection is being made.
    Starting,
    Up {
        shared: MultiplexedConnection,
        generation: u64,
    },
    /// A call had no answer, and the supervisor looks whether anything has.
    InDoubt,
    Down,
}

impl State {
    fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }
}

/// What a caller does while it is looked whether Redis answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It goes on without Redis.
    None,
    /// It waits, since it cannot go on without.
    WhileInDoubt,
}

/// The way to Redis.
pub(crate) struct Link {
    pool: Pool,
    owned: Owned,
    state: watch::Sender<State>,
    /// A call had no answer.
    doubt: Notify,
    /// The server answers again.
    wake: Notify,
    /// What is written to prove that Redis works.
    proof_key: String,
}

impl Link {
    pub(crate) fn new(info: ConnectionInfo, namespace: &str) -> Result<Self, OpenError> {
        let unusable = |_| OpenError::Url("redis://user:password@host:port/number is expected");
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(PROOF_TIMEOUT));
        let client = Client::open(info.clone()).map_err(unusable)?;
        let manager = Manager::new_with_config(info, config.clone()).map_err(unusable)?;
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS_MAX)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(CONNECT_TIMEOUT),
                create: Some(CONNECT_TIMEOUT),
                recycle: Some(PROOF_TIMEOUT),
            })
            .build()
            .map_err(|_| OpenError::Unreachable(Cause::new(Fault::Pool("no runtime"))))?;
        Ok(Self {
            owned: Owned::new(client, config),
            pool,
            state: watch::Sender::new(State::Starting),
            doubt: Notify::new(),
            wake: Notify::new(),
            proof_key: format!("{namespace}:works"),
        })
    }

    /// What Redis answers until then, to somebody who goes on without it.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        question: &Pipeline,
        until: Instant,
    ) -> Result<T, Fault> {
        self.ask_with(question, Patience::None, until).await
    }

    /// What Redis answers until then. With Redis away the answer is [`Fault::Away`], at once.
    pub(crate) async fn ask_with<T: FromRedisValue>(
        &self,
        question: &Pipeline,
        patience: Patience,
        until: Instant,
    ) -> Result<T, Fault> {
        let mut connection = self.connection(patience, until).await?;
        let answer = deadline::by(until, question.query_async(&mut connection)).await;
        let fault = match answer {
            Some(Ok(answer)) => return Ok(answer),
            Some(Err(error)) => Fault::Failed(error),
            None => Fault::Slow,
        };
        if !fault.is_unknown_script() {
            self.owned.forget();
            self.doubt();
        }
        Err(fault)
    }

    /// One round trip that shows that Redis takes what is written.
    pub(crate) async fn probe(&self) -> Result<(), Fault> {
        let until = Instant::now() + PROOF_TIMEOUT;
        let connection = self.connection(Patience::None, until).await?;
        self.prove(connection).await.inspect_err(|_| self.doubt())
    }

    /// Connects anew, and waits until calls are served.
    pub(crate) async fn check(&self) -> Result<(), Fault> {
        let connection = self.connect().await?;
        drop(connection);
        self.wake.notify_one();
        let mut state = self.state.subscribe();
        let up = state.wait_for(State::is_up);
        match timeout(READY_TIMEOUT, up).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Fault::Away),
            Err(_) => Err(Fault::Slow),
        }
    }

    /// Keeps a connection for as long as it is polled, and says when Redis comes and goes.
    pub(crate) async fn supervise(&self) {
        let mut backoff = Backoff::new();
        for generation in 0.. {
            let fault = match self.connect().await {
                Ok(connection) => {
                    let up_at = Instant::now();
                    let shared = connection.clone();
                    let up = State::Up { shared, generation };
                    self.set_up(up.clone());
                    let fault = self.keep(&connection, &up).await;
                    drop(Connection::take(connection));
                    if up_at.elapsed() >= STEADY_AFTER {
                        backoff = Backoff::new();
                    }
                    fault
                }
                Err(fault) => fault,
            };
            self.set_down(fault);
            tokio::select! {
                () = sleep(backoff.next_wait()) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    /// Ends every connection that nobody holds.
    pub(crate) fn close(&self) {
        self.pool.close();
    }

    async fn connection(
        &self,
        patience: Patience,
        until: Instant,
    ) -> Result<MultiplexedConnection, Fault> {
        let waits = |it: &State| match it {
            State::Starting => true,
            State::InDoubt => patience == Patience::WhileInDoubt,
            State::Up { .. } | State::Down => false,
        };
        let is_settled = {
            let state = self.state.borrow();
            !waits(&state)
        };
        if !is_settled {
            let mut state = self.state.subscribe();
            let settled = state.wait_for(|it| !waits(it));
            // Where nothing settles it in time, what stands is no connection.
            let _ = timeout_at(until, settled).await;
        }
        match &*self.state.borrow() {
            State::Up { shared, generation } => {
                let own = self.owned.of_this_thread(*generation);
                Ok(own.unwrap_or_else(|| shared.clone()))
            }
            _ => Err(Fault::Away),
        }
    }

    fn doubt(&self) {
        self.state.send_if_modified(|it| {
            let was_up = it.is_up();
            if was_up {
                *it = State::InDoubt;
            }
            was_up
        });
        self.doubt.notify_one();
    }

    /// A connection that has proven to work.
    async fn connect(&self) -> Result<Connection, Fault> {
        let connection = match self.pool.get().await {
            Ok(connection) => connection,
            Err(PoolError::Backend(error)) => return Err(Fault::Failed(error)),
            Err(PoolError::Timeout(_)) => return Err(Fault::Slow),
            Err(PoolError::Closed) => return Err(Fault::Pool("closed")),
            Err(PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_)) => {
                return Err(Fault::Pool("no runtime"));
            }
        };
        match self.prove(connection.clone()).await {
            Ok(()) => Ok(connection),
            Err(fault) => {
                drop(Connection::take(connection));
                Err(fault)
            }
        }
    }

    /// Returns when the connection has failed.
    async fn keep(&self, connection: &MultiplexedConnection, up: &State) -> Fault {
        loop {
            tokio::select! {
                () = self.doubt.notified() => {}
                () = sleep(PROVE_EVERY) => {}
            }
            if let Err(fault) = self.prove(connection.clone()).await {
                return fault;
            }
            self.state.send_if_modified(|it| {
                let was_up = it.is_up();
                if !was_up {
                    *it = up.clone();
                }
                !was_up
            });
        }
    }

    async fn prove(&self, mut connection: MultiplexedConnection) -> Result<(), Fault> {
        let mut proof = redis::cmd("SET");
        proof.arg(&self.proof_key).arg(1).arg("PX").arg(1_000);
        let proven = timeout(PROOF_TIMEOUT, proof.query_async(&mut connection)).await;
        Ok(proven.map_err(|_| Fault::Slow)??)
    }

    fn set_up(&self, up: State) {
        let before = self.state.send_replace(up);
        if matches!(before, State::Down) {
            tracing::info!("cache is back");
        }
    }

    fn set_down(&self, fault: Fault) {
        let before = self.state.send_replace(State::Down);
        if matches!(before, State::Starting) && fault.is_refusal() {
            // Whoever starts the process is told by the check.
            tracing::debug!(cause = %Cause::new(fault), "cache refuses access");
        } else if !matches!(before, State::Down) {
            tracing::warn!(cause = %Cause::new(fault), "cache is away: reads go to the store, limits are this node's own");
        }
    }
}
