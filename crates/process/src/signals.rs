//! Being asked to end.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use crate::exit::{Exit, Failure};

/// Of the shutdown time, what is kept for ending the process itself.
const LEAVING: Duration = Duration::from_millis(500);

/// The part of the shutdown time in which work is finished.
pub fn drain_time(shutdown: Duration) -> Duration {
    shutdown.saturating_sub(LEAVING)
}

/// SIGTERM and SIGINT.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on these signals do not end the process by themselves.
    ///
    /// # Errors
    ///
    /// When the system has no signals to give.
    pub fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::failed(format_args!("no signals: {error}")))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Lets `work` end within the shutdown time. What is not done by then is left; a second signal
    /// ends the process at once.
    pub async fn drain(&mut self, shutdown: Duration, work: impl Future<Output = ()>) {
        tracing::info!("draining");
        tokio::select! {
            ended = timeout(drain_time(shutdown) + LEAVING / 2, work) => {
                if ended.is_ok() {
                    tracing::info!("stopped");
                } else {
                    tracing::warn!("time is up, leaving what still runs");
                }
            }
            () = self.next() => {
                tracing::warn!("stopped at once by a second signal");
                std::process::exit(Exit::Failed as i32);
            }
        }
    }
}
