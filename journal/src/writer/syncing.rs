//! Making what was written durable, and telling of it only then.

use super::{Journal, Lines, SPARE, TEXT_MAX, as_live};
use crate::error::Error;
use crate::ledger::Record;
use crate::summary::Summary;

// === impl Journal ===

impl Journal {
    /// Makes the blocks written durable and visible.
    pub(super) fn sync(&mut self) -> Result<(), Error> {
        if let (Some(live), Some(last)) = (self.live.as_deref(), self.unsynced.last()) {
            let (synced, last_seq, link) = (as_live(live).sync(), last.last_seq(), as_live(live).tail().link);
            self.unless_failed(synced)?;
            self.shared.set_head(last_seq);
            self.durable = link;
            self.reuse_synced();
        }
        self.record_opening()
    }

    /// Empties the blocks that are synced, and keeps some of their memory.
    fn reuse_synced(&mut self) {
        for Lines { mut text, .. } in self.unsynced.drain(..) {
            // One of a long event is not kept.
            if self.spare.len() < SPARE && text.capacity() <= 2 * TEXT_MAX {
                text.clear();
                self.spare.push(text);
            }
        }
    }

    /// Tells the ledger of a segment that is durable, so that it is missed if it vanishes.
    pub(super) fn record_opening(&mut self) -> Result<(), Error> {
        let Some((at, opened)) = &self.opened else { return Ok(()) };
        let data = serde_json::to_string(opened).expect("strings serialise");
        self.ledger.append(&[Record { at: *at, kind: "segment.opened", data: &data }])?;
        self.opened = None;
        Ok(())
    }

    /// Has the summaries stored whose time has come.
    pub(super) fn store_summaries(&mut self) -> Result<(), Error> {
        let head = self.shared.head();
        let (due, later) = std::mem::take(&mut self.summaries).into_iter().partition(|(seq, _)| *seq <= head);
        self.summaries = later;
        let due: Vec<(u64, Summary)> = due;
        self.summary_writer.store(due.into_iter().map(|(_, summary)| summary).collect(), head)
    }

    /// Makes the stored summaries durable.
    pub(crate) fn sync_summaries(&mut self) -> Result<(), Error> {
        self.summary_writer.sync()
    }
}
