//! Reading events: every line of a range, or those of one request.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::envelope::Envelope;
use crate::error::Error;
use crate::event::RequestId;
use crate::sealed::line;
use crate::segment::{BlockText, Cursor, Segment, SegmentName};
use crate::shared::Shared;

/// The type of a request's first event.
const FIRST_OF_REQUEST: &str = "request.received";

/// The type of a request's last event. A frame may trail behind it, but not far.
const LAST_OF_REQUEST: &str = "response.finished";

/// How much older than its first event the id of a request may be thought to be.
const ID_MARGIN: SignedDuration = SignedDuration::from_secs(5);

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
    /// The next sequence number to read on at.
    next_seq: u64,
    to_seq: u64,
    wanted: Option<RequestId>,
    /// Segments still to read, the next one last.
    segments: Vec<SegmentName>,
    /// Where to read on in that segment; `None` before its first lines.
    cursor: Option<Cursor>,
    /// Lines that were read and not handed out.
    lines: Batch,
    /// In a segment that has no index, begin shortly before this time.
    from_time: Option<Timestamp>,
    /// Whether a line was handed out.
    found: bool,
    /// What was asked for, to begin again.
    selection: Selection,
}

/// Lines of one read, in order.
#[derive(Default)]
struct Batch {
    text: String,
    at: usize,
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
        let (next_seq, wanted) = (selection.from_seq, selection.request);
        let from_time = wanted.and_then(|id| id.time()).map(|time| time - ID_MARGIN);
        let lines = Batch::default();
        Self { shared, next_seq, to_seq, wanted, segments, cursor: None, lines, from_time, found: false, selection }
    }

    /// Everything in the segment `name`, or in what is held of it.
    pub(crate) fn of_segment(shared: &Arc<Shared>, name: SegmentName) -> Self {
        let to_seq = match shared.segment(name).ok().flatten().as_deref() {
            Some(Segment::Sealed(sealed)) => Some(sealed.last_seq()),
            _ => shared.last_seq_before_next(name),
        };
        Self::new(Arc::clone(shared), Selection { request: None, from_seq: name.first_seq, to_seq })
    }

    /// Everything that was kept since the request `id` was made.
    pub(crate) fn since_request(shared: Arc<Shared>, id: RequestId) -> Self {
        let of_request = Self::new(shared, Selection { request: Some(id), ..Selection::default() });
        Self { wanted: None, ..of_request }
    }

    /// Reads some lines that may be wanted; `false` at the end.
    fn read(&mut self) -> Result<bool, Error> {
        while let Some(name) = self.segments.last().copied() {
            let segment = match self.shared.segment(name) {
                Ok(Some(segment)) => segment,
                Ok(None) => {
                    self.next_segment();
                    continue;
                }
                Err(error) => {
                    self.next_segment();
                    return Err(error);
                }
            };
            let text = if let (Segment::Sealed(sealed), Some(id)) = (&*segment, self.wanted) {
                let lines = sealed.request_lines(id);
                self.next_segment();
                lines?.into_iter().fold(String::new(), |text, line| text + &line.text + "\n")
            } else {
                let Some(text) = self.read_on(&segment).transpose()? else {
                    self.next_segment();
                    continue;
                };
                text
            };
            self.lines = Batch { text, at: 0 };
            return Ok(true);
        }
        Ok(false)
    }

    /// The next lines of `segment`, which is held no longer than that, so that it can be closed and disposed of while somebody
    /// reads slowly.
    fn read_on(&mut self, segment: &Segment) -> Option<Result<String, Error>> {
        let cursor = self.cursor.get_or_insert_with(|| segment.position_from(self.next_seq, self.from_time));
        let BlockText { first_seq, text } = match segment.read(cursor, self.next_seq)? {
            Ok(block) => block,
            Err(error) => return Some(Err(error)),
        };
        if first_seq > self.to_seq {
            self.segments.clear();
            return None;
        }
        // What a failed segment may hold beyond its last sync stands in the next one.
        if self.segments.iter().rev().nth(1).is_some_and(|next| next.first_seq <= first_seq) {
            return None;
        }
        Some(Ok(text))
    }

    /// Whether the first line that was found of a request shows that there is more before it.
    fn began_too_late(&self, line: &str) -> bool {
        !self.found && self.wanted.is_some() && self.from_time.is_some() && !is_a(FIRST_OF_REQUEST, line)
    }

    /// Begins again without looking at times: a clock may have been set back.
    fn begin_again(&mut self) {
        *self = Self { from_time: None, ..Self::new(Arc::clone(&self.shared), self.selection) };
    }

    fn next_segment(&mut self) {
        self.segments.pop();
        self.cursor = None;
    }

    /// The next line that is wanted, of those that were read.
    fn next_line(&mut self) -> Option<Line> {
        while let Some(text) = self.lines.next() {
            // Lines have been written with their number in front.
            let Some(seq) = line::seq(text) else { continue };
            if seq < self.next_seq || seq > self.to_seq {
                continue;
            }
            if self.wanted.is_none_or(|id| line::request(text) == Some(id)) {
                let line = Line { seq, text: text.to_owned() };
                self.next_seq = seq + 1;
                return Some(line);
            }
        }
        None
    }
}

impl Iterator for Events {
    type Item = Result<Line, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(line) = self.next_line() {
                if self.began_too_late(&line.text) {
                    self.begin_again();
                    continue;
                }
                self.found = true;
                if self.wanted.is_some() && is_a(LAST_OF_REQUEST, &line.text) {
                    self.segments.clear();
                }
                return Some(Ok(line));
            }
            match self.read() {
                Ok(true) => {}
                Ok(false) if !self.found && self.from_time.is_some() => self.begin_again(),
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

fn is_a(kind: &str, line: &str) -> bool {
    line.contains(kind) && Envelope::parse(line).is_ok_and(|event| event.kind == kind)
}

// === impl Batch ===

impl Batch {
    fn next(&mut self) -> Option<&str> {
        let rest = &self.text[self.at..];
        let line = &rest[..memchr::memchr(b'\n', rest.as_bytes())?];
        self.at += line.len() + 1;
        Some(line)
    }
}
