//! Memory that was freed goes back to the system, also where nothing is allocated any more.

use std::hint::black_box;
use std::time::Duration;

/// How often the allocator is reminded.
const EVERY: Duration = Duration::from_secs(1);
/// A block that no allocator takes from memory it holds for small ones, in bytes.
const BLOCK_BYTES: usize = 8 * 1_024 * 1_024;

/// Has the allocator give back what it holds of freed memory, for as long as it is awaited.
///
/// `mimalloc` gives back what has been free for a second, but looks for it only while pages of
/// memory are freed: after a flood it would hold what the flood took for as long as the process is
/// idle. Freeing a block that has pages of its own has it look. Nothing is ever written to the block, so
/// it takes addresses and no memory.
pub(crate) async fn give_back() {
    loop {
        tokio::time::sleep(EVERY).await;
        drop(black_box(Vec::<u8>::with_capacity(BLOCK_BYTES)));
    }
}
