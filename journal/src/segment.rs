//! A segment: the events of one period of time, in one of two forms.
//!
//! It is [live](LiveSegment) while it is written to, a database of blocks, and [sealed](crate::sealed) some time after: one file
//! that never changes again.

mod live;
mod name;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use jiff::Timestamp;

pub(crate) use self::live::{LiveSegment, Synced, has_database, is_half_made, remove_database, synced_up_to};
pub(crate) use self::name::SegmentName;
use crate::cipher::Link;
use crate::error::Error;
use crate::sealed::SealedSegment;

/// The lines of consecutive events.
pub(crate) struct BlockText {
    pub(crate) first_seq: u64,
    /// Whole lines in order.
    pub(crate) text: String,
}

/// An open segment in whichever form it has.
pub(crate) enum Segment {
    Live(LiveSegment),
    Sealed(SealedSegment),
}

/// Where to read on in a segment. A place in one form is none in the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// The key of the next block.
    Block(u32),
    /// The next window, of the sealed form whose chain ends so: what is held of a segment is another.
    Window(u32, Link),
}

// === impl Segment ===

impl Segment {
    /// Where to begin reading so as not to miss `seq`.
    pub(crate) fn position(&self, seq: u64) -> Cursor {
        match self {
            Self::Live(live) => Cursor::Block(live.position(seq)),
            Self::Sealed(sealed) => Cursor::Window(sealed.window_of(seq), sealed.head()),
        }
    }

    /// The same, and if there is no index, so as not to miss what happened from `time` on.
    pub(crate) fn position_from(&self, seq: u64, time: Option<Timestamp>) -> Cursor {
        match (self, time) {
            (Self::Live(live), Some(time)) => Cursor::Block(live.position(seq).max(live.position_of_time(time))),
            _ => self.position(seq),
        }
    }

    /// Reads some lines at `cursor` and moves it behind them, also when they are damaged. `None` at the end. A cursor of another
    /// form begins at `seq`.
    pub(crate) fn read(&self, cursor: &mut Cursor, seq: u64) -> Option<Result<BlockText, Error>> {
        let fits = match (self, &cursor) {
            (Self::Live(_), Cursor::Block(_)) => true,
            (Self::Sealed(sealed), Cursor::Window(_, head)) => *head == sealed.head(),
            _ => false,
        };
        if !fits {
            *cursor = self.position(seq);
        }
        match (self, cursor) {
            (Self::Live(live), Cursor::Block(block)) => live.read(block),
            (Self::Sealed(sealed), Cursor::Window(window, _)) if *window < sealed.windows() => {
                *window += 1;
                Some(sealed.read_window(*window - 1))
            }
            _ => None,
        }
    }
}

/// Bytes that the files of the segment in `path` take. Files of sled's that come and go meanwhile are not missed, and what is no
/// folder takes nothing: that something else lies there is for others to find.
pub(crate) fn bytes_on_disk(path: &Path) -> Result<u64, Error> {
    let is_gone = |error: &std::io::Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    let sum = || {
        let mut bytes = 0;
        let entries = match fs::read_dir(path) {
            Err(error) if is_gone(&error) => return Ok(0),
            entries => entries?,
        };
        for file in entries {
            match file?.metadata() {
                Ok(file) if file.is_file() => bytes += file.len(),
                Err(error) if !is_gone(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(bytes)
    };
    sum().map_err(Error::io("measure", path))
}
