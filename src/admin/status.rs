//! How retention is getting on.

use jiff::{SignedDuration, Timestamp};
use journal::{Hold, Journal, SegmentAge};
use retention::Sweeper;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answers::{Disposal, Sweep};

/// How retention is getting on.
#[derive(Debug, Serialize, Deserialize)]
pub struct Status {
    /// The moment.
    pub at: Timestamp,
    /// The policy: its terms as people write them.
    pub policy: Value,
    /// The policy's name, SHA-256 in hex.
    pub digest: String,
    /// Why sweeps dispose of nothing at present, if they do not.
    pub waiting: Option<String>,
    /// The last sweep that did not wait; `None` if whoever answers has not swept yet.
    pub last_sweep: Option<Sweep>,
    /// Everything that has events, oldest first.
    pub segments: Vec<Age>,
    /// What that takes on disk, in bytes.
    pub bytes: u64,
    /// How many segments are past their time by more than the time between two sweeps.
    pub overdue: usize,
    /// When the next segment is due.
    pub next_due: Option<Timestamp>,
    /// The holds in force, oldest first.
    pub holds: Vec<Hold>,
    /// What the ledger says was disposed of, newest first.
    pub disposals: Vec<Disposal>,
}

/// A segment's age, and what comes of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Age {
    /// The segment's name.
    pub segment: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// How long ago that was, in seconds.
    pub age_seconds: i64,
    /// What it takes on disk, in bytes.
    pub bytes: u64,
    /// Whether it is still written to.
    pub live: bool,
    /// Whether it has its final form.
    pub sealed: bool,
    /// Whether it is only what a hold kept.
    pub held: bool,
    /// When its time is up; `None` for what is held.
    pub due_at: Option<Timestamp>,
    /// Why it goes with the next sweep, if it does: `content_ttl 72h`.
    pub due: Option<String>,
}

// === impl Status ===

impl Status {
    /// All but the disposals, which take longer to find.
    pub(super) fn without_disposals(
        journal: &Journal,
        sweeper: &Sweeper,
        at: Timestamp,
    ) -> Result<Self, journal::Error> {
        let (policy, state) = (sweeper.policy(), sweeper.state());
        let segments = journal.segments()?;
        let plan = retention::plan(&segments, at, policy);
        let terms = policy.terms();
        let (ttl, interval) = (signed_duration(terms.content_ttl), signed_duration(terms.sweep_interval));
        let age = |segment: SegmentAge| {
            let due = plan.segments.iter().find(|due| due.segment == segment.name);
            Age::new(segment, ttl, due.map(|due| due.reason.to_string()), at)
        };
        let segments: Vec<_> = segments.into_iter().map(age).collect();
        let last_sweep = state.last_sweep.as_ref();
        let failed = state.last_error.clone();
        Ok(Self {
            at,
            policy: policy.to_json(),
            digest: state.policy.clone(),
            waiting: state.waiting.as_ref().map(ToString::to_string),
            last_sweep: last_sweep.map(|report| Sweep { failed, ..Sweep::new(report) }),
            overdue: segments.iter().filter(|segment| segment.is_overdue(interval, at)).count(),
            bytes: plan.bytes,
            next_due: plan.next_due,
            segments,
            holds: journal.holds(),
            disposals: Vec::new(),
        })
    }
}

fn signed_duration(time: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
}

// === impl Age ===

impl Age {
    fn new(segment: SegmentAge, ttl: SignedDuration, due: Option<String>, at: Timestamp) -> Self {
        let SegmentAge { name, opened_at, bytes, live, sealed, held } = segment;
        let due_at = if held { None } else { opened_at.checked_add(ttl).ok() };
        let age_seconds = at.duration_since(opened_at).as_secs();
        Self { segment: name, opened_at, age_seconds, bytes, live, sealed, held, due_at, due }
    }

    fn is_overdue(&self, interval: SignedDuration, at: Timestamp) -> bool {
        self.due_at.is_some_and(|due_at| at.duration_since(due_at) > interval)
    }
}
