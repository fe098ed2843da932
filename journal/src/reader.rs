//! Reading a journal, from any thread, while it is written.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::error::Error;
use crate::event::RequestId;
use crate::events::{Events, Selection};
use crate::filter::Filter;
use crate::keys::Kind;
use crate::ledger::LedgerEntries;
use crate::search::{Pattern, Scope, Search};
use crate::segment::{Segment, SegmentName};
use crate::shared::Shared;
use crate::summaries::Summaries;

/// Reads a journal beside its writer. Cheap to clone; the journal stays open and locked while one exists.
#[derive(Clone)]
pub struct Reader {
    pub(crate) shared: Arc<Shared>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("head", &self.head()).finish_non_exhaustive()
    }
}

/// What is known of a segment without reading its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its name, which is its folder.
    pub name: String,
    /// The first sequence number it holds.
    pub first_seq: u64,
    /// The last sequence number it holds or held before it was damaged; one less than `first_seq` while it is empty.
    pub last_seq: u64,
    /// When it was opened, in whole seconds.
    pub opened_at: Timestamp,
    /// What its files take, in bytes.
    pub bytes_on_disk: u64,
    /// Whether it is the newest one, which is still written to.
    pub live: bool,
    /// Whether it has its final form.
    pub sealed: bool,
    /// Whether it is only what a hold kept of it.
    pub held: bool,
    /// What is wrong with it as a whole. Single damaged blocks are found by reading only.
    pub damage: Option<String>,
}

// === impl Reader ===

impl Reader {
    /// The last sequence number that can be read: that of the last block that is durable.
    pub fn head(&self) -> u64 {
        self.shared.head()
    }

    /// Summaries of finished requests, newest first, at most `limit`. They are read as the iterator goes, some at a time;
    /// an error stands for what could not be read, and the iterator goes on after it.
    pub fn summaries(&self, limit: Option<usize>) -> Result<Summaries, Error> {
        Summaries::new(Arc::clone(&self.shared), limit)
    }

    /// The same, of those that `filter` wants, from below the id `before` on: to go on behind a row that was the last one.
    pub fn matching_summaries(
        &self,
        filter: Filter,
        limit: Option<usize>,
        before: Option<RequestId>,
    ) -> Result<Summaries, Error> {
        Summaries::matching(Arc::clone(&self.shared), filter, limit, before)
    }

    /// Events whose line `pattern` is found in, newest first. They are looked for as the iterator goes, in some megabytes of text
    /// at a time and on all processors; an error stands for what could not be read, and the iterator goes on after it.
    pub fn search(&self, pattern: Pattern, scope: Scope) -> Search {
        Search::new(Arc::clone(&self.shared), pattern, scope)
    }

    /// Events in order of `seq`. They are read as the iterator goes, block by block; an error stands for a block or a
    /// segment that is damaged, and the iterator goes on after it.
    ///
    /// The events of one request are looked for from the time of its id up to its `response.finished`, which is the last.
    pub fn events(&self, selection: Selection) -> Events {
        Events::new(Arc::clone(&self.shared), selection)
    }

    /// The entries of the ledger, in order.
    pub fn ledger(&self) -> Result<LedgerEntries, Error> {
        LedgerEntries::open(self.shared.dir())
    }

    /// The segments, oldest first. Each one is opened for it.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>, Error> {
        let mut list = Vec::new();
        for name in self.shared.names() {
            list.extend(segment_info(&self.shared, name)?);
        }
        Ok(list)
    }
}

/// Looks at one segment; `None` when it has been disposed of.
pub(crate) fn segment_info(shared: &Shared, name: SegmentName) -> Result<Option<SegmentInfo>, Error> {
    let Some(kind) = shared.kind(name) else { return Ok(None) };
    let (last_found, sealed, damage) = match shared.segment(name) {
        Ok(None) => return Ok(None),
        Ok(Some(segment)) => match &*segment {
            Segment::Live(live) => (live.tail().last_seq, false, live.loss().map(|error| error.to_string())),
            Segment::Sealed(sealed) => (sealed.last_seq(), true, None),
        },
        Err(error @ Error::Damaged { .. }) => (name.first_seq - 1, shared.is_sealed(name), Some(error.to_string())),
        Err(error) => return Err(error),
    };
    let last_possible = shared.last_seq_before_next(name).unwrap_or(u64::MAX);
    let synced = shared.synced_up_to(name).map_or(0, |synced| synced.seq);
    Ok(Some(SegmentInfo {
        name: name.to_string(),
        first_seq: name.first_seq,
        last_seq: last_found.max(synced).min(last_possible),
        opened_at: name.opened_at,
        bytes_on_disk: shared.bytes_on_disk(kind, name)?,
        live: shared.live() == Some(name),
        sealed,
        held: kind == Kind::Hold,
        damage,
    }))
}
