//! What a submission of many leads is read from.

use super::body::{Body, Whole};
use super::coding::PIECE_BYTES_MAX;
use crate::problem::Problem;

/// Where the bytes of a stream come from.
pub(crate) enum Source {
    Stream(Box<Body>),
    Held { whole: Whole, at: usize },
}

impl Source {
    /// Replaces `piece` by the next bytes; none when there are no more.
    pub(crate) async fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, Problem> {
        match self {
            Self::Stream(body) => body.next(piece).await,
            Self::Held { whole, at } => {
                let rest = &whole.bytes[*at..];
                let taken = rest.len().min(PIECE_BYTES_MAX);
                piece.clear();
                piece.extend_from_slice(&rest[..taken]);
                *at += taken;
                Ok(taken > 0)
            }
        }
    }

    /// Starts anew, where the bytes are held.
    pub(crate) fn rewind(&mut self) {
        if let Self::Held { at, .. } = self {
            *at = 0;
        }
    }
}
