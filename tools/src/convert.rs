//! Requests in the forms of other people's tools: HAR for what speaks HTTP, OTLP/JSON for what shows traces.

mod har;
mod otlp;

use jiff::Timestamp;
use journal::{Event, EventBody, RequestId, RequestReceived, ResponseFinished};

pub(crate) use self::har::har;
pub(crate) use self::otlp::otlp;

/// A request as its events tell it.
pub(crate) struct Told<'a> {
    request: RequestId,
    received: (Timestamp, &'a RequestReceived),
    started: Option<Head<'a>>,
    /// The body, as far as it went out.
    body: String,
    finished: Option<(Timestamp, &'a ResponseFinished)>,
    events: Vec<&'a Event>,
}

/// The head of an answer.
struct Head<'a> {
    at: Timestamp,
    status: u16,
    headers: &'a [(String, String)],
}

// === impl Told ===

impl<'a> Told<'a> {
    /// What `events` tell of `request`; `None` without its beginning.
    pub(crate) fn of(request: RequestId, events: &'a [Event]) -> Option<Self> {
        let events: Vec<&Event> = events.iter().filter(|event| event.draft.request == Some(request)).collect();
        let (mut received, mut started, mut body, mut finished) = (None, None, String::new(), None);
        for event in &events {
            let at = event.draft.at;
            match &event.draft.body {
                EventBody::RequestReceived(found) => received = Some((at, found)),
                EventBody::ResponseStarted { status, headers } => started = Some(Head { at, status: *status, headers }),
                EventBody::ResponseChunk { bytes } => body.push_str(bytes),
                EventBody::ResponseFinished(found) => finished = Some((at, found)),
                _ => {}
            }
        }
        Some(Self { request, received: received?, started, body, finished, events })
    }
}
