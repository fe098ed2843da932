//! The names that the service before this one used for its metrics (`codex_v0`), so that its dashboards and alerts go on over the
//! change. They are filled beside ours, from the same events.

use journal::EventBody;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

const HTTP_REQUESTS: &str = "codex_http_requests_total";
pub(super) const HTTP_LATENCY: &str = "codex_http_latency_ms";
const STREAMS_ACTIVE: &str = "codex_streams_active";
const WORKER_RESTARTS: &str = "codex_worker_restarts_total";
const WORKER_LATENCY: &str = "codex_worker_latency_ms";
const MAINTENANCE: &str = "codex_maintenance_mode";

/// From a cached answer to the longest request, in milliseconds.
pub(super) const LATENCY_BUCKETS: [f64; 12] =
    [10.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0, 30_000.0, 60_000.0, 300_000.0];

/// Puts every series that has no labels at zero.
pub(super) fn initialise() {
    describe_counter!(HTTP_REQUESTS, "HTTP requests by route, method and status.");
    describe_histogram!(HTTP_LATENCY, "Request head read to last body byte, in milliseconds.");
    describe_gauge!(STREAMS_ACTIVE, "SSE streams open.");
    describe_counter!(WORKER_RESTARTS, "Worker restarts scheduled.");
    describe_gauge!(WORKER_LATENCY, "The current worker's spawn to ready, in milliseconds.");
    describe_gauge!(MAINTENANCE, "1 in maintenance.");
    counter!(WORKER_RESTARTS).absolute(0);
    for name in [STREAMS_ACTIVE, WORKER_LATENCY, MAINTENANCE] {
        gauge!(name).set(0);
    }
}

pub(super) fn on_stream_opened() {
    gauge!(STREAMS_ACTIVE).increment(1);
}

/// A request ended; the labels are of closed lists.
pub(super) fn on_finished(route: &'static str, method: &'static str, status: &'static str, streamed: bool, ms: f64) {
    if streamed {
        gauge!(STREAMS_ACTIVE).decrement(1);
    }
    counter!(HTTP_REQUESTS, "route" => route, "method" => method, "status_code" => status).increment(1);
    histogram!(HTTP_LATENCY, "route" => route, "method" => method, "status_code" => status).record(ms);
}

pub(super) fn on_event(body: &EventBody) {
    match body {
        EventBody::WorkerReady { after_ms, .. } => gauge!(WORKER_LATENCY).set(*after_ms),
        EventBody::WorkerRestartScheduled { .. } => counter!(WORKER_RESTARTS).increment(1),
        EventBody::MaintenanceChanged { on, .. } => set_maintenance(*on),
        _ => {}
    }
}

pub(super) fn set_maintenance(on: bool) {
    gauge!(MAINTENANCE).set(u32::from(on));
}
