//! One process at a time works on a folder of the embedded family.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Config, Family};

/// The file that is locked, in each folder.
const LOCK_FILE: &str = "skynet.lock";

/// The most bytes that are read of what a holder says of itself.
const NOTE_MAX_BYTES: u64 = 512;

/// How long a command that ends by itself is waited for.
const COMMAND_MAX: Duration = Duration::from_secs(1);
/// How long somebody who only looks who is there is waited for.
const LOOK_MAX: Duration = Duration::from_millis(100);
const RETRY_EVERY: Duration = Duration::from_millis(10);

/// The folders of a configuration, for this process alone until it is dropped or ends in any way.
#[derive(Debug)]
pub struct DataLock {
    /// The first one, if any, is that of the data folder.
    held: Vec<File>,
}

/// Why the folders could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process works on them.
    #[error("another process works on the folder")]
    Held {
        /// Where it answers, when it is a server that is up.
        address: Option<String>,
    },
    /// The folder cannot be made or written.
    #[error("the folder cannot be used: {0}")]
    Folder(#[source] io::Error),
}

impl DataLock {
    /// Takes the folders that hold the data, the store and the queue, making them where they are
    /// missing, for nobody else to read. Waits up to a second for a command to end. Servers take
    /// any number of processes, so of the production family nothing is taken.
    ///
    /// # Errors
    ///
    /// See [`LockError`].
    pub fn take(config: &Config) -> Result<Self, LockError> {
        let mut held = Vec::new();
        for folder in folders(config).map_err(LockError::Folder)? {
            let mut file = File::options()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(folder.join(LOCK_FILE))
                .map_err(LockError::Folder)?;
            lock_soon(&mut file)?;
            held.push(file);
        }
        let mut lock = Self { held };
        lock.say("").map_err(LockError::Folder)?;
        Ok(lock)
    }

    /// Tells other processes where this one answers.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn announce(&mut self, address: &str) -> io::Result<()> {
        self.say(address)
    }

    fn say(&mut self, note: &str) -> io::Result<()> {
        for file in &mut self.held {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(note.as_bytes())?;
        }
        Ok(())
    }
}

/// Locks a file, waiting a little: for a server that is up only as long as somebody may be looking.
fn lock_soon(file: &mut File) -> Result<(), LockError> {
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(LockError::Folder(error)),
            Err(TryLockError::WouldBlock) => {}
        }
        let address = note_in(file);
        let patience = if address.is_some() {
            LOOK_MAX
        } else {
            COMMAND_MAX
        };
        if began.elapsed() > patience {
            return Err(LockError::Held { address });
        }
        thread::sleep(RETRY_EVERY);
    }
}

/// Looks who works on the data folder, without making or changing anything.
///
/// # Errors
///
/// [`LockError::Held`] by somebody; never [`LockError::Folder`] for a folder that is not there.
pub fn look(config: &Config) -> Result<(), LockError> {
    if let Family::Production { .. } = config.family {
        return Ok(());
    }
    let mut file = match File::open(config.data_dir.join(LOCK_FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(LockError::Folder(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(LockError::Held {
            address: note_in(&mut file),
        }),
        Err(TryLockError::Error(error)) => Err(LockError::Folder(error)),
    }
}

fn note_in(file: &mut File) -> Option<String> {
    let mut note = String::new();
    file.rewind().ok()?;
    file.take(NOTE_MAX_BYTES).read_to_string(&mut note).ok()?;
    Some(note).filter(|it| !it.is_empty())
}

/// The folders, each once, in the order in which every process takes them.
fn folders(config: &Config) -> io::Result<Vec<PathBuf>> {
    let Family::Embedded { store, queue } = &config.family else {
        return Ok(Vec::new());
    };
    let parent = |file: &Path| match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    unique([config.data_dir.clone(), parent(store), parent(queue)])
}

fn unique(folders: impl IntoIterator<Item = PathBuf>) -> io::Result<Vec<PathBuf>> {
    let mut known = Vec::new();
    for folder in folders {
        make(&folder)?;
        let folder = fs::canonicalize(folder)?;
        if !known.contains(&folder) {
            known.push(folder);
        }
    }
    Ok(known)
}

/// Makes a folder that is not there, for nobody else to read.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)
}
