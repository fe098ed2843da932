//! Maintenance: new requests are told to come back later, while those that run go on.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When clients are told to come back if nobody says otherwise.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// Whether there is maintenance, and what clients are told.
#[derive(Debug)]
pub struct Switch(RwLock<Option<Notice>>);

/// What clients are told while there is maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// For people; a text of ours if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When to come back, in seconds.
    #[serde(default = "retry_after")]
    pub retry_after_s: u64,
}

fn retry_after() -> u64 {
    RETRY_AFTER.as_secs()
}

// === impl Switch ===

impl Switch {
    /// On from the start, or not.
    pub fn new(on: bool) -> Self {
        Self(RwLock::new(on.then(Notice::default)))
    }

    /// What clients are told; `None` if there is no maintenance.
    pub fn notice(&self) -> Option<Notice> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins, changes or ends it, and returns what was.
    pub fn set(&self, notice: Option<Notice>) -> Option<Notice> {
        std::mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), notice)
    }
}

// === impl Notice ===

impl Default for Notice {
    fn default() -> Self {
        Self { message: None, retry_after_s: retry_after() }
    }
}
