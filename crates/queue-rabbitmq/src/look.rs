//! How full the queues are.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Queue};
use lead::ports::{DEPTHS_MAX_AGE, QueueDepth};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::broker::{Broker, LinkFault, in_time, open_channel, part};
use crate::topology::Topology;

/// How long a look may take, connecting included.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// Looks at the queues for everybody who wants to know, one look at a time.
pub(crate) struct Looker {
    broker: Arc<Broker>,
    topology: Arc<Topology>,
    last: Mutex<Option<(Instant, Vec<QueueDepth>)>>,
}

impl Looker {
    pub(crate) fn new(broker: Arc<Broker>, topology: Arc<Topology>) -> Self {
        Self {
            broker,
            topology,
            last: Mutex::new(None),
        }
    }

    /// The work queue with all that waits for it, the suspects, and what the broker gave up, as
    /// they were at most [`DEPTHS_MAX_AGE`] ago.
    pub(crate) async fn depths(&self) -> Result<Vec<QueueDepth>, LinkFault> {
        let mut last = self.last.lock().await;
        if let Some((at, depths)) = &*last
            && at.elapsed() < DEPTHS_MAX_AGE
        {
            return Ok(depths.clone());
        }
        *last = None;
        let looked = timeout(LOOK_TIMEOUT, self.look()).await;
        let depths = looked.map_err(|_| LinkFault::Slow)??;
        *last = Some((Instant::now(), depths.clone()));
        Ok(depths)
    }

    async fn look(&self) -> Result<Vec<QueueDepth>, LinkFault> {
        let connection = self.broker.connect().await?;
        match self.look_over(&connection).await {
            Ok(depths) => Ok(depths),
            Err(fault) => {
                // A new connection declares what is missing.
                tokio::spawn(part(connection));
                Err(fault)
            }
        }
    }

    async fn look_over(
        &self,
        connection: &lapin::Connection,
    ) -> Result<Vec<QueueDepth>, LinkFault> {
        let channel = open_channel(connection).await?;
        let topology = &self.topology;
        let mut work = depth(&look_at(&channel, &topology.work).await?);
        for retry in topology.retries() {
            work.ready += u64::from(look_at(&channel, &retry).await?.message_count());
        }
        let suspect = depth(&look_at(&channel, &topology.suspect).await?);
        let failed = depth(&look_at(&channel, &topology.failed).await?);
        in_time(channel.close(200, "looked".into())).await?;
        Ok(vec![work, suspect, failed])
    }
}

async fn look_at(channel: &Channel, queue: &str) -> Result<Queue, LinkFault> {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    in_time(channel.queue_declare(queue.into(), options, FieldTable::default())).await
}

fn depth(queue: &Queue) -> QueueDepth {
    QueueDepth {
        ready: queue.message_count().into(),
        // The protocol does not tell.
        in_flight: None,
        consumers: queue.consumer_count().into(),
        name: queue.name().to_string(),
    }
}
