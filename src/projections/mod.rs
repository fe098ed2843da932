//! What anyone wants to know, folded from the events: metrics, the access log, the log of the service's life.
//!
//! Nothing else in this crate increments a metric or writes a log line about a request. (The journal's own measures of itself,
//! and what was redacted on the way into it, are exempt.) Projections see each event before it is scrubbed; log lines are scrubbed
//! on their way out.

mod access_log;
mod compat;
mod lifecycle_log;
mod metrics;

use std::collections::HashMap;
use std::sync::Mutex;

use journal::{Draft, EventBody, RequestId, ResponseFinished};

use crate::openai::sse;

pub use self::metrics::{JournalMeasures, Metrics};

/// All projections. Shared by everyone who records.
#[derive(Debug)]
pub struct Projections {
    metrics: Metrics,
    in_flight: Mutex<HashMap<RequestId, InFlight>>,
}

/// What is remembered of a request until it is finished.
#[derive(Debug)]
struct InFlight {
    method: String,
    route: String,
    key: Option<String>,
    streaming: bool,
}

/// A request from end to end, as the projections of finished requests see it.
struct FinishedRequest<'a> {
    id: RequestId,
    started: &'a InFlight,
    end: &'a ResponseFinished,
}

// === impl Projections ===

impl Projections {
    /// Projections that report to `metrics`.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics, in_flight: Mutex::default() }
    }

    /// The metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// How many recorded requests are not finished.
    pub fn requests_in_flight(&self) -> usize {
        self.in_flight.lock().expect("no holder of this lock can panic").len()
    }

    /// Takes in the next event.
    pub fn apply(&self, draft: &Draft) {
        self.metrics.on_event(&draft.body);
        lifecycle_log::on_event(&draft.body);
        if let Some(request) = draft.request {
            self.on_request_event(request, &draft.body);
        }
    }

    fn on_request_event(&self, id: RequestId, body: &EventBody) {
        let mut in_flight = self.in_flight.lock().expect("no holder of this lock can panic");
        match body {
            EventBody::RequestReceived(received) => {
                self.metrics.on_started(&received.route);
                let started = InFlight {
                    method: received.method.clone(),
                    route: received.route.clone(),
                    key: received.key.clone(),
                    streaming: false,
                };
                in_flight.insert(id, started);
            }
            EventBody::ResponseStarted { headers, .. } => {
                let is_stream =
                    headers.iter().any(|(name, value)| name == "content-type" && value == sse::CONTENT_TYPE);
                if is_stream && let Some(started) = in_flight.get_mut(&id) {
                    started.streaming = true;
                    self.metrics.on_stream_opened();
                }
            }
            EventBody::ResponseFinished(end) => {
                if let Some(started) = in_flight.remove(&id) {
                    let request = FinishedRequest { id, started: &started, end };
                    self.metrics.on_finished(&request);
                    access_log::on_finished(&request);
                }
            }
            _ => {}
        }
    }
}
