//! An entry of the ledger, as an auditor looks at it.

use jiff::Timestamp;
use journal::HoldSelector;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use codex_completions_api::admin::Operation;

use crate::failure::Failure;
use crate::source::Source;
use crate::text::plain;

/// What stands between an entry and its signature in the answer to [`Operation::Ledger`].
const SIGNATURE: &str = r#","signature":""#;

/// Members that stand in columns of their own, or that tell people nothing.
const UNTOLD: &[&str] =
    &["actor", "action", "via", "head", "start", "first_seq", "last_seq", "opened_at", "ended_at", "placed_at"];

/// An entry of the ledger.
pub(super) struct Entry {
    pub(super) n: u64,
    pub(super) at: Timestamp,
    pub(super) kind: String,
    pub(super) data: Map<String, Value>,
    /// The entry as it stands in the ledger: what is signed.
    pub(super) text: String,
    /// The signature, in hex.
    pub(super) signature: String,
}

#[derive(Deserialize)]
struct Members {
    n: u64,
    at: Timestamp,
    #[serde(rename = "type")]
    kind: String,
    data: Map<String, Value>,
}

/// The whole ledger, and whether all of it could be read.
pub(super) fn read(source: &Source) -> Result<(Vec<Entry>, Result<(), Failure>), Failure> {
    let mut entries = Vec::new();
    let end = source.operate(&Operation::Ledger)?.each(|line| {
        entries.push(
            Entry::parse(line)
                .ok_or_else(|| Failure::Damaged(format!("an entry of the ledger is none: {}", plain(line, 80))))?,
        );
        Ok(())
    });
    match end {
        Ok(()) | Err(Failure::Damaged(_)) => Ok((entries, end)),
        Err(failure) => Err(failure),
    }
}

// === impl Entry ===

impl Entry {
    /// Reads a line of the answer to [`Operation::Ledger`].
    fn parse(line: &str) -> Option<Self> {
        let (members, signature) = line.rsplit_once(SIGNATURE)?;
        let (text, signature) = (format!("{members}}}"), signature.strip_suffix("\"}")?.to_owned());
        let Members { n, at, kind, data } = serde_json::from_str(&text).ok()?;
        Some(Self { n, at, kind, data, text, signature })
    }

    /// Its SHA-256, in hex: the `prev` of the next one.
    pub(super) fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.text.as_bytes()))
    }

    /// Whether it tells of something that somebody did, and not of what the journal does by itself.
    pub(super) fn is_act(&self) -> bool {
        self.data.contains_key("actor") || self.kind == "policy.changed"
    }

    /// Who did it; the service itself, if nobody is named.
    pub(super) fn actor(&self) -> String {
        self.word("actor").unwrap_or_else(|| "service".to_owned())
    }

    /// From where it was done, if that is known: through the control socket, or on the folder.
    pub(super) fn via(&self) -> Option<String> {
        self.word("via")
    }

    /// What was done: how something was read, or the type of the entry.
    pub(super) fn action(&self) -> String {
        self.word("action").unwrap_or_else(|| self.kind.clone())
    }

    /// What it was done to, and why.
    pub(super) fn details(&self) -> String {
        if let Some(filter) = self.word("filter") {
            return filter;
        }
        let told = self.data.iter().filter(|(name, value)| !is_untold(name, value));
        told.map(|(name, value)| format!("{name} {}", words(name, value))).collect::<Vec<_>>().join(", ")
    }

    fn word(&self, name: &str) -> Option<String> {
        self.data.get(name).and_then(Value::as_str).map(str::to_owned)
    }
}

/// Whether a member is left out for people. A policy that is only a digest stands in the entry itself.
fn is_untold(name: &str, value: &Value) -> bool {
    UNTOLD.contains(&name) || value.is_null() || name == "policy" && value.is_string()
}

fn words(name: &str, value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        _ if name == "selector" => serde_json::from_value(value.clone())
            .map_or_else(|_| value.to_string(), |selector: HoldSelector| selector.to_string()),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_taken_apart_as_it_was_put_together() {
        let text = r#"{"n":3,"at":"2026-11-23T12:00:00Z","prev":"00","type":"hold.placed","data":{"hold":"ab","selector":{"key":"k1"},"reason":"say \",\"signature\":\"x\"}","actor":"uid:7","placed_at":"2026-11-23T12:00:00Z"}}"#;
        let line = format!(r#"{},"signature":"c0ffee"}}"#, text.strip_suffix('}').unwrap());
        let entry = Entry::parse(&line).unwrap();
        assert_eq!((entry.text.as_str(), entry.signature.as_str()), (text, "c0ffee"));
        assert_eq!((entry.actor().as_str(), entry.action().as_str(), entry.via()), ("uid:7", "hold.placed", None));
        assert_eq!(entry.details(), r#"hold ab, selector key k1, reason say ","signature":"x"}"#);
        assert!(Entry::parse(text).is_none());
    }
}
