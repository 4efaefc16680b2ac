//! What a program holds of memory when a flood is over.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use process::Failure;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MIB: usize = 1_024 * 1_024;
/// What the flood takes, in blocks of the size of a connection's buffer.
const FLOOD: usize = 128 * MIB;
const BUFFER: usize = 8 * 1_024;
/// What may be left of it.
const LEFT: usize = 16 * MIB;
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Memory of this process, in bytes. Looking takes none, so that it reminds the allocator of nothing.
fn resident(statm: &File) -> io::Result<usize> {
    let mut text = [0; 128];
    let length = statm.read_at(&mut text, 0)?;
    let mut numbers = text[..length].split(|it| *it == b' ').skip(1);
    let pages = numbers.next().and_then(|it| str::from_utf8(it).ok());
    let pages = pages.and_then(|it| it.parse::<usize>().ok());
    let pages = pages.ok_or(io::ErrorKind::InvalidData)?;
    Ok(pages * 4_096)
}

#[test]
fn memory_that_was_freed_goes_back_while_the_program_is_idle() {
    let done = process::run("memory", async {
        let failed = |error: io::Error| Failure::failed(error);
        let statm = File::open("/proc/self/statm").map_err(failed)?;
        let before = resident(&statm).map_err(failed)?;
        let flood: Vec<Vec<u8>> = (0..FLOOD / BUFFER).map(|_| vec![1; BUFFER]).collect();
        let most = resident(&statm).map_err(failed)?;
        assert!(most >= before + FLOOD, "{before} bytes, then {most}");
        drop(flood);
        let freed = Instant::now();
        loop {
            let now = resident(&statm).map_err(failed)?;
            if now <= before + LEFT {
                return Ok(());
            }
            assert!(
                freed.elapsed() < PATIENCE,
                "{before} bytes, then {most}, and {now} are left"
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
    assert_eq!(done, ExitCode::SUCCESS);
}
