//! Ports that tests listen on.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that systems give to clients, of which one would otherwise be taken while the
/// server that it belongs to is not running.
const RANGE: Range<u16> = 20_000..32_000;
/// Holds a file for each port, locked by the process that has the port.
const FOLDER: &str = "skynet-test-ports";

/// A port of this machine that no other test has, whatever process it runs in, until this is
/// dropped or the process ends. So a server can be stopped and started again at its address, and
/// nobody finds another test's server there.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// A port on which nothing listens.
    pub fn free() -> Self {
        // Processes begin at different ones, so that they hardly ever try each other's.
        static TRIED: AtomicU16 = AtomicU16::new(0);
        let folder = std::env::temp_dir().join(FOLDER);
        fs::create_dir_all(&folder).expect("the temporary folder takes files");
        let count = RANGE.end - RANGE.start;
        let first = u16::try_from(std::process::id() * 61 % u32::from(count)).unwrap_or(0);
        for _ in 0..count {
            let tried = TRIED.fetch_add(1, Ordering::Relaxed) % count;
            let number = RANGE.start + (first + tried) % count;
            let lock = File::create(folder.join(number.to_string())).expect("a file can be made");
            let is_free = || TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok();
            if lock.try_lock().is_ok() && is_free() {
                return Self {
                    number,
                    _lock: lock,
                };
            }
        }
        panic!("no port of {RANGE:?} is free");
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Where this machine finds what listens on it.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_nobody_elses_while_it_is_held() {
        let held: Vec<Port> = (0..100).map(|_| Port::free()).collect();
        let mut numbers: Vec<u16> = held.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), held.len());
        assert!(numbers.iter().all(|it| RANGE.contains(it)));
    }
}
