//! How much is measured.

use std::time::Duration;

/// Sizes and times of a run.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    /// Rounds, each of the system and of the limit.
    pub(crate) rounds: u32,
    /// How long the system is fed in a round.
    pub(crate) round: Duration,
    /// How long other things are asked in a round: reads, and limits.
    pub(crate) limit: Duration,
    /// Leads that a store is filled with.
    pub(crate) sizes: Vec<u64>,
    /// How many leads deep pages are read by cursor.
    pub(crate) depth: u64,
    /// Connections that do nothing.
    pub(crate) idle_connections: usize,
    /// A body that is sent as a stream.
    pub(crate) body_mib: u64,
    /// Leads of a round of the embedded family.
    pub(crate) embedded_leads: u64,
    /// Rows of a table that is imported.
    pub(crate) import_rows: u64,
    /// Parts of a soak, and how long each is.
    pub(crate) soak: (u32, Duration),
}

impl Scale {
    /// What targets are compared with.
    pub(crate) fn full() -> Self {
        Self {
            rounds: 3,
            round: Duration::from_secs(20),
            limit: Duration::from_secs(10),
            sizes: vec![1_000_000, 5_000_000],
            depth: 1_000_000,
            idle_connections: 10_000,
            body_mib: 1_024,
            embedded_leads: 100_000,
            import_rows: 1_000_000,
            soak: (30, Duration::from_mins(1)),
        }
    }

    /// All of it in less than five minutes.
    pub(crate) fn quick() -> Self {
        Self {
            rounds: 3,
            round: Duration::from_secs(4),
            limit: Duration::from_secs(2),
            sizes: vec![200_000],
            depth: 100_000,
            idle_connections: 2_000,
            body_mib: 32,
            embedded_leads: 50_000,
            import_rows: 100_000,
            soak: (6, Duration::from_secs(4)),
        }
    }
}
