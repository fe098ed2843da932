//! What the writer and the readers of one journal have in common.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::civil::Date;

use crate::cache::Cache;
use crate::error::Error;
use crate::lock::LockFile;
use crate::segment::{self, Segment, SegmentName};
use crate::summaries::Day;

/// Open segments; each takes 4–10 ms to open and about 1 MB to keep.
const OPEN_SEGMENTS: usize = 16;

/// Open days of summaries: today, yesterday, and two to look back.
const OPEN_DAYS: usize = 4;

/// Prefix of a folder on its way out; what is left of one after a crash is removed at the next start.
const DISPOSING: &str = ".disposing-";

/// An open journal. Its lock is held until the last writer and reader are gone, because databases are open until then.
pub(crate) struct Shared {
    segments_dir: PathBuf,
    summaries_dir: PathBuf,
    /// In order; the last one is live.
    names: RwLock<Vec<SegmentName>>,
    segments: Mutex<Cache<SegmentName, Segment>>,
    days: Mutex<Cache<Date, Day>>,
    head: AtomicU64,
    // Last, so that it is released after the databases are closed.
    pub(crate) lock: LockFile,
}

// === impl Shared ===

impl Shared {
    /// For the journal in `dir`, whose lock is `lock`.
    pub(crate) fn open(dir: &Path, lock: LockFile) -> Result<Self, Error> {
        let segments_dir = dir.join("segments");
        let summaries_dir = dir.join("summaries");
        for folder in [&segments_dir, &summaries_dir] {
            finish_removals(folder)?;
        }
        let names = names(&segments_dir)?;
        Ok(Self {
            segments_dir,
            summaries_dir,
            names: RwLock::new(names),
            segments: Mutex::new(Cache::new(OPEN_SEGMENTS)),
            days: Mutex::new(Cache::new(OPEN_DAYS)),
            head: AtomicU64::new(0),
            lock,
        })
    }

    /// The last sequence number that readers can see.
    pub(crate) fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    pub(crate) fn set_head(&self, seq: u64) {
        self.head.store(seq, Ordering::Release);
    }

    /// The segments in order.
    pub(crate) fn names(&self) -> Vec<SegmentName> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn live(&self) -> Option<SegmentName> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).last().copied()
    }

    /// The last sequence number that the segment `name` can hold, which the one after it tells; `None` for the newest.
    pub(crate) fn last_seq_before_next(&self, name: SegmentName) -> Option<u64> {
        self.names().into_iter().find(|other| *other > name).map(|next| next.first_seq - 1)
    }

    /// Makes a segment, which becomes the live one, in place of what a failed attempt may have left.
    pub(crate) fn create_segment(&self, name: SegmentName) -> Result<Arc<Segment>, Error> {
        fs::create_dir_all(&self.segments_dir).map_err(Error::io("create", &self.segments_dir))?;
        self.remove_segment(name)?;
        let made = lock(&self.segments).get_or_open(name, || Segment::open(&self.segments_dir, name));
        match made {
            Ok(segment) => {
                self.names.write().unwrap_or_else(PoisonError::into_inner).push(name);
                Ok(segment)
            }
            Err(error) => {
                // The next attempt may be under another name, and this one must not look like a segment then.
                if let Err(error) = self.remove_segment(name) {
                    tracing::warn!(%error, segment = %name, "cannot remove a segment that was not finished");
                }
                Err(error)
            }
        }
    }

    /// Closes a segment that cannot be written to any longer. Whoever reads opens it again.
    pub(crate) fn close_segment(&self, name: SegmentName) {
        lock(&self.segments).close(&name);
    }

    /// Whether there never was an event in the segment `name`.
    pub(crate) fn is_half_made(&self, name: SegmentName) -> bool {
        segment::is_half_made(&self.segments_dir, name)
    }

    /// The segment `name`; `None` when it has been disposed of. Not to be held for longer than one read or write.
    pub(crate) fn segment(&self, name: SegmentName) -> Result<Option<Arc<Segment>>, Error> {
        let mut segments = lock(&self.segments);
        // Looked up under the lock of the cache, or opening could bring back a folder that is just being removed.
        if !self.segments_dir.join(name.to_string()).exists() {
            return Ok(None);
        }
        segments.get_or_open(name, || Segment::open(&self.segments_dir, name)).map(Some)
    }

    /// Closes a segment that is written, and opens it again: only then does sled keep a snapshot of where its pages are.
    /// With it, a damaged place costs the blocks around it; without, everything behind it.
    pub(crate) fn settle_segment(&self, name: SegmentName) -> Result<(), Error> {
        let is_closed = lock(&self.segments).close(&name);
        if is_closed {
            self.segment(name)?;
        }
        Ok(())
    }

    /// The last sequence number synced to the segment `name`, if it is known.
    pub(crate) fn synced_seq(&self, name: SegmentName) -> Option<u64> {
        segment::synced_seq(&self.segments_dir, name)
    }

    pub(crate) fn bytes_on_disk(&self, name: SegmentName) -> Result<u64, Error> {
        segment::bytes_on_disk(&self.segments_dir.join(name.to_string()))
    }

    /// Closes a segment and removes it from disk, if it is there. After an error it is still known, to be removed again.
    pub(crate) fn remove_segment(&self, name: SegmentName) -> Result<(), Error> {
        remove(&self.segments, &name, &self.segments_dir, &name.to_string())?;
        self.names.write().unwrap_or_else(PoisonError::into_inner).retain(|known| *known != name);
        Ok(())
    }

    /// Whether the removal of the segment `name` failed half-way.
    pub(crate) fn is_half_removed(&self, name: SegmentName) -> bool {
        doomed(&self.segments_dir, &name.to_string()).exists()
    }

    /// The days that have summaries, oldest first.
    pub(crate) fn days(&self) -> Result<Vec<Date>, Error> {
        let mut days: Vec<Date> = folders(&self.summaries_dir)?.iter().filter_map(|name| name.parse().ok()).collect();
        days.sort_unstable();
        Ok(days)
    }

    /// The summaries of `date`; `None` when there are none.
    pub(crate) fn day(&self, date: Date) -> Result<Option<Arc<Day>>, Error> {
        let mut days = lock(&self.days);
        let path = self.summaries_dir.join(date.to_string());
        if !path.exists() {
            return Ok(None);
        }
        days.get_or_open(date, || Day::open(&path)).map(Some)
    }

    /// Runs `write` with the summaries of `date`, which are made if there are none. After an error they are opened afresh,
    /// because sled never writes again to a database that failed once.
    pub(crate) fn write_day(&self, date: Date, write: impl FnOnce(&Day) -> Result<(), Error>) -> Result<(), Error> {
        fs::create_dir_all(&self.summaries_dir).map_err(Error::io("create", &self.summaries_dir))?;
        let path = self.summaries_dir.join(date.to_string());
        let day = lock(&self.days).get_or_open(date, || Day::open(&path))?;
        let written = write(&day);
        if written.is_err() {
            drop(day);
            lock(&self.days).close(&date);
        }
        written
    }

    /// Removes what is left of days of summaries whose removal failed half-way.
    pub(crate) fn finish_summary_removals(&self) -> Result<(), Error> {
        finish_removals(&self.summaries_dir)
    }

    /// Closes a day of summaries and removes it from disk.
    pub(crate) fn remove_day(&self, date: Date) -> Result<(), Error> {
        remove(&self.days, &date, &self.summaries_dir, &date.to_string())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A cache is whole between any two statements, so a panic elsewhere leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names of the folders in `dir`; none if it does not exist.
fn folders(dir: &Path) -> Result<Vec<String>, Error> {
    let list = || {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    list().map_err(Error::io("list", dir))
}

fn names(segments_dir: &Path) -> Result<Vec<SegmentName>, Error> {
    let mut names: Vec<SegmentName> = folders(segments_dir)?.iter().filter_map(|name| name.parse().ok()).collect();
    names.sort_unstable();
    Ok(names)
}

fn finish_removals(dir: &Path) -> Result<(), Error> {
    for name in folders(dir)?.iter().filter(|name| name.starts_with(DISPOSING)) {
        let path = dir.join(name);
        fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
    }
    Ok(())
}

/// The folder `name` in `dir` once it is on its way out.
fn doomed(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{DISPOSING}{name}"))
}

/// Closes the database of `key` and removes its folder `name`, which is out of sight from the first moment on. Goes on with a
/// removal that failed half-way, and is content if there is nothing to remove.
fn remove<K: PartialEq, T>(cache: &Mutex<Cache<K, T>>, key: &K, dir: &Path, name: &str) -> Result<(), Error> {
    let path = dir.join(name);
    let doomed = doomed(dir, name);
    let remove_doomed = || match fs::remove_dir_all(&doomed) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", &doomed)(error)),
        _ => Ok(()),
    };
    remove_doomed()?;
    {
        let mut cache = lock(cache);
        if !cache.close(key) {
            return Err(Error::Io {
                what: "remove",
                path,
                source: std::io::Error::new(ErrorKind::ResourceBusy, "it is still being read; try again"),
            });
        }
        match fs::rename(&path, &doomed) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("remove", &path)(error)),
            _ => {}
        }
    }
    remove_doomed()
}
