//! What an auditor asks about: data of the events that also go to the [ledger](crate::ledger).
//!
//! None of them holds content of a request.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::RequestId;

/// Data of `segment.opened`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentOpened {
    /// The segment's name, which is its folder.
    pub segment: String,
    /// The chain before its first event, in hex.
    pub start: String,
}

/// Data of `segment.sealed`: the segment has its final form, and this is what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentSealed {
    /// The segment's name.
    pub segment: String,
    /// The first sequence number it holds.
    pub first_seq: u64,
    /// The last sequence number it holds.
    pub last_seq: u64,
    /// How many events it holds.
    pub events: u64,
    /// In how many blocks.
    pub blocks: u32,
    /// Their text, in bytes.
    pub text_bytes: u64,
    /// The length of its file in bytes.
    pub bytes: u64,
    /// When its first event happened.
    pub began_at: Timestamp,
    /// When its last event happened.
    pub ended_at: Timestamp,
    /// The chain before its first event, in hex.
    pub start: String,
    /// The chain behind its last event, in hex.
    pub head: String,
    /// SHA-256 of its file, in hex.
    pub digest: String,
}

/// Data of `segment.quarantined`: the segment is damaged, so that it cannot be sealed. It stays as it is until its time is up;
/// what can be read of it, is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentQuarantined {
    /// The segment's name.
    pub segment: String,
    /// What is wrong with it.
    pub what: String,
}

/// Data of `segment.recovered`: the newest segment did not end as it was last synced, or ended with a part of a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRecovered {
    /// The segment's name.
    pub segment: String,
    /// The last event it holds.
    pub last_seq: u64,
    /// The last event that had been synced to it and is gone; `None` if nothing that was synced is missing.
    pub lost_up_to: Option<u64>,
    /// Whether it ended with a part of a block, which was cut off.
    pub torn: bool,
}

/// Data of `segment.disposed`: the segment's key is destroyed and its files are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentDisposed {
    /// The segment's name.
    pub segment: String,
    /// The first sequence number it held.
    pub first_seq: u64,
    /// The last sequence number it held.
    pub last_seq: u64,
    /// How many events it held.
    pub events: u64,
    /// What its files took on disk, in bytes.
    pub bytes: u64,
    /// When it was opened, which is when its period began.
    pub opened_at: Timestamp,
    /// When its last event happened; `None` if that could not be read any more.
    pub ended_at: Option<Timestamp>,
    /// The chain behind its last event, in hex; `None` if that could not be read any more.
    pub head: Option<String>,
    /// SHA-256 of the policy that was in force, in hex.
    pub policy: String,
    /// Why, in words for an auditor: `content_ttl 72h`.
    pub reason: String,
    /// Who or what did it.
    pub actor: String,
}

/// Data of `segment.erased`: content of some requests in a sealed segment was destroyed before its time. The segment was written
/// anew under another key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentErased {
    /// The segment's name.
    pub segment: String,
    /// What was to be erased.
    pub selector: HoldSelector,
    /// How many requests were erased from this segment.
    pub requests: u64,
    /// How many events.
    pub events: u64,
    /// The length of its file from now on, in bytes.
    pub bytes: u64,
    /// The chain behind its last event as it is from now on, in hex. What follows the segment follows the one it was sealed with.
    pub head: String,
    /// SHA-256 of the file before, in hex.
    pub replaced: String,
    /// SHA-256 of its file from now on, in hex.
    pub digest: String,
    /// Why.
    pub reason: String,
    /// Who did it.
    pub actor: String,
}

/// What a legal hold keeps beyond its time, or what is to be erased before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldSelector {
    /// One request.
    Request(RequestId),
    /// The requests of one key, by its id.
    Key(String),
    /// The requests received from `since` until before `until`.
    Range {
        /// The first moment.
        since: Timestamp,
        /// The first moment after it.
        until: Timestamp,
    },
}

/// A legal hold. Data of `hold.placed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Names the hold.
    pub hold: String,
    /// What it keeps.
    pub selector: HoldSelector,
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub actor: String,
    /// When.
    pub placed_at: Timestamp,
}

/// Data of `hold.lifted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldLifted {
    /// The hold.
    pub hold: String,
    /// Why.
    pub reason: String,
    /// Who lifted it.
    pub actor: String,
}

/// Data of `hold.carried`: what of a segment is held was carried over, because the segment goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldCarried {
    /// The segment's name, which is also that of what is held of it.
    pub segment: String,
    /// How many requests that are.
    pub requests: u64,
    /// How many events.
    pub events: u64,
    /// The length of the file in bytes.
    pub bytes: u64,
    /// The chain over these events alone, in hex.
    pub head: String,
    /// SHA-256 of the file, in hex.
    pub digest: String,
}

/// Data of `hold.disposed`: what was held of a segment is destroyed, because no hold asks for it any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldDisposed {
    /// The segment's name.
    pub segment: String,
    /// How many events were destroyed.
    pub events: u64,
    /// The length of the file in bytes.
    pub bytes: u64,
    /// SHA-256 of the policy that was in force, in hex.
    pub policy: String,
    /// Why.
    pub reason: String,
    /// Who or what did it.
    pub actor: String,
}

/// Data of `summaries.disposed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummariesDisposed {
    /// The UTC day.
    pub day: String,
    /// SHA-256 of the policy that was in force, in hex.
    pub policy: String,
    /// Why.
    pub reason: String,
    /// Who or what did it.
    pub actor: String,
}

/// Data of `pseudonyms.disposed`: the key of a day's pseudonyms is destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PseudonymsDisposed {
    /// The UTC day.
    pub day: String,
    /// SHA-256 of the policy that was in force, in hex.
    pub policy: String,
    /// Why.
    pub reason: String,
    /// Who or what did it.
    pub actor: String,
}

/// Data of `ledger.disposed`: a month of the ledger itself is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerDisposed {
    /// The UTC month.
    pub month: String,
    /// The number of its last entry.
    pub last_entry: u64,
    /// SHA-256 of its last entry, in hex: what the entry after it follows.
    pub head: String,
    /// SHA-256 of the policy that was in force, in hex.
    pub policy: String,
    /// Why.
    pub reason: String,
    /// Who or what did it.
    pub actor: String,
}

/// On whose word and by which policy something is destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Who or what: `retention` for the service, `uid:1000` for a local user.
    pub actor: String,
    /// SHA-256 of the policy in force, in hex.
    pub policy: String,
}

// === impl HoldSelector ===

impl fmt::Display for HoldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(id) => write!(f, "request {id}"),
            Self::Key(key) => write!(f, "key {key}"),
            Self::Range { since, until } => write!(f, "requests from {since} until {until}"),
        }
    }
}
