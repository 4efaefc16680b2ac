//! Asks the same things over many connections for a time, and tells how fast answers came.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::sleep_until;

use crate::Failure;
use crate::http::Connection;
use crate::latency::Latency;
use crate::proc::{Role, Watched};
use crate::report::Row;

/// What to ask, and how.
pub(crate) struct Volley<'a> {
    pub(crate) address: SocketAddr,
    /// Asked in turns, again and again.
    pub(crate) requests: &'a [Bytes],
    pub(crate) connections: usize,
    pub(crate) time: Duration,
    /// The status that every answer has to have.
    pub(crate) status: u16,
    /// Requests a second at most, as many as are answered where it is none. What a request takes counts
    /// from when it is sent, which is late where all connections are busy.
    pub(crate) pace: Option<f64>,
}

/// What came back.
pub(crate) struct Answered {
    pub(crate) count: u64,
    pub(crate) time: Duration,
    pub(crate) latency: Option<Latency>,
    pub(crate) cpu: Vec<(Role, Duration)>,
}

impl Answered {
    pub(crate) fn rate(&self) -> f64 {
        self.count as f64 / self.time.as_secs_f64()
    }

    /// The time that so many of a hundred answers took at most, in ms; none is no number.
    pub(crate) fn p99(&self) -> f64 {
        self.latency.as_ref().map_or(f64::NAN, |it| it.p99)
    }

    pub(crate) fn row(&self, what: impl Into<String>) -> Row {
        let row = Row::new(what).rate(self.rate());
        row.cpu(&self.cpu, self.count).latency(self.latency.clone())
    }
}

impl Volley<'_> {
    /// Asks until the time is over.
    pub(crate) async fn run(&self, watched: &Watched) -> Result<Answered, Failure> {
        let next = AtomicUsize::new(0);
        let clock = watched.start()?;
        let began = Instant::now();
        let asking = (0..self.connections).map(|_| self.ask(&next, began));
        let times = futures_util::future::try_join_all(asking).await?.concat();
        Ok(Answered {
            count: times.len() as u64,
            time: began.elapsed(),
            latency: Latency::of(times),
            cpu: clock.stop()?,
        })
    }

    async fn ask(&self, next: &AtomicUsize, began: Instant) -> Result<Vec<Duration>, Failure> {
        let until = began + self.time;
        let mut connection = Connection::new(self.address);
        let mut times = Vec::new();
        while Instant::now() < until {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if let Some(pace) = self.pace {
                let due = began + Duration::from_secs_f64(number as f64 / pace);
                sleep_until(due.min(until).into()).await;
            }
            let request = &self.requests[number % self.requests.len()];
            let asked = Instant::now();
            let answer = connection.exchange(request).await?;
            if answer.status != self.status {
                return Err(format!("an answer has status {}", answer.status).into());
            }
            times.push(asked.elapsed());
        }
        Ok(times)
    }
}
