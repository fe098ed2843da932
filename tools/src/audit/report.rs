//! `audit report`: what an auditor asks about a period.
//!
//! What is told of the period is from the ledger; what is kept, overdue and held is as it is when the report is made. What the
//! making itself leaves in the ledger is not in it, so that two reports of the same journal differ in nothing but their time.

use std::collections::BTreeMap;

use codex_completions_api::admin::Operation;
use codex_completions_api::admin::answers::{Disposal, Status};
use jiff::Timestamp;
use journal::{Hold, Verification};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::entry::{self, Entry};
use super::period::Period;
use crate::failure::Failure;
use crate::source::Source;

/// How requests and evidence leave the journal, and come into it.
const EXPORTS: &[&str] = &["export", "import", "backup", "audit.evidence"];

/// What tells that something is missing or damaged.
const INCIDENTS: &[&str] = &["segment.quarantined", "segment.recovered", "journal.resumed"];

/// A report.
#[derive(Serialize)]
pub(super) struct Report {
    /// When it was made.
    pub(super) made_at: Timestamp,
    /// The version of `codex-trace`, and so of the scrubber's rules it was built with.
    pub(super) version: &'static str,
    pub(super) period: Period,
    pub(super) ledger: LedgerExtract,
    /// The policy in force when it was made, and its SHA-256.
    pub(super) policy: Value,
    pub(super) policy_digest: String,
    pub(super) recorded: Recorded,
    pub(super) retained: Retained,
    /// How many segments are past their time by more than the time between two sweeps.
    pub(super) overdue: usize,
    pub(super) disposed: Vec<Disposal>,
    pub(super) erased: Vec<Act>,
    pub(super) holds_placed: Vec<Act>,
    pub(super) holds_lifted: Vec<Act>,
    pub(super) holds_in_force: Vec<Hold>,
    pub(super) reads: Vec<Reads>,
    pub(super) exports: Vec<Act>,
    /// Changes of policy, flags, maintenance and keys.
    pub(super) changes: Vec<Act>,
    /// Gaps and damage.
    pub(super) incidents: Vec<Act>,
    pub(super) verification: Verification,
}

/// Which part of the ledger the report is made of.
#[derive(Serialize)]
pub(super) struct LedgerExtract {
    pub(super) entries: usize,
    pub(super) first: Option<u64>,
    pub(super) last: Option<u64>,
    /// The SHA-256 of the last one.
    pub(super) head: Option<String>,
    /// The SHA-256 of `public.pem`, which its signatures are checked with.
    pub(super) public_key_sha256: String,
}

/// What was sealed in the period.
#[derive(Serialize, Default)]
pub(super) struct Recorded {
    pub(super) segments: usize,
    pub(super) events: u64,
    pub(super) bytes: u64,
}

/// What is there.
#[derive(Serialize)]
pub(super) struct Retained {
    pub(super) segments: usize,
    /// How many of them are only what a hold kept.
    pub(super) held: usize,
    pub(super) events: u64,
    pub(super) bytes: u64,
    pub(super) summaries: u64,
    /// When the oldest segment was opened.
    pub(super) oldest: Option<Timestamp>,
}

/// Something that was done or happened.
#[derive(Serialize)]
pub(super) struct Act {
    pub(super) n: u64,
    pub(super) at: Timestamp,
    pub(super) actor: String,
    pub(super) action: String,
    pub(super) details: String,
}

/// How often somebody read in one way.
#[derive(Serialize)]
pub(super) struct Reads {
    pub(super) actor: String,
    pub(super) via: String,
    pub(super) action: String,
    pub(super) count: u64,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

// === impl Report ===

impl Report {
    /// Asks for all of it. Returns the entries of the period as well.
    pub(super) fn make(source: &Source, period: Period) -> Result<(Self, Vec<Entry>), Failure> {
        let made_at = Timestamp::now();
        // What of the ledger cannot be read is in the verification.
        let (entries, _) = entry::read(source)?;
        let (_, status): (_, Status) = source.operate(&Operation::RetentionStatus)?.document()?;
        let (_, verification): (_, Verification) = source.operate(&Operation::Verify { anchor: None })?.document()?;
        let entries = extract(entries, Period { until: period.until.min(made_at), ..period });
        Ok((Self::new(made_at, period, &entries, status, verification), entries))
    }

    /// What `verify` found.
    pub(super) fn verification(&self) -> &Verification {
        &self.verification
    }

    fn new(made_at: Timestamp, period: Period, entries: &[Entry], status: Status, verification: Verification) -> Self {
        let acts = |is_wanted: &dyn Fn(&Entry) -> bool| {
            entries.iter().filter(|entry| is_wanted(entry)).map(Act::from).collect::<Vec<_>>()
        };
        let (first, last) = (entries.first().map(|entry| entry.n), entries.last().map(|entry| entry.n));
        let mut disposed = status.disposals;
        disposed.retain(|disposal| first <= Some(disposal.n) && Some(disposal.n) <= last);
        disposed.reverse();
        let is_change = |entry: &Entry| {
            let families = ["policy.", "flag.", "maintenance.", "key."];
            families.iter().any(|family| entry.kind.starts_with(family))
        };
        Self {
            made_at,
            version: env!("CARGO_PKG_VERSION"),
            period,
            ledger: LedgerExtract {
                entries: entries.len(),
                first,
                last,
                head: entries.last().map(Entry::hash),
                public_key_sha256: hex::encode(Sha256::digest(&verification.public_key)),
            },
            policy: status.policy,
            policy_digest: status.digest,
            recorded: Recorded::of(entries),
            retained: Retained {
                segments: status.segments.len(),
                held: status.segments.iter().filter(|segment| segment.held).count(),
                events: verification.events,
                bytes: status.bytes,
                summaries: verification.summaries,
                oldest: status.segments.iter().map(|segment| segment.opened_at).min(),
            },
            overdue: status.overdue,
            disposed,
            erased: acts(&|entry| entry.kind == "segment.erased"),
            holds_placed: acts(&|entry| entry.kind == "hold.placed"),
            holds_lifted: acts(&|entry| entry.kind == "hold.lifted"),
            holds_in_force: status.holds,
            reads: Reads::of(entries),
            exports: acts(&|entry| entry.kind == "audit.read" && EXPORTS.contains(&entry.action().as_str())),
            changes: acts(&is_change),
            incidents: acts(&|entry| INCIDENTS.contains(&entry.kind.as_str())),
            verification,
        }
    }
}

/// The entries of `period` without a gap: a clock that was set back leaves some of another time among them.
fn extract(mut entries: Vec<Entry>, period: Period) -> Vec<Entry> {
    let last = entries.iter().rposition(|entry| period.has(entry.at));
    entries.truncate(last.map_or(0, |last| last + 1));
    let first = entries.iter().position(|entry| period.has(entry.at)).unwrap_or(0);
    entries.split_off(first)
}

// === impl Recorded ===

impl Recorded {
    fn of(entries: &[Entry]) -> Self {
        let sealed = entries.iter().filter(|entry| entry.kind == "segment.sealed");
        sealed.fold(Self::default(), |sum, entry| {
            let number = |name: &str| entry.data.get(name).and_then(Value::as_u64).unwrap_or(0);
            Self {
                segments: sum.segments + 1,
                events: sum.events + number("events"),
                bytes: sum.bytes + number("bytes"),
            }
        })
    }
}

// === impl Act ===

impl From<&Entry> for Act {
    fn from(entry: &Entry) -> Self {
        let (n, at) = (entry.n, entry.at);
        Self { n, at, actor: entry.actor(), action: entry.action(), details: entry.details() }
    }
}

// === impl Reads ===

impl Reads {
    /// By actor, way and action.
    fn of(entries: &[Entry]) -> Vec<Self> {
        let mut reads = BTreeMap::<_, Self>::new();
        for entry in entries.iter().filter(|entry| entry.kind == "audit.read") {
            let (actor, via, action) = (entry.actor(), entry.via().unwrap_or_default(), entry.action());
            let read = reads.entry((actor.clone(), via.clone(), action.clone())).or_insert(Self {
                actor,
                via,
                action,
                count: 0,
                first: entry.at,
                last: entry.at,
            });
            read.count += 1;
            read.first = read.first.min(entry.at);
            read.last = read.last.max(entry.at);
        }
        reads.into_values().collect()
    }
}
