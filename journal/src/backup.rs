//! A copy of the journal as it was at one event, made while it is written, and the way back.
//!
//! A backup is a journal without a master key: its segments are all sealed, the newest one with what it held at that event. It
//! holds the wrapped keys, so whoever has it and the master key can read it, also after the journal itself has disposed of what is
//! in it. `docs/retention.md` says what that means.

use std::fs::{self, DirBuilder, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::format;
use crate::keys::Kind;
use crate::ledger::{self, Snapshot};
use crate::reader::Reader;
use crate::scrub::NoScrub;
use crate::sealing::write_sealed;
use crate::segment::{Segment, SegmentName};
use crate::shared::{SEALED, Shared, sync};
use crate::verify::Verification;
use crate::writer::{Journal, Options};

/// Says what the backup is. Written last, so that a backup with it is whole.
const MANIFEST: &str = "backup.json";

/// How often a backup is begun again because something was disposed of meanwhile.
const ATTEMPTS: usize = 3;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// When it was begun.
    pub at: Timestamp,
    /// The last event in it.
    pub last_seq: u64,
    /// How many segments it has, those that are held among them.
    pub segments: usize,
    /// How many days of summaries.
    pub summary_days: usize,
    /// The number of the ledger's last entry in it.
    pub ledger_entries: u64,
    /// The id of the master key that is needed to read it. The key itself is not in it.
    pub master_key: String,
}

// === impl Reader ===

impl Reader {
    /// Makes a backup in the folder `target`, which must not exist or be empty. It holds everything up to the present
    /// [`head`](Self::head).
    pub fn backup(&self, target: &Path, at: Timestamp) -> Result<Backup, Error> {
        let is_taken = fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_some());
        if is_taken || target.is_file() {
            return Err(Error::NotEmpty { path: target.to_owned() });
        }
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.try_backup(target, at) {
                Err(Error::NoSuchSegment { .. }) if attempts < ATTEMPTS => {
                    fs::remove_dir_all(target).map_err(Error::io("remove", target))?;
                }
                Err(error) => {
                    // Half of one is of no use, and would be in the way of the next.
                    let _ = fs::remove_dir_all(target);
                    return Err(error);
                }
                made => return made,
            }
        }
    }

    fn try_backup(&self, target: &Path, at: Timestamp) -> Result<Backup, Error> {
        let shared = &self.shared;
        // In this order: the ledger must not tell of segments that are not in the backup.
        let rewritten = shared.rewritten.load(Ordering::Acquire);
        let snapshot = ledger::snapshot(shared.dir())?;
        let last_seq = shared.head();
        let names: Vec<_> = shared.names().into_iter().filter(|name| name.first_seq <= last_seq).collect();
        make_dir(target)?;
        for name in &names {
            copy_segment(shared, *name, last_seq, target)?;
        }
        // A file that took the place of another meanwhile may be there with the key of the other, and the ledger does not tell of it.
        if shared.rewritten.load(Ordering::Acquire) != rewritten {
            return Err(Error::NoSuchSegment { segment: "that was there a moment ago".to_owned() });
        }
        let days = shared.days()?;
        for day in &days {
            copy_day(shared, *day, target)?;
        }
        for day in shared.keys.names(Kind::Pseudonyms)? {
            match shared.keys.copy(Kind::Pseudonyms, &day, target) {
                // It is just being destroyed, or of no use to anybody; nothing in the backup needs it.
                Err(Error::Damaged { .. }) => {}
                copied => copied?,
            }
        }
        copy_key(shared, Kind::Ledger, ledger::SIGNING_KEY, target)?;
        let ledger_entries = snapshot.copy(shared.dir(), target)?;
        format::declare(target)?;
        let backup = Backup {
            at,
            last_seq,
            segments: names.len(),
            summary_days: days.len(),
            ledger_entries,
            master_key: shared.keys.master_id().to_owned(),
        };
        let manifest = serde_json::to_vec(&backup).expect("strings and numbers serialise");
        write_synced(&target.join(MANIFEST), &manifest)?;
        Ok(backup)
    }
}

impl Journal {
    /// Makes the journal in `dir`, where there must be none, from the backup in `from`, and checks it. The copy is there only if
    /// nothing is wrong with it. What is past its time by now goes with the next sweep.
    pub fn restore(from: &Path, dir: &Path, key_file: Option<PathBuf>) -> Result<Verification, Error> {
        if !from.join(MANIFEST).is_file() {
            return Err(Error::NotFound { path: from.to_owned() });
        }
        if dir.exists() {
            return Err(Error::NotEmpty { path: dir.to_owned() });
        }
        let draft = dir.with_extension("restoring");
        let _ = fs::remove_dir_all(&draft);
        copy_folder(from, &draft)?;
        let found = check_restored(&draft, key_file);
        let is_sound = found.as_ref().is_ok_and(|found| found.problems.is_empty());
        if !is_sound {
            fs::remove_dir_all(&draft).map_err(Error::io("remove", &draft))?;
            return found;
        }
        fs::rename(&draft, dir).map_err(Error::io("put in place", dir))?;
        sync(dir.parent().unwrap_or(Path::new(".")))?;
        found
    }
}

fn check_restored(draft: &Path, key_file: Option<PathBuf>) -> Result<Verification, Error> {
    let options = Options { create: false, key_file, ..Options::default() };
    let mut journal = Journal::open(draft, options, Arc::new(NoScrub))?;
    // Of the segments that were not sealed yet, the ledger does not know the form they have now.
    while let Some(name) = journal.to_seal_or_live() {
        let Some(prepared) = journal.reader().prepare_seal(&name)? else { break };
        journal.commit_seal(prepared, Timestamp::now())?;
    }
    let found = journal.reader().verify(None)?;
    journal.close()?;
    Ok(found)
}

/// Copies a segment in its sealed form, up to the event `last_seq`, with its key.
fn copy_segment(shared: &Shared, name: SegmentName, last_seq: u64, target: &Path) -> Result<(), Error> {
    let gone = || Error::NoSuchSegment { segment: name.to_string() };
    let kind = shared.kind(name).ok_or_else(gone)?;
    let below = if kind == Kind::Hold { "holds" } else { "segments" };
    let folder = target.join(below).join(name.to_string());
    make_dir(&folder)?;
    let (file, segment) = (folder.join(SEALED), shared.segment(name)?.ok_or_else(gone)?);
    if let Segment::Sealed(_) = &*segment {
        drop(segment);
        let source = shared.folder(kind, name).join(SEALED);
        copy_file(&source, &file)?;
    } else {
        drop(segment);
        let last_seq = shared.last_seq_before_next(name).map_or(last_seq, |last| last.min(last_seq));
        write_sealed(shared, name, Some(last_seq), &file)?;
    }
    copy_key(shared, kind, &name.to_string(), target)?;
    if shared.kind(name) == Some(kind) { Ok(()) } else { Err(gone()) }
}

fn copy_day(shared: &Shared, day: Date, target: &Path) -> Result<(), Error> {
    let path = target.join("summaries").join(day.to_string());
    make_dir(&target.join("summaries"))?;
    copy_key(shared, Kind::Summaries, &day.to_string(), target)?;
    match shared.day(day)? {
        Some(open) => open.copy_to(&path),
        None => Err(Error::NoSuchSegment { segment: day.to_string() }),
    }
}

fn copy_key(shared: &Shared, kind: Kind, name: &str, target: &Path) -> Result<(), Error> {
    let source = shared.keys.path(kind, name);
    let below = source.strip_prefix(shared.dir()).expect("keys lie in the journal");
    let path = target.join(below);
    make_dir(path.parent().expect("a key lies in a folder"))?;
    copy_file(&source, &path)
}

fn copy_file(from: &Path, to: &Path) -> Result<(), Error> {
    fs::copy(from, to).map_err(Error::io("copy", from))?;
    File::open(to).and_then(|file| file.sync_all()).map_err(Error::io("sync", to))
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Error> {
    make_dir(to)?;
    for entry in fs::read_dir(from).map_err(Error::io("list", from))? {
        let entry = entry.map_err(Error::io("list", from))?;
        let (source, path) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &path)?;
        } else if entry.file_name() != MANIFEST {
            copy_file(&source, &path)?;
        }
    }
    sync(to)
}

fn make_dir(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::io("create", path))
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(Error::io("write", path))
}

// === impl Snapshot ===

impl Snapshot {
    /// Copies the ledger as it was into the journal `target`. Returns the number of its last entry.
    fn copy(&self, journal: &Path, target: &Path) -> Result<u64, Error> {
        let (from, to) = (journal.join(ledger::DIR), target.join(ledger::DIR));
        make_dir(&to)?;
        for (name, len) in &self.files {
            let path = from.join(name);
            let mut bytes = Vec::new();
            let read = File::open(&path).and_then(|file| file.take(*len).read_to_end(&mut bytes));
            read.map_err(Error::io("copy", &path))?;
            write_synced(&to.join(name), &bytes)?;
        }
        Ok(self.last_entry)
    }
}
