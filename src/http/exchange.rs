//! One HTTP exchange: everything between a request's head and its last byte that is recorded, in one place.
//!
//! The work on a request runs in a task of its own that holds the [`Exchange`]; the connection only waits for the head and
//! then for the body's bytes. So a client that leaves cancels nothing by surprise: the task notices, ends the turn, and records how
//! the request ended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request};
use journal::{EventBody, Outcome, Payload, RequestId, RequestReceived, ResponseFinished, Tokens, UsageSource};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::error::{ApiError, MODEL_MAX};
use crate::byte_channel;
use crate::openai::error::shortened;
use crate::record::Recorder;

/// The header that names a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The same name on answers of the model routes.
pub const TRACE_ID: HeaderName = HeaderName::from_static("x-proxy-trace-id");

/// How much of a stream may wait for a slow reader, in bytes. As much again may wait on the way from the worker.
const STREAM_BUFFER: u32 = 128 << 10;

/// How long a reader may leave that buffer full before it counts as gone: what its turn says meanwhile fills the worker's pipe,
/// which other turns share.
const STALL_LIMIT: Duration = Duration::from_millis(50);

/// What is recorded of a body that came without a valid key, in bytes.
const STRANGERS_BODY: usize = 4 << 10;

/// An HTTP exchange whose head was read.
#[derive(Debug)]
pub struct Exchange {
    /// Its name.
    pub id: RequestId,
    /// When the head was read.
    pub started: Instant,
    /// What is told at the end.
    pub facts: Facts,
    recorder: Recorder,
    /// Set on the answers of the model routes only.
    traced: bool,
    /// Headers of every answer.
    common: HeaderMap,
    connection: Connection,
    /// Set once the client read too slowly to go on.
    stalled: bool,
}

/// What is known of a request and told in `response.finished`.
#[derive(Debug, Default)]
pub struct Facts {
    /// The model as the client wrote it.
    pub model: Option<String>,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// Usage.
    pub tokens: Option<Tokens>,
    /// Where it is from, if not from the worker.
    pub usage_source: Option<UsageSource>,
    /// The `finish_reason` of each choice.
    pub finish_reasons: Vec<String>,
    /// The worker that ran the turn.
    pub worker: Option<Arc<str>>,
    /// When the first content or tool call was handed to the connection.
    pub first_token: Option<Instant>,
}

/// How the answer reaches the client.
#[derive(Debug)]
enum Connection {
    /// The head is still to come.
    Waiting(oneshot::Sender<Response<Body>>),
    /// The head went out with this status; the body follows.
    Streaming(StatusCode, EventSender),
    /// Everything went out.
    Done,
}

/// An answer that goes out as a whole.
#[derive(Debug)]
struct Whole {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
    outcome: Outcome,
    /// The code of the error that it is, if it is one.
    error: Option<String>,
}

/// Where the events of a stream go.
#[derive(Debug)]
struct EventSender {
    events: byte_channel::Sender<Bytes>,
    /// Set before the sender of a complete body is dropped. The connection of any other is broken off, so that its client
    /// cannot take it for complete.
    complete: Arc<AtomicBool>,
}

/// A body that ended before it was complete.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the answer broke off")]
struct BrokenOff;

/// Nobody is left to read the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientGone;

/// Why an event was not handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unsent {
    /// The client left.
    Left,
    /// The client does not read.
    Stalled,
}

/// The status of a request whose client left, after nginx. It is recorded and never sent.
const CLIENT_CLOSED_REQUEST: u16 = 499;

// === impl Exchange ===

impl Exchange {
    /// Begins an exchange; the receiver gives the answer as soon as its head is known.
    /// `common` are headers that go with every answer.
    pub fn begin(recorder: Recorder, traced: bool, common: HeaderMap) -> (Self, oneshot::Receiver<Response<Body>>) {
        let (head, answer) = oneshot::channel();
        let exchange = Self {
            id: RequestId::generate(),
            started: Instant::now(),
            facts: Facts::default(),
            recorder,
            traced,
            common,
            connection: Connection::Waiting(head),
            stalled: false,
        };
        (exchange, answer)
    }

    /// Records the request as far as it could be read.
    pub async fn received(
        &self,
        head: &request::Parts,
        peer: SocketAddr,
        route: &'static str,
        key: Option<&str>,
        body: Bytes,
    ) {
        // Strangers must not fill the disk.
        let body = if key.is_none() && body.len() > STRANGERS_BODY { body.slice(..STRANGERS_BODY) } else { body };
        let received = RequestReceived {
            method: head.method.to_string(),
            route: route.to_owned(),
            target: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
            key: key.map(str::to_owned),
            peer: peer.to_string(),
            headers: pairs(&head.headers),
            body: Payload(body),
        };
        self.record(EventBody::RequestReceived(received)).await;
    }

    /// Records `body` for this request.
    pub async fn record(&self, body: EventBody) {
        self.recorder.record(Some(self.id), body).await;
    }

    /// Whether the head is still to come.
    pub fn is_waiting(&self) -> bool {
        matches!(self.connection, Connection::Waiting(_))
    }

    /// Completes when nobody is left to read the answer.
    pub async fn client_gone(&mut self) {
        match &mut self.connection {
            Connection::Waiting(head) => head.closed().await,
            Connection::Streaming(_, body) => body.events.closed().await,
            Connection::Done => std::future::pending().await,
        }
    }

    /// Answers with a whole body.
    pub async fn answer(
        self,
        status: StatusCode,
        headers: HeaderMap,
        body: String,
        outcome: Outcome,
        error: Option<String>,
    ) {
        self.deliver(Whole { status, headers, body, outcome, error }).await;
    }

    /// Records the answer to its end, and sends it then: in its place 503 if it must not leave because it cannot be recorded.
    async fn deliver(mut self, answer: Whole) {
        let Connection::Waiting(head) = std::mem::replace(&mut self.connection, Connection::Done) else { return };
        let answer = if self.recorder.withholds_answers() { Whole::from(ApiError::JournalUnavailable) } else { answer };
        let Whole { status, headers, body, outcome, error } = answer;
        let headers = self.complete(status, headers);
        self.record(EventBody::ResponseStarted { status: status.as_u16(), headers: pairs(&headers) }).await;
        if !body.is_empty() {
            self.record(EventBody::ResponseChunk { bytes: body.clone() }).await;
        }
        self.finish(status.as_u16(), outcome, error).await;
        let response = match self.recorder.before_final_byte().await {
            Ok(()) => response(status, headers, Body::from(body)),
            // Should the journal ever work again, it tells of the answer that was meant to go out.
            Err(_) => with_id(plain_error(&ApiError::JournalUnavailable), self.id),
        };
        let _ = head.send(response);
    }

    /// Answers with `value` as JSON and 200.
    pub async fn answer_json(self, headers: HeaderMap, body: String) {
        self.answer(StatusCode::OK, json_headers(headers), body, Outcome::Ok, None).await;
    }

    /// Answers with an error, before any byte went out.
    pub async fn reject(self, error: ApiError) {
        let rejected = EventBody::RequestRejected {
            status: error.status().as_u16(),
            code: error.code(),
            message: error.message(),
        };
        self.record(rejected).await;
        self.fail(error).await;
    }

    /// Answers with an error that came after the request was admitted, before any byte went out.
    pub async fn fail(self, error: ApiError) {
        self.deliver(Whole::from(error)).await;
    }

    /// Sends the head of a stream.
    pub async fn open_stream(&mut self, headers: HeaderMap) -> Result<(), ClientGone> {
        let (events, mut receiver) = byte_channel::channel::<Bytes>(STREAM_BUFFER);
        let complete = Arc::new(AtomicBool::new(false));
        let streaming = Connection::Streaming(StatusCode::OK, EventSender { events, complete: complete.clone() });
        let Connection::Waiting(head) = std::mem::replace(&mut self.connection, streaming) else { return Ok(()) };
        let headers = self.complete(StatusCode::OK, headers);
        self.record(EventBody::ResponseStarted { status: 200, headers: pairs(&headers) }).await;
        let mut broken_off = false;
        let events = stream::poll_fn(move |cx| match ready!(receiver.poll_recv(cx)) {
            Some(event) => Poll::Ready(Some(Ok(event))),
            None if broken_off || complete.load(Ordering::Acquire) => Poll::Ready(None),
            None => {
                broken_off = true;
                Poll::Ready(Some(Err(BrokenOff)))
            }
        });
        head.send(response(StatusCode::OK, headers, Body::from_stream(events))).map_err(|_| ClientGone)
    }

    /// Sends one event of a stream; waits while the client's buffer is full, but not for long.
    pub async fn send(&mut self, event: String) -> Result<(), ClientGone> {
        self.record(EventBody::ResponseChunk { bytes: event.clone() }).await;
        let Connection::Streaming(_, body) = &self.connection else { return Err(ClientGone) };
        body.hand_over(event).await.map_err(|unsent| {
            self.stalled = unsent == Unsent::Stalled;
            ClientGone
        })
    }

    /// Ends a stream with its last event: what it tells is on record before that event leaves. One that must not leave because
    /// it cannot be recorded does not, and the stream breaks off.
    pub async fn close_stream(mut self, last: String, outcome: Outcome, error: Option<String>) {
        let Connection::Streaming(status, body) = std::mem::replace(&mut self.connection, Connection::Done) else {
            return;
        };
        if self.recorder.withholds_answers() {
            let error = error.unwrap_or_else(|| ApiError::JournalUnavailable.code());
            return self.finish(status.as_u16(), Outcome::StreamAborted, Some(error)).await;
        }
        self.record(EventBody::ResponseChunk { bytes: last.clone() }).await;
        self.finish(status.as_u16(), outcome, error).await;
        if self.recorder.before_final_byte().await.is_ok() && body.hand_over(last).await.is_ok() {
            body.complete.store(true, Ordering::Release);
        }
    }

    /// Ends an exchange whose client left, or reads so slowly that it might as well have.
    pub async fn cancelled(mut self) {
        self.connection = Connection::Done;
        let error = if self.stalled { "client_stalled" } else { "request_aborted" };
        self.finish(CLIENT_CLOSED_REQUEST, Outcome::Cancelled, Some(error.to_owned())).await;
    }

    /// Ends an exchange whose task panicked or was dropped.
    fn lost(&mut self) -> impl Future<Output = ()> + Send + 'static {
        let (recorder, id) = (self.recorder.clone(), self.id);
        let end = self.end(500, Outcome::ServerError, Some("internal_error".to_owned()));
        async move {
            recorder.record(Some(id), EventBody::ResponseFinished(end)).await;
            // The client is told of a failure in any case.
            let _ = recorder.before_final_byte().await;
        }
    }

    async fn finish(&self, status: u16, outcome: Outcome, error: Option<String>) {
        self.record(EventBody::ResponseFinished(self.end(status, outcome, error))).await;
    }

    fn end(&self, status: u16, outcome: Outcome, error: Option<String>) -> ResponseFinished {
        let facts = &self.facts;
        ResponseFinished {
            status,
            outcome,
            model: facts.model.clone().map(|model| shortened(model, MODEL_MAX)),
            stream: facts.stream,
            tokens: facts.tokens,
            usage_source: facts.usage_source,
            finish_reasons: facts.finish_reasons.clone(),
            error,
            worker: facts.worker.as_deref().map(str::to_owned),
            ttft_ms: facts.first_token.map(|at| millis(at.duration_since(self.started))),
            duration_ms: millis(self.started.elapsed()),
        }
    }

    /// The headers of every answer, added to those of this one.
    fn complete(&self, status: StatusCode, mut headers: HeaderMap) -> HeaderMap {
        let id = HeaderValue::from_str(&self.id.to_string()).expect("an id is hex digits and dashes");
        if self.traced && status != StatusCode::UNAUTHORIZED {
            headers.insert(TRACE_ID, id.clone());
        }
        headers.insert(REQUEST_ID, id);
        headers.extend(self.common.clone());
        headers
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // Every way to its end leaves it done; a panic does not.
        if !matches!(self.connection, Connection::Done)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // What the client sees of it waits for the record too.
            let connection = std::mem::replace(&mut self.connection, Connection::Done);
            let lost = self.lost();
            runtime.spawn(async move {
                lost.await;
                drop(connection);
            });
        }
    }
}

// === impl EventSender ===

impl EventSender {
    /// Hands one event over to the connection.
    async fn hand_over(&self, event: String) -> Result<(), Unsent> {
        let room = timeout(STALL_LIMIT, self.events.room(event.len())).await.map_err(|_| Unsent::Stalled)?;
        let room = room.map_err(|_| Unsent::Left)?;
        self.events.send(event.into(), Some(room)).map_err(|_| Unsent::Left)
    }
}

// === impl Whole ===

impl From<ApiError> for Whole {
    fn from(error: ApiError) -> Self {
        Self {
            status: error.status(),
            headers: json_headers(error.headers()),
            body: error.body(),
            outcome: error.outcome(),
            error: Some(error.code()),
        }
    }
}

/// `response` with an id of its own, for answers that are not recorded.
pub fn with_fresh_id(response: Response<Body>) -> Response<Body> {
    with_id(response, RequestId::generate())
}

/// `response` to the request called `id`.
pub fn with_id(mut response: Response<Body>, id: RequestId) -> Response<Body> {
    let id = HeaderValue::from_str(&id.to_string()).expect("an id is hex digits and dashes");
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// An error outside of an exchange.
pub fn plain_error(error: &ApiError) -> Response<Body> {
    response(error.status(), json_headers(error.headers()), Body::from(error.body()))
}

/// A response outside of an exchange, for probes.
pub fn plain_json(status: StatusCode, body: String) -> Response<Body> {
    response(status, json_headers(HeaderMap::new()), Body::from(body))
}

fn json_headers(mut headers: HeaderMap) -> HeaderMap {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers
}

fn response(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

fn millis(duration: Duration) -> f64 {
    // Microseconds are what a trace can be trusted with.
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
