//! Writing the journal: one writer, one order.

mod opening;
mod syncing;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::block::{Lines, TEXT_MAX};
use crate::cipher::Link;
use crate::compliance::SegmentOpened;
use crate::compressor::{Compressed, Compressor};
use crate::counts::Counts;
use crate::entry::Entry;
use crate::error::Error;
use crate::event::{Draft, EventBody};
use crate::format;
use crate::keys::{Keys, Kind};
use crate::ledger::{Ledger, LedgerHead, Record};
use crate::lock::LockFile;
use crate::pseudonyms::DayKey;
use crate::reader::Reader;
use crate::recovery;
use crate::scrub::Scrub;
use crate::segment::{LiveSegment, Segment, SegmentName};
use crate::shared::Shared;
use crate::summary::{Summary, SummaryFold};
use crate::summary_writer::SummaryWriter;

/// Most text that is kept to be written again, in bytes; more is synced at once. A longer event passes alone.
const UNSYNCED_TEXT: usize = 64 * 1024 * 1024;

/// Texts of synced blocks that are kept for the next ones: what some 25 ms at full speed take.
const SPARE: usize = 128;

/// What `{"seq":…,` and the line end add to an event at most.
const NUMBER_MAX: usize = 32;

/// How a journal is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a segment is written to before the next one begins. One hour by default.
    pub segment_period: Duration,
    /// How large a segment may become, roughly, in bytes on disk, before the next one begins. 256 MiB by default.
    pub segment_max_bytes: u64,
    /// The file of the master key; made if there is none and the journal is new. By default a file among the journal's keys.
    pub key_file: Option<PathBuf>,
    /// Whether to make the journal if there is none. True by default.
    pub create: bool,
}

/// What is known of a segment without opening it, unlike [`SegmentInfo`](crate::SegmentInfo).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SegmentAge {
    /// Its name, which is its folder.
    pub name: String,
    /// When it was opened, in whole seconds.
    pub opened_at: Timestamp,
    /// What its files take, in bytes.
    pub bytes: u64,
    /// Whether it is the newest one, which is still written to.
    pub live: bool,
    /// Whether it has its final form.
    pub sealed: bool,
    /// Whether it is only what a hold kept of it.
    pub held: bool,
}

/// The one writer of a journal.
///
/// [`append`](Self::append) collects events in memory; [`flush`](Self::flush) makes them durable and visible to readers.
/// Its owner calls `flush` as often as it wants to bound what a crash may cost, and [`close`](Self::close) at the end. To
/// drop it loses what was not flushed.
pub struct Journal {
    /// The segment written to; `None` in a journal that has none yet. Before `shared`, whose lock goes last.
    live: Option<Arc<Segment>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) ledger: Ledger,
    scrub: Arc<dyn Scrub>,
    segment_period: Duration,
    segment_max_bytes: u64,
    next_seq: u64,
    /// The chain behind the last event that is durable.
    durable: Link,
    /// Events that are in no block yet.
    open: Lines,
    compressor: Compressor,
    /// Blocks that are not synced, in order and without a gap up to those that are being compressed and then `open`.
    unsynced: Vec<Lines>,
    /// Empty texts that are large enough for a block: fresh memory costs more than what is written to it.
    spare: Vec<String>,
    /// The segment that could not be written, until another is begun in its place.
    failed: Option<SegmentName>,
    /// Until when the live segment takes events without a further look at it; `None` when one is due.
    ready_until: Option<Timestamp>,
    /// That the live segment was opened, until an event says so.
    unannounced: Option<SegmentOpened>,
    /// The same, until the ledger says so.
    opened: Option<(Timestamp, SegmentOpened)>,
    fold: SummaryFold,
    /// Summaries that are to be stored, with the sequence number of their request's end. They are stored once that is
    /// durable, so that none tells of a request that the journal does not know.
    summaries: Vec<(u64, Summary)>,
    /// Stores them.
    summary_writer: SummaryWriter,
    /// The newest time that was found when the journal was opened.
    last_known_time: Option<Timestamp>,
    /// Events of the journal's own that nobody has asked for yet.
    told: Vec<Draft>,
    /// The erasure that is under way, if there is one.
    pub(crate) erasing: Weak<()>,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_period: Duration::from_secs(60 * 60),
            segment_max_bytes: 256 * 1024 * 1024,
            key_file: None,
            create: true,
        }
    }
}

// === impl Journal ===

impl Journal {
    /// Opens the journal in the folder `dir`, to be its only writer until this and its readers are dropped. After a
    /// crash, it goes on behind the last block that was written whole.
    ///
    /// Fails with [`Error::NotFound`], [`Error::OtherFormat`], [`Error::Locked`] or [`Error::Key`] before anything is changed.
    pub fn open(dir: &Path, options: Options, scrub: Arc<dyn Scrub>) -> Result<Self, Error> {
        let Options { segment_period, segment_max_bytes, key_file, create } = options;
        let exists = format::check(dir)?;
        if !exists {
            if !create {
                return Err(Error::NotFound { path: dir.to_owned() });
            }
            DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(Error::io("create", dir))?;
        }
        let lock = LockFile::acquire(dir)?;
        let keys = Keys::open(dir, key_file.as_deref())?;
        lock.set_used();
        // Again, under the lock: another process may have made it meanwhile.
        if !format::check(dir)? {
            format::declare(dir)?;
        }
        let crashed = lock.follows_a_crash();
        let ledger = Ledger::open(dir, &keys, Timestamp::now())?;
        let shared = Arc::new(Shared::open(dir, keys, &ledger, lock)?);
        let mut journal = Self {
            last_known_time: ledger.state().last_time.filter(|_| exists),
            ledger,
            scrub,
            segment_period,
            segment_max_bytes,
            live: None,
            next_seq: 1,
            durable: Link::ORIGIN,
            open: Lines::default(),
            compressor: Compressor::start().map_err(Error::io("compress for", dir))?,
            unsynced: Vec::new(),
            spare: Vec::new(),
            failed: None,
            ready_until: None,
            unannounced: None,
            opened: None,
            fold: SummaryFold::default(),
            summaries: Vec::new(),
            told: Vec::new(),
            erasing: Weak::new(),
            summary_writer: SummaryWriter::start(Arc::clone(&shared)).map_err(Error::io("store summaries for", dir))?,
            shared,
        };
        let recovered = journal.find_end()?.recovered;
        journal.finish_disposals()?;
        journal.reserve_intent();
        journal.finish_erasures()?;
        journal.finish_seals()?;
        journal.finish_releases()?;
        if crashed {
            let head = journal.shared.head();
            journal.summaries =
                recovery::lost_summaries(&journal.shared)?.into_iter().map(|lost| (head, lost)).collect();
            journal.store_summaries()?;
        }
        if let Some(recovered) = recovered {
            journal.tell(Timestamp::now(), EventBody::SegmentRecovered(recovered))?;
        }
        Ok(journal)
    }

    /// A reader of this journal.
    pub fn reader(&self) -> Reader {
        Reader { shared: Arc::clone(&self.shared) }
    }

    /// Takes an event, scrubs it and gives it its sequence number, which is returned. A new segment begins first when the
    /// period of the last one is over at the event's time; that is an event of its own. An event that is for the ledger
    /// too is durable there when this returns.
    ///
    /// On an error the event was not taken. What was taken before is kept, and written again by whatever is called next, so
    /// that a disk that is full costs nothing but time.
    pub fn append(&mut self, draft: &Draft) -> Result<u64, Error> {
        let entry = self.entry(draft)?;
        self.append_entry(&entry)
    }

    /// Serialises and scrubs an event, for [`append_entry`](Self::append_entry). Fails with [`Error::Scrub`] if the
    /// event cannot be kept, and otherwise if the first event of a day finds no way to keep the key of its pseudonyms.
    pub fn entry(&self, draft: &Draft) -> Result<Entry, Error> {
        Entry::new(draft, &*self.shared.day_keys.of(draft, &self.shared.keys)?, &*self.scrub)
    }

    /// The same, with `around` in place of the scrubber, which it gets.
    pub fn entry_around(
        &self,
        draft: &Draft,
        around: impl FnOnce(&dyn Scrub, &DayKey, &mut String) -> Counts,
    ) -> Result<Entry, Error> {
        let key = self.day_key(draft)?;
        Entry::scrubbed_by(draft, |json| around(&*self.scrub, &key, json))
    }

    /// The key for the pseudonyms in an event.
    pub fn day_key(&self, draft: &Draft) -> Result<Arc<DayKey>, Error> {
        self.shared.day_keys.of(draft, &self.shared.keys)
    }

    /// Appends an event that was serialised and scrubbed before.
    pub fn append_entry(&mut self, entry: &Entry) -> Result<u64, Error> {
        self.make_ready(entry.at, entry.json.len())?;
        if let Some(kind) = &entry.for_ledger {
            self.ledger.append(&[Record { at: entry.at, kind, data: entry.data() }])?;
        }
        Ok(self.push(entry))
    }

    /// Appends an event that is about the journal itself, and keeps it for [`take_told`](Self::take_told).
    pub fn tell(&mut self, at: Timestamp, body: EventBody) -> Result<u64, Error> {
        let draft = Draft { at, request: None, body };
        let seq = self.append(&draft)?;
        self.told.push(draft);
        Ok(seq)
    }

    /// What the journal told about itself since this was last called: disposals, seals, holds. For whoever logs and counts
    /// events.
    pub fn take_told(&mut self) -> Vec<Draft> {
        std::mem::take(&mut self.told)
    }

    /// Appends events that are all for the ledger, with one write to it.
    pub(crate) fn append_all(&mut self, at: Timestamp, bodies: Vec<EventBody>) -> Result<Vec<u64>, Error> {
        let entries = self.record_all(at, bodies)?;
        self.append_recorded(&entries)
    }

    /// Tells the ledger of events that are all for it, with one write.
    pub(crate) fn record_all(&mut self, at: Timestamp, bodies: Vec<EventBody>) -> Result<Vec<Entry>, Error> {
        let drafts: Vec<_> = bodies.into_iter().map(|body| Draft { at, request: None, body }).collect();
        let entries = drafts.iter().map(|draft| self.entry(draft)).collect::<Result<Vec<_>, _>>()?;
        let mut records = Vec::with_capacity(entries.len());
        for entry in &entries {
            records.extend(entry.for_ledger.as_ref().map(|kind| Record { at, kind, data: entry.data() }));
        }
        self.ledger.append(&records)?;
        self.told.extend(drafts);
        Ok(entries)
    }

    /// Appends events that the ledger was told of.
    pub(crate) fn append_recorded(&mut self, entries: &[Entry]) -> Result<Vec<u64>, Error> {
        let append = |entry: &Entry| {
            self.make_ready(entry.at, entry.json.len())?;
            Ok(self.push(entry))
        };
        entries.iter().map(append).collect()
    }

    /// Makes everything appended so far visible to readers, and makes it survive a crash of the process and of the machine.
    ///
    /// On an error nothing is lost that was appended; see [`append`](Self::append).
    pub fn flush(&mut self) -> Result<(), Error> {
        self.recover()?;
        self.write_block()?;
        self.write_compressed()?;
        self.sync()?;
        self.store_summaries()
    }

    /// Flushes and ends in order.
    pub fn close(mut self) -> Result<(), Error> {
        self.flush()?;
        self.sync_summaries()?;
        self.shared.lock.set_orderly();
        Ok(())
    }

    /// The segments, oldest first, and among them what is held of those that are gone.
    pub fn segments(&self) -> Result<Vec<SegmentAge>, Error> {
        let newest = self.shared.live();
        let age = |name: SegmentName| {
            let held = !self.shared.segments().contains(&name);
            let kind = if held { Kind::Hold } else { Kind::Segment };
            Ok(SegmentAge {
                name: name.to_string(),
                opened_at: name.opened_at,
                bytes: self.shared.bytes_on_disk(kind, name)?,
                live: Some(name) == newest,
                sealed: held || self.shared.is_sealed(name),
                held,
            })
        };
        self.shared.names().into_iter().map(age).collect()
    }

    /// The end of the ledger: whoever keeps it elsewhere can later tell that nothing before it was rewritten.
    pub fn ledger_head(&self) -> &LedgerHead {
        self.ledger.head()
    }

    /// The newest time that was found when the journal was opened: that of the ledger's last entry or of the last event, whichever
    /// is later. `None` for a journal that was just made.
    pub fn last_known_time(&self) -> Option<Timestamp> {
        self.last_known_time
    }

    /// The digest of the retention policy that the ledger says is in force.
    pub fn policy_digest(&self) -> Option<String> {
        self.ledger.state().policy.clone()
    }

    /// Records how far the journal is, so that the ledger's head stands for it.
    pub fn anchor(&mut self, at: Timestamp) -> Result<LedgerHead, Error> {
        self.flush()?;
        self.tell(at, EventBody::JournalAnchored { seq: self.shared.head(), link: self.durable.to_string() })?;
        Ok(self.ledger.head().clone())
    }

    /// Begins a new segment before the period of the newest one is over, so that this one can be disposed of: on a quiet
    /// service no event may come to do it in time. Without an event in it, the newest one stays.
    pub fn begin_segment(&mut self, at: Timestamp) -> Result<(), Error> {
        self.recover()?;
        if self.live.as_ref().is_some_and(|_| self.live_name().is_some_and(|name| name.first_seq < self.next_seq)) {
            self.end_segment()?;
        }
        self.open_segment(at)
    }

    fn live_name(&self) -> Option<SegmentName> {
        self.live.as_deref().map(|segment| as_live(segment).name())
    }

    /// What is to be said of the segment `name`, which begins behind the last event that is durable.
    fn opening_of(&self, name: SegmentName) -> SegmentOpened {
        SegmentOpened { segment: name.to_string(), start: self.durable.to_string() }
    }

    fn is_in_ledger(&self, segment: &str) -> bool {
        self.ledger.state().segments.contains_key(segment)
    }

    /// Sees to it that there is a segment that takes an event of the time `at`: the live one, or a new one that becomes live.
    fn segment_for(&mut self, at: Timestamp) -> Result<(), Error> {
        if let Some(segment) = &self.live {
            let (name, tail) = (as_live(segment).name(), as_live(segment).tail());
            let is_old =
                Duration::try_from(at.duration_since(name.opened_at)).is_ok_and(|age| age >= self.segment_period);
            let is_over = is_old || tail.bytes >= self.segment_max_bytes;
            // An empty segment is never over: its successor would have the same first number.
            if !tail.torn && (!is_over || self.next_seq == name.first_seq) {
                return Ok(());
            }
            self.end_segment()?;
        }
        let name = SegmentName::new(self.next_seq, at);
        self.live = Some(self.shared.create_segment(name, self.durable)?);
        self.unannounced = Some(self.opening_of(name));
        Ok(())
    }

    /// Sees to it that there is a segment for an event of the time `at`, and that its first event is that it was opened.
    fn open_segment(&mut self, at: Timestamp) -> Result<(), Error> {
        self.segment_for(at)?;
        if let Some(opened) = self.unannounced.clone() {
            // One that took the place of another that failed may be on record before it can be announced.
            if !self.is_in_ledger(&opened.segment) {
                self.opened = Some((at, opened.clone()));
            }
            let body = EventBody::SegmentOpened(opened);
            let entry = Entry::unscrubbed(&Draft { at, request: None, body })?;
            self.make_room(entry.json.len())?;
            self.push(&entry);
            self.unannounced = None;
        }
        Ok(())
    }

    /// Sees to it that an event of `len` bytes and of the time `at` can be pushed.
    fn make_ready(&mut self, at: Timestamp, len: usize) -> Result<(), Error> {
        // Looked at for every event, so that it must not take long.
        if self.ready_until.is_none_or(|until| at >= until) {
            self.recover()?;
            self.open_segment(at)?;
            self.ready_until = self.end_of_period();
        }
        self.make_room(len)
    }

    /// When the period of the live segment is over.
    fn end_of_period(&self) -> Option<Timestamp> {
        let period = SignedDuration::try_from(self.segment_period).ok()?;
        self.live_name()?.opened_at.checked_add(period).ok()
    }

    fn make_room(&mut self, len: usize) -> Result<(), Error> {
        if self.open.text.len() + len + NUMBER_MAX > TEXT_MAX { self.write_block() } else { Ok(()) }
    }

    /// After the live segment failed: begins another at the first event that is not durable, and writes there what the
    /// failed one may have lost. sled never writes again to a database that failed once, and what of it can be read after
    /// the last sync is anybody's guess: readers stop where the next segment begins.
    fn recover(&mut self) -> Result<(), Error> {
        let Some(failed) = self.failed else { return Ok(()) };
        // Without a segment this writes nothing, and keeps what is being compressed behind what is not synced.
        self.write_compressed()?;
        // Before there is another segment, because a crash makes only the last one be searched for lost summaries.
        self.store_summaries()?;
        self.sync_summaries()?;
        if failed.first_seq <= self.shared.head() {
            self.record_opening()?;
        }
        // It holds events as old as those of the failed one, so it must go as early.
        let name = SegmentName { first_seq: self.shared.head() + 1, ..failed };
        let live = self.shared.create_segment(name, self.durable)?;
        self.failed = None;
        self.live = Some(Arc::clone(&live));
        // Its event comes behind the lines that are written again, and it may fail before that, with some of them durable.
        self.unannounced = Some(self.opening_of(name));
        self.opened = Some((name.opened_at, self.opening_of(name)));
        drop(live);
        let mut written = Ok(());
        for lines in std::mem::take(&mut self.unsynced) {
            written = written.and(self.compress(lines));
        }
        written.and(self.write_compressed())?;
        if name != failed {
            self.settle(failed);
        }
        Ok(())
    }

    /// Gives the live segment up if `result` is an error.
    fn unless_failed(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        if result.is_err()
            && let Some(name) = self.live_name()
        {
            self.live = None;
            self.ready_until = None;
            self.failed = Some(name);
            self.shared.close_segment(name);
        }
        result
    }

    /// Closes the segment written to, if there is one. The next event begins another.
    fn end_segment(&mut self) -> Result<(), Error> {
        let Some(name) = self.live_name() else { return Ok(()) };
        self.flush()?;
        self.sync_summaries()?;
        self.live = None;
        self.ready_until = None;
        self.settle(name);
        Ok(())
    }

    fn settle(&self, name: SegmentName) {
        if let Err(error) = self.shared.settle_segment(name) {
            tracing::warn!(%error, segment = %name, "cannot settle a segment of the journal");
        }
    }

    /// Takes an event for which there is room.
    fn push(&mut self, entry: &Entry) -> u64 {
        let seq = self.next_seq;
        if self.open.events == 0 {
            self.open.first_seq = seq;
            self.open.text = self.spare.pop().unwrap_or_else(|| String::with_capacity(TEXT_MAX));
        }
        self.open.text.push_str("{\"seq\":");
        self.open.text.push_str(itoa::Buffer::new().format(seq));
        self.open.text.push(',');
        self.open.text.push_str(&entry.json[1..]);
        self.open.text.push('\n');
        self.open.events += 1;
        self.next_seq += 1;
        self.summaries.extend(self.fold.apply_entry(entry).map(|summary| (seq, summary)));
        seq
    }

    /// Makes the events in memory a block, if there are any, which is written once it is compressed.
    fn write_block(&mut self) -> Result<(), Error> {
        if self.open.events == 0 || self.live.is_none() {
            return Ok(());
        }
        let lines = std::mem::take(&mut self.open);
        self.compress(lines)?;
        if self.unsynced.iter().map(|lines| lines.text.len()).sum::<usize>() > UNSYNCED_TEXT {
            self.write_compressed()?;
            self.sync()?;
        }
        Ok(())
    }

    /// Has a block compressed, and writes those that are by now.
    fn compress(&mut self, lines: Lines) -> Result<(), Error> {
        let mut written = Ok(());
        while let Some(compressed) =
            if self.compressor.is_full() { self.compressor.next() } else { self.compressor.try_next() }
        {
            written = written.and(self.write(compressed));
        }
        self.compressor.submit(lines);
        written
    }

    /// Writes every block that is being compressed.
    fn write_compressed(&mut self) -> Result<(), Error> {
        let mut written = Ok(());
        while let Some(compressed) = self.compressor.next() {
            written = written.and(self.write(compressed));
        }
        written
    }

    /// Writes a block. One that cannot be written is kept with those that are not synced, for the next segment.
    fn write(&mut self, compressed: Compressed) -> Result<(), Error> {
        let Compressed { lines, frame } = compressed;
        let written = match self.live.as_deref() {
            Some(live) => frame
                .map_err(Error::io("compress a block for", self.shared.dir()))
                .and_then(|frame| as_live(live).write(&lines, &frame)),
            // One before it failed.
            None => Ok(()),
        };
        self.unsynced.push(lines);
        let is_full = |live: &Segment| as_live(live).tail().bytes >= self.segment_max_bytes;
        if self.live.as_deref().is_some_and(is_full) {
            self.ready_until = None;
        }
        self.unless_failed(written)
    }
}

/// The segment that is written to.
fn as_live(segment: &Segment) -> &LiveSegment {
    match segment {
        Segment::Live(live) => live,
        Segment::Sealed(_) => unreachable!("only a segment that is not written to is sealed"),
    }
}
