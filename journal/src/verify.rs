//! Proof that the journal is what was written: every byte of what is sealed, the chain, the ledger and its signatures, and that
//! whatever is missing was disposed of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cipher::Link;
use crate::compliance::{HoldCarried, SegmentDisposed, SegmentErased, SegmentOpened, SegmentSealed};
use crate::disposal::INTENT;
use crate::error::Error;
use crate::keys::Kind;
use crate::ledger::{self, LedgerEntry};
use crate::reader::Reader;
use crate::sealed::{SealedSegment, digest_of};
use crate::segment::{LiveSegment, Segment, SegmentName};
use crate::shared::{SEALED, Shared};

/// How often a check is made again that found something wrong while the ledger grew.
const ATTEMPTS: usize = 5;

/// What [`Reader::verify`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// How many segments were read, and of how many what is held.
    pub segments: u64,
    /// How many of them are sealed.
    pub sealed: u64,
    /// How many events are in them.
    pub events: u64,
    /// How many summaries were read.
    pub summaries: u64,
    /// How many entries the ledger has.
    pub ledger_entries: u64,
    /// What the signatures of the ledger were checked with, as in its `public.pem`.
    #[serde(default)]
    pub public_key: String,
    /// How many segments were disposed of, by the ledger.
    pub disposed: u64,
    /// Up to which event the ledger or the last sync vouches for the live segment: beyond it, a cut would go unnoticed.
    pub covered_up_to: u64,
    /// What is wrong; nothing if all is well.
    pub problems: Vec<Problem>,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The segment, or `ledger`, or the day of summaries or pseudonyms.
    pub segment: String,
    /// The block in it, if it is one.
    pub block: Option<u32>,
    /// What is wrong.
    pub what: String,
}

/// What the ledger says there is to be found.
#[derive(Default)]
struct Expected {
    /// Segments, with the chain before their first event.
    opened: BTreeMap<SegmentName, String>,
    sealed: Vec<SegmentSealed>,
    /// The last time that something was erased from a segment.
    erased: BTreeMap<SegmentName, SegmentErased>,
    disposed: Vec<SegmentDisposed>,
    carried: Vec<HoldCarried>,
    /// The chain behind some events.
    anchored: BTreeMap<u64, String>,
}

/// Data of `journal.anchored`.
#[derive(Deserialize)]
struct Anchored {
    seq: u64,
    link: String,
}

struct Verifier {
    shared: Arc<Shared>,
    expected: Expected,
    found: Verification,
    /// The chain behind the segment before, and its last event; `None` where that is not known.
    before: Option<(Link, u64)>,
}

// === impl Reader ===

impl Reader {
    /// Checks everything. Appending can go on meanwhile; what is disposed of meanwhile is left out.
    ///
    /// `anchor` is the digest of a ledger entry that was kept elsewhere: if it is not in the ledger any more, history was
    /// rewritten. What is wrong is told in the result; an error is something that kept the check from being made.
    pub fn verify(&self, anchor: Option<&str>) -> Result<Verification, Error> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let before = ledger::snapshot(self.shared.dir())?.last_entry;
            let found = self.verify_once(anchor)?;
            // What was sealed, opened or disposed of meanwhile may look wrong only because it was looked at before and after.
            let is_certain = || Ok::<_, Error>(ledger::snapshot(self.shared.dir())?.last_entry == before);
            if found.problems.is_empty() || attempts == ATTEMPTS || is_certain()? {
                return Ok(found);
            }
        }
    }

    fn verify_once(&self, anchor: Option<&str>) -> Result<Verification, Error> {
        let public_key = ledger::pem(&self.shared.public_key);
        let mut found = Verification { public_key, ..Verification::default() };
        let checked = ledger::check(self.shared.dir(), &self.shared.public_key)?;
        found.ledger_entries = checked.entries.len() as u64;
        found.problems.extend(checked.problems.into_iter().map(|what| problem("ledger", what)));
        if let Some(anchor) = anchor {
            let is_there = checked.entries.iter().any(|entry| ledger::hash(entry.text.as_bytes()) == anchor);
            if !is_there {
                let what = format!("no entry has the digest {anchor}: the ledger is not the one that was anchored");
                found.problems.push(problem("ledger", what));
            }
        }
        let expected = Expected::of(&checked.entries);
        found.disposed = expected.disposed.len() as u64;
        let mut verifier = Verifier { shared: Arc::clone(&self.shared), expected, found, before: None };
        verifier.segments()?;
        verifier.missing();
        verifier.strangers()?;
        verifier.summaries()?;
        verifier.pseudonyms()?;
        Ok(verifier.found)
    }
}

// === impl Expected ===

impl Expected {
    fn of(entries: &[LedgerEntry]) -> Self {
        let mut expected = Self::default();
        for entry in entries {
            match entry.kind.as_str() {
                "segment.opened" => {
                    let opened: Option<SegmentOpened> = entry.data();
                    expected
                        .opened
                        .extend(opened.and_then(|opened| Some((opened.segment.parse().ok()?, opened.start))));
                }
                "segment.sealed" => expected.sealed.extend(entry.data::<SegmentSealed>()),
                "segment.erased" => {
                    let erased: Option<SegmentErased> = entry.data();
                    expected.erased.extend(erased.and_then(|erased| Some((erased.segment.parse().ok()?, erased))));
                }
                "segment.disposed" => expected.disposed.extend(entry.data::<SegmentDisposed>()),
                "hold.carried" => expected.carried.extend(entry.data::<HoldCarried>()),
                "journal.anchored" => {
                    expected.anchored.extend(entry.data::<Anchored>().map(|anchored| (anchored.seq, anchored.link)));
                }
                _ => {}
            }
        }
        expected
    }
}

// === impl Verifier ===

impl Verifier {
    fn segments(&mut self) -> Result<(), Error> {
        for name in self.shared.names() {
            let kind = self.shared.kind(name);
            let checked = match kind {
                Some(Kind::Segment) => self.segment(name),
                Some(Kind::Hold) => self.held(name),
                _ => continue,
            };
            match checked {
                Ok(()) => self.found.segments += 1,
                Err(_) if self.shared.kind(name).is_none() => {}
                Err(Error::Damaged { segment, block, what }) => {
                    self.before = None;
                    self.found.problems.push(Problem { segment, block, what });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn segment(&mut self, name: SegmentName) -> Result<(), Error> {
        let is_live = self.shared.live() == Some(name);
        if !self.expected.opened.contains_key(&name) && !is_live {
            self.say(name, "the ledger does not know it");
        }
        let segment = self.shared.segment(name)?;
        let (start, head, last_seq) = match segment.as_deref() {
            None => return Ok(()),
            Some(Segment::Sealed(sealed)) => {
                self.sealed_chain(name, sealed)?;
                self.found.sealed += 1;
                let path = self.shared.folder(Kind::Segment, name).join(SEALED);
                let head = self.seal(name, &hex::encode(digest_of(&path)?), sealed.head());
                (sealed.start(), head, sealed.last_seq())
            }
            Some(Segment::Live(_)) => {
                drop(segment);
                match self.live(name, is_live)? {
                    Some(ends) => ends,
                    None => return Ok(()),
                }
            }
        };
        self.found.events += (last_seq + 1).saturating_sub(name.first_seq);
        self.follows(name, start);
        self.before = Some((head, last_seq));
        Ok(())
    }

    /// Checks what is in a sealed segment. Links that were anchored before something was erased from it cannot be computed again: its
    /// file is vouched for by its digest.
    fn sealed_chain(&mut self, name: SegmentName, sealed: &SealedSegment) -> Result<(), Error> {
        if self.expected.erased.contains_key(&name) {
            return sealed.check();
        }
        let mut anchors = self.anchors(sealed.first_seq(), sealed.last_seq());
        sealed.check_with(&mut anchors)?;
        self.say_anchors(name, &anchors);
        Ok(())
    }

    /// Compares a sealed segment with what the ledger says of it. Returns the chain that what follows it must follow.
    fn seal(&mut self, name: SegmentName, digest: &str, head: Link) -> Link {
        let label = name.to_string();
        let Some(sealed) = self.expected.sealed.iter().rfind(|sealed| sealed.segment == label) else {
            // It was just put in its place, or a crash or an error came before the ledger was told: that is for the next sealing.
            if !self.shared.has_unsealed(name) {
                self.say(name, "it is sealed and the ledger does not know of it");
            }
            return head;
        };
        let when_sealed = Link::from_hex(&sealed.head).unwrap_or(head);
        let erased = self.expected.erased.get(&name).map(|erased| (&erased.digest, &erased.head));
        let (known_digest, known_head) = erased.unwrap_or((&sealed.digest, &sealed.head));
        if known_digest != digest {
            self.say(name, "its file is not the one that was sealed: the SHA-256 in the ledger is another");
        } else if *known_head != head.to_string() {
            self.say(name, "its chain ends otherwise than the ledger says");
        }
        when_sealed
    }

    /// Reads a segment that is not sealed, block by block. Returns its chain before and behind, and its last event.
    fn live(&mut self, name: SegmentName, is_newest: bool) -> Result<Option<(Link, Link, u64)>, Error> {
        let label = name.to_string();
        if self.expected.sealed.iter().any(|sealed| sealed.segment == label) {
            self.say(name, "it was sealed and its sealed form is gone");
        }
        let last_possible = self.shared.last_seq_before_next(name).unwrap_or(u64::MAX);
        let (mut cursor, mut ends) = (0, None::<(Link, Link, u64)>);
        let mut anchors = self.anchors(name.first_seq, last_possible);
        loop {
            let next = self.read_live(name, |live| {
                let block = live.read_block(&mut cursor).transpose()?;
                Ok(block.map(|block| (block.header, live.link_behind(&block))))
            })?;
            let Some((header, link)) = next.filter(|(header, _)| header.first_seq <= last_possible) else { break };
            let (start, before, last_seq) = ends.unwrap_or((header.before, header.before, name.first_seq - 1));
            if header.first_seq != last_seq + 1 {
                self.say(name, &format!("event {} follows event {last_seq}", header.first_seq));
            }
            if header.before != before {
                let what = format!("the block with event {} does not follow the one before it", header.first_seq);
                self.say(name, &what);
            }
            if anchors.get(&header.last_seq()).is_some_and(|anchored| *anchored == link.to_string()) {
                anchors.remove(&header.last_seq());
            }
            ends = Some((start, link, header.last_seq()));
        }
        let last_seq = ends.map_or(name.first_seq - 1, |(_, _, last_seq)| last_seq);
        // Of those behind the end it is said below that they are gone.
        anchors.retain(|seq, _| *seq <= last_seq);
        self.say_anchors(name, &anchors);
        let synced = self.shared.synced_up_to(name).map_or(0, |synced| synced.seq);
        let anchored = self.expected.anchored.keys().last().copied().unwrap_or(0);
        if is_newest {
            self.found.covered_up_to = synced.max(anchored);
            if last_seq < self.found.covered_up_to {
                let what = format!("it ends with event {last_seq}, and event {} was there", self.found.covered_up_to);
                self.say(name, &what);
            }
        } else if last_seq < last_possible {
            self.say(
                name,
                &format!("it ends with event {last_seq}, and the next segment begins after {last_possible}"),
            );
        }
        Ok(ends)
    }

    /// What the ledger says of the chain behind events from `first_seq` to `last_seq`.
    fn anchors(&self, first_seq: u64, last_seq: u64) -> BTreeMap<u64, String> {
        let anchored = &self.expected.anchored;
        let within = (first_seq <= last_seq).then(|| anchored.range(first_seq..=last_seq));
        within.into_iter().flatten().map(|(seq, link)| (*seq, link.clone())).collect()
    }

    /// Tells of the anchors that were not met.
    fn say_anchors(&mut self, name: SegmentName, anchors: &BTreeMap<u64, String>) {
        for seq in anchors.keys() {
            self.say(name, &format!("its events up to {seq} are not those that the ledger anchored"));
        }
    }

    fn read_live<T>(
        &self,
        name: SegmentName,
        read: impl FnOnce(&LiveSegment) -> Result<Option<T>, Error>,
    ) -> Result<Option<T>, Error> {
        match self.shared.segment(name)?.as_deref() {
            Some(Segment::Live(live)) => read(live),
            // It was sealed or disposed of this moment; the next check reads what it is then.
            _ => Ok(None),
        }
    }

    /// Whether `name` goes on where the segment before it ended, and whether a gap between them is explained.
    fn follows(&mut self, name: SegmentName, start: Link) {
        if self.expected.opened.get(&name).is_some_and(|recorded| *recorded != start.to_string()) {
            self.say(name, "its chain does not begin as the ledger says");
        }
        if let Some((link, last_seq)) = self.before
            && last_seq + 1 == name.first_seq
        {
            if link != start {
                self.say(name, "its chain does not follow that of the segment before it");
            }
            return;
        }
        let before = name.first_seq - 1;
        let explained = self.expected.disposed.iter().find(|disposed| disposed.last_seq == before);
        match explained {
            None if before == 0 => {
                if start != Link::ORIGIN {
                    self.say(name, "it is the first and its chain does not begin with zeros");
                }
            }
            None => self.say(name, &format!("what came before it, up to event {before}, is gone without a record")),
            Some(disposed) => {
                if disposed.head.as_ref().is_some_and(|head| *head != start.to_string()) {
                    self.say(name, "its chain does not follow that of the segment that was disposed of before it");
                }
            }
        }
    }

    fn held(&mut self, name: SegmentName) -> Result<(), Error> {
        let segment = self.shared.segment(name)?;
        let Some(Segment::Sealed(sealed)) = segment.as_deref() else { return Ok(()) };
        sealed.check()?;
        self.found.sealed += 1;
        self.found.events += sealed.events();
        let digest = hex::encode(digest_of(&self.shared.folder(Kind::Hold, name).join(SEALED))?);
        let label = name.to_string();
        let carried = self.expected.carried.iter().rfind(|carried| carried.segment == label);
        if carried.is_none_or(|carried| carried.digest != digest) {
            self.say(name, "what is held of it is not what the ledger says was carried over");
        }
        Ok(())
    }

    /// Folders that somebody put there.
    fn strangers(&mut self) -> Result<(), Error> {
        for name in self.shared.strangers()? {
            self.say(name, "the ledger does not know it, so it is no part of the journal");
        }
        Ok(())
    }

    /// Segments that were opened, are not there, and were never disposed of.
    fn missing(&mut self) {
        let there: BTreeSet<SegmentName> = self.shared.segments().into_iter().collect();
        let disposed: BTreeSet<SegmentName> =
            self.expected.disposed.iter().filter_map(|disposed| disposed.segment.parse().ok()).collect();
        let missing: Vec<_> =
            self.expected.opened.keys().filter(|name| !there.contains(name) && !disposed.contains(name)).collect();
        let problems: Vec<_> = missing
            .into_iter()
            .map(|name| {
                problem(&name.to_string(), "it is gone, and the ledger has no record of its disposal".to_owned())
            })
            .collect();
        self.found.problems.extend(problems);
    }

    fn summaries(&mut self) -> Result<(), Error> {
        let reader = crate::summaries::Summaries::new(Arc::clone(&self.shared), None)?;
        for summary in reader {
            match summary {
                Ok(_) => self.found.summaries += 1,
                Err(Error::Damaged { segment, block, what }) => {
                    self.found.problems.push(Problem { segment, block, what });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The keys of pseudonyms: nothing else shows whether they are as they were made.
    fn pseudonyms(&mut self) -> Result<(), Error> {
        for day in self.shared.keys.names(Kind::Pseudonyms)? {
            match self.shared.keys.load(Kind::Pseudonyms, &day) {
                Ok(_) => {}
                // It is just being overwritten.
                Err(Error::Damaged { .. }) if self.shared.dir().join(INTENT).exists() => {}
                Err(Error::Damaged { segment, block, what }) => {
                    self.found.problems.push(Problem { segment, block, what });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn say(&mut self, name: SegmentName, what: &str) {
        self.found.problems.push(problem(&name.to_string(), what.to_owned()));
    }
}

fn problem(segment: &str, what: String) -> Problem {
    Problem { segment: segment.to_owned(), block: None, what }
}
