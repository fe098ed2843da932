//! A report as text with tables, whatever it is written in.

use codex_completions_api::admin::answers::Disposal;
use jiff::Timestamp;
use journal::{Hold, Problem};

use super::report::{Act, Reads, Report};
use crate::text::{moment, plain, size};

/// The longest text that is shown whole, in characters.
const TEXT_MAX: usize = 2000;

const ACTS: &[&str] = &["Entry", "At", "Actor", "Action", "Details"];
const DISPOSALS: &[&str] =
    &["Entry", "At", "Type", "What", "From", "To", "Events", "Bytes", "Reason", "Policy", "Actor"];
const HOLDS: &[&str] = &["Hold", "Placed at", "Actor", "Keeps", "Reason"];
const READS: &[&str] = &["Actor", "Via", "Action", "Times", "First", "Last"];
const PROBLEMS: &[&str] = &["Where", "Block", "What"];

/// Text of a report.
pub(super) struct Document {
    pub(super) title: String,
    /// What matters most: names and values.
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) sections: Vec<Section>,
}

/// A table with a title.
pub(super) struct Section {
    pub(super) title: &'static str,
    /// What an auditor is told about it.
    pub(super) says: &'static str,
    pub(super) columns: &'static [&'static str],
    pub(super) rows: Vec<Vec<String>>,
}

// === impl Report ===

impl Report {
    /// The report for people.
    pub(super) fn document(&self) -> Document {
        let section = |title, says, columns, rows| Section { title, says, columns, rows };
        let acts = |acts: &[Act]| acts.iter().map(act).collect();
        Document {
            title: format!("Audit report, {} to {}", moment(self.period.since), moment(self.period.until)),
            facts: self.facts(),
            sections: vec![
                section(
                    "Disposed of",
                    "What was destroyed in the period, key first, and by which policy (its SHA-256).",
                    DISPOSALS,
                    self.disposed.iter().map(disposal).collect(),
                ),
                section("Erased", "Content that was destroyed before its time.", ACTS, acts(&self.erased)),
                section("Holds placed", "Who, what and why.", ACTS, acts(&self.holds_placed)),
                section(
                    "Holds lifted",
                    "What they alone kept goes with the next sweep.",
                    ACTS,
                    acts(&self.holds_lifted),
                ),
                section(
                    "Holds in force",
                    "When the report was made.",
                    HOLDS,
                    self.holds_in_force.iter().map(hold).collect(),
                ),
                section(
                    "Reads",
                    "Each reading is recorded before it is answered.",
                    READS,
                    self.reads.iter().map(reads).collect(),
                ),
                section(
                    "Exports",
                    "Requests, backups and evidence that left the journal, and requests that came into it.",
                    ACTS,
                    acts(&self.exports),
                ),
                section("Changes", "Of policy, flags, maintenance and keys.", ACTS, acts(&self.changes)),
                section("Gaps and damage", "What the journal noticed by itself.", ACTS, acts(&self.incidents)),
                section(
                    "What verification found",
                    "Every byte, the chain, the seals and the ledger's signatures were checked when the report was made.",
                    PROBLEMS,
                    self.verification.problems.iter().map(problem).collect(),
                ),
            ],
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let Self { ledger, recorded, retained, verification, .. } = self;
        let verdict = match verification.problems.len() {
            0 => "passed: the journal is what was written".to_owned(),
            count => format!("FAILED: {count} problems, see below"),
        };
        let extract = match (ledger.first, ledger.last) {
            (Some(first), Some(last)) => format!("entries {first} to {last}, {} in all", ledger.entries),
            _ => "no entries".to_owned(),
        };
        vec![
            ("Verification", verdict),
            ("Overdue", format!("{} segments", self.overdue)),
            (
                "Sealed in the period",
                format!("{} segments, {} events, {}", recorded.segments, recorded.events, size(recorded.bytes)),
            ),
            (
                "Kept now",
                format!(
                    "{} segments ({} for holds only), {} events, {}; {} summaries",
                    retained.segments,
                    retained.held,
                    retained.events,
                    size(retained.bytes),
                    retained.summaries
                ),
            ),
            ("Oldest segment", retained.oldest.map_or_else(none, moment)),
            ("Disposals in the period", self.disposed.len().to_string()),
            ("Holds in force", self.holds_in_force.len().to_string()),
            ("Policy in force", plain(&self.policy.to_string(), TEXT_MAX)),
            ("Policy, SHA-256", plain(&self.policy_digest, TEXT_MAX)),
            ("Ledger of the period", extract),
            ("Last entry, SHA-256", ledger.head.clone().unwrap_or_else(none)),
            ("public.pem, SHA-256", ledger.public_key_sha256.clone()),
            ("Made at", moment(self.made_at)),
            ("Made by", format!("codex-trace {}, with the scrubbing rules of that version", self.version)),
        ]
    }
}

fn act(act: &Act) -> Vec<String> {
    let Act { n, at, actor, action, details } = act;
    vec![n.to_string(), moment(*at), text(actor), text(action), text(details)]
}

fn disposal(disposal: &Disposal) -> Vec<String> {
    let optional = |at: Option<Timestamp>| at.map_or_else(none, moment);
    vec![
        disposal.n.to_string(),
        moment(disposal.at),
        text(&disposal.kind),
        text(&disposal.what),
        optional(disposal.opened_at),
        optional(disposal.ended_at),
        disposal.events.map_or_else(none, |events| events.to_string()),
        disposal.bytes.map_or_else(none, |bytes| bytes.to_string()),
        text(&disposal.reason),
        text(&disposal.policy),
        text(&disposal.actor),
    ]
}

fn hold(hold: &Hold) -> Vec<String> {
    let keeps = hold.selector.to_string();
    vec![text(&hold.hold), moment(hold.placed_at), text(&hold.actor), text(&keeps), text(&hold.reason)]
}

fn reads(reads: &Reads) -> Vec<String> {
    let Reads { actor, via, action, count, first, last } = reads;
    vec![text(actor), text(via), text(action), count.to_string(), moment(*first), moment(*last)]
}

fn problem(problem: &Problem) -> Vec<String> {
    let Problem { segment, block, what } = problem;
    vec![text(segment), block.map_or_else(none, |block| block.to_string()), text(what)]
}

fn text(text: &str) -> String {
    plain(text, TEXT_MAX)
}

fn none() -> String {
    "-".to_owned()
}
