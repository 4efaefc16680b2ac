//! Connections, and what is wrong when there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_lapin::{Hook, HookError, Object, Pool, PoolError, Runtime, TimeoutType, Timeouts};
use kernel::Cause;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ErrorKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::Role;
use crate::options::Address;
use crate::topology::Topology;

/// Connections of a process: one publishes, one consumes, one looks.
const CONNECTIONS_MAX: usize = 3;
/// How long connecting may take, the sign-in included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long anything may take that a broker answers at once.
pub(crate) const ROUND_TRIP_TIMEOUT: Duration = Duration::from_secs(3);
/// How often it is looked whether a connection is blocked.
pub(crate) const BLOCKED_LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long a connection may take to say good-bye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What an AMQP client says first, and a broker answers.
const PROTOCOL_HEADER: [u8; 8] = *b"AMQP\x00\x00\x09\x01";

/// Reply codes of the protocol.
mod code {
    /// The login, or a permission, was refused.
    pub(super) const ACCESS_REFUSED: u16 = 403;
    /// What was named is not there.
    pub(super) const NOT_FOUND: u16 = 404;
    /// Somebody else's queue.
    pub(super) const RESOURCE_LOCKED: u16 = 405;
    /// What was declared is there with other arguments.
    pub(super) const PRECONDITION_FAILED: u16 = 406;
    /// The virtual host is not there, or not for this user.
    pub(super) const NOT_ALLOWED: u16 = 530;
}

/// Why the queue cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is malformed.
    #[error("the queue's address cannot be used: {0}")]
    Url(&'static str),
    /// The broker does not answer; it may later.
    #[error("the queue's broker cannot be reached")]
    Unreachable(#[source] Cause),
    /// The broker refuses the user, the password, the virtual host, or lacks a permission.
    #[error("the queue's broker refuses access")]
    Denied(#[source] Cause),
    /// A queue is there that was declared otherwise.
    #[error(
        "queue {queue} exists with another {argument}: \
         let it run empty with the version that made it, delete it, and start again"
    )]
    Topology {
        /// The queue.
        queue: String,
        /// What differs.
        argument: String,
    },
}

/// Why there is no connection, or none any more.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum LinkFault {
    #[error("the broker did not answer in time")]
    Slow,
    #[error("the connection failed")]
    Failed(#[from] lapin::Error),
    #[error("the connection ended")]
    Ended,
    #[error("the broker has forgotten who consumes")]
    Forgotten,
    #[error("the broker cancelled a subscription, its queue is not there")]
    Cancelled,
    #[error("no connection to be had: {0}")]
    Pool(&'static str),
}

impl LinkFault {
    /// Trying again soon does not help: somebody has to change something.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self.clone().into(), OpenError::Topology { .. })
    }

    /// A queue is not there.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Cancelled => true,
            Self::Failed(error) => matches!(
                error.kind(),
                ErrorKind::ProtocolError(refusal) if refusal.get_id() == code::NOT_FOUND
            ),
            Self::Slow | Self::Ended | Self::Forgotten | Self::Pool(_) => false,
        }
    }
}

impl From<LinkFault> for OpenError {
    fn from(fault: LinkFault) -> Self {
        let LinkFault::Failed(error) = &fault else {
            return Self::Unreachable(Cause::new(fault));
        };
        let ErrorKind::ProtocolError(refusal) = error.kind() else {
            return Self::Unreachable(Cause::new(fault));
        };
        match refusal.get_id() {
            code::PRECONDITION_FAILED | code::RESOURCE_LOCKED => {
                let said = refusal.get_message().as_str();
                let quoted = |after| quoted_after(said, after).map(str::to_owned);
                Self::Topology {
                    queue: quoted("queue '").unwrap_or_else(|| "of this name".to_owned()),
                    argument: quoted("arg '").unwrap_or_else(|| "owner or kind".to_owned()),
                }
            }
            code::ACCESS_REFUSED | code::NOT_ALLOWED => Self::Denied(Cause::new(fault)),
            _ => Self::Unreachable(Cause::new(fault)),
        }
    }
}

/// What stands in a broker's sentence between `opening` and the next quote.
fn quoted_after<'a>(said: &'a str, opening: &str) -> Option<&'a str> {
    said.split_once(opening)?.1.split('\'').next()
}

/// Where connections come from.
pub(crate) struct Broker {
    pool: Pool,
    address: Address,
    /// The last attempt hung, so the next one knocks first.
    hangs: AtomicBool,
}

impl Broker {
    pub(crate) fn new(address: Address, topology: Arc<Topology>) -> Result<Self, OpenError> {
        let config = deadpool_lapin::Config {
            url: Some(address.url.expose().clone()),
            ..deadpool_lapin::Config::default()
        };
        let properties = || ConnectionProperties::default().with_connection_name("skynet".into());
        let declaring = Arc::new(Mutex::new(()));
        let declare = Hook::async_fn(move |connection: &mut Connection, _| {
            let (topology, declaring) = (Arc::clone(&topology), Arc::clone(&declaring));
            Box::pin(async move {
                // One after the other: brokers are not at their best when a queue is made twice.
                let _turn = declaring.lock().await;
                declare(connection, &topology).await.map_err(hook_error)
            })
        });
        let look = Hook::async_fn(|connection: &mut Connection, _| {
            Box::pin(async move { round_trip(connection).await.map_err(hook_error) })
        });
        let pool = config
            .builder(properties, Runtime::Tokio1)
            .map_err(|error| OpenError::Unreachable(Cause::new(error)))?
            .max_size(CONNECTIONS_MAX)
            .timeouts(Timeouts {
                wait: Some(CONNECT_TIMEOUT),
                create: Some(CONNECT_TIMEOUT),
                recycle: Some(ROUND_TRIP_TIMEOUT),
            })
            .post_create(declare)
            .pre_recycle(look)
            .build()
            .map_err(|_| OpenError::Unreachable(Cause::new(LinkFault::Pool("no runtime"))))?;
        Ok(Self {
            pool,
            address,
            hangs: AtomicBool::new(false),
        })
    }

    /// A connection, new or proven to work, and every queue.
    ///
    /// An attempt that hangs in the handshake keeps a thread of the client for as long as the other
    /// side keeps the socket. So after one of them a bare socket knocks first, until it is heard.
    pub(crate) async fn connect(&self) -> Result<Object, LinkFault> {
        if self.hangs.load(Ordering::Relaxed) {
            timeout(CONNECT_TIMEOUT, self.knock())
                .await
                .map_err(|_| LinkFault::Slow)??;
        }
        match self.pool.get().await {
            Ok(connection) => {
                self.hangs.store(false, Ordering::Relaxed);
                Ok(connection)
            }
            Err(PoolError::Timeout(TimeoutType::Create)) => {
                self.hangs.store(true, Ordering::Relaxed);
                Err(LinkFault::Slow)
            }
            Err(PoolError::Timeout(_) | PoolError::PostCreateHook(HookError::Message(_))) => {
                Err(LinkFault::Slow)
            }
            Err(
                PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)),
            ) => Err(LinkFault::Failed(error)),
            Err(PoolError::Closed) => Err(LinkFault::Ended),
            Err(PoolError::NoRuntimeSpecified) => Err(LinkFault::Pool("no runtime")),
        }
    }

    async fn knock(&self) -> Result<(), LinkFault> {
        let failed = |error: std::io::Error| LinkFault::Failed(error.into());
        let place = (self.address.host.as_str(), self.address.port);
        let mut stream = TcpStream::connect(place).await.map_err(failed)?;
        if !self.address.is_encrypted {
            stream.write_all(&PROTOCOL_HEADER).await.map_err(failed)?;
            stream.read_u8().await.map_err(failed)?;
        }
        Ok(())
    }

    /// Ends every connection that nobody holds; those that are held end when they are dropped.
    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

fn hook_error(fault: LinkFault) -> HookError {
    match fault {
        LinkFault::Failed(error) => HookError::Backend(error),
        LinkFault::Slow
        | LinkFault::Ended
        | LinkFault::Forgotten
        | LinkFault::Cancelled
        | LinkFault::Pool(_) => HookError::message("the broker did not answer in time"),
    }
}

async fn declare(connection: &Connection, topology: &Topology) -> Result<(), LinkFault> {
    let channel = open_channel(connection).await?;
    topology.declare(&channel).await
}

async fn round_trip(connection: &Connection) -> Result<(), LinkFault> {
    open_channel(connection).await.map(drop)
}

pub(crate) async fn open_channel(connection: &Connection) -> Result<Channel, LinkFault> {
    in_time(connection.create_channel()).await
}

/// A channel on which the broker confirms what is published.
pub(crate) async fn open_confirming(connection: &Connection) -> Result<Channel, LinkFault> {
    let channel = open_channel(connection).await?;
    in_time(channel.confirm_select(ConfirmSelectOptions::default())).await?;
    Ok(channel)
}

/// Something that a broker answers at once.
pub(crate) async fn in_time<T>(
    answer: impl Future<Output = lapin::Result<T>>,
) -> Result<T, LinkFault> {
    let answer = timeout(ROUND_TRIP_TIMEOUT, answer).await;
    Ok(answer.map_err(|_| LinkFault::Slow)??)
}

/// Ends a connection for good, with a good-bye where the other side listens.
pub(crate) async fn part(connection: Object) {
    let connection = Object::take(connection);
    // What fails to close is closed by being dropped.
    let _ = timeout(CLOSE_TIMEOUT, connection.close(200, "good-bye".into())).await;
}

/// Whether the user may do what the role needs. Declaring was allowed already; permissions to write
/// and to read show only when they are used.
pub(crate) async fn check_permissions(
    connection: &Connection,
    topology: &Topology,
    role: Role,
) -> Result<(), LinkFault> {
    let channel = open_confirming(connection).await?;
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let nowhere = topology.nowhere.as_str().into();
    let properties = BasicProperties::default();
    // It is returned, since no queue has that name.
    let publish = channel.basic_publish("".into(), nowhere, options, &[], properties);
    let returned = async { in_time(in_time(publish).await?).await };
    tokio::select! {
        returned = returned => {
            returned?;
        }
        // Whoever consumes has to start all the more.
        () = until_blocked(connection) => return Ok(()),
    }
    if role == Role::Consumer {
        in_time(channel.basic_qos(1, BasicQosOptions::default())).await?;
        // Hardly ever there is anything in it, and what is comes back when the channel closes.
        let failed = topology.failed.as_str().into();
        let options = BasicConsumeOptions::default();
        in_time(channel.basic_consume(failed, "".into(), options, FieldTable::default())).await?;
    }
    in_time(channel.close(200, "checked".into())).await
}

async fn until_blocked(connection: &Connection) {
    while !connection.status().blocked() {
        sleep(BLOCKED_LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_names_queue_and_argument() {
        let said = "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue \
                    'leads.work.v1' in vhost '/': received none but current is the value '1'";
        assert_eq!(quoted_after(said, "queue '"), Some("leads.work.v1"));
        assert_eq!(quoted_after(said, "arg '"), Some("x-message-ttl"));
        assert_eq!(quoted_after("something else", "arg '"), None);
    }
}
