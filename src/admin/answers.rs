//! What the answers to [operations](super::Operation) look like, for those who write and for those who read them.

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;
use journal::{Backup, LedgerEntry, Reader, SegmentInfo};
use retention::Report;
use serde::{Deserialize, Serialize};

pub use super::status::{Age, Status};

/// The ledger's record of something that was destroyed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Disposal {
    /// The entry's number.
    pub n: u64,
    /// When it was destroyed.
    pub at: Timestamp,
    /// `segment.disposed`, `hold.disposed`, `summaries.disposed`, `pseudonyms.disposed` or `ledger.disposed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The segment's name, the day of summaries or pseudonyms or the month of the ledger.
    pub what: String,
    /// When its period began.
    pub opened_at: Option<Timestamp>,
    /// When its last event happened.
    pub ended_at: Option<Timestamp>,
    /// How many events it held.
    pub events: Option<u64>,
    /// What it took on disk, in bytes.
    pub bytes: Option<u64>,
    /// The digest of the policy that was in force.
    pub policy: String,
    /// Why.
    pub reason: String,
    /// Who or what did it.
    pub actor: String,
}

/// What is due.
#[derive(Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The moment.
    pub at: Timestamp,
    /// The digest of the policy.
    pub policy: String,
    /// The segments that go, oldest first.
    pub segments: Vec<Due>,
    /// The newest segment, if it ends first.
    pub end_first: Option<String>,
    /// The first UTC day whose summaries are kept.
    pub summaries_before: Option<Date>,
    /// The first UTC day whose pseudonyms keep their key.
    pub pseudonyms_before: Option<Date>,
    /// The first day of the first UTC month whose ledger is kept.
    pub ledger_before: Option<Date>,
    /// What all segments take on disk, in bytes.
    pub bytes: u64,
    /// What those that stay take.
    pub bytes_kept: u64,
    /// Whether content goes before its time because it takes more than `max_bytes`.
    pub max_bytes_struck: bool,
    /// When the next of those that stay is due.
    pub next_due: Option<Timestamp>,
}

/// What a sweep did.
#[derive(Debug, Serialize, Deserialize)]
pub struct Sweep {
    /// When.
    pub at: Timestamp,
    /// Why it did nothing, if the wall clock could not be trusted.
    pub waiting: Option<String>,
    /// Whether the policy went on record.
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
    /// Whether there was more than `max_bytes`.
    pub max_bytes_struck: bool,
    /// What it could not do.
    pub failed: Option<String>,
}

/// A segment that goes or went.
#[derive(Debug, Serialize, Deserialize)]
pub struct Due {
    /// Its name.
    pub segment: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// What it takes on disk, in bytes.
    pub bytes: u64,
    /// Why.
    pub reason: String,
}

/// A segment as it is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Segment {
    /// Its name.
    pub segment: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When the next one was, if there is one.
    pub until: Option<Timestamp>,
    /// Its first event.
    pub first_seq: u64,
    /// Its last event.
    pub last_seq: u64,
    /// What it takes on disk, in bytes.
    pub bytes: u64,
    /// Whether it is still written to.
    pub live: bool,
    /// Whether it has its final form.
    pub sealed: bool,
    /// Whether it is only what a hold kept.
    pub held: bool,
    /// What is wrong with it as a whole.
    pub damage: Option<String>,
}

/// A hold's name.
#[derive(Debug, Serialize, Deserialize)]
pub struct HoldName {
    /// The name.
    pub hold: String,
}

/// What was erased.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Erased {
    /// How many requests.
    pub requests: usize,
    /// How many events.
    pub events: u64,
    /// From how many segments.
    pub segments: usize,
    /// Segments that are damaged or not sealed, so that something may be left in them until their time is up.
    pub damaged: Vec<String>,
}

/// A backup that was made.
#[derive(Debug, Serialize, Deserialize)]
pub struct Backed {
    /// Where.
    pub path: PathBuf,
    /// What is in it.
    #[serde(flatten)]
    pub backup: Backup,
}

/// The members of an entry of the ledger that tells of a disposal.
#[derive(Deserialize)]
struct DisposalEntry {
    data: DisposalData,
}

#[derive(Deserialize)]
struct DisposalData {
    #[serde(alias = "day", alias = "month")]
    segment: String,
    opened_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    events: Option<u64>,
    bytes: Option<u64>,
    policy: String,
    reason: String,
    actor: String,
}

/// What was disposed of, newest first.
pub(super) fn disposals(reader: &Reader) -> Result<Vec<Disposal>, journal::Error> {
    // `verify` tells of entries that are none.
    let entries = reader.ledger()?.flatten().filter(|entry| entry.kind.ends_with(".disposed"));
    let mut disposals: Vec<_> = entries.filter_map(|entry| Disposal::from_entry(&entry)).collect();
    disposals.reverse();
    Ok(disposals)
}

/// An entry as it stands, with its signature as the last member.
pub(super) fn signed(entry: &LedgerEntry) -> String {
    let members = entry.text.strip_suffix('}').unwrap_or(&entry.text);
    format!(r#"{members},"signature":"{}"}}"#, entry.signature)
}

// === impl Disposal ===

impl Disposal {
    fn from_entry(entry: &LedgerEntry) -> Option<Self> {
        let DisposalEntry { data } = serde_json::from_str(&entry.text).ok()?;
        let DisposalData { segment: what, opened_at, ended_at, events, bytes, policy, reason, actor } = data;
        let (n, at, kind) = (entry.n, entry.at, entry.kind.clone());
        Some(Self { n, at, kind, what, opened_at, ended_at, events, bytes, policy, reason, actor })
    }
}

// === impl Plan ===

impl From<&retention::Plan> for Plan {
    fn from(plan: &retention::Plan) -> Self {
        Self {
            at: plan.at,
            policy: plan.policy.clone(),
            segments: plan.segments.iter().map(Due::from).collect(),
            end_first: plan.end_first.clone(),
            summaries_before: plan.summaries_before,
            pseudonyms_before: plan.pseudonyms_before,
            ledger_before: plan.ledger_before,
            bytes: plan.bytes,
            bytes_kept: plan.bytes_kept,
            max_bytes_struck: plan.max_bytes_struck,
            next_due: plan.next_due,
        }
    }
}

// === impl Sweep ===

impl Sweep {
    pub(super) fn new(report: &Report) -> Self {
        Self {
            at: report.at,
            waiting: report.skipped.as_ref().map(ToString::to_string),
            policy_changed: report.policy_changed,
            segments: report.segments.iter().map(Due::from).collect(),
            holds_released: report.holds_released,
            summary_days: report.summary_days,
            pseudonym_days: report.pseudonym_days,
            ledger_months: report.ledger_months,
            max_bytes_struck: report.max_bytes_struck,
            failed: None,
        }
    }
}

impl From<&Result<Report, retention::Error>> for Sweep {
    fn from(swept: &Result<Report, retention::Error>) -> Self {
        match swept {
            Ok(report) => Self::new(report),
            Err(error) => Self { failed: Some(error.to_string()), ..Self::new(&error.report) },
        }
    }
}

// === impl Due ===

impl From<&retention::Due> for Due {
    fn from(due: &retention::Due) -> Self {
        let retention::Due { segment, opened_at, bytes, reason } = due;
        Self { segment: segment.clone(), opened_at: *opened_at, bytes: *bytes, reason: reason.to_string() }
    }
}

// === impl Segment ===

impl Segment {
    /// The segments of `infos`, oldest first.
    pub(super) fn all(infos: Vec<SegmentInfo>) -> impl Iterator<Item = Self> {
        let mut begins = infos.iter().skip(1).map(|info| info.opened_at).collect::<Vec<_>>().into_iter();
        infos.into_iter().map(move |info| {
            let SegmentInfo { name, first_seq, last_seq, opened_at, bytes_on_disk, live, sealed, held, damage } = info;
            let (segment, until, bytes) = (name, begins.next(), bytes_on_disk);
            Self { segment, opened_at, until, first_seq, last_seq, bytes, live, sealed, held, damage }
        })
    }
}
