//! What processes use, from `/proc`.

use std::fs;
use std::process;
use std::time::Duration;

use serde::Serialize;

use crate::Failure;

/// Linux tells times to user space in hundredths of a second, whatever its own clock is.
const MS_A_TICK: u64 = 10;

/// What a process is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    Api,
    Worker,
    Broker,
    Database,
    Cache,
    /// What stands in the place of the API where a bare limit is measured.
    Handler,
    /// `skynet import`.
    Import,
    /// This program: it makes the load, and inserts the raw rows.
    Bench,
}

impl Role {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Api => "API",
            Self::Worker => "worker",
            Self::Broker => "broker",
            Self::Database => "database",
            Self::Cache => "cache",
            Self::Handler => "handler",
            Self::Import => "import",
            Self::Bench => "bench",
        }
    }
}

/// Processes whose use of the processors is compared.
#[derive(Clone, Debug)]
pub(crate) struct Watched(Vec<(Role, u32)>);

impl Watched {
    /// These, and this program.
    pub(crate) fn new(mut processes: Vec<(Role, u32)>) -> Self {
        processes.push((Role::Bench, process::id()));
        Self(processes)
    }

    /// Begins to count.
    pub(crate) fn start(&self) -> Result<Clock<'_>, Failure> {
        Ok(Clock {
            watched: self,
            before: self.times()?,
        })
    }

    /// What those of a role hold in memory.
    pub(crate) fn memory(&self, role: Role) -> Option<Memory> {
        let (_, pid) = self.0.iter().find(|it| it.0 == role)?;
        memory(*pid).ok()
    }

    /// How many files, sockets among them, those of a role have open.
    pub(crate) fn handles(&self, role: Role) -> Option<usize> {
        let (_, pid) = self.0.iter().find(|it| it.0 == role)?;
        Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
    }

    fn times(&self) -> Result<Vec<Duration>, Failure> {
        self.0.iter().map(|(_, pid)| cpu(*pid)).collect()
    }
}

/// Processor time from a moment on.
pub(crate) struct Clock<'a> {
    watched: &'a Watched,
    before: Vec<Duration>,
}

impl Clock<'_> {
    /// What each has used since.
    pub(crate) fn stop(self) -> Result<Vec<(Role, Duration)>, Failure> {
        let now = self.watched.times()?;
        let used = self.watched.0.iter().zip(now).zip(self.before);
        let used = used.map(|(((role, _), now), before)| (*role, now.saturating_sub(before)));
        Ok(used.collect())
    }
}

/// User and system time that a process has used, its ended threads included, to 10 ms.
pub(crate) fn cpu(pid: u32) -> Result<Duration, Failure> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program, in brackets, may hold anything.
    let (_, fields) = stat
        .rsplit_once(')')
        .ok_or("/proc/<pid>/stat has no name")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let [user, system] = [11, 12].map(|at| fields.get(at).and_then(|it| it.parse::<u64>().ok()));
    match (user, system) {
        (Some(user), Some(system)) => Ok(Duration::from_millis((user + system) * MS_A_TICK)),
        _ => Err("/proc/<pid>/stat has no times".into()),
    }
}

/// Resident memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Memory {
    pub(crate) now_mib: f64,
    /// The most since the process began.
    pub(crate) peak_mib: f64,
}

/// What a process holds in memory.
pub(crate) fn memory(pid: u32) -> Result<Memory, Failure> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mib = |name: &str| {
        let line = status.lines().find(|it| it.starts_with(name))?;
        let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib / 1_024.0)
    };
    match (mib("VmRSS:"), mib("VmHWM:")) {
        (Some(now_mib), Some(peak_mib)) => Ok(Memory { now_mib, peak_mib }),
        _ => Err("/proc/<pid>/status tells no memory: the process has ended".into()),
    }
}
