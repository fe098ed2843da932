//! Events for people.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;
use journal::{Counts, Frame, RequestId, RequestReceived, ResponseFinished};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::text::plain;

/// How much of a content is shown, in characters.
const EXCERPT: usize = 72;

/// Describes events that are given in order.
#[derive(Default)]
pub(crate) struct Describer {
    /// Calls that are not yet answered, to name the method in the answer.
    calls: HashMap<Call, String>,
}

/// Names a JSON-RPC call: worker, who called, and id.
type Call = (String, Sender, String);

/// An event for people.
pub(crate) struct Description {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) request: Option<RequestId>,
    /// The event's type.
    pub(crate) kind: String,
    /// Who sent something to whom.
    pub(crate) direction: Option<Direction>,
    /// How much content it carries, as it is kept.
    pub(crate) bytes: Option<usize>,
    /// What it says, and what was redacted from it, on one line.
    pub(crate) text: String,
}

/// Who sends to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    ClientToProxy,
    ProxyToWorker,
    WorkerToProxy,
    ProxyToClient,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Sender {
    Proxy,
    Worker,
}

/// Any event, also of a type that this version does not know.
#[derive(Deserialize)]
struct AnyEvent<'a> {
    seq: u64,
    at: Timestamp,
    request: Option<RequestId>,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(default)]
    scrubbed: Counts,
}

/// Data of `response.chunk`.
#[derive(Deserialize)]
struct Chunk {
    bytes: String,
}

/// A JSON-RPC frame.
#[derive(Deserialize)]
struct Rpc<'a> {
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// Direction, bytes and text of an event.
type Content = (Option<Direction>, Option<usize>, String);

// === impl Describer ===

impl Describer {
    /// Describes the event in `line`.
    pub(crate) fn describe(&mut self, line: &str) -> Result<Description, Failure> {
        let event: AnyEvent<'_> = serde_json::from_str(line).map_err(|error| {
            Failure::Damaged(format!(
                "an event in the journal is none (column {}): {}",
                error.column(),
                plain(line, 80)
            ))
        })?;
        let data = event.data.get();
        let (direction, bytes, mut text) = match &*event.kind {
            "request.received" => received(data),
            "response.started" => Ok((Some(Direction::ProxyToClient), None, plain(data, EXCERPT))),
            "response.chunk" => chunk(data),
            "response.finished" => finished(data),
            "rpc.sent" => self.rpc(Sender::Proxy, data),
            "rpc.received" => self.rpc(Sender::Worker, data),
            _ => Ok((None, None, plain(data, 2 * EXCERPT))),
        }
        // Known by its type and different in its data: as it stands, then.
        .unwrap_or_else(|_| (None, None, plain(data, 2 * EXCERPT)));
        let AnyEvent { seq, at, request, kind, scrubbed, .. } = event;
        if !scrubbed.is_empty() {
            text.push_str(&plain(&format!("  · {scrubbed} redacted"), EXCERPT));
        }
        Ok(Description { seq, at, request, kind: plain(&kind, EXCERPT), direction, bytes, text })
    }

    fn rpc(&mut self, sender: Sender, data: &str) -> serde_json::Result<Content> {
        let Frame { worker, frame } = serde_json::from_str(data)?;
        let frame = String::from_utf8_lossy(&frame.0);
        let direction = match sender {
            Sender::Proxy => Direction::ProxyToWorker,
            Sender::Worker => Direction::WorkerToProxy,
        };
        let text = match serde_json::from_str::<Rpc<'_>>(&frame) {
            Ok(rpc) => self.rpc_text(sender, worker, &rpc),
            Err(_) => format!("no JSON-RPC: {}", plain(&frame, EXCERPT)),
        };
        Ok((Some(direction), Some(frame.len()), text))
    }

    fn rpc_text(&mut self, sender: Sender, worker: String, rpc: &Rpc<'_>) -> String {
        let id = rpc.id.map(|id| id.get().to_owned());
        let shown_id = id.as_deref().map_or_else(String::new, |id| format!(" id {}", plain(id, EXCERPT)));
        let body = rpc.params.or(rpc.result).or(rpc.error);
        let body = body.map_or_else(String::new, |body| format!("  {}", plain(body.get(), EXCERPT)));
        if let Some(method) = &rpc.method {
            if let Some(id) = id {
                self.calls.insert((worker, sender, id), method.clone().into_owned());
            }
            return format!("{}{shown_id}{body}", plain(method, EXCERPT));
        }
        let caller = match sender {
            Sender::Proxy => Sender::Worker,
            Sender::Worker => Sender::Proxy,
        };
        let call = id.and_then(|id| self.calls.remove(&(worker, caller, id)));
        let call = call.map_or_else(String::new, |method| format!(" to {}", plain(&method, EXCERPT)));
        format!("{}{call}{shown_id}{body}", if rpc.error.is_some() { "error" } else { "answer" })
    }
}

fn received(data: &str) -> serde_json::Result<Content> {
    let RequestReceived { method, target, key, body, .. } = serde_json::from_str(data)?;
    let key = key.map_or_else(|| "no key".to_owned(), |key| format!("key {}", plain(&key, EXCERPT)));
    let excerpt = plain(&String::from_utf8_lossy(&body.0), EXCERPT);
    let text = format!("{} {}  {key}  {excerpt}", plain(&method, EXCERPT), plain(&target, EXCERPT));
    Ok((Some(Direction::ClientToProxy), Some(body.len()), text.trim_end().to_owned()))
}

fn chunk(data: &str) -> serde_json::Result<Content> {
    let Chunk { bytes } = serde_json::from_str(data)?;
    Ok((Some(Direction::ProxyToClient), Some(bytes.len()), plain(bytes.trim_end(), EXCERPT)))
}

fn finished(data: &str) -> serde_json::Result<Content> {
    let end: ResponseFinished = serde_json::from_str(data)?;
    let mut parts = vec![format!("{} {}", end.status, end.outcome.as_str())];
    if !end.finish_reasons.is_empty() {
        parts.push(plain(&end.finish_reasons.join(" "), EXCERPT));
    }
    parts.extend(end.error.map(|error| plain(&error, EXCERPT)));
    parts.extend(end.tokens.map(|tokens| format!("{} tokens in, {} out", tokens.input, tokens.output)));
    parts.push(format!("{:.1} ms", end.duration_ms));
    Ok((Some(Direction::ProxyToClient), None, parts.join("  ")))
}

// === impl Description ===

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, kind, text, .. } = self;
        let at = self.at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let request = self.request.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let bytes = self.bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
        write!(f, "{seq:>7}  {at}  {request:<36}  {kind:<17}  {bytes:>7}  {text}")
    }
}

// === impl Direction ===

impl Direction {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ClientToProxy => "client -> proxy",
            Self::ProxyToWorker => "proxy -> worker",
            Self::WorkerToProxy => "worker -> proxy",
            Self::ProxyToClient => "proxy -> client",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(describer: &mut Describer, kind: &str, data: &str) -> Description {
        let line = format!(r#"{{"seq":7,"at":"2026-11-23T12:00:00Z","type":"{kind}","data":{data}}}"#);
        describer.describe(&line).unwrap()
    }

    #[test]
    fn an_answer_names_the_call_it_answers() {
        let mut describer = Describer::default();
        let call = r#"{"worker":"w1","frame":{"method":"thread/start","id":3,"params":{"a":1}}}"#;
        let sent = describe(&mut describer, "rpc.sent", call);
        assert_eq!(sent.text, r#"thread/start id 3  {"a":1}"#);
        assert_eq!((sent.direction, sent.bytes), (Some(Direction::ProxyToWorker), Some(49)));

        // The worker's own call with the same id is another one.
        let own = r#"{"worker":"w1","frame":{"method":"approve","id":3}}"#;
        assert_eq!(describe(&mut describer, "rpc.received", own).text, "approve id 3");
        let answer = r#"{"worker":"w1","frame":{"id":3,"result":{}}}"#;
        let received = describe(&mut describer, "rpc.received", answer);
        assert_eq!(received.text, "answer to thread/start id 3  {}");
        assert_eq!(received.direction, Some(Direction::WorkerToProxy));
        let refusal = r#"{"worker":"w1","frame":{"id":3,"error":{"code":-32601}}}"#;
        assert_eq!(describe(&mut describer, "rpc.sent", refusal).text, r#"error to approve id 3  {"code":-32601}"#);
        assert_eq!(describe(&mut describer, "rpc.received", answer).text, "answer id 3  {}");
        assert!(describer.calls.is_empty());
    }

    #[test]
    fn what_was_redacted_is_counted() {
        let line =
            r#"{"seq":7,"at":"2026-11-23T12:00:00Z","type":"worker.stderr","data":{},"scrubbed":{"email":2,"jwt":1}}"#;
        assert_eq!(Describer::default().describe(line).unwrap().text, "{}  · 2 email, 1 jwt redacted");
    }

    #[test]
    fn what_is_unknown_is_shown_as_it_stands() {
        let mut describer = Describer::default();
        let event = describe(&mut describer, "model.dreamt", r#"{"of":"sheep"}"#);
        assert_eq!((event.kind.as_str(), event.text.as_str()), ("model.dreamt", r#"{"of":"sheep"}"#));
        assert_eq!(describe(&mut describer, "response.finished", r#"{"new":1}"#).text, r#"{"new":1}"#);
        let garbage = describe(&mut describer, "rpc.received", r#"{"worker":"w1","frame":"oops\u001b"}"#);
        assert_eq!((garbage.text.as_str(), garbage.bytes), ("no JSON-RPC: oops\\u{1b}", Some(5)));
        assert!(matches!(describer.describe("{}"), Err(Failure::Damaged(_))));
    }
}
