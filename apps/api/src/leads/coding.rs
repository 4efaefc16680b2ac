//! Content codings, undone a bounded piece at a time.

use std::io::{self, Write};

use actix_web::http::header::{self, HeaderMap};
use flate2::write::MultiGzDecoder;
use zstd::stream::raw::{DParameter, Decoder as RawDecoder, InBuffer, Operation, OutBuffer};

use crate::problem::{Problem, ProblemKind};

/// The most bytes that one step gives.
pub(crate) const PIECE_BYTES_MAX: usize = 32 * 1_024;

/// The largest window of a zstd frame, as a power of two: 8 MiB, which RFC 9659 asks of all.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Undoes the coding of a body.
pub(crate) enum Decoder {
    /// There is none.
    Identity,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zstd {
        decoder: Box<RawDecoder<'static>>,
        at_end: bool,
    },
}

impl Decoder {
    /// The decoder that `Content-Encoding` asks for.
    ///
    /// # Errors
    ///
    /// 415 for a coding, or a row of codings, that is not taken.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut codings = headers.get_all(header::CONTENT_ENCODING);
        let Some(coding) = codings.next() else {
            return Ok(Self::Identity);
        };
        let unsupported = || {
            Problem::new(ProblemKind::UnsupportedMediaType)
                .detail("content codings are gzip and zstd, one of them at a time")
                .closing()
        };
        if codings.next().is_some() {
            return Err(unsupported());
        }
        let coding = coding
            .to_str()
            .map_err(|_| unsupported())?
            .trim()
            .to_ascii_lowercase();
        match coding.as_str() {
            "identity" | "" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new())))),
            "zstd" => {
                let mut decoder = RawDecoder::new().map_err(|_| unsupported())?;
                decoder
                    .set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))
                    .map_err(|_| unsupported())?;
                Ok(Self::Zstd {
                    decoder: Box::new(decoder),
                    at_end: true,
                })
            }
            _ => Err(unsupported()),
        }
    }

    /// The body comes as it is.
    pub(crate) fn is_identity(&self) -> bool {
        matches!(self, Self::Identity)
    }

    /// Takes from the front of `coded`, appends at most [`PIECE_BYTES_MAX`] bytes to `out`, and
    /// says how many bytes it took. Nothing taken and nothing given means that more is needed.
    ///
    /// # Errors
    ///
    /// 400 when the bytes are not of this coding.
    pub(crate) fn step(&mut self, coded: &[u8], out: &mut Vec<u8>) -> Result<usize, Problem> {
        match self {
            Self::Identity => {
                let taken = coded.len().min(PIECE_BYTES_MAX);
                out.extend_from_slice(&coded[..taken]);
                Ok(taken)
            }
            Self::Gzip(decoder) => {
                // One call decodes into one inner buffer of 32 KiB at most.
                let taken = match decoder.write(coded) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                    taken => taken.map_err(|_| corrupt())?,
                };
                out.append(decoder.get_mut());
                Ok(taken)
            }
            Self::Zstd { decoder, at_end } => {
                let start = out.len();
                out.resize(start + PIECE_BYTES_MAX, 0);
                let mut input = InBuffer::around(coded);
                let mut output = OutBuffer::around(&mut out[start..]);
                let hint = decoder
                    .run(&mut input, &mut output)
                    .map_err(|_| corrupt())?;
                let given = output.pos();
                let taken = input.pos();
                out.truncate(start + given);
                // A call that does nothing tells what the next frame needs, not where this one is.
                if taken > 0 || given > 0 {
                    *at_end = hint == 0;
                }
                Ok(taken)
            }
        }
    }

    /// Appends what is left when the coded bytes have ended.
    ///
    /// # Errors
    ///
    /// 400 when they ended in the middle.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Problem> {
        match self {
            Self::Identity => Ok(()),
            Self::Gzip(decoder) => {
                decoder.try_finish().map_err(|_| corrupt())?;
                out.append(decoder.get_mut());
                Ok(())
            }
            Self::Zstd { at_end, .. } => {
                if *at_end {
                    Ok(())
                } else {
                    Err(corrupt())
                }
            }
        }
    }
}

fn corrupt() -> Problem {
    Problem::new(ProblemKind::BrokenBody)
        .detail("the body is not what its content coding says")
        .closing()
}
