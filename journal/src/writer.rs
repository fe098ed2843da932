//! Writing the journal: one writer, one order.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::block::{Encoder, Lines, TEXT_MAX};
use crate::envelope::Envelope;
use crate::error::Error;
use crate::event::{Draft, EventBody};
use crate::format;
use crate::lock::LockFile;
use crate::reader::{Reader, segment_info};
use crate::recovery;
use crate::scrub::Scrub;
use crate::segment::{Segment, SegmentName};
use crate::shared::Shared;
use crate::summaries::Day;
use crate::summary::{Summary, SummaryFold};

/// Most text that is kept to be written again, in bytes; more is synced at once. A longer event passes alone.
const UNSYNCED_TEXT: usize = 4 * 1024 * 1024;

/// How a journal is opened.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long a segment is written to before the next one begins. One hour by default.
    pub segment_period: Duration,
    /// Whether to make the journal if there is none. True by default.
    pub create: bool,
}

/// A segment's name and age: what is known of it without opening it, unlike [`SegmentInfo`](crate::SegmentInfo).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentAge {
    /// Its name, which is its folder.
    pub name: String,
    /// When it was opened, in whole seconds.
    pub opened_at: Timestamp,
    /// Whether it is the newest one, which is still written to.
    pub live: bool,
}

/// The one writer of a journal.
///
/// [`append`](Self::append) collects events in memory; [`flush`](Self::flush) makes them durable and visible to readers.
/// Its owner calls `flush` as often as it wants to bound what a crash may cost, and [`close`](Self::close) at the end. To
/// drop it loses what was not flushed.
pub struct Journal {
    /// The segment written to; `None` in a journal that has none yet. Before `shared`, whose lock goes last.
    live: Option<Arc<Segment>>,
    shared: Arc<Shared>,
    scrub: Arc<dyn Scrub>,
    segment_period: Duration,
    next_seq: u64,
    /// Events that are in no block yet.
    open: Lines,
    encoder: Encoder,
    /// Blocks that are not synced, in order and without a gap up to `open`.
    unsynced: Vec<Lines>,
    /// The segment that could not be written, until another is begun in its place.
    failed: Option<SegmentName>,
    /// Whether no event says yet that the live segment was opened.
    unannounced: bool,
    fold: SummaryFold,
    /// Summaries that are to be stored, with the sequence number of their request's end. They are stored once that is
    /// durable, so that none tells of a request that the journal does not know.
    summaries: Vec<(u64, Summary)>,
    /// Days whose summaries are flushed and not synced.
    unsynced_days: BTreeSet<Date>,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self { segment_period: Duration::from_secs(60 * 60), create: true }
    }
}

// === impl Journal ===

impl Journal {
    /// Opens the journal in the folder `dir`, to be its only writer until this and its readers are dropped. After a
    /// crash, it goes on behind the last block that was written whole.
    ///
    /// Fails with [`Error::NotFound`], [`Error::NewerFormat`] or [`Error::Locked`] before anything is changed.
    pub fn open(dir: &Path, options: Options, scrub: Arc<dyn Scrub>) -> Result<Self, Error> {
        let exists = format::check(dir)?;
        if !exists {
            if !options.create {
                return Err(Error::NotFound { path: dir.to_owned() });
            }
            DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(Error::io("create", dir))?;
        }
        let lock = LockFile::acquire(dir)?;
        // Again, under the lock: another process may have made it meanwhile.
        if !format::check(dir)? {
            format::declare(dir)?;
        }
        let crashed = lock.follows_a_crash();
        let shared = Arc::new(Shared::open(dir, lock)?);
        let mut journal = Self {
            scrub,
            segment_period: options.segment_period,
            live: None,
            next_seq: 1,
            open: Lines::default(),
            encoder: Encoder::new().map_err(Error::io("compress for", dir))?,
            unsynced: Vec::new(),
            failed: None,
            unannounced: false,
            fold: SummaryFold::default(),
            summaries: Vec::new(),
            unsynced_days: BTreeSet::new(),
            shared,
        };
        journal.find_end()?;
        if crashed {
            let head = journal.shared.head();
            journal.summaries =
                recovery::lost_summaries(&journal.shared)?.into_iter().map(|lost| (head, lost)).collect();
            journal.store_summaries()?;
        }
        Ok(journal)
    }

    /// A reader of this journal.
    pub fn reader(&self) -> Reader {
        Reader { shared: Arc::clone(&self.shared) }
    }

    /// Takes an event, scrubs it and gives it its sequence number, which is returned. A new segment begins first when the
    /// period of the last one is over at the event's time; that is an event of its own.
    ///
    /// On an error the event was not taken. What was taken before is kept, and written again by whatever is called next, so
    /// that a disk that is full costs nothing but time.
    pub fn append(&mut self, draft: &Draft) -> Result<u64, Error> {
        self.recover()?;
        self.open_segment(draft.at)?;
        self.push(draft)
    }

    /// Makes everything appended so far visible to readers, and makes it survive a crash of the process and of the machine.
    ///
    /// On an error nothing is lost that was appended; see [`append`](Self::append).
    pub fn flush(&mut self) -> Result<(), Error> {
        self.recover()?;
        self.write_block()?;
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

    /// How old the segments are, oldest first.
    pub fn segment_ages(&self) -> Vec<SegmentAge> {
        let names = self.shared.names();
        let newest = names.last().copied();
        let age = |name: SegmentName| SegmentAge {
            name: name.to_string(),
            opened_at: name.opened_at,
            live: Some(name) == newest,
        };
        names.into_iter().map(age).collect()
    }

    /// Begins a new segment before the period of the newest one is over, so that this one can be disposed of: on a quiet
    /// service no event may come to do it in time. Without an event in it, the newest one stays.
    pub fn begin_segment(&mut self, at: Timestamp) -> Result<(), Error> {
        self.recover()?;
        if self.live.as_ref().is_some_and(|live| live.name().first_seq < self.next_seq) {
            self.end_segment()?;
        }
        self.open_segment(at)
    }

    /// Destroys the segment `name`, which must not be the newest one, and returns the sequence number of the
    /// `segment.disposed` event that says so. The event is durable before the segment is gone; after a crash in between,
    /// the segment is still there and is to be disposed of again.
    pub fn dispose_segment(&mut self, name: &str, at: Timestamp, reason: &str) -> Result<u64, Error> {
        let no_such = || Error::NoSuchSegment { segment: name.to_owned() };
        let parsed: SegmentName = name.parse().map_err(|()| no_such())?;
        if self.shared.live() == Some(parsed) {
            return Err(Error::SegmentInUse { segment: name.to_owned() });
        }
        if !self.shared.names().contains(&parsed) {
            return Err(no_such());
        }
        let last_seq = match segment_info(&self.shared, parsed)? {
            Some(info) => Some(info.last_seq),
            // Of one that could not be removed to the end, only its successor knows.
            None if self.shared.is_half_removed(parsed) => self.shared.last_seq_before_next(parsed),
            None => None,
        };
        let last_seq = last_seq.ok_or_else(no_such)?;
        let body = EventBody::SegmentDisposed {
            segment: name.to_owned(),
            first_seq: parsed.first_seq,
            last_seq,
            reason: reason.to_owned(),
        };
        let seq = self.append(&Draft { at, request: None, body })?;
        self.flush()?;
        self.shared.remove_segment(parsed)?;
        Ok(seq)
    }

    /// Destroys the summaries of all days before `date` (UTC) and returns how many days those were.
    pub fn dispose_summaries_before(&mut self, date: Date) -> Result<usize, Error> {
        self.shared.finish_summary_removals()?;
        let mut days = self.shared.days()?;
        days.retain(|day| *day < date);
        for day in &days {
            self.shared.remove_day(*day)?;
            self.unsynced_days.remove(day);
        }
        Ok(days.len())
    }

    /// Opens the last segment and goes to its end. A damaged one is left as it is, and the next event begins another.
    fn find_end(&mut self) -> Result<(), Error> {
        let Some(name) = self.shared.live() else { return Ok(()) };
        let live = match (self.shared.segment(name), self.shared.synced_seq(name)) {
            (Ok(None), _) => return Ok(()),
            (Ok(Some(live)), _) => live,
            (Err(error), None) if self.shared.is_half_made(name) => {
                tracing::warn!(%error, segment = %name, "a segment of the journal was never finished; it is begun again");
                self.go_on_after(name.first_seq - 1);
                return self.shared.remove_segment(name);
            }
            (Err(error @ Error::Damaged { .. }), Some(synced)) if synced >= name.first_seq => {
                tracing::error!(%error, "the journal's last segment cannot be read; going on after it");
                self.go_on_after(synced);
                return Ok(());
            }
            (Err(error), _) => return Err(error),
        };
        let tail = live.tail();
        if let Some(lost) = live.lost_up_to() {
            tracing::error!(segment = %name, last = tail.last_seq, lost, "the journal's last segment has lost events");
            self.go_on_after(lost);
            return Ok(());
        }
        self.go_on_after(tail.last_seq);
        if tail.blocks == 0 {
            // A torn one can neither be written to nor be followed by another with the same first number. One of which
            // nothing was written would take events that are younger than its name says, and they would go too early.
            drop(live);
            return self.shared.remove_segment(name);
        }
        self.live = Some(live);
        Ok(())
    }

    fn go_on_after(&mut self, seq: u64) {
        self.next_seq = seq + 1;
        self.shared.set_head(seq);
    }

    /// The segment that takes an event of the time `at`: the live one, or a new one that becomes live.
    fn segment_for(&mut self, at: Timestamp) -> Result<SegmentName, Error> {
        if let Some(live) = &self.live {
            let name = live.name();
            let is_over =
                Duration::try_from(at.duration_since(name.opened_at)).is_ok_and(|age| age >= self.segment_period);
            // An empty segment is never over: its successor would have the same first number.
            if !live.tail().torn && (!is_over || self.next_seq == name.first_seq) {
                return Ok(name);
            }
            self.end_segment()?;
        }
        let name = SegmentName::new(self.next_seq, at);
        self.live = Some(self.shared.create_segment(name)?);
        self.unannounced = true;
        Ok(name)
    }

    /// Sees to it that there is a segment for an event of the time `at`, and that its first event is that it was opened.
    fn open_segment(&mut self, at: Timestamp) -> Result<(), Error> {
        let live = self.segment_for(at)?;
        if self.unannounced {
            let body = EventBody::SegmentOpened { segment: live.to_string() };
            self.push(&Draft { at, request: None, body })?;
            self.unannounced = false;
        }
        Ok(())
    }

    /// After the live segment failed: begins another at the first event that is not durable, and writes there what the
    /// failed one may have lost. sled never writes again to a database that failed once, and what of it can be read after
    /// the last sync is anybody's guess: readers stop where the next segment begins.
    fn recover(&mut self) -> Result<(), Error> {
        let Some(failed) = self.failed else { return Ok(()) };
        // Before there is another segment, because a crash makes only the last one be searched for lost summaries.
        self.store_summaries()?;
        self.sync_summaries()?;
        // It holds events as old as those of the failed one, so it must go as early.
        let name = SegmentName { first_seq: self.shared.head() + 1, ..failed };
        let live = self.shared.create_segment(name)?;
        self.failed = None;
        self.live = Some(Arc::clone(&live));
        self.unannounced = true;
        let encoder = &mut self.encoder;
        let written = self.unsynced.iter().try_for_each(|lines| live.write(encoder, lines));
        self.unless_failed(written)?;
        if name != failed {
            self.settle(failed);
        }
        Ok(())
    }

    /// Gives the live segment up if `result` is an error.
    fn unless_failed(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        if result.is_err()
            && let Some(name) = self.live.take().map(|live| live.name())
        {
            self.failed = Some(name);
            self.shared.close_segment(name);
        }
        result
    }

    /// Closes the segment written to, if there is one. The next event begins another.
    fn end_segment(&mut self) -> Result<(), Error> {
        let Some(name) = self.live.as_ref().map(|live| live.name()) else { return Ok(()) };
        self.flush()?;
        self.sync_summaries()?;
        self.live = None;
        self.settle(name);
        Ok(())
    }

    fn settle(&self, name: SegmentName) {
        if let Err(error) = self.shared.settle_segment(name) {
            tracing::warn!(%error, segment = %name, "cannot settle a segment of the journal");
        }
    }

    fn push(&mut self, draft: &Draft) -> Result<u64, Error> {
        let mut json = serde_json::to_string(draft)
            .map_err(|error| Error::Scrub { what: format!("it does not serialise: {error}") })?;
        self.scrub.scrub(&mut json);
        let broken = |what: &str| Error::Scrub { what: what.to_owned() };
        let members = json.strip_prefix('{').ok_or_else(|| broken("it does not begin with a brace"))?;
        if json.contains('\n') {
            return Err(broken("it has a line break"));
        }
        let event = Envelope::parse(&json).map_err(|error| {
            broken(&format!("it is no JSON object with at, type and data (column {})", error.column()))
        })?;

        let seq = self.next_seq;
        let line = format!("{{\"seq\":{seq},{members}\n");
        if self.open.text.len() + line.len() > TEXT_MAX {
            self.write_block()?;
        }
        if self.open.events == 0 {
            self.open.first_seq = seq;
        }
        self.open.text.push_str(&line);
        self.open.events += 1;
        self.next_seq += 1;
        self.summaries.extend(self.fold.apply_envelope(&event).map(|summary| (seq, summary)));
        Ok(seq)
    }

    /// Writes the events in memory as a block, if there are any.
    fn write_block(&mut self) -> Result<(), Error> {
        let Some(live) = self.live.as_ref().filter(|_| self.open.events > 0) else { return Ok(()) };
        let written = live.write(&mut self.encoder, &self.open);
        self.unless_failed(written)?;
        self.unsynced.push(std::mem::take(&mut self.open));
        if self.unsynced.iter().map(|lines| lines.text.len()).sum::<usize>() > UNSYNCED_TEXT {
            self.sync()?;
        }
        Ok(())
    }

    /// Makes the blocks written durable and visible.
    fn sync(&mut self) -> Result<(), Error> {
        let (Some(live), Some(last)) = (&self.live, self.unsynced.last()) else { return Ok(()) };
        let (synced, last_seq) = (live.sync(), last.last_seq());
        self.unless_failed(synced)?;
        self.shared.set_head(last_seq);
        self.unsynced.clear();
        Ok(())
    }

    /// Stores the summaries whose time has come. Those that cannot be stored are tried again with the next ones.
    fn store_summaries(&mut self) -> Result<(), Error> {
        let head = self.shared.head();
        let mut days = BTreeSet::new();
        for (_, summary) in self.summaries.iter().filter(|(seq, _)| *seq <= head) {
            self.shared.write_day(summary.day(), |day| day.insert(summary))?;
            days.insert(summary.day());
        }
        for date in &days {
            self.shared.write_day(*date, Day::flush)?;
        }
        self.summaries.retain(|(seq, _)| *seq > head);
        self.unsynced_days.extend(days);
        Ok(())
    }

    fn sync_summaries(&mut self) -> Result<(), Error> {
        for date in &self.unsynced_days {
            self.shared.write_day(*date, Day::sync)?;
        }
        self.unsynced_days.clear();
        Ok(())
    }
}
