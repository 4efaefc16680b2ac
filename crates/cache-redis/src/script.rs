//! Scripts that Redis runs as one command.

use redis::{Cmd, FromRedisValue, Pipeline};
use tokio::time::Instant;

use crate::link::{Fault, Link, Patience};

/// A script over one key.
pub(crate) struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    pub(crate) fn new(text: &'static str) -> Self {
        Self {
            text,
            hash: redis::Script::new(text).get_hash().to_owned(),
        }
    }

    /// Runs it: one round trip, and another one where the server does not know the script yet.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        link: &Link,
        key: &[u8],
        arguments: impl Fn(&mut Cmd),
        patience: Patience,
        until: Instant,
    ) -> Result<T, Fault> {
        let question = |command, script: &str| {
            let mut question = Pipeline::with_capacity(1);
            let mut command = redis::cmd(command);
            command.arg(script).arg(1).arg(key);
            arguments(&mut command);
            question.add_command(command);
            question
        };
        let by_hash = question("EVALSHA", &self.hash);
        let answer: Result<(T,), Fault> = link.ask_with(&by_hash, patience, until).await;
        let (answer,) = match answer {
            Err(fault) if fault.is_unknown_script() => {
                let in_full = question("EVAL", self.text);
                link.ask_with(&in_full, patience, until).await?
            }
            answer => answer?,
        };
        Ok(answer)
    }
}
