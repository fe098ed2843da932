//! Erasing: content of some requests is destroyed before its time.
//!
//! Each segment with something of them is written anew, under another key, with a tombstone in the place of each of their events:
//! its number, time, request and type stay, what it held is gone. The ledger is told before the old key is destroyed and the file
//! replaced, so that a crash leaves either the old segment, of which the ledger says nothing, or one that the next opening replaces.
//!
//! [`Journal::begin_erasure`] and [`Journal::commit_erasure`] are short; what takes long is done by a [`Reader`] beside live traffic.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;

use jiff::Timestamp;

use crate::cipher::DataKey;
use crate::compliance::{Authority, Hold, HoldSelector, SegmentErased};
use crate::counts::Counts;
use crate::envelope::Envelope;
use crate::error::Error;
use crate::event::{Draft, Event, EventBody, RequestId};
use crate::events::{Events, Line};
use crate::holds::Selected;
use crate::keys::Kind;
use crate::reader::Reader;
use crate::rewriting::{DRAFT, NEXT, is_next_of, next, put_in_place};
use crate::sealed::{SealInfo, SealedSegment, SealedWriter, digest_of, line};
use crate::segment::{Segment, SegmentName};
use crate::shared::SEALED;
use crate::writer::Journal;

/// Text that is handed to the file at once, in bytes.
const CHUNK: usize = 128 * 1024;

/// The type of what stands in the place of an event that was erased.
const TOMBSTONE: &str = "event.erased";

/// An erasure that is under way. There is one at a time.
#[derive(Debug)]
pub struct Erasure {
    selector: HoldSelector,
    reason: String,
    actor: String,
    /// What was held when it began: none of that may go.
    holds: Vec<Hold>,
    /// The segment that was begun for it: what is older can be erased.
    newest: Option<SegmentName>,
    /// As long as it lives, no other begins.
    _only: Arc<()>,
}

/// What there is to erase.
#[derive(Debug)]
pub struct Erasable {
    requests: HashSet<RequestId>,
    /// The segments that hold something of them, oldest first.
    pub segments: Vec<String>,
    /// Those of which not everything can be read, so that there may be more.
    pub unreadable: Vec<String>,
}

/// A segment that was written anew and waits to take the place of what it was.
#[derive(Debug)]
pub struct PreparedErasure {
    name: SegmentName,
    info: SealInfo,
    requests: u64,
    events: u64,
    /// SHA-256 of the file that is to be replaced, in hex.
    replaced: String,
}

// === impl Journal ===

impl Journal {
    /// Begins to erase what `selector` asks for, on the word of `actor`. What was written so far is in segments that can be sealed
    /// when this returns, and they have to be.
    pub fn begin_erasure(
        &mut self,
        selector: HoldSelector,
        reason: &str,
        actor: &str,
        at: Timestamp,
    ) -> Result<Erasure, Error> {
        if self.erasing.strong_count() > 0 {
            return Err(Error::Erasing);
        }
        self.finish_erasures()?;
        let by = Authority { actor: actor.to_owned(), policy: self.policy_digest().unwrap_or_default() };
        self.release_holds(&by, at)?;
        self.begin_segment(at)?;
        self.flush()?;
        let only = Arc::new(());
        self.erasing = Arc::downgrade(&only);
        let (reason, actor) = (reason.to_owned(), actor.to_owned());
        let (holds, newest) = (self.holds(), self.shared.live());
        Ok(Erasure { selector, reason, actor, holds, newest, _only: only })
    }

    /// Tells the ledger, destroys the old key and puts what was written anew in the place of the old file. Returns how many events
    /// of that segment were erased; none if it has been disposed of meanwhile.
    pub fn commit_erasure(
        &mut self,
        erasure: &Erasure,
        prepared: &PreparedErasure,
        at: Timestamp,
    ) -> Result<u64, Error> {
        let PreparedErasure { name, ref info, requests, events, ref replaced } = *prepared;
        if self.shared.kind(name) != Some(Kind::Segment) {
            return self.shared.keys.destroy(Kind::Segment, [next(name).as_str()]).map(|()| 0);
        }
        let is_new = |hold: &Hold| !erasure.holds.contains(hold);
        if let Some(hold) = self.holds().into_iter().find(is_new) {
            return Err(Error::Held { what: format!("hold {} was placed meanwhile", hold.hold) });
        }
        if self.known_digest(name).as_ref() != Some(replaced) {
            return Err(damaged(name, "its file is not the one that the ledger knows, so it is not written anew"));
        }
        let erased = SegmentErased {
            segment: name.to_string(),
            selector: erasure.selector.clone(),
            requests,
            events,
            bytes: info.file_bytes,
            head: info.head.to_string(),
            replaced: replaced.clone(),
            digest: hex::encode(info.digest),
            reason: erasure.reason.clone(),
            actor: erasure.actor.clone(),
        };
        put_in_place(&self.shared.folder(Kind::Segment, name), DRAFT, NEXT)?;
        let shared = Arc::clone(&self.shared);
        let tell = || self.record_all(at, vec![EventBody::SegmentErased(erased)]);
        let entries = shared.swap_sealed(Kind::Segment, name, tell)?;
        self.append_recorded(&entries)?;
        self.flush()?;
        Ok(events)
    }

    /// Goes on with what was begun before a crash or an error: what the ledger was told of happens, and of anything else nothing is
    /// left.
    pub(crate) fn finish_erasures(&mut self) -> Result<(), Error> {
        if self.erasing.strong_count() > 0 {
            return Ok(());
        }
        let keys = self.shared.keys.names(Kind::Segment)?;
        for name in keys.iter().filter_map(|key| is_next_of(key)) {
            let folder = self.shared.folder(Kind::Segment, name);
            let is_told = || {
                let known = self.ledger.state().segments.get(&name.to_string());
                let told = known.and_then(|known| known.erased.as_ref());
                let digest = hex::encode(digest_of(&folder.join(NEXT))?);
                Ok::<_, Error>(told.is_some_and(|told| told.digest == digest))
            };
            if folder.join(NEXT).exists() && is_told()? {
                self.shared.swap_sealed(Kind::Segment, name, || Ok(()))?;
                continue;
            }
            for file in [DRAFT, NEXT] {
                match fs::remove_file(folder.join(file)) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        return Err(Error::io("remove", &folder.join(file))(error));
                    }
                    _ => {}
                }
            }
            self.shared.keys.destroy(Kind::Segment, [next(name).as_str()])?;
        }
        Ok(())
    }

    /// The SHA-256 that the ledger has for the file of a sealed segment.
    fn known_digest(&self, name: SegmentName) -> Option<String> {
        let known = self.ledger.state().segments.get(&name.to_string())?;
        let erased = known.erased.as_ref().map(|erased| &erased.digest);
        erased.or_else(|| known.sealed.as_ref().map(|sealed| &sealed.digest)).cloned()
    }
}

// === impl Erasable ===

impl Erasable {
    /// How many requests there is something of.
    pub fn requests(&self) -> usize {
        self.requests.len()
    }
}

// === impl Reader ===

impl Reader {
    /// Finds what `erasure` asks for. Fails with [`Error::Held`] if some of it is held. What is written from now on is not found: a
    /// request that still runs has to be erased again when it is over.
    pub fn find_erasable(&self, erasure: &Erasure) -> Result<Erasable, Error> {
        let wanted = Hold {
            hold: String::new(),
            selector: erasure.selector.clone(),
            reason: String::new(),
            actor: String::new(),
            placed_at: Timestamp::UNIX_EPOCH,
        };
        let mut wanted = Selected::new(&self.shared, vec![wanted]);
        let mut held = Selected::new(&self.shared, erasure.holds.clone());
        let mut erasable = Erasable { requests: HashSet::new(), segments: Vec::new(), unreadable: Vec::new() };
        let is_older = |name: &SegmentName| erasure.newest.is_none_or(|newest| *name < newest);
        for name in self.shared.names().into_iter().filter(is_older) {
            let (mut found, mut unreadable) = (false, false);
            for line in self.lines_for(name, &erasure.selector) {
                let Ok(Line { text: line, .. }) = line else {
                    unreadable = true;
                    continue;
                };
                if is_tombstone(&line) || !wanted.holds(&line)? {
                    continue;
                }
                let Some(id) = line::request(&line) else { continue };
                if held.holds(&line)? || self.shared.kind(name) == Some(Kind::Hold) {
                    return Err(Error::Held { what: format!("request {id} is under a legal hold") });
                }
                erasable.requests.insert(id);
                found = true;
            }
            let label = name.to_string();
            erasable.segments.extend(found.then(|| label.clone()));
            erasable.unreadable.extend(unreadable.then_some(label));
        }
        Ok(erasable)
    }

    /// Writes a segment of `erasable` anew, without what is to be erased, and reads it back. `None` when the segment has been disposed
    /// of meanwhile. Fails with [`Error::Damaged`] if not all of it can be read, or if it is not sealed.
    pub fn prepare_erasure(&self, erasable: &Erasable, segment: &str) -> Result<Option<PreparedErasure>, Error> {
        let name: SegmentName = segment.parse().map_err(|()| Error::NoSuchSegment { segment: segment.to_owned() })?;
        match self.write_without(erasable, name) {
            Err(_) if self.shared.kind(name) != Some(Kind::Segment) => Ok(None),
            prepared => prepared.map(Some),
        }
    }

    fn write_without(&self, erasable: &Erasable, name: SegmentName) -> Result<PreparedErasure, Error> {
        let (start, all) = match self.shared.segment(name)?.as_deref() {
            Some(Segment::Sealed(sealed)) => (sealed.start(), sealed.events()),
            _ => return Err(damaged(name, "it is not sealed, so that nothing can be erased from it")),
        };
        let folder = self.shared.folder(Kind::Segment, name);
        let replaced = hex::encode(digest_of(&folder.join(SEALED))?);
        let key: DataKey = self.shared.keys.create(Kind::Segment, &next(name))?;
        let mut writer = SealedWriter::create(&folder.join(DRAFT), &name.to_string(), &key, start)?;
        let (mut chunk, mut events, mut requests) = (String::new(), 0, HashSet::new());
        for line in Events::of_segment(&self.shared, name) {
            let Line { seq, text } = line?;
            let erased = line::request(&text).filter(|id| erasable.requests.contains(id) && !is_tombstone(&text));
            if let Some(id) = erased {
                requests.insert(id);
                events += 1;
                chunk.push_str(&tombstone(seq, id, &text).map_err(|_| damaged(name, "an event in it is none"))?);
            } else {
                chunk.push_str(&text);
            }
            chunk.push('\n');
            if chunk.len() >= CHUNK {
                writer.push(&chunk)?;
                chunk.clear();
            }
        }
        writer.push(&chunk)?;
        let info = writer.finish()?;
        if info.events != all {
            return Err(damaged(name, &format!("{} of its {all} events could be read", info.events)));
        }
        SealedSegment::open(&folder.join(DRAFT), &name.to_string(), &key)?.check()?;
        Ok(PreparedErasure { name, info, requests: requests.len() as u64, events, replaced })
    }

    /// The lines of a segment among which those are that `selector` asks for.
    fn lines_for(&self, name: SegmentName, selector: &HoldSelector) -> Box<dyn Iterator<Item = Result<Line, Error>>> {
        let HoldSelector::Request(id) = selector else { return Box::new(Events::of_segment(&self.shared, name)) };
        match self.shared.segment(name).map(|segment| match segment.as_deref() {
            Some(Segment::Sealed(sealed)) => Some(sealed.request_lines(*id)),
            _ => None,
        }) {
            Ok(Some(Ok(lines))) => Box::new(lines.into_iter().map(Ok)),
            Ok(Some(Err(error))) | Err(error) => Box::new(std::iter::once(Err(error))),
            Ok(None) => Box::new(Events::of_segment(&self.shared, name)),
        }
    }
}

fn is_tombstone(line: &str) -> bool {
    line.contains(TOMBSTONE) && Envelope::parse(line).is_ok_and(|event| event.kind == TOMBSTONE)
}

/// What stands in the place of the event `line`.
fn tombstone(seq: u64, id: RequestId, line: &str) -> serde_json::Result<String> {
    let Envelope { at, kind, .. } = Envelope::parse(line)?;
    let body = EventBody::EventErased { was: kind.into_owned() };
    let draft = Draft { at, request: Some(id), body };
    serde_json::to_string(&Event { seq, draft, scrubbed: Counts::default() })
}

fn damaged(name: SegmentName, what: &str) -> Error {
    Error::Damaged { segment: name.to_string(), block: None, what: what.to_owned() }
}
