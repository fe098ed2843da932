//! What the ledger's entries add up to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use super::entries::LedgerEntries;
use crate::compliance::{
    Hold, HoldLifted, SegmentDisposed, SegmentErased, SegmentOpened, SegmentQuarantined, SegmentSealed,
};
use crate::error::Error;

/// The entries of which there are most, and which change nothing.
const AUDIT_READ: &str = "audit.read";

/// The present state of what the ledger tells of.
#[derive(Debug, Default)]
pub(crate) struct LedgerState {
    /// Segments that were opened and are not disposed of, by name, with what the ledger says of each.
    pub(crate) segments: BTreeMap<String, Known>,
    /// Segments that were disposed of.
    pub(crate) disposed: BTreeSet<String>,
    /// Holds that are in force, by name.
    pub(crate) holds: BTreeMap<String, Hold>,
    /// The digest of the policy in force.
    pub(crate) policy: Option<String>,
    /// When the last entry was made that is not about somebody who read.
    pub(crate) last_time: Option<Timestamp>,
}

/// What the ledger says of a segment.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) sealed: Option<SegmentSealed>,
    /// The last time that something was erased from it.
    pub(crate) erased: Option<SegmentErased>,
    pub(crate) quarantined: bool,
}

#[derive(Deserialize)]
struct Policy {
    digest: String,
}

// === impl LedgerState ===

impl LedgerState {
    /// Folds the ledger of the journal in `journal`. What cannot be read is passed over: `verify` tells of it.
    pub(crate) fn load(journal: &Path) -> Result<Self, Error> {
        let mut state = Self::default();
        for entry in LedgerEntries::without(journal, AUDIT_READ)?.flatten() {
            if let Some(data) = entry.data::<&serde_json::value::RawValue>() {
                state.apply(entry.at, &entry.kind, data.get());
            }
        }
        Ok(state)
    }

    /// Takes the next entry.
    pub(crate) fn apply(&mut self, at: Timestamp, kind: &str, data: &str) {
        if kind != AUDIT_READ {
            self.last_time = Some(at);
        }
        // Data that do not parse are of a newer version, and of no concern here.
        let _ = self.try_apply(kind, data);
    }

    fn try_apply(&mut self, kind: &str, data: &str) -> serde_json::Result<()> {
        match kind {
            "segment.opened" => {
                self.segments.entry(serde_json::from_str::<SegmentOpened>(data)?.segment).or_default();
            }
            "segment.sealed" => {
                let sealed: SegmentSealed = serde_json::from_str(data)?;
                let known = self.segments.entry(sealed.segment.clone()).or_default();
                known.sealed = Some(sealed);
            }
            "segment.erased" => {
                let erased: SegmentErased = serde_json::from_str(data)?;
                let known = self.segments.entry(erased.segment.clone()).or_default();
                known.erased = Some(erased);
            }
            "segment.quarantined" => {
                let segment = serde_json::from_str::<SegmentQuarantined>(data)?.segment;
                self.segments.entry(segment).or_default().quarantined = true;
            }
            "segment.disposed" => {
                let segment = serde_json::from_str::<SegmentDisposed>(data)?.segment;
                self.segments.remove(&segment);
                self.disposed.insert(segment);
            }
            "hold.placed" => {
                let hold: Hold = serde_json::from_str(data)?;
                self.holds.insert(hold.hold.clone(), hold);
            }
            "hold.lifted" => {
                self.holds.remove(&serde_json::from_str::<HoldLifted>(data)?.hold);
            }
            "policy.changed" => self.policy = Some(serde_json::from_str::<Policy>(data)?.digest),
            _ => {}
        }
        Ok(())
    }
}
