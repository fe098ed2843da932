//! Writing a journal and writing a plain file.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use journal::{Entry, Journal, NoScrub, Options};
use zstd::bulk::Compressor;

use crate::Failure;

/// A period that no journal of one segment outlives.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the proxy lets an event wait for more before it flushes.
const LINGER: Duration = Duration::from_millis(25);

/// Events after which the clock is looked at: a few microseconds.
const LOOK_EVERY: usize = 32;

/// Text of a frame of the plain file, in bytes.
const FRAME: usize = 64 * 1024;

/// How long writing took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Written {
    pub(crate) whole: Duration,
    /// That part of it that went into flushes.
    pub(crate) flushing: Duration,
    pub(crate) flushes: u32,
}

/// Opens the journal in `dir`, or makes it.
pub(crate) fn open(dir: &Path, segment_period: Duration) -> Result<Journal, Failure> {
    let options = Options { segment_period, ..Options::default() };
    Ok(Journal::open(dir, options, Arc::new(NoScrub))?)
}

/// Appends as the proxy does, at full speed.
pub(crate) fn append(journal: &mut Journal, entries: &[Entry]) -> Result<Written, Failure> {
    let began = Instant::now();
    let mut written = Written::default();
    let mut deadline = began + LINGER;
    for some in entries.chunks(LOOK_EVERY) {
        for entry in some {
            journal.append_entry(entry)?;
        }
        if Instant::now() >= deadline {
            written.flush(journal)?;
            deadline = Instant::now() + LINGER;
        }
    }
    written.flush(journal)?;
    written.whole = began.elapsed();
    Ok(written)
}

/// Writes `lines` to a new file without any database, in zstd frames that are appended as they come.
pub(crate) fn write_plain(path: &Path, lines: &[String]) -> Result<Duration, Failure> {
    let began = Instant::now();
    let mut file = File::create(path)?;
    let mut compressor = Compressor::new(1)?;
    let mut text = Vec::with_capacity(2 * FRAME);
    for line in lines {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
        if text.len() >= FRAME {
            file.write_all(&compressor.compress(&text)?)?;
            text.clear();
        }
    }
    file.write_all(&compressor.compress(&text)?)?;
    Ok(began.elapsed())
}

/// What `path` and everything in it takes on disk, in bytes.
pub(crate) fn disk_usage(path: &Path) -> Result<u64, Failure> {
    let metadata = fs::symlink_metadata(path)?;
    let mut bytes = metadata.blocks() * 512;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            bytes += disk_usage(&entry?.path())?;
        }
    }
    Ok(bytes)
}

/// Seals every segment but the newest one.
pub(crate) fn seal(journal: &mut Journal, at: jiff::Timestamp) -> Result<Duration, Failure> {
    let began = Instant::now();
    while let Some(name) = journal.to_seal() {
        let prepared = journal.reader().prepare_seal(&name)?.ok_or("nobody else disposes of segments")?;
        journal.commit_seal(prepared, at)?;
    }
    journal.flush()?;
    Ok(began.elapsed())
}

// === impl Written ===

impl Written {
    fn flush(&mut self, journal: &mut Journal) -> Result<(), Failure> {
        let began = Instant::now();
        journal.flush()?;
        self.flushing += began.elapsed();
        self.flushes += 1;
        Ok(())
    }
}
