//! The trace journal: what happened, kept in order, on disk.
//!
//! One [`Journal`] writes; any number of [`Reader`]s in the same process read beside it. `docs/journal-format.md` draws
//! what lies on disk.

mod block;
mod cache;
mod database;
mod envelope;
mod error;
mod event;
mod events;
mod format;
mod lock;
mod payload;
mod query;
mod reader;
mod recovery;
mod scrub;
mod segment;
mod shared;
mod summaries;
mod summary;
mod writer;

pub use error::Error;
pub use event::{
    AuditRead, Draft, Event, EventBody, Frame, Outcome, RequestId, RequestReceived, ResponseFinished, Tokens,
};
pub use events::{Events, Line, Selection};
pub use format::FORMAT;
pub use payload::Payload;
pub use query::{Answer, Query};
pub use reader::{Reader, SegmentInfo};
pub use scrub::{NoScrub, Scrub};
pub use summaries::Summaries;
pub use summary::{Summary, SummaryFold};
pub use writer::{Journal, Options, SegmentAge};
