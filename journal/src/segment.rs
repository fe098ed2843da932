//! A segment: one database of blocks, for one period of time.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::block::{self, BadBlock, Encoder, Header, Lines};
use crate::database;
use crate::error::Error;

/// How many keys are made at once, with empty values, before blocks overwrite them.
const KEYS_AT_ONCE: u32 = 256;

/// Keys that must be left when new ones are made. sled splits its last leaf, of at most 16 keys, when keys are added; none
/// of them may hold a block then, or the split would write it again.
const KEYS_SPARE: u32 = 16;

/// The file beside sled's that says how far the segment was synced.
const SYNCED: &str = "synced";

const TIME: &str = "%Y%m%dT%H%M%SZ";

/// Names a segment, and its folder: its first sequence number and when it was opened. Ordered as the segments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentName {
    pub(crate) first_seq: u64,
    /// In whole seconds.
    pub(crate) opened_at: Timestamp,
}

/// An open segment.
pub(crate) struct Segment {
    name: SegmentName,
    path: PathBuf,
    database: sled::Db,
    blocks: sled::Tree,
    /// sled's own file, for the `fdatasync` that sled does not do.
    file: File,
    /// Holds the last number that was synced, as text. sled cuts off what follows a damaged place when it opens a database,
    /// without a word; this is how that is noticed.
    synced: File,
    /// That number, if the blocks found at opening do not reach up to it.
    lost_up_to: Option<u64>,
    tail: Mutex<Tail>,
}

/// How far a segment is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail {
    /// Blocks written, which is also the key of the next one.
    pub(crate) blocks: u32,
    /// Sequence number of the last event in them; one less than the segment's first if there are none.
    pub(crate) last_seq: u64,
    /// Whether parts of an unfinished event follow. They count as absent and nothing is written after them.
    pub(crate) torn: bool,
    /// Keys that exist.
    keys: u32,
}

/// The lines of one event block, all parts together.
pub(crate) struct BlockText {
    pub(crate) first_seq: u64,
    /// Whole lines, as many as there are events.
    pub(crate) text: String,
}

// === impl SegmentName ===

impl SegmentName {
    pub(crate) fn new(first_seq: u64, opened_at: Timestamp) -> Self {
        let opened_at = Timestamp::from_second(opened_at.as_second()).expect("a timestamp's own seconds");
        Self { first_seq, opened_at }
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}-{}", self.first_seq, self.opened_at.strftime(TIME))
    }
}

impl FromStr for SegmentName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (first_seq, time) = text.split_once('-').ok_or(())?;
        let time = DateTime::strptime(TIME, time).map_err(drop)?;
        let opened_at = TimeZone::UTC.to_timestamp(time).map_err(drop)?;
        let name = Self { first_seq: first_seq.parse().map_err(drop)?, opened_at };
        if name.to_string() == text { Ok(name) } else { Err(()) }
    }
}

// === impl Segment ===

impl Segment {
    /// Opens the segment `name` below `segments`, or makes it.
    pub(crate) fn open(segments: &Path, name: SegmentName) -> Result<Self, Error> {
        let path = segments.join(name.to_string());
        let is_new = !path.exists();
        let database = database::open(&path)?;
        let blocks = database.open_tree("blocks").map_err(Error::sled("open the blocks of", &path, None))?;
        let db_file = path.join("db");
        let file = File::open(&db_file).map_err(Error::io("open", &db_file))?;
        let synced = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join(SYNCED))
            .map_err(Error::io("open the files of", &path))?;
        if is_new {
            // Its name must be on disk before there is a block: a segment without it was never finished.
            File::open(&path).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", &path))?;
        }
        let none = Tail { blocks: 0, last_seq: name.first_seq - 1, torn: false, keys: 0 };
        let mut segment = Self { name, path, database, blocks, file, synced, lost_up_to: None, tail: Mutex::new(none) };
        let tail = segment.find_tail(none)?;
        segment.lost_up_to = synced_seq(segments, name).filter(|synced| *synced > tail.last_seq);
        segment.tail = Mutex::new(tail);
        Ok(segment)
    }

    pub(crate) fn name(&self) -> SegmentName {
        self.name
    }

    pub(crate) fn tail(&self) -> Tail {
        *self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last sequence number that was synced here and is no longer there, if there is one.
    pub(crate) fn lost_up_to(&self) -> Option<u64> {
        self.lost_up_to
    }

    /// The error that stands for those lost events.
    pub(crate) fn loss(&self) -> Option<Error> {
        let what = format!("it and what followed it, up to event {}, was written and is gone", self.lost_up_to?);
        Some(self.damaged(self.tail().blocks, what))
    }

    /// Writes `lines` after what is there. Readers see all of it or, until this returns, nothing.
    pub(crate) fn write(&self, encoder: &mut Encoder, lines: &Lines) -> Result<(), Error> {
        let mut tail = self.tail();
        let path = &self.path;
        let result = encoder.encode(lines, |block| {
            self.make_keys(&mut tail)?;
            let key = tail.blocks.to_be_bytes();
            self.blocks.insert(key, block).map_err(Error::sled("write a block to", path, Some(tail.blocks)))?;
            tail.blocks += 1;
            Ok(())
        });
        result.map_err(|failed| match failed {
            Failed::Encoding(source) => Error::Io { what: "compress a block for", path: path.clone(), source },
            Failed::Writing(error) => error,
        })?;
        tail.last_seq = lines.last_seq();
        *self.tail.lock().unwrap_or_else(PoisonError::into_inner) = tail;
        Ok(())
    }

    /// Makes everything written so far survive a crash of the process and of the machine.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.database.flush().map_err(Error::sled("flush", &self.path, None))?;
        self.file
            .sync_data()
            .and_then(|()| self.synced.write_all_at(format!("{:020}\n", self.tail().last_seq).as_bytes(), 0))
            .map_err(Error::io("sync", &self.path))
    }

    /// Reads the event block at `cursor` and moves the cursor behind it, also when it is damaged. `None` at the end.
    pub(crate) fn read(&self, cursor: &mut u32) -> Option<Result<BlockText, Error>> {
        let end = self.tail().blocks;
        while *cursor < end {
            let first = *cursor;
            *cursor += 1;
            let (header, bytes) = match self.block(first, block::decode) {
                Ok(part) => part,
                Err(error) => return Some(Err(error)),
            };
            // A part without its beginning: the damage there has been reported.
            if header.part == 0 {
                return Some(self.read_rest(first, header, bytes, cursor));
            }
        }
        let at_end = *cursor == end;
        *cursor = end + 1;
        self.loss().filter(|_| at_end).map(Err)
    }

    /// Where to begin reading so as not to miss `seq`.
    pub(crate) fn position(&self, seq: u64) -> u32 {
        let (mut low, mut high) = (0, self.tail().blocks);
        let mut begin = 0;
        while low < high {
            let middle = low.midpoint(high);
            // A damaged block is to be met by the reader, not jumped over: begin before it.
            let Ok(header) = self.block(middle, Header::parse) else {
                high = middle;
                continue;
            };
            if header.first_seq <= seq {
                begin = middle.saturating_sub(header.part);
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        begin
    }

    fn read_rest(&self, first: u32, header: Header, mut bytes: Vec<u8>, cursor: &mut u32) -> Result<BlockText, Error> {
        for part in 1..header.parts {
            let number = *cursor;
            *cursor += 1;
            let (found, more) = self.block(number, block::decode)?;
            if found != (Header { part, text_len: found.text_len, ..header }) {
                // It may begin another event.
                *cursor = number;
                return Err(self.damaged(first, format!("part {part} of {} does not follow it", header.parts)));
            }
            bytes.extend(more);
        }
        let text = String::from_utf8(bytes).map_err(|_| self.damaged(first, "it holds no UTF-8".to_owned()))?;
        let lines = text.bytes().filter(|byte| *byte == b'\n').count();
        if lines != header.events as usize || !text.ends_with('\n') {
            let what = format!("it holds {lines} lines where its header says {}", header.events);
            return Err(self.damaged(first, what));
        }
        Ok(BlockText { first_seq: header.first_seq, text })
    }

    /// The block with key `number`, read by `parse`.
    fn block<T>(&self, number: u32, parse: impl FnOnce(&[u8]) -> Result<T, BadBlock>) -> Result<T, Error> {
        let value = self.value(number)?;
        parse(&value).map_err(|bad| self.damaged(number, bad.into()))
    }

    fn value(&self, number: u32) -> Result<sled::IVec, Error> {
        let value = self.blocks.get(number.to_be_bytes());
        value
            .map_err(Error::sled("read a block of", &self.path, Some(number)))?
            .ok_or_else(|| self.damaged(number, "it is missing".to_owned()))
    }

    fn damaged(&self, block: u32, what: String) -> Error {
        Error::Damaged { segment: self.name.to_string(), block: Some(block), what }
    }

    fn make_keys(&self, tail: &mut Tail) -> Result<(), Error> {
        if tail.blocks + KEYS_SPARE < tail.keys {
            return Ok(());
        }
        for _ in 0..KEYS_AT_ONCE {
            self.blocks.insert(tail.keys.to_be_bytes(), &[]).map_err(Error::sled(
                "make keys in",
                &self.path,
                Some(tail.keys),
            ))?;
            tail.keys += 1;
        }
        Ok(())
    }

    /// Finds what was written before: keys and blocks are each a prefix, so the first empty value is found by halving.
    fn find_tail(&self, none: Tail) -> Result<Tail, Error> {
        let last = self.blocks.last().map_err(Error::sled("read the last key of", &self.path, None))?;
        let Some((last, _)) = last else { return Ok(none) };
        let last: [u8; 4] = last.as_ref().try_into().map_err(|_| Error::Damaged {
            segment: self.name.to_string(),
            block: None,
            what: "a key is not 4 bytes long".to_owned(),
        })?;
        let keys = u32::from_be_bytes(last) + 1;
        let (mut low, mut high) = (0, keys);
        while low < high {
            let middle = low.midpoint(high);
            if self.value(middle)?.is_empty() { high = middle } else { low = middle + 1 }
        }
        let mut tail = Tail { keys, ..none };
        let Some(newest) = low.checked_sub(1) else { return Ok(tail) };
        let header = self.block(newest, Header::parse)?;
        tail.torn = header.part + 1 < header.parts;
        tail.blocks = if tail.torn { newest - header.part.min(newest) } else { low };
        if let Some(newest) = tail.blocks.checked_sub(1) {
            tail.last_seq = self.block(newest, Header::parse)?.last_seq();
        }
        Ok(tail)
    }
}

/// Why writing a block stopped.
enum Failed {
    Encoding(std::io::Error),
    Writing(Error),
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::Encoding(error)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Writing(error)
    }
}

/// Bytes that the files of the segment in `path` take.
pub(crate) fn bytes_on_disk(path: &Path) -> Result<u64, Error> {
    let sum = || {
        let mut bytes = 0;
        for file in fs::read_dir(path)? {
            let file = file?.metadata()?;
            if file.is_file() {
                bytes += file.len();
            }
        }
        Ok(bytes)
    };
    sum().map_err(Error::io("measure", path))
}

/// Whether the segment `name` got no further than to be begun, so that there never was an event in it.
pub(crate) fn is_half_made(segments: &Path, name: SegmentName) -> bool {
    !segments.join(name.to_string()).join(SYNCED).exists()
}

/// The last sequence number that was synced to the segment `name`; `None` if there was none or it is not known.
pub(crate) fn synced_seq(segments: &Path, name: SegmentName) -> Option<u64> {
    fs::read_to_string(segments.join(name.to_string()).join(SYNCED)).ok()?.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_its_folder_is_called() {
        let name = SegmentName::new(42, "2026-11-23T19:15:00.25Z".parse().unwrap());
        assert_eq!(name.to_string(), "00000000000000000042-20261123T191500Z");
        assert_eq!(name.to_string().parse(), Ok(name));
        for wrong in ["", "42-20261123T191500Z", "00000000000000000042-2026", ".00000000000000000042-20261123T191500Z"]
        {
            assert!(wrong.parse::<SegmentName>().is_err(), "{wrong}");
        }
    }
}
