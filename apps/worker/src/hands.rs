//! One loop: take, have judged, settle.

use std::sync::Arc;
use std::time::Duration;

use lead::StoreLeads;
use lead::ports::{Delivery, ReceiveAsk, Settled, Settlement};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::Needs;
use crate::linger::Linger;
use backends::Backoff;

/// How long one call waits for a first message.
const WAIT: Duration = Duration::from_secs(1);

/// Of the time that a drain has, the part that is kept for giving back what was not done.
const GIVING_BACK_PARTS: u32 = 5;

/// One loop of a worker.
pub(crate) struct Hands {
    pub(crate) needs: Needs,
    pub(crate) verdicts: Arc<StoreLeads>,
    pub(crate) batch: u16,
    pub(crate) linger: Duration,
    pub(crate) drain: Duration,
}

impl Hands {
    /// Works until `stop` is cancelled, and then until its hands are empty or the time is up.
    pub(crate) async fn work(self, stop: CancellationToken) {
        let mut linger = Linger::new(self.linger);
        let mut backoff = self.backoff();
        while !stop.is_cancelled() {
            let ask = ReceiveAsk {
                max_leads: self.batch,
                wait: WAIT,
                linger: linger.next_wait(),
            };
            let asked_at = Instant::now();
            // Giving a call up loses no message: that is the port's promise.
            let Some(received) = stop
                .run_until_cancelled(self.needs.consumer.receive(ask))
                .await
            else {
                break;
            };
            match received {
                Ok(deliveries) => {
                    backoff = self.backoff();
                    linger.seen(deliveries.len(), asked_at.elapsed());
                    if !deliveries.is_empty() {
                        self.handle(deliveries, &stop).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot take leads");
                    let _ = stop.run_until_cancelled(sleep(backoff.next_wait())).await;
                }
            }
        }
    }

    /// Has deliveries stored and settles them. While the store is away they stay here; once the
    /// time of a drain is up they go back as they came.
    async fn handle(&self, deliveries: Vec<Delivery>, stop: &CancellationToken) {
        let giving_back = self.drain / GIVING_BACK_PARTS;
        let settled = tokio::select! {
            settled = self.verdict(&deliveries) => settled,
            () = time_is_up(stop, self.drain.saturating_sub(giving_back)) => {
                tracing::warn!(messages = deliveries.len(), "returned leads, no time to store them");
                returned(&deliveries)
            }
        };
        tokio::select! {
            () = self.settle(settled) => {}
            () = time_is_up(stop, giving_back) => {
                tracing::warn!(messages = deliveries.len(), "left leads unsettled, they come again");
            }
        }
    }

    /// How to settle each delivery, however long the store is away.
    async fn verdict(&self, deliveries: &[Delivery]) -> Vec<Settled> {
        let mut backoff = self.backoff();
        let mut away_since = None;
        loop {
            match self.verdicts.run(deliveries).await {
                Ok(settled) => {
                    if let Some(since) = away_since {
                        let away_ms = millis(Instant::elapsed(&since));
                        tracing::info!(away_ms, "lead store is back");
                    }
                    return settled;
                }
                Err(outage) => {
                    if away_since.is_none() {
                        away_since = Some(Instant::now());
                        tracing::warn!(error = %outage.0, "lead store is away, holding leads");
                    }
                }
            }
            loop {
                sleep(backoff.next_wait()).await;
                match self.needs.store_probe.probe().await {
                    Ok(()) => break,
                    Err(cause) => tracing::debug!(error = %cause, "lead store is still away"),
                }
            }
        }
    }

    /// Says what became of deliveries, until the queue has heard it.
    async fn settle(&self, settled: Vec<Settled>) {
        let mut backoff = self.backoff();
        loop {
            match self.needs.consumer.settle(again(&settled)).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "cannot settle leads"),
            }
            sleep(backoff.next_wait()).await;
        }
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(Arc::clone(&self.needs.entropy))
    }
}

/// Waits for a drain to begin, and then for so long.
async fn time_is_up(stop: &CancellationToken, after: Duration) {
    stop.cancelled().await;
    sleep(after).await;
}

fn returned(deliveries: &[Delivery]) -> Vec<Settled> {
    let back = |delivery: &Delivery| Settled {
        tag: delivery.tag,
        settlement: Settlement::Return,
    };
    deliveries.iter().map(back).collect()
}

fn again(settled: &[Settled]) -> Vec<Settled> {
    let same = |it: &Settled| Settled {
        tag: it.tag,
        settlement: it.settlement.clone(),
    };
    settled.iter().map(same).collect()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
