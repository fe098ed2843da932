//! Reading events: every line of a range, or those of one request.

use std::sync::Arc;

use crate::envelope::Envelope;
use crate::error::Error;
use crate::event::RequestId;
use crate::segment::{BlockText, SegmentName};
use crate::shared::Shared;

/// Which events to read. The default is all of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection {
    /// Only the events of this request.
    pub request: Option<RequestId>,
    /// The first sequence number wanted.
    pub from_seq: u64,
    /// The last sequence number wanted; `None` for [`Reader::head`](crate::Reader::head) at the moment of asking.
    pub to_seq: Option<u64>,
}

/// One event as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its sequence number.
    pub seq: u64,
    /// The event as one line of JSON, without a line end. It parses as an [`Event`](crate::Event).
    pub text: String,
}

/// Events in order. See [`Reader::events`](crate::Reader::events).
pub struct Events {
    shared: Arc<Shared>,
    from_seq: u64,
    to_seq: u64,
    wanted: Option<Wanted>,
    /// Segments still to read, the next one last.
    segments: Vec<SegmentName>,
    /// Where to read on in that segment; `None` before its first block.
    cursor: Option<u32>,
    block: Option<BlockCursor>,
}

struct Wanted {
    id: RequestId,
    /// The id as it stands in the lines, to pass over text that cannot hold its events.
    text: String,
}

/// A place inside a block.
struct BlockCursor {
    block: BlockText,
    at: usize,
    seq: u64,
}

// === impl Events ===

impl Events {
    pub(crate) fn new(shared: Arc<Shared>, selection: Selection) -> Self {
        let head = shared.head();
        let to_seq = selection.to_seq.map_or(head, |to| to.min(head));
        let names = shared.names();
        let skip = first_segment(&names, &selection);
        let mut segments: Vec<_> = names.into_iter().skip(skip).filter(|name| name.first_seq <= to_seq).collect();
        segments.reverse();
        let wanted = selection.request.map(|id| Wanted { id, text: id.to_string() });
        Self { shared, from_seq: selection.from_seq, to_seq, wanted, segments, cursor: None, block: None }
    }

    /// Everything that was kept since the request `id` was made.
    pub(crate) fn since_request(shared: Arc<Shared>, id: RequestId) -> Self {
        let of_request = Self::new(shared, Selection { request: Some(id), ..Selection::default() });
        Self { wanted: None, ..of_request }
    }

    /// Goes to the next block that may hold something; `false` at the end.
    fn next_block(&mut self) -> Result<bool, Error> {
        while let Some(name) = self.segments.last().copied() {
            match self.read_block(name) {
                Some(Ok(block)) => {
                    if block.first_seq > self.to_seq {
                        self.segments.clear();
                        return Ok(false);
                    }
                    if self.segments.iter().rev().nth(1).is_some_and(|next| next.first_seq <= block.first_seq) {
                        // What a failed segment may hold beyond its last sync stands in the next one.
                        self.next_segment();
                        continue;
                    }
                    if self.wanted.as_ref().is_none_or(|wanted| block.text.contains(&wanted.text)) {
                        self.block = Some(BlockCursor { seq: block.first_seq, block, at: 0 });
                        return Ok(true);
                    }
                }
                Some(Err(error)) => return Err(error),
                None => self.next_segment(),
            }
        }
        Ok(false)
    }

    /// The next block of segment `name`. The segment is held no longer than that, so that it can be closed and disposed
    /// of while somebody reads slowly.
    fn read_block(&mut self, name: SegmentName) -> Option<Result<BlockText, Error>> {
        let segment = match self.shared.segment(name) {
            Ok(segment) => segment?,
            Err(error) => {
                self.next_segment();
                return Some(Err(error));
            }
        };
        let cursor = self.cursor.get_or_insert_with(|| segment.position(self.from_seq));
        segment.read(cursor)
    }

    fn next_segment(&mut self) {
        self.segments.pop();
        self.cursor = None;
    }

    /// The next line of the current block that is wanted.
    fn next_line(&mut self) -> Option<Line> {
        let cursor = self.block.as_mut()?;
        while let Some((seq, line)) = cursor.next() {
            let in_range = (self.from_seq..=self.to_seq).contains(&seq);
            if in_range && self.wanted.as_ref().is_none_or(|wanted| wanted.is_in(line)) {
                return Some(Line { seq, text: line.to_owned() });
            }
        }
        self.block = None;
        None
    }
}

impl Iterator for Events {
    type Item = Result<Line, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(line) = self.next_line() {
                return Some(Ok(line));
            }
            match self.next_block() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The first of `segments` to read. For a request it is the one before that in which its id was made: the id may be a
/// little older than its first event, and clocks are set back.
fn first_segment(segments: &[SegmentName], selection: &Selection) -> usize {
    let by_seq = segments.partition_point(|name| name.first_seq <= selection.from_seq).saturating_sub(1);
    let by_time = selection.request.and_then(|id| id.time()).map_or(0, |made_at| {
        let after = segments.iter().position(|name| name.opened_at > made_at).unwrap_or(segments.len());
        after.saturating_sub(2)
    });
    by_seq.max(by_time)
}

// === impl Wanted ===

impl Wanted {
    fn is_in(&self, line: &str) -> bool {
        line.contains(&self.text) && Envelope::parse(line).is_ok_and(|event| event.request == Some(self.id))
    }
}

// === impl BlockCursor ===

impl BlockCursor {
    fn next(&mut self) -> Option<(u64, &str)> {
        let rest = &self.block.text[self.at..];
        let line = &rest[..rest.find('\n')?];
        let seq = self.seq;
        self.at += line.len() + 1;
        self.seq += 1;
        Some((seq, line))
    }
}
