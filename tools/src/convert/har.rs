//! HTTP Archive 1.2 (<http://www.softwareishard.com/blog/har-12-spec/>), as browsers and proxies import it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Head, Told};

/// The archive of these requests.
pub(crate) fn har(told: &[Told<'_>]) -> Value {
    let creator = json!({ "name": "codex-trace", "version": env!("CARGO_PKG_VERSION") });
    json!({ "log": { "version": "1.2", "creator": creator, "entries": told.iter().map(entry).collect::<Vec<_>>() } })
}

fn entry(told: &Told<'_>) -> Value {
    let (began, received) = told.received;
    let host = received.headers.iter().find(|(name, _)| name == "host").map_or("localhost", |(_, host)| host);
    let post = (!received.body.is_empty())
        .then(|| json!({ "mimeType": "application/json", "text": String::from_utf8_lossy(&received.body.0) }));
    let (first_byte, status, headers) = match &told.started {
        Some(Head { at, status, headers }) => (*at, *status, *headers),
        // The client left before it got anything.
        None => (began, 0, &[][..]),
    };
    let kind = headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, kind)| kind);
    let wait = millis(began, first_byte);
    let whole = told.finished.map_or(wait, |(at, _)| millis(began, at));
    json!({
        "startedDateTime": began.to_string(),
        "time": whole,
        "request": {
            "method": received.method, "url": format!("http://{host}{}", received.target), "httpVersion": "HTTP/1.1",
            "headers": pairs(&received.headers), "queryString": [], "cookies": [], "headersSize": -1,
            "bodySize": received.body.len(), "postData": post,
        },
        "response": {
            "status": status, "statusText": "", "httpVersion": "HTTP/1.1", "headers": pairs(headers), "cookies": [],
            "content": { "size": told.body.len(), "mimeType": kind, "text": told.body }, "redirectURL": "", "headersSize": -1,
            "bodySize": told.body.len(),
        },
        "cache": {},
        "timings": { "send": 0, "wait": wait, "receive": whole - wait },
        "comment": told.request.to_string(),
    })
}

fn pairs(headers: &[(String, String)]) -> Vec<Value> {
    headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn millis(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() * 1e3
}
