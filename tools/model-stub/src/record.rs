//! The requests that came in, kept for whoever drives the stub.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::log::now_ms;

/// Older requests are forgotten beyond this many …
const MAX_REQUESTS: usize = 4096;
/// … or when their bodies hold more than this many bytes together.
const MAX_BYTES: usize = 256 << 20;

/// A request as the stub saw it.
#[derive(Debug, Clone, Serialize)]
pub struct RecordedRequest {
    /// When its body had been read, in milliseconds since 1970.
    pub at_ms: u64,
    /// The path it went to.
    pub path: String,
    /// Whether it carried an Authorization header.
    pub authorization: bool,
    /// Its body, decoded and verbatim.
    pub body: Arc<RawValue>,
    /// The script that the body held.
    pub script: String,
    /// How far its answer got.
    pub outcome: Outcome,
}

/// How far an answer got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is still going out.
    Running,
    /// All of it was handed to the connection.
    Completed,
    /// The connection ended before that: the client hung up, or the stub was stopped.
    Disconnected,
}

/// All recorded requests.
#[derive(Debug, Default)]
pub(crate) struct Records(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    requests: VecDeque<RecordedRequest>,
    /// Number of the request at the front of `requests`; they count from 0 and go on after a clear.
    first: u64,
    bytes: usize,
}

/// Settles the outcome of one request: completed when told so, disconnected when dropped before.
#[derive(Debug)]
pub(crate) struct Answering {
    records: Arc<Records>,
    number: u64,
    outcome: Outcome,
}

// === impl RecordedRequest ===

impl RecordedRequest {
    /// Its body, parsed.
    pub fn json(&self) -> Value {
        serde_json::from_str(self.body.get()).expect("a RawValue holds JSON")
    }
}

// === impl Records ===

impl Records {
    pub(crate) fn begin(
        self: &Arc<Self>,
        path: &str,
        authorization: bool,
        body: Arc<RawValue>,
        script: String,
    ) -> Answering {
        let mut inner = self.lock();
        inner.bytes += body.get().len();
        inner.requests.push_back(RecordedRequest {
            at_ms: now_ms(),
            path: path.to_owned(),
            authorization,
            body,
            script,
            outcome: Outcome::Running,
        });
        let number = inner.first + inner.requests.len() as u64 - 1;
        while inner.requests.len() > MAX_REQUESTS || (inner.bytes > MAX_BYTES && inner.requests.len() > 1) {
            inner.forget_first();
        }
        Answering { records: Arc::clone(self), number, outcome: Outcome::Disconnected }
    }

    pub(crate) fn all(&self) -> Vec<RecordedRequest> {
        self.lock().requests.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        let mut inner = self.lock();
        while !inner.requests.is_empty() {
            inner.forget_first();
        }
    }

    fn settle(&self, number: u64, outcome: Outcome) {
        let mut inner = self.lock();
        let Some(index) = number.checked_sub(inner.first).and_then(|index| usize::try_from(index).ok()) else {
            return; // forgotten meanwhile
        };
        if let Some(request) = inner.requests.get_mut(index) {
            request.outcome = outcome;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Inner ===

impl Inner {
    fn forget_first(&mut self) {
        if let Some(request) = self.requests.pop_front() {
            self.bytes -= request.body.get().len();
            self.first += 1;
        }
    }
}

// === impl Answering ===

impl Answering {
    pub(crate) fn complete(&mut self) {
        self.outcome = Outcome::Completed;
        self.records.settle(self.number, self.outcome);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.records.settle(self.number, self.outcome);
    }
}
