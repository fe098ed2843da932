//! Sealing: a segment that is written gets its final form, beside live traffic.
//!
//! [`Reader::prepare_seal`] does the work, on any thread, into a file beside; [`Journal::commit_seal`] puts it in place. The blocks
//! are removed only after the file was read back and compared with them and the ledger knows of it: as long as they are there,
//! a sealed form that the ledger does not know is one that was just finished. Stopped at any point, it begins again.

use std::fs;
use std::path::Path;

use jiff::Timestamp;

use crate::cipher::Link;
use crate::compliance::{SegmentQuarantined, SegmentSealed};
use crate::error::Error;
use crate::event::EventBody;
use crate::keys::Kind;
use crate::reader::Reader;
use crate::sealed::{SealInfo, SealedSegment, SealedWriter, digest_of};
use crate::segment::{LiveSegment, Segment, SegmentName};
use crate::shared::{SEALED, Shared};
use crate::writer::Journal;

/// The file that becomes the sealed one.
const DRAFT: &str = "sealed.new";

/// A segment that is ready to get its final form, or proved to be damaged.
#[derive(Debug)]
pub struct PreparedSeal {
    name: SegmentName,
    result: Result<SealInfo, String>,
}

// === impl Reader ===

impl Reader {
    /// Writes the final form of the segment `name` and reads it back. `None` when the segment has been disposed of meanwhile. What
    /// is damaged cannot be sealed: to commit that says so.
    ///
    /// Takes a second for about 100 MB of text; takes little memory.
    pub fn prepare_seal(&self, name: &str) -> Result<Option<PreparedSeal>, Error> {
        let no_such = || Error::NoSuchSegment { segment: name.to_owned() };
        let name: SegmentName = name.parse().map_err(|()| no_such())?;
        if self.shared.kind(name) != Some(Kind::Segment) {
            return Ok(None);
        }
        let folder = self.shared.folder(Kind::Segment, name);
        let prepared = if folder.join(SEALED).exists() {
            verify(&self.shared, &folder.join(SEALED), name)
        } else {
            write_sealed(&self.shared, name, None, &folder.join(DRAFT))
        };
        match prepared {
            Ok(info) => Ok(Some(PreparedSeal { name, result: Ok(info) })),
            Err(_) if self.shared.kind(name) != Some(Kind::Segment) => Ok(None),
            Err(error @ Error::Damaged { .. }) => Ok(Some(PreparedSeal { name, result: Err(error.to_string()) })),
            Err(error) => Err(error),
        }
    }
}

// === impl Journal ===

impl Journal {
    /// The oldest segment that is to be sealed, if there is one.
    pub fn to_seal(&self) -> Option<String> {
        let live = self.shared.live();
        let known = &self.ledger.state().segments;
        let is_done = |name: &SegmentName| {
            let known = known.get(&name.to_string());
            known.is_some_and(|known| known.quarantined || known.sealed.is_some() && !self.shared.has_unsealed(*name))
        };
        let mut closed = self.shared.segments().into_iter().filter(|name| Some(*name) != live);
        closed.find(|name| !is_done(name)).map(|name| name.to_string())
    }

    /// The same, the newest segment included if it has its final form already: in a journal that was just restored.
    pub(crate) fn to_seal_or_live(&self) -> Option<String> {
        let newest = self.shared.live().filter(|name| self.shared.is_sealed(*name)).map(|name| name.to_string());
        let known = &self.ledger.state().segments;
        let is_new = |name: &String| known.get(name).is_none_or(|known| known.sealed.is_none());
        self.to_seal().or_else(|| newest.filter(is_new))
    }

    /// Puts a final form in its place, tells the ledger and removes the other one. Does nothing if the segment has been disposed of
    /// meanwhile. After an error it is to be sealed again.
    pub fn commit_seal(&mut self, prepared: PreparedSeal, at: Timestamp) -> Result<(), Error> {
        let PreparedSeal { name, result } = prepared;
        if self.shared.kind(name) != Some(Kind::Segment) {
            return Ok(());
        }
        let segment = name.to_string();
        let info = match result {
            Ok(info) => info,
            Err(what) => {
                let body = EventBody::SegmentQuarantined(SegmentQuarantined { segment, what });
                return self.tell(at, body).map(drop);
            }
        };
        self.shared.put_sealed(name, &self.shared.folder(Kind::Segment, name).join(DRAFT))?;
        let digest = hex::encode(info.digest);
        let known = self.ledger.state().segments.get(&segment).and_then(|known| known.sealed.as_ref());
        // After an error the ledger may know it already.
        if known.is_none_or(|known| known.digest != digest) {
            let sealed = SegmentSealed {
                segment,
                first_seq: info.first_seq,
                last_seq: info.last_seq,
                events: info.events,
                blocks: info.blocks,
                text_bytes: info.text_bytes,
                bytes: info.file_bytes,
                began_at: info.began_at,
                ended_at: info.ended_at,
                start: info.start.to_string(),
                head: info.head.to_string(),
                digest,
            };
            self.tell(at, EventBody::SegmentSealed(sealed))?;
        }
        self.shared.remove_unsealed(name)
    }

    /// Goes on with what was begun before a crash: removes the blocks of segments that have their final form.
    pub(crate) fn finish_seals(&mut self) -> Result<(), Error> {
        for (name, known) in &self.ledger.state().segments {
            let Ok(name) = name.parse::<SegmentName>() else { continue };
            let folder = self.shared.folder(Kind::Segment, name);
            if known.sealed.is_some() && folder.join(SEALED).exists() && self.shared.has_unsealed(name) {
                self.shared.remove_unsealed(name)?;
            }
        }
        Ok(())
    }
}

/// Writes the sealed form of what the segment `name` holds up to `last_seq`, or up to its end, to the file `path`, and reads it
/// back.
pub(crate) fn write_sealed(
    shared: &Shared,
    name: SegmentName,
    last_seq: Option<u64>,
    path: &Path,
) -> Result<SealInfo, Error> {
    let label = name.to_string();
    let key = shared.key(Kind::Segment, &label)?;
    let last_seq = last_seq.or_else(|| shared.last_seq_before_next(name)).unwrap_or(u64::MAX);
    let mut source = Source { shared, name, last_seq, cursor: 0, link: None };
    let mut writer = SealedWriter::create(path, &label, &key, source.start()?)?;
    while let Some(text) = source.next_block()? {
        writer.push(&text)?;
    }
    let info = writer.finish()?;
    if Some(info.head) != source.link {
        return Err(damaged(name, "its sealed form does not have the chain of its blocks"));
    }
    if last_seq != u64::MAX && info.last_seq != last_seq {
        return Err(damaged(name, &format!("it ends with event {} and not with {last_seq}", info.last_seq)));
    }
    SealedSegment::open(path, &label, &key)?.check()?;
    Ok(info)
}

/// Checks the sealed form at `path` again and returns what it is.
fn verify(shared: &Shared, path: &Path, name: SegmentName) -> Result<SealInfo, Error> {
    let label = name.to_string();
    let sealed = SealedSegment::open(path, &label, &shared.key(Kind::Segment, &label)?)?;
    sealed.check()?;
    Ok(SealInfo {
        first_seq: sealed.first_seq(),
        last_seq: sealed.last_seq(),
        events: sealed.events(),
        blocks: sealed.blocks_of_window(sealed.windows().saturating_sub(1)).end,
        text_bytes: sealed.text_bytes(),
        file_bytes: fs::metadata(path).map_err(Error::io("measure", path))?.len(),
        start: sealed.start(),
        head: sealed.head(),
        began_at: sealed.began_at(),
        ended_at: sealed.ended_at(),
        digest: digest_of(path)?,
    })
}

/// The blocks of a live segment in order, each one checked against the chain.
struct Source<'a> {
    shared: &'a Shared,
    name: SegmentName,
    last_seq: u64,
    cursor: u32,
    /// The chain behind the last block that was read.
    link: Option<Link>,
}

// === impl Source ===

impl Source<'_> {
    fn start(&self) -> Result<Link, Error> {
        self.with(LiveSegment::start)
    }

    fn next_block(&mut self) -> Result<Option<String>, Error> {
        let mut cursor = self.cursor;
        let block = self.with(|live| {
            let Some(block) = live.read_block(&mut cursor) else { return Ok(None) };
            let block = block?;
            let link = live.link_behind(&block);
            Ok(Some((block, link)))
        })?;
        self.cursor = cursor;
        let Some((block, link)) = block.filter(|(block, _)| block.header.first_seq <= self.last_seq) else {
            return Ok(None);
        };
        if self.link.is_some_and(|before| before != block.header.before) {
            let what = format!("the block with event {} does not follow the one before it", block.header.first_seq);
            return Err(damaged(self.name, &what));
        }
        self.link = Some(link);
        Ok(Some(block.text))
    }

    fn with<T>(&self, read: impl FnOnce(&LiveSegment) -> Result<T, Error>) -> Result<T, Error> {
        match self.shared.segment(self.name)?.as_deref() {
            Some(Segment::Live(live)) => read(live),
            _ => Err(damaged(self.name, "it was sealed or disposed of meanwhile")),
        }
    }
}

fn damaged(name: SegmentName, what: &str) -> Error {
    Error::Damaged { segment: name.to_string(), block: None, what: what.to_owned() }
}
