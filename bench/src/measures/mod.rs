//! The measures, by the names they have among the targets.

mod filled;
mod p1;
mod p10;
mod p2;
mod p3;
mod p4;
mod p5;
mod p6;
mod p7;
mod p8;
mod p9;
mod soak;

use crate::Failure;
use crate::report::{Measure, print_measure};
use crate::rig::Rig;
use crate::scale::Scale;

/// A measure's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Name {
    /// Bulks over HTTP, queue and worker to the database
    P1,
    /// The same into a store of many leads
    P2,
    /// One lead a request, queued
    P3,
    /// One lead a request, stored
    P4,
    /// Cached reads
    P5,
    /// Reads that the cache does not know, of many leads
    P6,
    /// Memory
    P7,
    /// The embedded family beside raw `SQLite`
    P8,
    /// From a start until it is ready
    P9,
    /// The import of a table
    P10,
    /// One rate for half an hour: nothing may grow
    Soak,
}

impl Name {
    /// In the order of a whole run: what fills the store comes last. A soak is asked for by name.
    pub(crate) const ALL: [Self; 10] = [
        Self::P1,
        Self::P3,
        Self::P4,
        Self::P5,
        Self::P7,
        Self::P8,
        Self::P9,
        Self::P10,
        Self::P2,
        Self::P6,
    ];

    /// Whether it needs servers.
    pub(crate) fn needs_servers(self) -> bool {
        self != Self::P8
    }
}

/// What measures learn from those before them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// The best rate of P1, in leads a second.
    pub(crate) bulk_rate: Option<f64>,
}

/// Measures, and prints.
pub(crate) async fn run(
    name: Name,
    rig: Option<&Rig>,
    scale: &Scale,
    known: &mut Known,
) -> Result<Measure, Failure> {
    let servers = || rig.ok_or("this measure needs servers");
    let measure = match name {
        Name::P1 => p1::run(servers()?, scale, known).await,
        Name::P2 => p2::run(servers()?, scale, known).await,
        Name::P3 => p3::run(servers()?, scale).await,
        Name::P4 => p4::run(servers()?, scale).await,
        Name::P5 => p5::run(servers()?, scale, known).await,
        Name::P6 => p6::run(servers()?, scale).await,
        Name::P7 => p7::run(servers()?, scale).await,
        Name::P8 => p8::run(scale).await,
        Name::P9 => p9::run(servers()?, scale).await,
        Name::P10 => p10::run(servers()?, scale, known).await,
        Name::Soak => soak::run(servers()?, scale).await,
    }?;
    print_measure(&measure);
    Ok(measure)
}
