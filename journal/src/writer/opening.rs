//! Opening a journal: where its last segment ends, and what is to be said about that.

use super::Journal;
use crate::cipher::Link;
use crate::compliance::{SegmentOpened, SegmentRecovered};
use crate::error::Error;
use crate::segment::Segment;

/// How a journal was found.
pub(super) struct End {
    /// What has to be said about its last segment.
    pub(super) recovered: Option<SegmentRecovered>,
}

// === impl Journal ===

impl Journal {
    /// Opens the last segment and goes to its end. A damaged one is left as it is, and the next event begins another.
    pub(super) fn find_end(&mut self) -> Result<End, Error> {
        let Some(name) = self.shared.live() else { return Ok(End { recovered: None }) };
        let segment = match (self.shared.segment(name), self.shared.synced_up_to(name)) {
            (Ok(None), _) => return Ok(End { recovered: None }),
            (Ok(Some(segment)), _) => segment,
            (Err(error), None) if self.shared.is_half_made(name) && !self.is_in_ledger(&name.to_string()) => {
                tracing::warn!(%error, segment = %name, "a segment of the journal was never finished; it is begun again");
                self.shared.discard_segment(name)?;
                return self.find_end();
            }
            (Err(error @ Error::Damaged { .. }), Some(synced)) if synced.seq >= name.first_seq => {
                tracing::error!(%error, "the journal's last segment cannot be read; going on after it");
                self.go_on_after(synced.seq, synced.link);
                let (segment, lost_up_to) = (name.to_string(), Some(synced.seq));
                let recovered = SegmentRecovered { segment, last_seq: name.first_seq - 1, lost_up_to, torn: false };
                return Ok(End { recovered: Some(recovered) });
            }
            (Err(error), _) => return Err(error),
        };
        let live = match &*segment {
            Segment::Live(live) => live,
            Segment::Sealed(sealed) => {
                let head = self.head_when_sealed(&name.to_string()).unwrap_or_else(|| sealed.head());
                self.go_on_after(sealed.last_seq(), head);
                return Ok(End { recovered: None });
            }
        };
        let tail = live.tail();
        let lost = live.lost();
        let recovered = (tail.torn || lost.is_some()).then(|| SegmentRecovered {
            segment: name.to_string(),
            last_seq: tail.last_seq,
            lost_up_to: lost.map(|synced| synced.seq),
            torn: tail.torn,
        });
        if let Some(lost) = lost {
            tracing::error!(segment = %name, last = tail.last_seq, lost = lost.seq, "the journal's last segment has lost events");
            self.go_on_after(lost.seq, lost.link);
            return Ok(End { recovered });
        }
        if tail.blocks == 0 {
            // A torn one can neither be written to nor be followed by another with the same first number. One of which
            // nothing was written would take events that are younger than its name says, and they would go too early.
            drop(segment);
            self.shared.discard_segment(name)?;
            let before = self.find_end()?;
            return Ok(End { recovered: recovered.or(before.recovered) });
        }
        self.go_on_after(tail.last_seq, tail.link);
        if let Some(last) = live.last_time() {
            self.last_known_time = self.last_known_time.max(Some(last));
        }
        if !self.is_in_ledger(&name.to_string()) {
            let start = live.start()?.to_string();
            self.opened = Some((name.opened_at, SegmentOpened { segment: name.to_string(), start }));
            self.record_opening()?;
        }
        self.live = Some(segment);
        Ok(End { recovered })
    }

    /// The chain behind the sealed segment `name`, which what follows it follows, whatever was erased from it since.
    pub(crate) fn head_when_sealed(&self, name: &str) -> Option<Link> {
        Link::from_hex(&self.ledger.state().segments.get(name)?.sealed.as_ref()?.head)
    }

    fn go_on_after(&mut self, seq: u64, link: Link) {
        self.next_seq = seq + 1;
        self.durable = link;
        self.shared.set_head(seq);
    }
}
