//! One line about a request, folded from its events.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::entry::Entry;
use crate::envelope::Envelope;
use crate::event::{Outcome, RequestId, ResponseFinished, Tokens, UsageSource};

/// A request of which nothing was heard for so long is not waited for any longer. The service ends every request it began,
/// so this only bounds what a bug could leave behind.
const SILENCE_MAX: SignedDuration = SignedDuration::from_hours(24);

/// How often, in the time of the events, silent requests are looked for.
const SWEEP_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// What a request was, and how it went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The request, as in `X-Request-Id`.
    pub id: RequestId,
    /// When `request.received` was recorded.
    pub at: Timestamp,
    /// The route's template.
    pub route: String,
    /// The model as the client wrote it.
    pub model: Option<String>,
    /// The id of the client's key, if it showed one of ours.
    pub key: Option<String>,
    /// The HTTP status.
    pub status: u16,
    /// How the request ended.
    pub outcome: Outcome,
    /// The `code` of the error that the client got; absent without one, and in summaries of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// Usage, exact unless `usage_source` says otherwise; `None` when the worker reported none.
    pub tokens: Option<Tokens>,
    /// Where `tokens` are from; absent when the worker reported all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_source: Option<UsageSource>,
    /// Head read to first content for the client, in milliseconds; `None` when there was none.
    pub ttft_ms: Option<f64>,
    /// Head read to last byte for the client, in milliseconds.
    pub duration_ms: f64,
    /// The worker that ran the turn.
    pub worker: Option<String>,
    /// How many events the request has up to and including `response.finished`.
    pub events: u64,
}

/// Folds event lines, given in order, into summaries.
#[derive(Debug, Default)]
pub struct SummaryFold {
    in_flight: HashMap<RequestId, InFlight, BuildHasherDefault<IdHasher>>,
    swept_at: Option<Timestamp>,
}

/// Hashes request ids, of which every event has one. They are ours and random, so nobody can make them collide.
#[derive(Debug, Default)]
struct IdHasher(u64);

#[derive(Debug)]
struct InFlight {
    at: Timestamp,
    route: String,
    key: Option<String>,
    events: u64,
    heard_at: Timestamp,
}

/// What an event is to the summary of its request.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Received(Received),
    Finished(Box<ResponseFinished>),
    /// It only counts.
    Other,
}

/// The fields of `request.received` that a summary shows.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Received {
    route: String,
    key: Option<String>,
}

// === impl Summary ===

impl Summary {
    /// The UTC day whose database holds it.
    pub(crate) fn day(&self) -> Date {
        day_of(self.id, self.at)
    }
}

/// The UTC day of a request: that of its id, or of `at` for an id that names no time.
pub(crate) fn day_of(id: RequestId, at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(id.time().unwrap_or(at)).date()
}

// === impl Step ===

impl Step {
    /// Reads an event of the type `kind`. Data that cannot be read make no summary.
    pub(crate) fn parse(kind: &str, data: &str) -> Self {
        match kind {
            "request.received" => serde_json::from_str(data).map_or(Self::Other, Self::Received),
            "response.finished" => serde_json::from_str(data).map_or(Self::Other, Self::Finished),
            _ => Self::Other,
        }
    }
}

// === impl IdHasher ===

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.0 = self.0.rotate_left(29) ^ u64::from_le_bytes(word);
        }
    }

    fn finish(&self) -> u64 {
        // The table takes its bits from both ends.
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

// === impl SummaryFold ===

impl SummaryFold {
    /// Takes the next event line, and returns the summary of the request that it finishes. A line that is no event is
    /// passed over; so is a request whose `request.received` was not among the lines.
    pub fn apply(&mut self, line: &str) -> Option<Summary> {
        self.apply_envelope(&Envelope::parse(line).ok()?)
    }

    pub(crate) fn apply_envelope(&mut self, event: &Envelope<'_>) -> Option<Summary> {
        self.take(event.at, event.request?, &Step::parse(&event.kind, event.data.get()))
    }

    pub(crate) fn apply_entry(&mut self, entry: &Entry) -> Option<Summary> {
        self.take(entry.at, entry.request?, &entry.step)
    }

    fn take(&mut self, at: Timestamp, id: RequestId, step: &Step) -> Option<Summary> {
        match step {
            Step::Received(Received { route, key }) => {
                self.sweep(at);
                let (route, key) = (route.clone(), key.clone());
                self.in_flight.insert(id, InFlight { at, route, key, events: 1, heard_at: at });
                None
            }
            Step::Finished(end) => {
                let InFlight { at, route, key, events, .. } = self.in_flight.remove(&id)?;
                Some(Summary {
                    id,
                    at,
                    route,
                    model: end.model.clone(),
                    key,
                    status: end.status,
                    outcome: end.outcome,
                    error: end.error.clone(),
                    stream: end.stream,
                    tokens: end.tokens,
                    usage_source: end.usage_source,
                    ttft_ms: end.ttft_ms,
                    duration_ms: end.duration_ms,
                    worker: end.worker.clone(),
                    events: events + 1,
                })
            }
            Step::Other => {
                // Frames that trail behind `response.finished` must not bring their request back.
                if let Some(request) = self.in_flight.get_mut(&id) {
                    request.events += 1;
                    request.heard_at = at;
                }
                None
            }
        }
    }

    fn sweep(&mut self, now: Timestamp) {
        let swept_at = *self.swept_at.get_or_insert(now);
        if now.duration_since(swept_at) >= SWEEP_EVERY {
            self.swept_at = Some(now);
            self.in_flight.retain(|_, request| now.duration_since(request.heard_at) < SILENCE_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: &str, id: RequestId, kind: &str, data: &str) -> String {
        format!(r#"{{"seq":1,"at":"{at}","request":"{id}","type":"{kind}","data":{data}}}"#)
    }

    const RECEIVED: &str = r#"{"method":"POST","route":"/v1/chat/completions","target":"/v1/chat/completions","key":"k1",
        "peer":"127.0.0.1:1","headers":[],"body":{"model":"m"}}"#;
    const FINISHED: &str = r#"{"status":200,"outcome":"ok","model":"m","stream":true,"tokens":null,"finish_reasons":["stop"],
        "error":null,"worker":"w1","ttft_ms":1.5,"duration_ms":3.25}"#;

    #[test]
    fn a_request_becomes_exactly_these_fields() {
        let id: RequestId = "0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b".parse().unwrap();
        let mut fold = SummaryFold::default();
        assert_eq!(fold.apply(&line("2026-11-23T10:00:00Z", id, "request.received", RECEIVED)), None);
        assert_eq!(fold.apply(&line("2026-11-23T10:00:01Z", id, "request.admitted", r#"{"queue_wait_ms":0.0}"#)), None);
        let end = line("2026-11-23T10:00:02Z", id, "response.finished", FINISHED);
        let summary = fold.apply(&end).expect("it is finished");
        assert_eq!(
            serde_json::to_string(&summary).unwrap(),
            r#"{"id":"0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b","at":"2026-11-23T10:00:00Z","route":"/v1/chat/completions","#
                .to_owned()
                + r#""model":"m","key":"k1","status":200,"outcome":"ok","stream":true,"tokens":null,"ttft_ms":1.5,"#
                + r#""duration_ms":3.25,"worker":"w1","events":3}"#
        );
        assert_eq!(fold.apply(&line("2026-11-23T10:00:03Z", id, "rpc.received", "{}")), None);
        assert_eq!(fold.apply(&end), None, "a finished request does not come back");
    }

    #[test]
    fn the_code_of_an_error_is_kept_and_may_be_missing() {
        let id = RequestId::generate();
        let mut fold = SummaryFold::default();
        fold.apply(&line("2026-11-23T10:00:00Z", id, "request.received", RECEIVED));
        let failed = FINISHED.replace(r#""error":null"#, r#""error":"worker_exited""#);
        let summary = fold.apply(&line("2026-11-23T10:00:02Z", id, "response.finished", &failed)).expect("finished");
        assert_eq!(summary.error.as_deref(), Some("worker_exited"));
        let text = serde_json::to_string(&summary).unwrap();
        let before = text.replace(r#""error":"worker_exited","#, "");
        assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), summary);
        assert_eq!(serde_json::from_str::<Summary>(&before).unwrap().error, None);
    }

    #[test]
    fn only_requests_that_went_silent_are_forgotten() {
        let mut fold = SummaryFold::default();
        let (silent, talking, late) = (RequestId::generate(), RequestId::generate(), RequestId::generate());
        fold.apply(&line("2026-11-20T00:00:00Z", silent, "request.received", RECEIVED));
        fold.apply(&line("2026-11-20T00:00:00Z", talking, "request.received", RECEIVED));
        fold.apply(&line("2026-11-20T23:00:00Z", talking, "response.chunk", r#"{"bytes":""}"#));
        fold.apply(&line("2026-11-21T01:00:00Z", late, "request.received", RECEIVED));
        assert_eq!(fold.in_flight.len(), 2);
        assert!(fold.apply(&line("2026-11-21T01:00:01Z", silent, "response.finished", FINISHED)).is_none());
        assert!(fold.apply(&line("2026-11-21T01:00:01Z", talking, "response.finished", FINISHED)).is_some());
    }
}
