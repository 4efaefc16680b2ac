//! What every adapter of a port has to do: one function for each promise, one macro for each suite.
//!
//! ```text
//! testkit::lead_store_contract!(async { LeadStorePorts::of(open(&fresh_file()).await) });
//! ```
//!
//! The macro takes a future of the suite's subject and makes one `#[tokio::test]` of each promise.
//! The future is made anew for every test and opens a place that no other test uses. Adapters are
//! real, and so is time: a promise that takes time is waited for with [`eventually`].

use std::time::Duration;

use tokio::time::Instant;

/// Declares the macro of a suite and lists its promises, by the modules that hold them.
macro_rules! suite {
    (($d:tt) $(#[$doc:meta])* $suite:ident, $tests:ident: $($module:ident { $($clause:ident,)* })*) => {
        $(#[$doc])*
        #[macro_export]
        macro_rules! $suite {
            ($d subject:expr) => {
                mod $tests {
                    #[allow(unused_imports, reason = "the subject may name nothing of its file")]
                    use super::*;
                    $($(
                        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                        async fn $clause() {
                            let subject = ($d subject).await;
                            $crate::contract::$module::$clause(&subject).await;
                        }
                    )*)*
                }
            };
        }

        #[cfg(test)]
        mod $tests {
            #[test]
            fn every_promise_is_in_the_suite() {
                $(
                    let promises = super::super::promises_in(include_str!(
                        concat!(stringify!($module), ".rs")
                    ));
                    assert_eq!(promises, [$(stringify!($clause)),*]);
                )*
            }
        }
    };
}

pub mod account_store;
pub mod attribute_registry;
pub mod claims;
pub mod dead_letters;
pub mod lead_cache;
pub mod lead_finder;
pub mod lead_queue;
pub mod lead_store;
pub mod parking;
pub mod password_hasher;
mod queue_place;
pub mod searches;
pub mod settling;
mod store_ports;
pub mod submissions;
pub mod throttle;
pub mod token_codec;
pub mod waiting_leads;

/// How long a promise that takes time is waited for before it counts as broken.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Looks again and again until `look` finds something, at most [`PATIENCE`].
pub async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let give_up_at = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < give_up_at, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The public async functions of a source text, in order.
#[cfg(test)]
fn promises_in(source: &str) -> Vec<&str> {
    source
        .lines()
        .filter_map(|line| line.strip_prefix("pub async fn ")?.split(['(', '<']).next())
        .collect()
}
