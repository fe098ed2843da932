//! Prometheus metrics. Every label value comes from a closed list and every counter and gauge exists from the start, so that an
//! `increase(…)` sees the first event; what is outside a list counts as `other`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use journal::{Counts, EventBody, Outcome};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram, with_local_recorder};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::{FinishedRequest, compat};
use crate::backend::{BACKEND_FLAG, BackendKind};

const REQUESTS: &str = "codex_proxy_requests_total";
const HTTP_RESPONSES: &str = "codex_proxy_http_responses_total";
const REQUEST_DURATION: &str = "codex_proxy_request_duration_seconds";
const TIME_TO_FIRST_TOKEN: &str = "codex_proxy_time_to_first_token_seconds";
const TOKENS: &str = "codex_proxy_tokens_total";
const ACTIVE_REQUESTS: &str = "codex_proxy_active_requests";
const ACTIVE_STREAMS: &str = "codex_proxy_active_streams";
const WORKER_STATE: &str = "codex_proxy_worker_state";
const WORKER_STARTS: &str = "codex_proxy_worker_starts_total";
const WORKER_RESTARTS: &str = "codex_proxy_worker_restarts_total";
const WORKER_EXITS: &str = "codex_proxy_worker_exits_total";
const WORKER_HANDSHAKE: &str = "codex_proxy_worker_handshake_seconds";
const WORKER_BACKOFF: &str = "codex_proxy_worker_backoff_seconds";
const WORKER_START_TIME: &str = "codex_proxy_worker_start_timestamp_seconds";
const JOURNAL_PENDING: &str = "codex_proxy_journal_pending_events";
const JOURNAL_LAG: &str = "codex_proxy_journal_lag_seconds";
const JOURNAL_FLUSH: &str = "codex_proxy_journal_flush_seconds";
const JOURNAL_FLUSH_ERRORS: &str = "codex_proxy_journal_flush_errors_total";
const JOURNAL_DROPPED: &str = "codex_proxy_journal_dropped_events_total";
const JOURNAL_BACKPRESSURE: &str = "codex_proxy_journal_backpressure_seconds_total";
const SCRUBBED: &str = "codex_proxy_scrubbed_total";
const MAINTENANCE: &str = "codex_proxy_maintenance_mode";
const READY: &str = "codex_proxy_ready";
const DRAINING: &str = "codex_proxy_draining";
const BUILD_INFO: &str = "codex_proxy_build_info";

const ROUTES: [&str; 6] =
    ["/v1/chat/completions", "/v1/models", "/v1/models/{id}", "/v1/usage", "/v1/usage/raw", OTHER];
const METHODS: [&str; 4] = ["GET", "HEAD", "POST", OTHER];
const STATUSES: [&str; 16] =
    ["200", "400", "401", "403", "404", "405", "408", "413", "415", "422", "429", "499", "500", "503", "504", OTHER];
const TOKEN_TYPES: [&str; 4] = ["input", "cached_input", "output", "reasoning"];
const WORKER_STATES: [&str; 4] = ["starting", "handshaking", "ready", "exited"];
const START_RESULTS: [&str; 2] = ["ready", "failed"];
const RESTART_REASONS: [&str; 3] = ["exit", "start", OTHER];
const EXIT_KINDS: [&str; 3] = ["code", "signal", "stopped"];
const DROP_REASONS: [&str; 2] = ["failing", "withheld"];
const OTHER: &str = "other";

/// From a cached answer to the longest request the timeout allows.
const DURATION_BUCKETS: [f64; 24] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0,
    90.0, 120.0, 180.0, 300.0,
];
/// Fine where a person notices a difference.
const FIRST_TOKEN_BUCKETS: [f64; 24] = [
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5,
    10.0, 30.0, 60.0,
];
/// Around the 8 s within which a worker must be back.
const HANDSHAKE_BUCKETS: [f64; 18] =
    [0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 15.0, 20.0, 30.0, 60.0];
/// From a fast disk to one in trouble.
const FLUSH_BUCKETS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// The metrics of one service.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    /// The closed list of the label `model`: the configured names.
    models: Vec<String>,
    /// Whether the service stops: no worker makes it ready then.
    draining: AtomicBool,
    /// Whether new requests go to `codex proto`: that needs no worker to be ready.
    fallback: AtomicBool,
    /// Whether the names of the service before this one are there too.
    compat: bool,
}

/// The journal's measures of itself, which no event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalMeasures {
    /// Events that are not yet durable.
    pub pending: u64,
    /// The age of the oldest of them.
    pub lag: Duration,
    /// Events that were given up because the journal could not be written.
    pub dropped: u64,
    /// Events that the scrubber withheld.
    pub withheld: u64,
    /// Time that senders waited for the journal.
    pub backpressure: Duration,
}

// === impl Metrics ===

impl Metrics {
    /// Metrics with every series at zero; `models` are the values of the label `model`.
    pub fn new(models: impl IntoIterator<Item = String>) -> Result<Self, BuildError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(REQUEST_DURATION.into()), &DURATION_BUCKETS)?
            .set_buckets_for_metric(Matcher::Full(TIME_TO_FIRST_TOKEN.into()), &FIRST_TOKEN_BUCKETS)?
            .set_buckets_for_metric(Matcher::Full(WORKER_HANDSHAKE.into()), &HANDSHAKE_BUCKETS)?
            .set_buckets_for_metric(Matcher::Full(JOURNAL_FLUSH.into()), &FLUSH_BUCKETS)?
            .set_buckets_for_metric(Matcher::Full(compat::HTTP_LATENCY.into()), &compat::LATENCY_BUCKETS)?
            .build_recorder();
        let mut models: Vec<String> = models.into_iter().collect();
        models.push(OTHER.to_owned());
        let metrics = Self {
            handle: recorder.handle(),
            recorder,
            models,
            draining: AtomicBool::new(false),
            fallback: AtomicBool::new(false),
            compat: false,
        };
        with_local_recorder(&metrics.recorder, || {
            describe();
            metrics.initialise();
        });
        Ok(metrics)
    }

    /// With a series for each kind of secret that can be redacted.
    #[must_use]
    pub fn with_kinds<'a>(self, kinds: impl IntoIterator<Item = &'a str>) -> Self {
        self.with(|| {
            for kind in kinds {
                counter!(SCRUBBED, "kind" => kind.to_owned()).absolute(0);
            }
        });
        self
    }

    /// For a service whose requests go to this backend at first.
    #[must_use]
    pub fn with_backend(self, backend: Option<BackendKind>) -> Self {
        if backend == Some(BackendKind::Proto) {
            self.fallback.store(true, Ordering::Relaxed);
            self.with(|| gauge!(READY).set(1));
        }
        self
    }

    /// With the names of the service before this one too.
    #[must_use]
    pub fn with_compat(self) -> Self {
        self.with(compat::initialise);
        Self { compat: true, ..self }
    }

    /// For a service that starts in maintenance.
    #[must_use]
    pub fn in_maintenance(self) -> Self {
        self.with(|| {
            gauge!(MAINTENANCE).set(1);
            if self.compat {
                compat::set_maintenance(true);
            }
        });
        self
    }

    /// The Prometheus text exposition, families and series in a stable order.
    pub fn render(&self) -> String {
        self.handle.run_upkeep();
        let rendered = self.handle.render();
        // The exporter separates families by blank lines and orders them by hash.
        let mut families: Vec<&str> =
            rendered.split("\n\n").map(str::trim_end).filter(|family| !family.is_empty()).collect();
        families.sort_unstable();
        families.join("\n") + "\n"
    }

    pub(super) fn on_started(&self, route: &str) {
        self.with(|| gauge!(ACTIVE_REQUESTS, "route" => within(route, &ROUTES)).increment(1));
    }

    pub(super) fn on_stream_opened(&self) {
        self.with(|| {
            gauge!(ACTIVE_STREAMS).increment(1);
            if self.compat {
                compat::on_stream_opened();
            }
        });
    }

    pub(super) fn on_finished(&self, request: &FinishedRequest<'_>) {
        let FinishedRequest { started, end, .. } = request;
        let route = within(&started.route, &ROUTES);
        let stream = if end.stream { "true" } else { "false" };
        let status = end.status.to_string();
        self.with(|| {
            gauge!(ACTIVE_REQUESTS, "route" => route).decrement(1);
            if started.streaming {
                gauge!(ACTIVE_STREAMS).decrement(1);
            }
            counter!(REQUESTS, "route" => route, "stream" => stream, "outcome" => end.outcome.as_str()).increment(1);
            let (method, status) = (within(&started.method, &METHODS), within(&status, &STATUSES));
            counter!(HTTP_RESPONSES, "route" => route, "method" => method, "status" => status).increment(1);
            if self.compat {
                compat::on_finished(route, method, status, started.streaming, end.duration_ms);
            }
            let backend = match end.worker.as_deref().map(BackendKind::of_worker) {
                Some(BackendKind::Proto) => "proto",
                Some(BackendKind::AppServer) | None => "app_server",
            };
            histogram!(REQUEST_DURATION, "route" => route, "stream" => stream, "backend" => backend)
                .record(end.duration_ms / 1e3);
            let model = self.model(end.model.as_deref());
            if let Some(ttft_ms) = end.ttft_ms {
                histogram!(TIME_TO_FIRST_TOKEN, "model" => model.clone(), "backend" => backend).record(ttft_ms / 1e3);
            }
            if let Some(tokens) = end.tokens {
                let counts = [tokens.input, tokens.cached, tokens.output, tokens.reasoning];
                for (kind, count) in TOKEN_TYPES.into_iter().zip(counts) {
                    counter!(TOKENS, "model" => model.clone(), "type" => kind).increment(count);
                }
            }
        });
    }

    pub(super) fn on_event(&self, body: &EventBody) {
        if self.compat {
            self.with(|| compat::on_event(body));
        }
        self.with(|| match body {
            // The measures of workers are those of the app-server's: the others come and go with their turns.
            EventBody::WorkerSpawned { worker, .. } | EventBody::WorkerExited { worker, .. }
                if BackendKind::of_worker(worker) == BackendKind::Proto => {}
            EventBody::WorkerSpawned { .. } => {
                worker_state("handshaking");
                gauge!(WORKER_BACKOFF).set(0);
                gauge!(WORKER_START_TIME).set(unix_seconds());
            }
            EventBody::WorkerReady { after_ms, .. } => {
                worker_state("ready");
                counter!(WORKER_STARTS, "result" => "ready").increment(1);
                histogram!(WORKER_HANDSHAKE).record(after_ms / 1e3);
                gauge!(READY).set(u32::from(!self.draining.load(Ordering::Relaxed)));
            }
            EventBody::WorkerUnhealthy { .. } => {
                counter!(WORKER_STARTS, "result" => "failed").increment(1);
            }
            EventBody::WorkerExited { signal, expected, .. } => {
                worker_state("exited");
                let kind = if *expected {
                    "stopped"
                } else if signal.is_some() {
                    "signal"
                } else {
                    "code"
                };
                counter!(WORKER_EXITS, "kind" => kind).increment(1);
                if !self.fallback.load(Ordering::Relaxed) {
                    gauge!(READY).set(0);
                }
            }
            EventBody::WorkerRestartScheduled { delay_ms, reason, .. } => {
                counter!(WORKER_RESTARTS, "reason" => within(reason, &RESTART_REASONS)).increment(1);
                let delay = Duration::from_millis(*delay_ms);
                gauge!(WORKER_BACKOFF).set(delay.as_secs_f64());
            }
            // A backend that is switched to is ready.
            EventBody::FlagChanged { flag, to, .. } if flag == BACKEND_FLAG => {
                self.fallback.store(*to == BackendKind::Proto.as_str(), Ordering::Relaxed);
                gauge!(READY).set(u32::from(!self.draining.load(Ordering::Relaxed)));
            }
            EventBody::MaintenanceChanged { on, .. } => gauge!(MAINTENANCE).set(u32::from(*on)),
            EventBody::ServiceDraining { .. } => {
                self.draining.store(true, Ordering::Relaxed);
                gauge!(DRAINING).set(1);
                gauge!(READY).set(0);
            }
            _ => {}
        });
    }

    /// A flush of the journal took this long.
    pub(crate) fn on_journal_flush(&self, took: Duration) {
        self.with(|| histogram!(JOURNAL_FLUSH).record(took.as_secs_f64()));
    }

    /// The journal could not be written.
    pub(crate) fn on_journal_error(&self) {
        self.with(|| counter!(JOURNAL_FLUSH_ERRORS).increment(1));
    }

    /// So much was redacted from an event of the journal. The kinds are the scrubber's own names.
    pub(crate) fn on_scrubbed(&self, counts: &Counts) {
        if !counts.is_empty() {
            self.with(|| {
                for (kind, count) in counts.iter() {
                    counter!(SCRUBBED, "kind" => kind.to_owned()).increment(count);
                }
            });
        }
    }

    /// What the journal says of itself.
    pub(crate) fn set_journal(&self, measures: &JournalMeasures) {
        self.with(|| {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a gauge is a float; it is exact far beyond what memory holds"
            )]
            gauge!(JOURNAL_PENDING).set(measures.pending as f64);
            gauge!(JOURNAL_LAG).set(measures.lag.as_secs_f64());
            for (reason, count) in DROP_REASONS.into_iter().zip([measures.dropped, measures.withheld]) {
                counter!(JOURNAL_DROPPED, "reason" => reason).absolute(count);
            }
            counter!(JOURNAL_BACKPRESSURE).absolute(measures.backpressure.as_secs());
        });
    }

    fn with(&self, record: impl FnOnce()) {
        with_local_recorder(&self.recorder, record);
    }

    fn model(&self, model: Option<&str>) -> String {
        let known = self.models.iter().find(|known| model.is_some_and(|model| known.eq_ignore_ascii_case(model)));
        known.map_or(OTHER, String::as_str).to_owned()
    }

    /// Writes a zero, or the constant, into every series.
    fn initialise(&self) {
        for route in ROUTES {
            gauge!(ACTIVE_REQUESTS, "route" => route).set(0);
            for stream in ["true", "false"] {
                for outcome in Outcome::ALL {
                    counter!(REQUESTS, "route" => route, "stream" => stream, "outcome" => outcome.as_str()).absolute(0);
                }
            }
            for method in METHODS {
                for status in STATUSES {
                    counter!(HTTP_RESPONSES, "route" => route, "method" => method, "status" => status).absolute(0);
                }
            }
        }
        for model in &self.models {
            for kind in TOKEN_TYPES {
                counter!(TOKENS, "model" => model.clone(), "type" => kind).absolute(0);
            }
        }
        worker_state("starting");
        let labelled = [
            (WORKER_STARTS, "result", &START_RESULTS[..]),
            (WORKER_RESTARTS, "reason", &RESTART_REASONS[..]),
            (WORKER_EXITS, "kind", &EXIT_KINDS[..]),
            (JOURNAL_DROPPED, "reason", &DROP_REASONS[..]),
        ];
        for (name, label, values) in labelled {
            for value in values {
                counter!(name, label => *value).absolute(0);
            }
        }
        for name in [
            ACTIVE_STREAMS,
            WORKER_BACKOFF,
            WORKER_START_TIME,
            JOURNAL_PENDING,
            JOURNAL_LAG,
            MAINTENANCE,
            READY,
            DRAINING,
        ] {
            gauge!(name).set(0);
        }
        for name in [JOURNAL_FLUSH_ERRORS, JOURNAL_BACKPRESSURE] {
            counter!(name).absolute(0);
        }
        gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1);
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("models", &self.models).finish_non_exhaustive()
    }
}

/// A gauge per state, 1 for the present one.
fn worker_state(present: &str) {
    for state in WORKER_STATES {
        gauge!(WORKER_STATE, "state" => state).set(u32::from(state == present));
    }
}

/// `value` as the closed list writes it, or `other`.
fn within<const N: usize>(value: &str, list: &[&'static str; N]) -> &'static str {
    list.iter().find(|known| **known == value).copied().unwrap_or(OTHER)
}

fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn describe() {
    describe_counter!(REQUESTS, "Requests finished, by outcome. The source of availability.");
    describe_counter!(HTTP_RESPONSES, "HTTP responses by status code.");
    describe_histogram!(REQUEST_DURATION, "Request head read to last body byte handed to the connection.");
    describe_histogram!(
        TIME_TO_FIRST_TOKEN,
        "Request head read to first content or tool-call delta; the role-only delta does not count."
    );
    describe_counter!(TOKENS, "Tokens as the worker reported them.");
    describe_gauge!(ACTIVE_REQUESTS, "Requests in flight.");
    describe_gauge!(ACTIVE_STREAMS, "SSE streams open.");
    describe_gauge!(WORKER_STATE, "1 for the current state.");
    describe_counter!(WORKER_STARTS, "Worker launches by result.");
    describe_counter!(WORKER_RESTARTS, "Worker restarts scheduled, by what made them necessary.");
    describe_counter!(WORKER_EXITS, "Worker exits: by code, by signal, or stopped on purpose.");
    describe_histogram!(WORKER_HANDSHAKE, "Spawn to ready.");
    describe_gauge!(WORKER_BACKOFF, "Delay before the next start; 0 when none is due.");
    describe_gauge!(WORKER_START_TIME, "Unix time of the current worker's start; 0 before the first.");
    describe_gauge!(JOURNAL_PENDING, "Events accepted, not yet durable.");
    describe_gauge!(JOURNAL_LAG, "Age of the oldest event not yet durable.");
    describe_histogram!(JOURNAL_FLUSH, "Time to make the events of a block or more durable.");
    describe_counter!(JOURNAL_FLUSH_ERRORS, "Writes to the journal that failed.");
    describe_counter!(
        JOURNAL_DROPPED,
        "Events that are not in the journal: it could not be written, or the scrubber withheld them. Must stay 0."
    );
    describe_counter!(JOURNAL_BACKPRESSURE, "Time that requests waited for the journal, in whole seconds.");
    describe_counter!(SCRUBBED, "Secrets and personal data redacted from events of the journal, by kind.");
    describe_gauge!(MAINTENANCE, "1 while new requests are told to come back later.");
    describe_gauge!(READY, "1 while a worker takes turns, or a process can be started for each.");
    describe_gauge!(DRAINING, "1 once the service was told to stop.");
    describe_gauge!(BUILD_INFO, "Constant 1.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_there_from_the_start_and_the_order_is_stable() {
        let metrics = Metrics::new(["m".to_owned()]).unwrap();
        let rendered = metrics.render();
        for series in [
            r#"codex_proxy_requests_total{route="/v1/chat/completions",stream="true",outcome="stream_aborted"} 0"#,
            r#"codex_proxy_worker_restarts_total{reason="exit"} 0"#,
            r#"codex_proxy_tokens_total{model="other",type="reasoning"} 0"#,
            r#"codex_proxy_journal_dropped_events_total{reason="failing"} 0"#,
            "codex_proxy_journal_flush_errors_total 0",
            "codex_proxy_journal_backpressure_seconds_total 0",
            "codex_proxy_journal_pending_events 0",
            "codex_proxy_journal_lag_seconds 0",
            "codex_proxy_ready 0",
        ] {
            assert!(rendered.contains(series), "{series} is not in\n{rendered}");
        }
        let names: Vec<&str> = rendered.lines().filter(|line| line.starts_with("# HELP")).collect();
        assert!(names.is_sorted());
    }

    #[test]
    fn the_names_of_the_service_before_are_there_if_asked_for() {
        let maintenance =
            |on| EventBody::MaintenanceChanged { on, retry_after_s: None, message: None, actor: "uid:0".to_owned() };
        let plain = Metrics::new([]).unwrap().in_maintenance();
        plain.on_event(&maintenance(true));
        assert!(!plain.render().contains("codex_maintenance_mode"), "{}", plain.render());
        let both = Metrics::new([]).unwrap().with_compat().in_maintenance();
        assert!(both.render().contains("codex_maintenance_mode 1") && both.render().contains("codex_streams_active 0"));
        both.on_event(&maintenance(false));
        let rendered = both.render();
        assert!(rendered.contains("codex_maintenance_mode 0") && rendered.contains("codex_proxy_maintenance_mode 0"));
    }

    #[test]
    fn what_is_redacted_is_counted_by_kind() {
        let metrics = Metrics::new([]).unwrap().with_kinds(["email", "jwt"]);
        metrics.on_scrubbed(&[("jwt", 2)].into_iter().collect());
        metrics.on_scrubbed(&[("jwt", 1)].into_iter().collect());
        let rendered = metrics.render();
        for series in [r#"codex_proxy_scrubbed_total{kind="jwt"} 3"#, r#"codex_proxy_scrubbed_total{kind="email"} 0"#] {
            assert!(rendered.contains(series), "{series} is not in\n{rendered}");
        }
    }

    #[test]
    fn a_service_that_stops_is_not_ready_again() {
        let metrics = Metrics::new([]).unwrap();
        let ready = EventBody::WorkerReady { worker: "w1".to_owned(), after_ms: 1.0, models: 1 };
        metrics.on_event(&ready);
        assert!(metrics.render().contains("codex_proxy_ready 1"));
        metrics.on_event(&EventBody::ServiceDraining { reason: "SIGTERM".to_owned(), requests: 0 });
        metrics.on_event(&ready);
        assert!(metrics.render().contains("codex_proxy_ready 0"));
    }

    #[test]
    fn on_the_fallback_no_worker_is_needed() {
        let metrics = Metrics::new([]).unwrap().with_backend(Some(BackendKind::Proto));
        let exited = |worker: &str| EventBody::WorkerExited {
            worker: worker.to_owned(),
            code: Some(0),
            signal: None,
            expected: true,
            uptime_ms: 1.0,
        };
        metrics.on_event(&exited("p1"));
        metrics.on_event(&exited("w1"));
        assert!(metrics.render().contains("codex_proxy_ready 1"));
        let switched = |to: BackendKind| EventBody::FlagChanged {
            flag: BACKEND_FLAG.to_owned(),
            from: String::new(),
            to: to.to_string(),
            actor: "uid:0".to_owned(),
        };
        metrics.on_event(&switched(BackendKind::AppServer));
        assert!(metrics.render().contains("codex_proxy_ready 1"));
        metrics.on_event(&exited("w2"));
        assert!(metrics.render().contains("codex_proxy_ready 0"));
        metrics.on_event(&switched(BackendKind::Proto));
        assert!(metrics.render().contains("codex_proxy_ready 1"));
    }

    #[test]
    fn what_is_in_no_list_counts_as_other() {
        let metrics = Metrics::new(["gpt".to_owned()]).unwrap();
        assert_eq!(metrics.model(Some("GPT")), "gpt");
        assert_eq!(metrics.model(Some("sk-secret")), "other");
        assert_eq!(within("/etc/passwd", &ROUTES), "other");
    }
}
