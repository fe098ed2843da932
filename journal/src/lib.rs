//! The trace journal: what happened, kept in order, on disk.
//!
//! One [`Journal`] writes; any number of [`Reader`]s in the same process read beside it. `docs/journal-format.md` draws
//! what lies on disk.

mod attestation;
mod backup;
mod block;
mod cache;
mod cipher;
mod compliance;
mod compressor;
mod counts;
mod database;
mod disposal;
mod entry;
mod envelope;
mod erasure;
mod error;
mod event;
mod events;
mod filter;
mod format;
mod holds;
mod keys;
mod ledger;
mod lock;
mod payload;
mod pseudonyms;
mod query;
mod reader;
mod recovery;
mod rewriting;
mod scrub;
mod sealed;
mod sealing;
mod search;
mod segment;
mod shared;
mod summaries;
mod summary;
mod summary_writer;
mod verify;
mod writer;

pub use attestation::Attestation;
pub use backup::Backup;
pub use cipher::Link;
pub use compliance::{
    Authority, Hold, HoldCarried, HoldDisposed, HoldLifted, HoldSelector, LedgerDisposed, PseudonymsDisposed,
    SegmentDisposed, SegmentErased, SegmentOpened, SegmentQuarantined, SegmentRecovered, SegmentSealed,
    SummariesDisposed,
};
pub use counts::Counts;
pub use disposal::{Disposal, Disposed};
pub use entry::Entry;
pub use erasure::{Erasable, Erasure, PreparedErasure};
pub use error::Error;
pub use event::{
    AuditRead, Draft, Event, EventBody, Frame, Outcome, OutputForm, RequestId, RequestReceived, ResponseFinished,
    Tokens, UsageSource,
};
pub use events::{Events, Line, Selection};
pub use filter::Filter;
pub use format::FORMAT;
pub use keys::{KeyError, rekey};
pub use ledger::{LedgerEntries, LedgerEntry, LedgerHead};
pub use payload::Payload;
pub use pseudonyms::DayKey;
pub use query::{Answer, Query};
pub use reader::{Reader, SegmentInfo};
pub use scrub::{NoScrub, Scrub};
pub use sealing::PreparedSeal;
pub use search::{Pattern, PatternError, Scope, Search, Syntax};
pub use summaries::Summaries;
pub use summary::{Summary, SummaryFold};
pub use verify::{Problem, Verification};
pub use writer::{Journal, Options, SegmentAge};
