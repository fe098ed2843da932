//! OpenTelemetry traces as OTLP/JSON, which Jaeger and others import: a span for the request, one for each turn of a worker below it. The
//! names are those of the semantic conventions for HTTP and for generative AI.

use std::collections::HashMap;

use jiff::Timestamp;
use journal::EventBody;
use serde_json::{Value, json};

use super::Told;

/// Span kinds of OTLP.
const SERVER: u8 = 2;
const CLIENT: u8 = 3;

/// Status codes of OTLP.
const UNSET: u8 = 0;
const ERROR: u8 = 2;

struct Span<'a> {
    /// Its place in the trace: the request is 0.
    number: usize,
    name: &'a str,
    kind: u8,
    began: Timestamp,
    ended: Timestamp,
    failed: bool,
    attributes: Vec<Value>,
}

/// The traces of these requests, one each.
pub(crate) fn otlp(told: &[Told<'_>]) -> Value {
    let spans: Vec<Value> = told.iter().flat_map(spans).collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": [text("service.name", "codex-proxy")] },
        "scopeSpans": [{ "scope": { "name": "codex-trace", "version": env!("CARGO_PKG_VERSION") }, "spans": spans }],
    }] })
}

fn spans(told: &Told<'_>) -> Vec<Value> {
    let (began, received) = told.received;
    let ended = told.finished.map_or(began, |(at, _)| at);
    let mut attributes = vec![
        text("http.request.method", &received.method),
        text("http.route", &received.route),
        text("gen_ai.operation.name", "chat"),
        text("codex_proxy.request.id", &told.request.to_string()),
    ];
    let mut failed = false;
    if let Some((_, finished)) = told.finished {
        failed = finished.error.is_some();
        attributes.push(number("http.response.status_code", finished.status.into()));
        attributes.push(text("codex_proxy.outcome", finished.outcome.as_str()));
        attributes.extend(finished.model.as_deref().map(|model| text("gen_ai.request.model", model)));
        attributes.extend(finished.error.as_deref().map(|error| text("error.type", error)));
        if let Some(tokens) = finished.tokens {
            attributes.push(number("gen_ai.usage.input_tokens", tokens.input));
            attributes.push(number("gen_ai.usage.output_tokens", tokens.output));
        }
    }
    let name = format!("{} {}", received.method, received.route);
    let root = Span { number: 0, name: &name, kind: SERVER, began, ended, failed, attributes }.of(told);
    std::iter::once(root).chain(turns(told, ended)).collect()
}

/// The threads of workers, from their start to the end of their turns.
fn turns(told: &Told<'_>, request_ended: Timestamp) -> Vec<Value> {
    let mut started: Vec<(String, String, Timestamp)> = Vec::new();
    let mut ended: HashMap<String, Timestamp> = HashMap::new();
    for event in &told.events {
        let EventBody::RpcReceived(frame) = &event.draft.body else { continue };
        let Ok(frame_body) = serde_json::from_slice::<Value>(&frame.frame.0) else { continue };
        let params = &frame_body["params"];
        match frame_body["method"].as_str() {
            Some("thread/started") => {
                let thread = params["thread"]["id"].as_str().unwrap_or_default().to_owned();
                started.push((thread, frame.worker.clone(), event.draft.at));
            }
            Some("turn/completed") => {
                ended.insert(params["threadId"].as_str().unwrap_or_default().to_owned(), event.draft.at);
            }
            _ => {}
        }
    }
    let spans = started.into_iter().enumerate().map(|(number, (thread, worker, began))| {
        let end = ended.get(&thread).copied();
        let attributes = vec![text("codex_proxy.worker", &worker), text("codex_proxy.thread.id", &thread)];
        let (ended, failed) = (end.unwrap_or(request_ended), end.is_none());
        Span { number: number + 1, name: "turn", kind: CLIENT, began, ended, failed, attributes }.of(told)
    });
    spans.collect()
}

// === impl Span ===

impl Span<'_> {
    /// The span in the trace of a request.
    fn of(self, told: &Told<'_>) -> Value {
        let Self { number, name, kind, began, ended, failed, attributes } = self;
        let trace = told.request.to_string().replace('-', "");
        // The end of the id is the random part of it.
        let id = |number: usize| format!("{:04x}{}", number + 1, &trace[20..]);
        let parent = if number == 0 { String::new() } else { id(0) };
        json!({
            "traceId": trace, "spanId": id(number), "parentSpanId": parent, "name": name, "kind": kind,
            "startTimeUnixNano": began.as_nanosecond().to_string(), "endTimeUnixNano": ended.as_nanosecond().to_string(),
            "attributes": attributes, "status": { "code": if failed { ERROR } else { UNSET } },
        })
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn number(key: &str, value: u64) -> Value {
    // OTLP/JSON writes 64-bit numbers as text.
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}
