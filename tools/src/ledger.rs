//! `ledger`: what an auditor reads.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::output::Output;
use crate::source::Lines;
use crate::text::{plain, size};

/// The longest text that is shown whole, in characters.
const TEXT_MAX: usize = 300;

#[derive(Deserialize)]
struct Entry {
    n: u64,
    at: Timestamp,
    #[serde(rename = "type")]
    kind: String,
    data: Map<String, Value>,
}

/// The ledger's end.
#[derive(Deserialize)]
struct Head {
    n: u64,
    hash: String,
    at: Timestamp,
}

/// Prints the entries in order, one a line.
pub(crate) fn print(lines: Lines) -> Result<(), Failure> {
    let mut output = Output::for_answer(&lines);
    let end = lines.each(|line| {
        let entry: Entry = serde_json::from_str(line)
            .map_err(|_| Failure::Damaged(format!("an entry of the ledger is none: {}", plain(line, 80))))?;
        output.line(&describe(&entry))
    });
    output.end()?;
    end
}

/// Prints the head: number, digest, time. The same line as in `journal.anchor_file`.
pub(crate) fn print_head(lines: Lines, json: bool) -> Result<(), Failure> {
    let (text, head): (_, Head) = lines.document()?;
    let mut output = Output::new();
    let line = format!("{} {} {}", head.n, plain(&head.hash, TEXT_MAX), head.at);
    output.line(if json { &text } else { &line })?;
    output.end()
}

fn describe(entry: &Entry) -> String {
    let Entry { n, at, kind, .. } = entry;
    let at = at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let line = format!("{n:>7}  {at}  {:<19}  {}", plain(kind, TEXT_MAX), entry.what());
    line.trim_end().to_owned()
}

// === impl Entry ===

impl Entry {
    /// What happened, in a few words.
    fn what(&self) -> String {
        match self.kind.as_str() {
            "audit.read" => self.words(&["actor", "action", "filter", "via"]),
            "ledger.opened" => format!("{}, public key {}", self.word("version"), self.word("public_key")),
            "segment.opened" => self.word("segment"),
            "segment.disposed" | "hold.disposed" => self.told(&["segment"], &["reason", "actor"]),
            "segment.sealed" | "hold.carried" => self.told(&["segment"], &[]),
            "summaries.disposed" | "pseudonyms.disposed" => self.told(&["day"], &["reason", "actor"]),
            "ledger.disposed" => self.told(&["month"], &["reason", "actor"]),
            "segment.quarantined" => self.told(&["segment", "what"], &[]),
            "hold.lifted" => self.told(&["hold"], &["reason", "actor"]),
            "hold.placed" => {
                let selector = self.data.get("selector").cloned().and_then(|value| serde_json::from_value(value).ok());
                let keeps = selector.map_or_else(
                    || self.word("selector"),
                    |selector: journal::HoldSelector| plain(&selector.to_string(), TEXT_MAX),
                );
                format!("{}, {keeps}, {}, {}", self.word("hold"), self.word("reason"), self.word("actor"))
            }
            "policy.changed" => format!("{} {}", self.word("digest"), self.word("policy")),
            "journal.anchored" => format!("up to event {}", self.word("seq")),
            "journal.resumed" => format!("{} events are not recorded", self.word("unrecorded")),
            _ => plain(&Value::Object(self.data.clone()).to_string(), TEXT_MAX),
        }
    }

    /// Some members with events and bytes between them, if the entry has those.
    fn told(&self, before: &[&str], behind: &[&str]) -> String {
        let mut told: Vec<_> = before.iter().map(|name| self.word(name)).collect();
        let number = |name: &str| self.data.get(name).and_then(Value::as_u64);
        told.extend(number("events").map(|events| format!("{events} events")));
        told.extend(number("bytes").map(size));
        told.extend(behind.iter().map(|name| self.word(name)));
        told.join(", ")
    }

    fn words(&self, names: &[&str]) -> String {
        names.iter().fold(String::new(), |mut words, name| {
            let word = self.word(name);
            let gap = if words.is_empty() || word.is_empty() { "" } else { " " };
            write!(words, "{gap}{word}").expect("writing to a string cannot fail");
            words
        })
    }

    fn word(&self, name: &str) -> String {
        match self.data.get(name) {
            None => String::new(),
            Some(Value::String(text)) => plain(text, TEXT_MAX),
            Some(other) => plain(&other.to_string(), TEXT_MAX),
        }
    }
}
