//! Where Redis is, and why it cannot be used.

use kernel::{Cause, Secret};
use redis::{ConnectionInfo, IntoConnectionInfo as _};

/// The longest namespace, in bytes.
const NAMESPACE_MAX_BYTES: usize = 100;

/// Where Redis is.
#[derive(Clone, Debug)]
pub struct Options {
    /// `redis://user:password@host:port/number`, or `rediss://` for TLS with the host's certificate
    /// authorities.
    pub url: Secret<String>,
    /// What every key begins with, at most 100 bytes; `skynet` unless said otherwise.
    pub namespace: String,
}

impl Options {
    /// The server and database of `url`, with the usual namespace.
    pub fn new(url: Secret<String>) -> Self {
        Self {
            url,
            namespace: "skynet".to_owned(),
        }
    }

    /// What the client needs to know; nothing of the URL is repeated in an error.
    pub(crate) fn connection_info(&self) -> Result<ConnectionInfo, OpenError> {
        if self.namespace.len() > NAMESPACE_MAX_BYTES {
            return Err(OpenError::Url("the namespace of the keys is too long"));
        }
        let url = self.url.expose().as_str();
        if !url.starts_with("redis://") && !url.starts_with("rediss://") {
            return Err(OpenError::Url("it begins with redis:// or rediss://"));
        }
        if url.contains('#') {
            return Err(OpenError::Url(
                "nothing follows a #, which is %23 in a password",
            ));
        }
        let malformed = |_| OpenError::Url("redis://user:password@host:port/number is expected");
        let info = url.into_connection_info().map_err(malformed)?;
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        Ok(info.set_tcp_settings(tcp))
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.url.expose().starts_with("rediss://")
    }
}

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is malformed.
    #[error("the cache's address cannot be used: {0}")]
    Url(&'static str),
    /// The server does not answer, or takes nothing at the moment.
    #[error("the cache's server cannot be reached")]
    Unreachable(#[source] Cause),
    /// The server refuses the user, the password, the database, or lacks a permission.
    #[error("the cache's server refuses access")]
    Denied(#[source] Cause),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(url: &str) -> Result<ConnectionInfo, OpenError> {
        Options::new(Secret::new(url.to_owned())).connection_info()
    }

    #[test]
    fn an_address_keeps_its_parts() {
        let info = info("redis://us%40er:p%2Fw@cache.example:1234/7");

        assert!(info.is_ok_and(|it| {
            let redis = it.redis_settings();
            it.addr().to_string() == "cache.example:1234"
                && redis.username() == Some("us@er")
                && redis.password() == Some("p/w")
                && redis.db() == 7
        }));
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for url in [
            "",
            "redis",
            "http://u:secret@host/",
            "redis://u:secret@host:port/",
            "redis://u:secret@host/number",
            "rediss://u:secret@host/0#insecure",
            "redis+unix:///secret",
        ] {
            let error = info(url).err();
            assert!(matches!(error, Some(OpenError::Url(_))), "{url}");
            assert!(!format!("{error:?}").contains("secret"), "{url}");
        }
    }

    #[test]
    fn a_namespace_has_a_bound() {
        let options = Options {
            namespace: "n".repeat(NAMESPACE_MAX_BYTES + 1),
            ..Options::new(Secret::new("redis://host".to_owned()))
        };
        assert!(matches!(options.connection_info(), Err(OpenError::Url(_))));
    }
}
