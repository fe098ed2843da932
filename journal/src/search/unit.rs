//! A part of a segment, which one thread searches.

use std::cmp::Reverse;

use super::{Pattern, Scope};
use crate::cipher::Link;
use crate::error::Error;
use crate::events::Line;
use crate::sealed::{SealedSegment, line};
use crate::segment::{Segment, SegmentName};
use crate::shared::Shared;

/// Blocks of a live segment in one unit: 8 MiB of text when they are full.
const BLOCKS: u32 = 64;

/// A part of a segment.
pub(super) struct Unit {
    pub(super) name: SegmentName,
    pub(super) place: Place,
    /// Events from this number on are not wanted.
    pub(super) below: u64,
}

/// Where something is in a segment, as long as the segment has the form in which that was found out.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// In the blocks of a live segment that begin at the number `from` or later, and before `to` if that is given.
    Blocks { from: u32, to: Option<u32> },
    /// In a window of the sealed segment that ends with the link `head`.
    Window { head: Link, window: u32 },
}

/// What was found in a unit.
#[derive(Default)]
pub(super) struct Found {
    /// Newest first.
    pub(super) lines: Vec<Line>,
    /// What could not be read.
    pub(super) errors: Vec<Error>,
}

/// The segment got another form, in which what was to be searched is elsewhere.
pub(super) struct Elsewhere;

/// Why a unit cannot be searched to its end.
enum Stop {
    Elsewhere,
    /// It was disposed of.
    Gone,
    Unreadable(Error),
}

// === impl Place ===

impl Place {
    /// The newest part of `segment` that may have events before the number `below` and in `scope`.
    pub(super) fn newest(segment: &Segment, below: u64, scope: &Scope) -> Option<Self> {
        match segment {
            // Even where there is nothing yet: damage at the end is found there.
            Segment::Live(live) => Some(Self::Blocks { from: live.tail().blocks.saturating_sub(BLOCKS), to: None }),
            Segment::Sealed(sealed) => {
                if !scope.meets(sealed.began_at(), sealed.ended_at()) {
                    return None;
                }
                let behind = (sealed.window_of(below) + 1).min(sealed.windows());
                Some(Self::Window { head: sealed.head(), window: behind.checked_sub(1)? })
            }
        }
    }

    /// The part before this one.
    pub(super) fn older(self) -> Option<Self> {
        match self {
            Self::Blocks { from: 0, .. } | Self::Window { window: 0, .. } => None,
            Self::Blocks { from, .. } => Some(Self::Blocks { from: from.saturating_sub(BLOCKS), to: Some(from) }),
            Self::Window { head, window } => Some(Self::Window { head, window: window - 1 }),
        }
    }
}

// === impl Unit ===

impl Unit {
    /// Searches it. The segment is held only while a block is read, so that it can be sealed or disposed of in between.
    pub(super) fn search(&self, shared: &Shared, pattern: &Pattern, scope: &Scope) -> Result<Found, Elsewhere> {
        let mut found = Found::default();
        let take = |block: Result<String, Error>| match block {
            Ok(text) => self.sift(&text, pattern, scope, &mut found.lines),
            Err(error) => found.errors.push(error),
        };
        let searched = match self.place {
            Place::Blocks { from, to } => self.each_block(shared, from, to, take),
            Place::Window { head, window } => self.each_block_of_window(shared, head, window, take),
        };
        match searched {
            Ok(()) | Err(Stop::Gone) => {}
            Err(Stop::Unreadable(error)) => found.errors.push(error),
            Err(Stop::Elsewhere) => return Err(Elsewhere),
        }
        found.lines.sort_unstable_by_key(|line| Reverse(line.seq));
        Ok(found)
    }

    /// Adds to `lines` what of the block `text` is wanted.
    fn sift(&self, text: &str, pattern: &Pattern, scope: &Scope, lines: &mut Vec<Line>) {
        for text in pattern.matching_lines(text) {
            // Lines have been written with their number in front.
            let Some(seq) = line::seq(text) else { continue };
            if seq < self.below && scope.takes(text) {
                lines.push(Line { seq, text: text.to_owned() });
            }
        }
    }

    /// Hands the texts of blocks of a live segment to `take`.
    fn each_block(
        &self,
        shared: &Shared,
        from: u32,
        to: Option<u32>,
        mut take: impl FnMut(Result<String, Error>),
    ) -> Result<(), Stop> {
        let mut cursor = from;
        while to.is_none_or(|to| cursor < to) {
            let block = self.with_segment(shared, |segment| match segment {
                Segment::Live(live) => Some(live.read_block(&mut cursor)),
                Segment::Sealed(_) => None,
            })?;
            match block {
                None => break,
                // Reading began inside a long block and got behind it, to what is another unit's.
                Some(Err(Error::Damaged { block: Some(block), .. })) if to.is_some_and(|to| to <= block) => break,
                Some(Ok(block)) if self.below <= block.header.first_seq => break,
                Some(block) => take(block.map(|block| block.text)),
            }
        }
        Ok(())
    }

    /// Hands the texts of blocks of a sealed segment to `take`.
    fn each_block_of_window(
        &self,
        shared: &Shared,
        head: Link,
        window: u32,
        mut take: impl FnMut(Result<String, Error>),
    ) -> Result<(), Stop> {
        let blocks = self.with_segment(shared, |segment| Some(sealed(segment, head)?.blocks_of_window(window)))?;
        for block in blocks {
            take(self.with_segment(shared, |segment| Some(sealed(segment, head)?.read_block(block)))?);
        }
        Ok(())
    }

    /// What `read` returns of the segment, unless that is `None` because of the form that the segment has by now.
    fn with_segment<T>(&self, shared: &Shared, read: impl FnOnce(&Segment) -> Option<T>) -> Result<T, Stop> {
        match shared.segment(self.name) {
            Ok(Some(segment)) => read(&segment).ok_or(Stop::Elsewhere),
            Ok(None) => Err(Stop::Gone),
            Err(error) => Err(Stop::Unreadable(error)),
        }
    }
}

/// The sealed `segment`, if it is the one that ends with the link `head`.
fn sealed(segment: &Segment, head: Link) -> Option<&SealedSegment> {
    match segment {
        Segment::Sealed(sealed) if sealed.head() == head => Some(sealed),
        _ => None,
    }
}
