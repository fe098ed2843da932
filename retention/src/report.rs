//! What sweeps did.

use jiff::Timestamp;
use serde::Serialize;

use crate::clock::ClockWait;
use crate::plan::Due;

/// What one sweep did. Everything in it is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// When, by the wall clock.
    pub at: Timestamp,
    /// Why nothing was disposed of, and until when, if the wall clock could not be trusted. The rest says nothing then.
    pub skipped: Option<ClockWait>,
    /// Whether the policy went on record, because it was another than before.
    pub policy_changed: bool,
    /// The segments that are gone, oldest first.
    pub segments: Vec<Due>,
    /// How many segments are gone that kept what was held and no longer is.
    pub holds_released: usize,
    /// How many days of summaries are gone.
    pub summary_days: usize,
    /// Of how many days the key of the pseudonyms is gone.
    pub pseudonym_days: usize,
    /// How many months of the ledger are gone.
    pub ledger_months: usize,
    /// Whether there was more than `max_bytes`, as [`Plan::max_bytes_struck`](crate::Plan::max_bytes_struck) says. Worth an
    /// alarm.
    pub max_bytes_struck: bool,
}

/// Not everything that is due is gone. The next sweep tries again.
#[derive(Debug, thiserror::Error)]
#[error("the sweep could not do everything and tries again ({failures} failed), first {what}: {source}")]
pub struct Error {
    /// What was done nevertheless. A segment that went just before something failed may be missing; the ledger has it.
    pub report: Box<Report>,
    /// How many segments failed, plus one for each other step that did.
    pub failures: usize,
    /// The first that failed: `segment …`, `segments`, `policy record`, `holds`, `summaries`, `pseudonyms` or
    /// `ledger`.
    pub what: String,
    /// Why it did.
    pub source: Box<journal::Error>,
}

/// How retention is getting on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct State {
    /// The digest of the policy.
    pub policy: String,
    /// Why sweeps dispose of nothing at present, if they do not.
    pub waiting: Option<ClockWait>,
    /// The last sweep that did not wait for the clock.
    pub last_sweep: Option<Report>,
    /// What that one could not do.
    pub last_error: Option<String>,
}

// === impl Report ===

impl Report {
    /// Of a sweep that has done nothing yet.
    pub(crate) fn new(at: Timestamp) -> Self {
        Self {
            at,
            skipped: None,
            policy_changed: false,
            segments: Vec::new(),
            holds_released: 0,
            summary_days: 0,
            pseudonym_days: 0,
            ledger_months: 0,
            max_bytes_struck: false,
        }
    }
}
