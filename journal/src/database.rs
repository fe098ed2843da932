//! How the journal opens sled.

use std::fs::{self, File};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;

/// How long a database that was just closed in this process may still hold its own lock.
const CLOSING: Duration = Duration::from_secs(2);

/// A part of an open database. Whichever is dropped last closes it, and sled panics if it cannot sync then. That must not end
/// the thread that writes: what has to be durable was synced before, and what failed to be is written again elsewhere.
pub(crate) struct Closing<T>(Option<T>);

/// Opens the database in `path`, or makes it.
pub(crate) fn open(path: &Path) -> Result<Closing<sled::Db>, Error> {
    if path.exists() {
        return open_when_free(path);
    }
    let made = make(path);
    if made.is_err() {
        // sled cannot open what it did not finish. What cannot be removed either is for the next opening to find.
        let _ = fs::remove_dir_all(path);
    }
    made
}

fn make(path: &Path) -> Result<Closing<sled::Db>, Error> {
    let database = open_when_free(path)?;
    // Otherwise the first block might find that there is no room for what sled has yet to write about itself.
    database.flush().map_err(Error::sled("make the database", path, None))?;
    // Neither does sled sync the names of what it makes.
    for folder in [Some(path), path.parent()].into_iter().flatten() {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))?;
    }
    Ok(database)
}

fn open_when_free(path: &Path) -> Result<Closing<sled::Db>, Error> {
    let config = sled::Config::new()
        .path(path)
        .segment_size(512 * 1024)
        .mode(sled::Mode::LowSpace)
        .use_compression(false)
        .flush_every_ms(None)
        .cache_capacity(16 * 1024 * 1024);
    let started = Instant::now();
    loop {
        match config.open() {
            // sled wraps its failure to lock into an error of kind `Other`; only the text tells.
            Err(sled::Error::Io(error))
                if error.to_string().contains("could not acquire lock") && started.elapsed() < CLOSING =>
            {
                thread::sleep(Duration::from_millis(2));
            }
            result => return result.map(Closing::new).map_err(Error::sled("open the database", path, None)),
        }
    }
}

// === impl Closing ===

impl<T> Closing<T> {
    pub(crate) fn new(part: T) -> Self {
        Self(Some(part))
    }
}

impl<T> Deref for Closing<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<T> Drop for Closing<T> {
    fn drop(&mut self) {
        let part = self.0.take();
        if catch_unwind(AssertUnwindSafe(|| drop(part))).is_err() {
            tracing::error!("a database of the journal could not be closed in order");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Unclosable;

    impl Drop for Unclosable {
        fn drop(&mut self) {
            panic!("as sled does when it cannot sync");
        }
    }

    #[test]
    fn a_database_that_cannot_be_closed_ends_nobody() {
        drop(Closing::new(Unclosable));
    }
}
