//! How a process uses the queue.

use kernel::Secret;
use lapin::uri::{AMQPScheme, AMQPUri};
use lead::RetryPolicy;

use crate::OpenError;
use crate::topology::NAMESPACE_MAX_BYTES;

/// Seconds between heartbeats; a peer that is silent for twice as long is taken for dead. A broker
/// that hears a client no more hands out only then what that client held.
const HEARTBEAT_SECONDS: u16 = 3;

/// How a process uses the queue.
#[derive(Clone, Debug)]
pub struct Options {
    /// `amqp://user:password@host:port/vhost`, or `amqps://`; the vhost `/` is written `%2f`.
    pub url: Secret<String>,
    /// What the names of all queues begin with, at most 100 bytes; empty in production.
    pub namespace: String,
    /// The waits of messages that are tried again; each has a queue.
    pub policy: RetryPolicy,
    /// What the process does with the queue.
    pub role: Role,
}

impl Options {
    /// The queues without a prefix, with the usual waits.
    pub fn new(url: Secret<String>, role: Role) -> Self {
        Self {
            url,
            namespace: String::new(),
            policy: RetryPolicy::default(),
            role,
        }
    }
}

/// What a process does with the queue; any number of processes of each kind may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Puts messages in and looks how many there are.
    Publisher,
    /// Takes messages out too.
    Consumer,
}

/// Where the broker is.
pub(crate) struct Address {
    /// With everything that both sides have to agree about.
    pub(crate) url: Secret<String>,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_encrypted: bool,
}

impl Address {
    pub(crate) fn of(options: &Options) -> Result<Self, OpenError> {
        if options.namespace.len() > NAMESPACE_MAX_BYTES {
            return Err(OpenError::Url("the prefix of the queue names is too long"));
        }
        let text = options.url.expose();
        if !text.starts_with("amqp://") && !text.starts_with("amqps://") {
            return Err(OpenError::Url("it begins with amqp:// or amqps://"));
        }
        // The parser's own words repeat the address and what is secret in it.
        let malformed = |_| OpenError::Url("amqp://user:password@host:port/vhost is expected");
        let mut uri: AMQPUri = text.parse().map_err(malformed)?;
        let authority = text.split("://").nth(1).unwrap_or_default();
        if authority
            .split('/')
            .next()
            .unwrap_or_default()
            .contains('[')
        {
            // The parser would fall back to its default host.
            return Err(OpenError::Url("an IPv6 address needs a host name here"));
        }
        uri.query.heartbeat = Some(HEARTBEAT_SECONDS);
        Ok(Self {
            host: uri.authority.host.clone(),
            port: uri.authority.port,
            is_encrypted: uri.scheme == AMQPScheme::AMQPS,
            url: Secret::new(uri.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Result<Address, OpenError> {
        Address::of(&Options::new(Secret::new(url.into()), Role::Publisher))
    }

    #[test]
    fn an_address_keeps_its_parts_and_gets_a_heartbeat() {
        let address = address("amqps://us%40er:p%2Fw@mq.example:1234/a%20b");

        assert!(address.is_ok_and(|it| {
            it.host == "mq.example"
                && it.port == 1234
                && it.is_encrypted
                && it.url.expose() == "amqps://us%40er:p%2Fw@mq.example:1234/a%20b?heartbeat=3"
        }));
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for url in [
            "",
            "amqp",
            "http://u:secret@host/",
            "amqp://u:secret@host:port/",
            "amqp://u:secret@[::1]/%2f",
        ] {
            let error = address(url).err();
            assert!(matches!(error, Some(OpenError::Url(_))), "{url}");
            assert!(!format!("{error:?}").contains("secret"), "{url}");
        }
    }
}
