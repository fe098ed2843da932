//! A segment that is written to, or was and is not sealed yet: one database of blocks.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::{BlockText, SegmentName};
use crate::block::{self, BadBlock, Header, Lines, Opening};
use crate::cipher::{Chain, DataKey, Link};
use crate::database::{self, Closing};
use crate::error::Error;
use crate::sealed::line;

/// How many keys are made at once, with empty values, before blocks overwrite them.
const KEYS_AT_ONCE: u32 = 256;

/// Keys that must be left when new ones are made. sled splits its last leaf, of at most 16 keys, when keys are added; none
/// of them may hold a block then, or the split would write it again.
const KEYS_SPARE: u32 = 16;

/// The file beside sled's that says how far the segment was synced.
const SYNCED: &str = "synced";

/// How an event looks that says nothing of when the service last ran.
const AUDIT_READ: &str = r#","type":"audit.read","data":"#;

/// An open database of blocks.
pub(crate) struct LiveSegment {
    name: SegmentName,
    /// The name as text, to which everything in it is bound.
    label: String,
    path: PathBuf,
    key: DataKey,
    chain: Chain,
    database: Closing<sled::Db>,
    blocks: Closing<sled::Tree>,
    /// sled's own file, for the `fdatasync` that sled does not do.
    file: File,
    /// Holds what was synced, as text. sled cuts off what follows a damaged place when it opens a database, without a word; this
    /// is how that is noticed.
    synced: File,
    /// What was synced, if the blocks found at opening are not what it says.
    lost: Option<Synced>,
    /// When the last event found at opening happened.
    last_time: Option<Timestamp>,
    /// What blocks are encrypted with from this opening on.
    opening: Mutex<Opening>,
    tail: Mutex<Tail>,
}

/// How far a segment is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail {
    /// Blocks written, which is also the key of the next one.
    pub(crate) blocks: u32,
    /// Sequence number of the last event in them; one less than the segment's first if there are none.
    pub(crate) last_seq: u64,
    /// The chain behind that event.
    pub(crate) link: Link,
    /// Whether parts of an unfinished block follow. They count as absent and nothing is written after them.
    pub(crate) torn: bool,
    /// Keys that exist.
    keys: u32,
    /// About what all blocks take on disk.
    pub(crate) bytes: u64,
}

/// How far a segment was synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Synced {
    /// The last event that was.
    pub(crate) seq: u64,
    /// The chain behind it.
    pub(crate) link: Link,
}

/// A block as it was written.
pub(crate) struct Block {
    pub(crate) header: Header,
    pub(crate) text: String,
}

// === impl LiveSegment ===

impl LiveSegment {
    /// Opens the segment `name` below `segments`, or makes it. `start` is the chain before its first event, if that is known;
    /// only a segment with blocks can do without.
    pub(crate) fn open(segments: &Path, name: SegmentName, key: DataKey, start: Option<Link>) -> Result<Self, Error> {
        let path = segments.join(name.to_string());
        let is_new = !path.exists();
        let database = database::open(&path)?;
        let blocks = database.open_tree("blocks").map_err(Error::sled("open the blocks of", &path, None))?;
        let blocks = Closing::new(blocks);
        let db_file = path.join(BLOCKS);
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
        let bytes = file.metadata().map_err(Error::io("measure", &db_file))?.len();
        let link = start.unwrap_or(Link::ORIGIN);
        let none = Tail { blocks: 0, last_seq: name.first_seq - 1, link, torn: false, keys: 0, bytes };
        let mut segment = Self {
            name,
            label: name.to_string(),
            path,
            chain: key.chain(),
            opening: Mutex::new(Opening::new(&key)),
            key,
            database,
            blocks,
            file,
            synced,
            lost: None,
            last_time: None,
            tail: Mutex::new(none),
        };
        let (tail, last_time) = segment.find_tail(none)?;
        segment.last_time = last_time;
        // With the chain that is here, nothing is lost: the number is what is damaged then, and nothing must go on behind it.
        segment.lost =
            synced_up_to(segments, name).filter(|synced| synced.seq >= tail.last_seq && synced.link != tail.link);
        segment.tail = Mutex::new(tail);
        Ok(segment)
    }

    pub(crate) fn name(&self) -> SegmentName {
        self.name
    }

    pub(crate) fn tail(&self) -> Tail {
        *self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was synced here and is no longer there, if that is so.
    pub(crate) fn lost(&self) -> Option<Synced> {
        self.lost
    }

    /// The error that stands for those lost events.
    pub(crate) fn loss(&self) -> Option<Error> {
        let what = format!("it and what followed it, up to event {}, was written and is gone", self.lost?.seq);
        Some(self.damaged(self.tail().blocks, what))
    }

    /// When the last event that was found at opening happened, if there was one.
    pub(crate) fn last_time(&self) -> Option<Timestamp> {
        self.last_time
    }

    /// The chain before its first event. There must be one.
    pub(crate) fn start(&self) -> Result<Link, Error> {
        Ok(self.header(0)?.before)
    }

    /// The chain behind `block`, given its header's word for what is before it.
    pub(crate) fn link_behind(&self, block: &Block) -> Link {
        self.chain.link(block.header.before, block.header.events, block.text.as_bytes())
    }

    /// Writes `lines`, whose text is compressed to `frame`, after what is there. Readers see all of it or, until this returns,
    /// nothing.
    pub(crate) fn write(&self, lines: &Lines, frame: &[u8]) -> Result<(), Error> {
        let mut tail = self.tail();
        let path = &self.path;
        let before = tail.link;
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        opening.encrypt((&self.label, tail.blocks), (lines, before), frame, |value| {
            self.make_keys(&mut tail)?;
            tail.bytes += value.len() as u64;
            let key = tail.blocks.to_be_bytes();
            self.blocks.insert(key, value).map_err(Error::sled("write a block to", path, Some(tail.blocks)))?;
            tail.blocks += 1;
            Ok::<_, Error>(())
        })?;
        tail.last_seq = lines.last_seq();
        tail.link = self.chain.link(before, lines.events, lines.text.as_bytes());
        *self.tail.lock().unwrap_or_else(PoisonError::into_inner) = tail;
        Ok(())
    }

    /// Makes everything written so far survive a crash of the process and of the machine.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        let Tail { last_seq, link, .. } = self.tail();
        self.database.flush().map_err(Error::sled("flush", &self.path, None))?;
        self.file
            .sync_data()
            .and_then(|()| self.synced.write_all_at(format!("{last_seq:020} {link}\n").as_bytes(), 0))
            .map_err(Error::io("sync", &self.path))
    }

    /// Reads the block at `cursor` and moves the cursor behind it, also when it is damaged. `None` at the end.
    pub(crate) fn read(&self, cursor: &mut u32) -> Option<Result<BlockText, Error>> {
        let block = self.read_block(cursor)?;
        Some(block.map(|block| BlockText { first_seq: block.header.first_seq, text: block.text }))
    }

    /// The same, with the block's header.
    pub(crate) fn read_block(&self, cursor: &mut u32) -> Option<Result<Block, Error>> {
        let end = self.tail().blocks;
        while *cursor < end {
            let first = *cursor;
            *cursor += 1;
            let (header, frame) = match self.part(first) {
                Ok(part) => part,
                Err(error) => return Some(Err(error)),
            };
            // A part without its beginning: the damage there has been reported.
            if header.part == 0 {
                return Some(self.read_rest(first, header, frame, cursor));
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
            let Ok(header) = self.header(middle) else {
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

    /// Where to begin reading so as not to miss what happened from `time` on, if the clock was never set back.
    pub(crate) fn position_of_time(&self, time: Timestamp) -> u32 {
        let (mut low, mut high) = (0, self.tail().blocks);
        let mut begin = 0;
        while low < high {
            let middle = low.midpoint(high);
            // What cannot be read is to be met by the reader, not jumped over.
            match self.time_of(middle) {
                Some((first, at)) if at < time => {
                    begin = first;
                    low = middle + 1;
                }
                _ => high = middle,
            }
        }
        begin
    }

    /// The first part of the block that `number` is part of, and when its first event happened.
    fn time_of(&self, number: u32) -> Option<(u32, Timestamp)> {
        let first = number.checked_sub(self.header(number).ok()?.part)?;
        let block = self.read_block(&mut first.clone())?.ok()?;
        Some((first, line::at(block.text.lines().next()?)?))
    }

    fn read_rest(&self, first: u32, header: Header, mut frame: Vec<u8>, cursor: &mut u32) -> Result<Block, Error> {
        for part in 1..header.parts {
            let number = *cursor;
            *cursor += 1;
            let (found, more) = self.part(number)?;
            if !header.is_continued_by(&found, part) {
                // It may begin another block.
                *cursor = number;
                return Err(self.damaged(first, format!("part {part} of {} does not follow it", header.parts)));
            }
            frame.extend(more);
        }
        let text = block::decompress(&header, &frame).map_err(|bad| self.damaged(first, bad.into()))?;
        Ok(Block { header, text })
    }

    fn part(&self, number: u32) -> Result<(Header, Vec<u8>), Error> {
        let value = self.value(number)?;
        block::decrypt(&self.key, &self.label, number, &value).map_err(|bad| self.damaged(number, bad.into()))
    }

    fn header(&self, number: u32) -> Result<Header, Error> {
        Header::parse(&self.value(number)?).map_err(|bad: BadBlock| self.damaged(number, bad.into()))
    }

    fn value(&self, number: u32) -> Result<sled::IVec, Error> {
        let value = self.blocks.get(number.to_be_bytes());
        value
            .map_err(Error::sled("read a block of", &self.path, Some(number)))?
            .ok_or_else(|| self.damaged(number, "it is missing".to_owned()))
    }

    fn damaged(&self, block: u32, what: String) -> Error {
        Error::Damaged { segment: self.label.clone(), block: Some(block), what }
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
    fn find_tail(&self, none: Tail) -> Result<(Tail, Option<Timestamp>), Error> {
        let last = self.blocks.last().map_err(Error::sled("read the last key of", &self.path, None))?;
        let Some((last, _)) = last else { return Ok((none, None)) };
        let last: [u8; 4] = last.as_ref().try_into().map_err(|_| Error::Damaged {
            segment: self.label.clone(),
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
        let Some(newest) = low.checked_sub(1) else { return Ok((tail, None)) };
        let header = self.header(newest)?;
        tail.torn = header.part + 1 < header.parts;
        tail.blocks = if tail.torn { newest - header.part.min(newest) } else { low };
        let Some(newest) = tail.blocks.checked_sub(1) else { return Ok((tail, None)) };
        let mut first = newest - self.header(newest)?.part.min(newest);
        // Reading stops where the tail is.
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).blocks = tail.blocks;
        let Some(block) = self.read_block(&mut first).transpose()? else { return Ok((tail, None)) };
        tail.last_seq = block.header.last_seq();
        tail.link = self.link_behind(&block);
        // That somebody looked does not say that the time was right.
        let last = block.text.lines().rev().find(|line| !line.contains(AUDIT_READ));
        Ok((tail, last.and_then(line::at)))
    }
}

/// Whether the segment `name` got no further than to be begun, so that there never was an event in it.
pub(crate) fn is_half_made(segments: &Path, name: SegmentName) -> bool {
    !segments.join(name.to_string()).join(SYNCED).exists()
}

/// How far the segment `name` was synced; `None` if it never was or that is not known.
pub(crate) fn synced_up_to(segments: &Path, name: SegmentName) -> Option<Synced> {
    let text = fs::read_to_string(segments.join(name.to_string()).join(SYNCED)).ok()?;
    let (seq, link) = text.trim_end().split_once(' ')?;
    Some(Synced { seq: seq.parse().ok()?, link: Link::from_hex(link)? })
}

/// The file of sled's with the blocks.
const BLOCKS: &str = "db";

/// Whether there are blocks in the folder `path` of a segment.
pub(crate) fn has_database(path: &Path) -> bool {
    path.join(BLOCKS).exists()
}

/// Removes what a sealed segment does not need any more: everything in `path` but the file `keep`. The blocks go last, so that
/// whoever looks can tell whether all is done.
pub(crate) fn remove_database(path: &Path, keep: &str) -> Result<(), Error> {
    let remove = || {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_name() == keep || entry.file_name() == BLOCKS {
                continue;
            }
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        match fs::remove_file(path.join(BLOCKS)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        File::open(path)?.sync_all()
    };
    remove().map_err(Error::io("remove the unsealed form of", path))
}
