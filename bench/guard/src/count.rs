//! Counts instructions: the work is done `n` and `2 n` times in processes of their own, and the
//! difference is what `n` times take, without the start and the input's making.

use std::process::{Command, Stdio};

use crate::Failure;
use crate::work::Work;

/// What valgrind prints before the count.
const COLLECTED: &str = "Collected :";

/// The instructions of a path for one lead.
pub(crate) fn per_lead(work: Work) -> Result<u64, Failure> {
    let times = work.times();
    let (once, twice) = (of_process(work, times)?, of_process(work, 2 * times)?);
    let leads = u64::from(times) * work.leads();
    let difference = twice.checked_sub(once);
    difference
        .map(|it| it / leads)
        .ok_or_else(|| format!("{} took less for more work", work.name()).into())
}

fn of_process(work: Work, times: u32) -> Result<u64, Failure> {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["work", work.name(), &times.to_string()])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .output()
        .map_err(|it| format!("valgrind (Debian: apt-get install valgrind): {it}"))?;
    let said = String::from_utf8_lossy(&run.stderr);
    if !run.status.success() {
        return Err(format!("{}: {said}", work.name()).into());
    }
    let count = said.lines().find_map(|it| it.split_once(COLLECTED));
    let count = count.ok_or("valgrind printed no count")?.1.trim();
    Ok(count.parse()?)
}
