//! Processor time of a process, from `/proc`.

use std::fs;
use std::time::Duration;

use crate::Failure;

/// User and system time that a process has used, its ended threads included, to 10 ms.
pub(crate) fn of_process(pid: u32) -> Result<Duration, Failure> {
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

/// Linux tells times to user space in hundredths of a second, whatever its own clock is.
const MS_A_TICK: u64 = 10;

/// The load of the machine over the last minute.
pub(crate) fn load() -> String {
    fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|it| it.split_whitespace().next().map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned())
}
