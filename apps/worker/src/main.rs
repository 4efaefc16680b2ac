//! The worker as a process of its own.

use std::process::ExitCode;

/// Most of what is allocated are small texts, made on one thread and dropped on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    skynet_worker::program()
}
