//! How far a run is, in a file that outlives it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A run as its file keeps it. Chunks up to `chunks` are confirmed; the others are sent again
/// after an interruption, under the keys they had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunState {
    /// The form of this file.
    pub(super) version: u32,
    /// What is imported, and how.
    pub(super) fingerprint: String,
    /// The identity of the run.
    pub(super) run: String,
    /// When it began, in milliseconds since the epoch.
    pub(super) started_at_ms: u64,
    /// Where the leads go.
    pub(super) target: String,
    /// Rows of a chunk.
    pub(super) chunk_rows: usize,
    /// Chunks confirmed.
    pub(super) chunks: u64,
    /// Rows in them.
    pub(super) rows: u64,
    /// What became of the rows that are decided.
    pub(super) counts: Counts,
    /// Submissions that are not finished.
    pub(super) waiting: Vec<String>,
    /// How long the file of rejected rows is.
    pub(super) rejected_bytes: u64,
    /// Every chunk is confirmed.
    pub(super) all_sent: bool,
    /// Nothing is left to do.
    pub(super) finished: bool,
}

/// What became of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Leads stored.
    pub(super) stored: u64,
    /// Leads whose e-mail was held already.
    pub(super) duplicate: u64,
    /// Rows that were not taken.
    pub(super) rejected: u64,
    /// Leads that are parked.
    pub(super) failed: u64,
}

impl RunState {
    /// The form this program writes.
    pub(super) const VERSION: u32 = 1;
}

/// The file of a run's state, held by one process at a time.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    /// Locked while this lives.
    _lock: File,
}

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum StateError {
    #[error("another import of this file is running")]
    Busy,
    #[error("the state file {} cannot be used: {cause}", path.display())]
    Io { path: PathBuf, cause: io::Error },
    #[error("the state file {} cannot be read; --restart begins anew", path.display())]
    Unreadable { path: PathBuf },
}

impl StateFile {
    /// Takes the file, making its folder where there is none.
    pub(super) fn open(path: PathBuf) -> Result<Self, StateError> {
        let failed = |cause| StateError::Io {
            path: path.clone(),
            cause,
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let lock = File::create(with_ending(&path, ".lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StateError::Busy),
            Err(TryLockError::Error(cause)) => Err(failed(cause)),
        }
    }

    /// What is in it; none when there is no file.
    pub(super) fn load(&self) -> Result<Option<RunState>, StateError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(self.failed(cause)),
        };
        match serde_json::from_slice::<RunState>(&bytes) {
            Ok(state) if state.version == RunState::VERSION => Ok(Some(state)),
            _ => Err(StateError::Unreadable {
                path: self.path.clone(),
            }),
        }
    }

    /// Replaces what is in it: after a crash it is the old state or the new one.
    pub(super) fn save(&self, state: &RunState) -> Result<(), StateError> {
        let written = || -> io::Result<()> {
            let next = with_ending(&self.path, ".next");
            let mut file = File::create(&next)?;
            file.write_all(&serde_json::to_vec_pretty(state)?)?;
            file.sync_all()?;
            fs::rename(&next, &self.path)
        };
        written().map_err(|cause| self.failed(cause))
    }

    fn failed(&self, cause: io::Error) -> StateError {
        StateError::Io {
            path: self.path.clone(),
            cause,
        }
    }
}

/// What tells one import from another: the file, as it is now, and what its columns mean.
pub(super) fn fingerprint(
    file: &Path,
    renamed: &[(String, String)],
    shape: &str,
) -> io::Result<String> {
    let path = fs::canonicalize(file)?;
    let metadata = fs::metadata(&path)?;
    let modified = metadata
        .modified()
        .ok()
        .and_then(|it| it.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default();
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    part(path.as_os_str().as_encoded_bytes());
    part(&metadata.len().to_be_bytes());
    part(&modified.as_nanos().to_be_bytes());
    part(shape.as_bytes());
    for (from, to) in renamed {
        part(from.as_bytes());
        part(to.as_bytes());
    }
    let digest = hasher.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;

    fn some_state() -> RunState {
        RunState {
            version: RunState::VERSION,
            fingerprint: "f".to_owned(),
            run: "r".to_owned(),
            started_at_ms: 7,
            target: "the store".to_owned(),
            chunk_rows: 500,
            chunks: 2,
            rows: 1_000,
            counts: Counts::default(),
            waiting: vec!["w".to_owned()],
            rejected_bytes: 3,
            all_sent: false,
            finished: false,
        }
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::open(folder.path().join("a/b.json")).unwrap();

        assert!(file.load().unwrap().is_none());
        file.save(&some_state()).unwrap();

        assert_eq!(file.load().unwrap(), Some(some_state()));
    }

    #[test]
    fn two_processes_do_not_share_a_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.json");
        let first = StateFile::open(path.clone()).unwrap();

        assert!(matches!(
            StateFile::open(path.clone()),
            Err(StateError::Busy)
        ));

        drop(first);
        assert!(StateFile::open(path).is_ok());
    }

    #[test]
    fn a_file_of_another_form_is_not_guessed_at() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.json");
        let file = StateFile::open(path.clone()).unwrap();
        fs::write(&path, "{\"version\":2}").unwrap();

        assert!(matches!(file.load(), Err(StateError::Unreadable { .. })));
    }

    #[test]
    fn another_mapping_or_another_content_is_another_import() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("leads.csv");
        fs::write(&path, "a").unwrap();
        let plain = fingerprint(&path, &[], "csv").unwrap();
        let mapped = fingerprint(&path, &[("a".to_owned(), "b".to_owned())], "csv").unwrap();
        fs::write(&path, "ab").unwrap();
        let longer = fingerprint(&path, &[], "csv").unwrap();

        assert_ne!(plain, mapped);
        assert_ne!(plain, longer);
        assert_eq!(longer, fingerprint(&path, &[], "csv").unwrap());
    }
}
