//! Bodies with leads in them: read piece by piece, decoded, counted and timed.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::{Bytes, Payload};
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::coding::{Decoder, PIECE_BYTES_MAX};
use crate::edge::declared_bytes;
use crate::failure::unavailable;
use crate::problem::{Problem, ProblemKind};
use crate::settings::Times;

/// The most bytes of bodies that the process holds at once.
pub(crate) const BUFFERED_BYTES_MAX: usize = 256 * 1_024 * 1_024;

/// What a permit of the budget stands for.
const PERMIT_BYTES: usize = 4 * 1_024;

/// Room in memory for bodies that are read as a whole.
#[derive(Clone)]
pub(crate) struct Budget(Arc<Semaphore>);

impl Budget {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(BUFFERED_BYTES_MAX / PERMIT_BYTES)))
    }

    /// Room for so many bytes, given back when dropped; 503 when there is none.
    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        Arc::clone(&self.0)
            .try_acquire_many_owned(permits)
            .map_err(|_| unavailable(ProblemKind::Overloaded).closing())
    }
}

/// A body held in memory, and its place in the budget.
pub(crate) struct Whole {
    pub(crate) bytes: Vec<u8>,
    _room: Option<OwnedSemaphorePermit>,
}

/// A body that is being read.
pub(crate) struct Body {
    payload: Payload,
    decoder: Decoder,
    coded: Bytes,
    ended: bool,
    received: u64,
    decoded: u64,
    limit: u64,
    times: Times,
    waited: Duration,
}

impl Body {
    /// The body of `request`, at most `limit` decoded bytes of it.
    ///
    /// # Errors
    ///
    /// 413 when its declared length is over the limit, 415 for an unknown coding: nothing is read.
    pub(crate) fn open(
        request: &HttpRequest,
        payload: Payload,
        limit: u64,
        times: Times,
    ) -> Result<Self, Problem> {
        let decoder = Decoder::of(request.headers())?;
        if let Some(size) = declared_bytes(request.headers()).filter(|it| *it > limit) {
            return Err(Problem::too_large(limit, Some(size), "bytes"));
        }
        Ok(Self {
            payload,
            decoder,
            coded: Bytes::new(),
            ended: false,
            received: 0,
            decoded: 0,
            limit,
            times,
            waited: Duration::ZERO,
        })
    }

    /// Replaces `piece` by the next decoded bytes; none when the body has ended.
    ///
    /// # Errors
    ///
    /// 400 for a broken body, 408 for a slow one, 413 for one over the limit.
    pub(crate) async fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, Problem> {
        piece.clear();
        loop {
            if !self.coded.is_empty() || (self.ended && !self.decoder.is_identity()) {
                let taken = self.decoder.step(&self.coded, piece)?;
                let stuck = taken == 0 && piece.is_empty();
                let _ = self.coded.split_to(taken);
                if !piece.is_empty() {
                    self.count(piece.len())?;
                    return Ok(true);
                }
                if stuck && !self.coded.is_empty() {
                    return Err(broken());
                }
                if !stuck {
                    continue;
                }
            }
            if self.ended {
                self.decoder.finish(piece)?;
                self.count(piece.len())?;
                self.decoder = Decoder::Identity;
                return Ok(!piece.is_empty());
            }
            self.receive().await?;
        }
    }

    /// The whole body, with room for it taken from `budget`.
    ///
    /// # Errors
    ///
    /// As [`Body::next`]; 503 when there is no room.
    pub(crate) async fn whole(mut self, budget: &Budget) -> Result<Whole, Problem> {
        let (mut bytes, mut piece) = (Vec::new(), Vec::new());
        let mut room: Option<OwnedSemaphorePermit> = None;
        let mut held = 0;
        while self.next(&mut piece).await? {
            if bytes.len() + piece.len() > held {
                let more = held.max(2 * PIECE_BYTES_MAX);
                let permit = budget.take(more)?;
                match &mut room {
                    Some(room) => room.merge(permit),
                    None => room = Some(permit),
                }
                held += more;
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Whole { bytes, _room: room })
    }

    fn count(&mut self, bytes: usize) -> Result<(), Problem> {
        self.decoded += bytes as u64;
        if self.decoded > self.limit {
            return Err(Problem::too_large(self.limit, None, "bytes"));
        }
        Ok(())
    }

    /// Waits for more of the body. Only the time spent waiting counts against its sender.
    async fn receive(&mut self) -> Result<(), Problem> {
        let started = Instant::now();
        let next = timeout(self.times.body_idle, self.payload.next()).await;
        self.waited += started.elapsed();
        match next.map_err(|_| slow())? {
            Some(Ok(bytes)) => {
                self.received += bytes.len() as u64;
                self.coded = bytes;
            }
            Some(Err(PayloadError::Overflow)) => {
                return Err(Problem::too_large(self.limit, None, "bytes"));
            }
            Some(Err(_)) => return Err(broken()),
            None => self.ended = true,
        }
        let millis = u64::try_from(self.waited.as_millis()).unwrap_or(u64::MAX);
        let least = millis.saturating_mul(self.times.body_bytes_per_second) / 1_000;
        if !self.ended && self.waited > self.times.body_grace && self.received < least {
            return Err(slow());
        }
        Ok(())
    }
}

fn slow() -> Problem {
    Problem::new(ProblemKind::RequestTimeout).closing()
}

fn broken() -> Problem {
    Problem::new(ProblemKind::BrokenBody)
        .detail("the body ended before it was complete")
        .closing()
}

/// The media type of a body, without its parameters, in lower case.
///
/// # Errors
///
/// 415 when there is none, or its characters are not UTF-8.
pub(crate) fn media_type(request: &HttpRequest) -> Result<String, Problem> {
    let unsupported = |detail: &'static str| {
        Problem::new(ProblemKind::UnsupportedMediaType)
            .detail(detail)
            .closing()
    };
    let value = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|it| it.to_str().ok())
        .ok_or_else(|| unsupported("a content type is needed"))?;
    let mut parts = value.split(';');
    let media_type = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let charset = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("charset")
            && !charset.eq_ignore_ascii_case("utf-8")
            && !charset.eq_ignore_ascii_case("utf8")
            && !charset.eq_ignore_ascii_case("us-ascii")
        {
            return Err(unsupported("the charset is utf-8"));
        }
    }
    Ok(media_type)
}

/// A media type that this path does not take.
pub(crate) fn unsupported_media_type(detail: &'static str) -> Problem {
    Problem::new(ProblemKind::UnsupportedMediaType)
        .detail(detail)
        .closing()
}
