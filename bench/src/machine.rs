//! Where figures were made.

use std::fmt;
use std::fs;
use std::path::Path;
use std::thread;

use serde::Serialize;

use crate::Failure;

/// What a reader has to know of the machine.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processors: usize,
    pub(crate) model: String,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    /// Where the servers keep their data.
    pub(crate) filesystem: String,
    /// Over the last minute, before anything was measured.
    pub(crate) load_before: f64,
    /// Name and version of each server.
    pub(crate) servers: Vec<String>,
}

impl Machine {
    /// Looks at this machine; `data` is where the servers keep theirs.
    pub(crate) fn look(data: &Path) -> Result<Self, Failure> {
        let after = |text: &str, name: &str| {
            let line = text.lines().find(|it| it.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let processors = fs::read_to_string("/proc/cpuinfo")?;
        let memory = fs::read_to_string("/proc/meminfo")?;
        let memory = after(&memory, "MemTotal").unwrap_or_default();
        let kib: f64 = memory
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .parse()?;
        Ok(Self {
            processors: thread::available_parallelism()?.get(),
            model: after(&processors, "model name").unwrap_or_default(),
            memory_gib: kib / 1_024.0 / 1_024.0,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
                .trim()
                .to_owned(),
            filesystem: filesystem_of(data)?,
            load_before: load(),
            servers: Vec::new(),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} × {}, {:.0} GiB, Linux {}, data on {}, load before {:.1}",
            self.processors,
            self.model,
            self.memory_gib,
            self.kernel,
            self.filesystem,
            self.load_before
        )?;
        self.servers.iter().try_for_each(|it| write!(f, "; {it}"))
    }
}

/// The load of the machine over the last minute; nothing where it is not told.
pub(crate) fn load() -> f64 {
    let told = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = told.split_whitespace().next().map(str::parse);
    first.and_then(Result::ok).unwrap_or(f64::NAN)
}

/// The kind of the file system that a folder lies in.
fn filesystem_of(folder: &Path) -> Result<String, Failure> {
    let folder = folder.canonicalize()?;
    let mounts = fs::read_to_string("/proc/mounts")?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        Some((words.next()?, words.next()?))
    });
    mounts
        .filter(|(point, _)| folder.starts_with(point))
        .max_by_key(|(point, _)| point.len())
        .map(|(_, kind)| kind.to_owned())
        .ok_or_else(|| "no file system holds the folder".into())
}
