//! What the writer and the readers of one journal have in common: which segments and days there are, and the open ones.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::civil::Date;

use crate::cache::Cache;
use crate::cipher::{DataKey, Link};
use crate::disposal::INTENT;
use crate::error::Error;
use crate::keys::{Keys, Kind};
use crate::ledger::Ledger;
use crate::lock::LockFile;
use crate::pseudonyms::DayKeys;
use crate::sealed::SealedSegment;
use crate::segment::{self, LiveSegment, Segment, SegmentName, Synced};
use crate::summaries::Day;
use crate::summary_writer::UnderWay;

/// Open segments; a live one takes 4–10 ms to open and about 1 MB to keep.
const OPEN_SEGMENTS: usize = 16;

/// Open days of summaries: today, yesterday, and two to look back.
const OPEN_DAYS: usize = 4;

/// The file of a sealed segment, in the segment's folder.
pub(crate) const SEALED: &str = "sealed";

/// The file that says up to which event summaries are durable.
const SUMMARISED: &str = "summarised";

/// An open journal. Its lock is held until the last writer and reader are gone, because databases are open until then.
pub(crate) struct Shared {
    dir: PathBuf,
    pub(crate) keys: Keys,
    pub(crate) day_keys: DayKeys,
    /// What the ledger's signatures are checked with.
    pub(crate) public_key: [u8; 32],
    names: RwLock<Names>,
    segments: Mutex<Cache<SegmentName, Segment>>,
    days: Mutex<Cache<Date, Day>>,
    pub(crate) summaries_under_way: Arc<UnderWay>,
    head: AtomicU64,
    /// How often a sealed file took the place of another.
    pub(crate) rewritten: AtomicU64,
    // Last, so that it is released after the databases are closed.
    pub(crate) lock: LockFile,
}

/// The segments there are, in order.
#[derive(Debug, Clone, Default)]
struct Names {
    /// The last one is live.
    segments: Vec<SegmentName>,
    /// Disposed of but for what is held of them.
    held: Vec<SegmentName>,
}

// === impl Shared ===

impl Shared {
    /// For the journal in `dir`, whose lock is `lock`.
    pub(crate) fn open(dir: &Path, keys: Keys, ledger: &Ledger, lock: LockFile) -> Result<Self, Error> {
        let mut segments = names(&dir.join("segments"))?;
        // One that is just being made is not in the ledger yet; anything else that is not was put there by somebody.
        segments.retain(|name| {
            let folder = dir.join("segments").join(name.to_string());
            ledger.state().segments.contains_key(&name.to_string()) || !folder.join(SEALED).exists()
        });
        let mut held = names(&dir.join("holds"))?;
        // A crash came between carrying over what is held and disposing of the rest: the segment still has everything.
        held.retain(|name| !segments.contains(name));
        Ok(Self {
            dir: dir.to_owned(),
            keys,
            day_keys: DayKeys::default(),
            public_key: *ledger.public_key(),
            names: RwLock::new(Names { segments, held }),
            segments: Mutex::new(Cache::new(OPEN_SEGMENTS)),
            days: Mutex::new(Cache::new(OPEN_DAYS)),
            summaries_under_way: Arc::default(),
            head: AtomicU64::new(0),
            rewritten: AtomicU64::new(0),
            lock,
        })
    }

    /// The journal's folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The last sequence number that readers can see.
    pub(crate) fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    pub(crate) fn set_head(&self, seq: u64) {
        self.head.store(seq, Ordering::Release);
    }

    /// Everything that has events, in order: the segments, and what is held of those that are gone.
    pub(crate) fn names(&self) -> Vec<SegmentName> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let mut all = [&names.held[..], &names.segments].concat();
        all.sort_unstable();
        all
    }

    /// The segments in order.
    pub(crate) fn segments(&self) -> Vec<SegmentName> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).segments.clone()
    }

    /// The segments that are gone but for what is held of them, in order.
    pub(crate) fn held(&self) -> Vec<SegmentName> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).held.clone()
    }

    pub(crate) fn live(&self) -> Option<SegmentName> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).segments.last().copied()
    }

    /// The last sequence number that the segment `name` can hold, which the one after it tells; `None` for the newest.
    pub(crate) fn last_seq_before_next(&self, name: SegmentName) -> Option<u64> {
        self.segments().into_iter().find(|other| *other > name).map(|next| next.first_seq - 1)
    }

    /// Makes a segment, which becomes the live one, in place of what a failed attempt may have left. Its first event comes behind
    /// `start`.
    pub(crate) fn create_segment(&self, name: SegmentName, start: Link) -> Result<Arc<Segment>, Error> {
        let segments_dir = self.segments_dir();
        fs::create_dir_all(&segments_dir).map_err(Error::io("create", &segments_dir))?;
        self.discard_segment(name)?;
        let make = || {
            let key = self.keys.create(Kind::Segment, &name.to_string())?;
            LiveSegment::open(&segments_dir, name, key, Some(start)).map(Segment::Live)
        };
        let mut segments = lock(&self.segments);
        match segments.get_or_open(name, make) {
            Ok(segment) => {
                self.names.write().unwrap_or_else(PoisonError::into_inner).segments.push(name);
                Ok(segment)
            }
            Err(error) => {
                drop(segments);
                // The next attempt may be under another name, and this one must not look like a segment then.
                if let Err(error) = self.discard_segment(name) {
                    tracing::warn!(%error, segment = %name, "cannot remove a segment that was not finished");
                }
                Err(error)
            }
        }
    }

    /// Folders among the segments that are none of ours, unless some are just being removed.
    pub(crate) fn strangers(&self) -> Result<Vec<SegmentName>, Error> {
        let _none_is_made = lock(&self.segments);
        if self.dir.join(INTENT).exists() {
            return Ok(Vec::new());
        }
        let mut strangers = names(&self.segments_dir())?;
        strangers.retain(|name| self.kind(*name) != Some(Kind::Segment));
        Ok(strangers)
    }

    /// Closes a segment that cannot be written to any longer. Whoever reads opens it again.
    pub(crate) fn close_segment(&self, name: SegmentName) {
        lock(&self.segments).close(&name);
    }

    /// Whether there never was an event in the segment `name`.
    pub(crate) fn is_half_made(&self, name: SegmentName) -> bool {
        segment::is_half_made(&self.segments_dir(), name)
    }

    /// The segment `name`, or what is held of it; `None` when it has been disposed of. Not to be held for longer than one read or
    /// write.
    pub(crate) fn segment(&self, name: SegmentName) -> Result<Option<Arc<Segment>>, Error> {
        let mut segments = lock(&self.segments);
        // Looked up under the lock of the cache, or opening could meet a folder that is just being removed.
        let Some(kind) = self.kind(name) else { return Ok(None) };
        segments.get_or_open(name, || self.open_segment(name, kind)).map(Some)
    }

    /// Whether `name` is a segment or what is held of one.
    pub(crate) fn kind(&self, name: SegmentName) -> Option<Kind> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        match (names.segments.contains(&name), names.held.contains(&name)) {
            (true, _) => Some(Kind::Segment),
            (false, true) => Some(Kind::Hold),
            (false, false) => None,
        }
    }

    fn open_segment(&self, name: SegmentName, kind: Kind) -> Result<Segment, Error> {
        let (label, path) = (name.to_string(), self.folder(kind, name));
        let key = self.key(kind, &label)?;
        if path.join(SEALED).exists() {
            return SealedSegment::open(&path.join(SEALED), &label, &key).map(Segment::Sealed);
        }
        if !path.exists() {
            let what = format!("its folder {} is gone", path.display());
            return Err(Error::Damaged { segment: label, block: None, what });
        }
        LiveSegment::open(&self.segments_dir(), name, key, None).map(Segment::Live)
    }

    /// The key of `name`, which must be there.
    pub(crate) fn key(&self, kind: Kind, name: &str) -> Result<DataKey, Error> {
        self.keys.load(kind, name)?.ok_or_else(|| Error::Damaged {
            segment: name.to_owned(),
            block: None,
            what: format!("its key is gone from {}", self.keys.dir().display()),
        })
    }

    /// Where the segment `name` lies, or what is held of it.
    pub(crate) fn folder(&self, kind: Kind, name: SegmentName) -> PathBuf {
        let below = if kind == Kind::Hold { "holds" } else { "segments" };
        self.dir.join(below).join(name.to_string())
    }

    /// Whether the segment `name` has its final form.
    pub(crate) fn is_sealed(&self, name: SegmentName) -> bool {
        self.folder(Kind::Segment, name).join(SEALED).exists()
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

    /// Gives a segment its final form, which is the file `draft` in its folder. The other one stays beside it until
    /// [`remove_unsealed`](Self::remove_unsealed). Can be done again after a crash.
    pub(crate) fn put_sealed(&self, name: SegmentName, draft: &Path) -> Result<(), Error> {
        let folder = self.folder(Kind::Segment, name);
        let mut segments = lock(&self.segments);
        if !segments.close(&name) {
            return Err(still_read(&folder));
        }
        if draft.exists() {
            fs::rename(draft, folder.join(SEALED)).map_err(Error::io("rename", draft))?;
        }
        sync(&folder)
    }

    /// Removes what a segment that has its final form was written as.
    pub(crate) fn remove_unsealed(&self, name: SegmentName) -> Result<(), Error> {
        segment::remove_database(&self.folder(Kind::Segment, name), SEALED)
    }

    /// Whether what the segment `name` was written as is there, whatever else is.
    pub(crate) fn has_unsealed(&self, name: SegmentName) -> bool {
        segment::has_database(&self.folder(Kind::Segment, name))
    }

    /// How far the segment `name` was synced, if it is known.
    pub(crate) fn synced_up_to(&self, name: SegmentName) -> Option<Synced> {
        segment::synced_up_to(&self.segments_dir(), name)
    }

    pub(crate) fn bytes_on_disk(&self, kind: Kind, name: SegmentName) -> Result<u64, Error> {
        segment::bytes_on_disk(&self.folder(kind, name))
    }

    /// Removes a segment in which there is nothing to keep, key and all, if it is there.
    pub(crate) fn discard_segment(&self, name: SegmentName) -> Result<(), Error> {
        self.forget_segments(&[name], &[])?;
        self.keys.destroy(Kind::Segment, [name.to_string().as_str()])?;
        remove_folder(&self.folder(Kind::Segment, name))
    }

    /// Closes segments and takes them out of everybody's sight, but for what is held of those in `held`.
    pub(crate) fn forget_segments(&self, names: &[SegmentName], held: &[SegmentName]) -> Result<(), Error> {
        let mut segments = lock(&self.segments);
        for name in names {
            if !segments.close(name) {
                return Err(still_read(&self.folder(Kind::Segment, *name)));
            }
        }
        let mut known = self.names.write().unwrap_or_else(PoisonError::into_inner);
        known.segments.retain(|known| !names.contains(known));
        known.held.retain(|known| !names.contains(known));
        known.held.extend(held);
        known.held.sort_unstable();
        Ok(())
    }

    /// Closes a segment, or what is held of it, and runs `work` before anybody opens it again.
    pub(crate) fn while_closed<T>(
        &self,
        kind: Kind,
        name: SegmentName,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut segments = lock(&self.segments);
        if segments.close(&name) { work() } else { Err(still_read(&self.folder(kind, name))) }
    }

    /// The days that have summaries, oldest first.
    pub(crate) fn days(&self) -> Result<Vec<Date>, Error> {
        self.summaries_under_way.wait();
        let mut days: Vec<Date> = folders(&self.summaries_dir())?.iter().filter_map(|name| name.parse().ok()).collect();
        days.sort_unstable();
        Ok(days)
    }

    /// The summaries of `date`; `None` when there are none.
    pub(crate) fn day(&self, date: Date) -> Result<Option<Arc<Day>>, Error> {
        let mut days = lock(&self.days);
        if !self.day_dir(date).exists() {
            return Ok(None);
        }
        days.get_or_open(date, || self.open_day(date)).map(Some)
    }

    /// Runs `write` with the summaries of `date`, which are made if there are none. After an error they are opened afresh,
    /// because sled never writes again to a database that failed once.
    pub(crate) fn write_day(&self, date: Date, write: impl FnOnce(&Day) -> Result<(), Error>) -> Result<(), Error> {
        let make = || {
            let summaries_dir = self.summaries_dir();
            fs::create_dir_all(&summaries_dir).map_err(Error::io("create", &summaries_dir))?;
            self.open_day(date)
        };
        let day = lock(&self.days).get_or_open(date, make)?;
        let written = write(&day);
        if written.is_err() {
            drop(day);
            lock(&self.days).close(&date);
        }
        written
    }

    fn open_day(&self, date: Date) -> Result<Day, Error> {
        let (name, path) = (date.to_string(), self.day_dir(date));
        let key = match self.keys.load(Kind::Summaries, &name)? {
            Some(key) => key,
            None if path.exists() => self.key(Kind::Summaries, &name)?,
            None => self.keys.create(Kind::Summaries, &name)?,
        };
        Day::open(&path, &key)
    }

    /// Notes that the summaries of everything finished up to the event `seq` are durable.
    pub(crate) fn set_summarised(&self, seq: u64) -> Result<(), Error> {
        let path = self.dir.join(SUMMARISED);
        fs::write(&path, format!("{seq:020}\n")).map_err(Error::io("write", &path))
    }

    /// The event up to which summaries are durable; 0 if that is not known.
    pub(crate) fn summarised(&self) -> u64 {
        let text = fs::read_to_string(self.dir.join(SUMMARISED));
        text.ok().and_then(|text| text.trim_end().parse().ok()).unwrap_or(0)
    }

    /// Closes a day of summaries, to remove it.
    pub(crate) fn forget_day(&self, date: Date) -> Result<(), Error> {
        if lock(&self.days).close(&date) { Ok(()) } else { Err(still_read(&self.day_dir(date))) }
    }

    pub(crate) fn day_dir(&self, date: Date) -> PathBuf {
        self.summaries_dir().join(date.to_string())
    }

    pub(crate) fn segments_dir(&self) -> PathBuf {
        self.dir.join("segments")
    }

    fn summaries_dir(&self) -> PathBuf {
        self.dir.join("summaries")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A cache is whole between any two statements, so a panic elsewhere leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn still_read(path: &Path) -> Error {
    let source = std::io::Error::new(ErrorKind::ResourceBusy, "it is still being read; try again");
    Error::Io { what: "close", path: path.to_owned(), source }
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

fn names(dir: &Path) -> Result<Vec<SegmentName>, Error> {
    let mut names: Vec<SegmentName> = folders(dir)?.iter().filter_map(|name| name.parse().ok()).collect();
    names.sort_unstable();
    Ok(names)
}

/// Removes a folder and what is in it, if it is there.
pub(crate) fn remove_folder(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

pub(crate) fn sync(folder: &Path) -> Result<(), Error> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
}
