//! Requests of which no content is kept because their key says so.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use journal::RequestId;

/// A request is long over by then, with all that the worker still says of it.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(2);

/// What stands before a request's id in an event.
const REQUEST: &str = r#""request":""#;

/// Length of an id.
const ID: usize = 36;

/// Those requests. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Dropping(Arc<RwLock<BTreeSet<RequestId>>>);

// === impl Dropping ===

impl Dropping {
    /// From the next event of this request on.
    pub(super) fn add(&self, id: RequestId) {
        let mut requests = self.0.write().unwrap_or_else(PoisonError::into_inner);
        requests.insert(id);
        let oldest = Timestamp::now() - REMEMBERED;
        // Their order is the order of time.
        while requests.first().is_some_and(|first| first.time().is_none_or(|time| time < oldest)) {
            requests.pop_first();
        }
    }

    pub(super) fn contains(&self, id: RequestId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    /// Whether an event belongs to one of them that begins so.
    pub(super) fn covers(&self, head: &str) -> bool {
        if self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return false;
        }
        let id = || {
            let start = head.find(REQUEST)? + REQUEST.len();
            head.get(start..start + ID)?.parse().ok()
        };
        id().is_some_and(|id| self.contains(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_by_its_event_and_forgotten_in_time() {
        let dropping = Dropping::default();
        let (own, other) = (RequestId::generate(), RequestId::generate());
        let head = |id| format!(r#"{{"at":"2026-11-29T00:00:00Z","request":"{id}","type":"rpc.sent","data":"#);
        assert!(!dropping.covers(&head(own)));
        let old: RequestId = "01890000-0000-7000-8000-000000000000".parse().unwrap();
        dropping.add(old);
        dropping.add(own);
        assert!(dropping.contains(own) && dropping.covers(&head(own)));
        assert!(
            !dropping.contains(old) && !dropping.covers(&head(other)) && !dropping.covers(r#"{"type":"x","data":"#)
        );
    }
}
