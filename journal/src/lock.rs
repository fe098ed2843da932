//! The `lock` file: one process owns the journal, and says which.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, process};

use crate::error::Error;

/// Holds the journal's lock until dropped. The file names the holder's pid and is emptied by an orderly end only, so a pid
/// that a new holder finds in it belongs to a process that ended otherwise.
pub(crate) struct LockFile {
    file: File,
    /// Whose pid was in it.
    found_pid: Option<u32>,
    /// Whether the journal was opened, and not only looked at.
    used: AtomicBool,
    orderly: AtomicBool,
}

// === impl LockFile ===

impl LockFile {
    /// Takes the lock of the journal in `dir`, at once or not at all.
    pub(crate) fn acquire(dir: &Path) -> Result<Self, Error> {
        let path = dir.join("lock");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked { path: dir.to_owned(), pid: read_pid(&path) });
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
        }
        let found_pid = read_pid(&path);
        let lock = Self { file, found_pid, used: AtomicBool::new(false), orderly: AtomicBool::new(false) };
        lock.write(Some(process::id())).map_err(Error::io("write the pid to", &path))?;
        Ok(lock)
    }

    /// Whether the holder before this one ended without closing the journal.
    pub(crate) fn follows_a_crash(&self) -> bool {
        self.found_pid.is_some()
    }

    /// Says that the journal can be opened. Until then an end leaves the file as it was found.
    pub(crate) fn set_used(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    /// Says that everything is written: from now on an end is an orderly one.
    pub(crate) fn set_orderly(&self) {
        self.orderly.store(true, Ordering::Relaxed);
    }

    fn write(&self, pid: Option<u32>) -> std::io::Result<()> {
        let pid = pid.map_or_else(String::new, |pid| pid.to_string());
        self.file.write_all_at(pid.as_bytes(), 0)?;
        self.file.set_len(pid.len() as u64)
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        let left = match (self.used.load(Ordering::Relaxed), self.orderly.load(Ordering::Relaxed)) {
            (_, true) => self.write(None),
            (true, false) => Ok(()),
            (false, false) => self.write(self.found_pid),
        };
        if let Err(error) = left {
            tracing::warn!(%error, "cannot empty the journal's lock file; the next start will look for lost summaries");
        }
        // A process that was forked at this moment and is not its own program yet has the file open too, and with it the lock.
        let _ = self.file.unlock();
    }
}

fn read_pid(path: &Path) -> Option<u32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
