//! The routes, and the answers they give.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use crate::body::{self, BodyError, MAX_BODY};
use crate::events::{Step, Steps, steps};
use crate::log::RequestLog;
use crate::record::{Answering, RecordedRequest, Records};
use crate::script::{Answer, Output, Script, ScriptError};

/// What all requests share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) records: Arc<Records>,
    log: Option<RequestLog>,
    /// Ends every answer that is still going out.
    pub(crate) stop: CancellationToken,
    responses: AtomicU64,
    calls: AtomicU64,
}

/// Why a request gets no scripted answer.
#[derive(Debug, thiserror::Error)]
enum RespondError {
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Script(#[from] ScriptError),
    // A log with holes would mislead a test.
    #[error("model-stub cannot write its request log: {0}")]
    Log(#[from] io::Error),
}

/// A streamed answer on its way.
struct Streaming {
    steps: Steps,
    next: Option<Step>,
    answering: Answering,
    stop: CancellationToken,
}

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/responses", post(respond))
        .route("/stub/requests", get(list_requests).delete(clear_requests))
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(shared)
}

async fn list_requests(State(shared): State<Arc<Shared>>) -> Json<Vec<RecordedRequest>> {
    Json(shared.records.all())
}

async fn clear_requests(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.records.clear();
    StatusCode::NO_CONTENT
}

async fn not_found(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, RespondError> {
    shared.log(request.method(), request.uri(), request.headers(), None)?;
    Ok(error(StatusCode::NOT_FOUND, "not_found", "model-stub answers POST /v1/responses and GET /stub/requests"))
}

async fn respond(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    raw: Bytes,
) -> Result<Response, RespondError> {
    let body = body::decode(&headers, &raw)?;
    drop(raw);
    shared.log(&method, &uri, &headers, Some(&body))?;
    let text = body::script(&body)?;
    let authorized = headers.contains_key(header::AUTHORIZATION);
    let mut answering = shared.records.begin(uri.path(), authorized, body, text.clone());
    let Script { delay, usage, answer } = Script::parse(&text).inspect_err(|_| answering.complete())?;
    let refusal = match answer {
        Answer::Stream(output) => {
            let number = shared.responses.fetch_add(1, Ordering::Relaxed) + 1;
            let first_call = shared.reserve_calls(&output);
            let steps = steps(output, delay, usage, number, first_call);
            return Ok(stream_response(steps, answering, shared.stop.clone()));
        }
        Answer::Error(status) => scripted_error(status),
        Answer::QuoteAuthorization => quote_authorization(&headers),
        Answer::RefuseInstructions => {
            (StatusCode::BAD_REQUEST, Json(json!({"detail": "Instructions are not valid"}))).into_response()
        }
    };
    shared.stop.run_until_cancelled(tokio::time::sleep(delay)).await;
    answering.complete();
    Ok(refusal)
}

fn stream_response(mut steps: Steps, answering: Answering, stop: CancellationToken) -> Response {
    let next = steps.next();
    let streaming = Streaming { steps, next, answering, stop };
    let events = stream::unfold(streaming, |mut streaming| async move {
        let event = streaming.next_event().await?;
        Some((Ok::<_, Infallible>(event), streaming))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

fn scripted_error(status: StatusCode) -> Response {
    let kind = if status.is_server_error() { "server_error" } else { "invalid_request_error" };
    let limited = status == StatusCode::TOO_MANY_REQUESTS;
    let code = limited.then_some("rate_limit_exceeded");
    let body = Json(json!({
        "error": {"message": format!("scripted {}", status.as_u16()), "type": kind, "code": code},
    }));
    let mut response = (status, body).into_response();
    if limited {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn quote_authorization(headers: &HeaderMap) -> Response {
    let value = headers.get(header::AUTHORIZATION).map_or(b"(none)".as_slice(), HeaderValue::as_bytes);
    let message = format!("Incorrect API key provided. Authorization: {}", String::from_utf8_lossy(value));
    error(StatusCode::BAD_REQUEST, "invalid_api_key", &message)
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({"error": {"message": message, "type": "invalid_request_error", "code": code}});
    (status, Json(body)).into_response()
}

// === impl Shared ===

impl Shared {
    pub(crate) fn with_log(log: RequestLog) -> Self {
        Self { log: Some(log), ..Self::default() }
    }

    fn log(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: Option<&RawValue>) -> io::Result<()> {
        self.log.as_ref().map_or(Ok(()), |log| log.write(method, uri, headers, body))
    }

    /// Numbers for the calls of `output`; the first of them is returned.
    fn reserve_calls(&self, output: &Output) -> u64 {
        let count = if let Output::Items { calls, .. } = output { calls.len() } else { 0 };
        self.calls.fetch_add(count as u64, Ordering::Relaxed) + 1
    }
}

// === impl RespondError ===

impl IntoResponse for RespondError {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::Body(body) => (body.status(), "invalid_body"),
            Self::Script(_) => (StatusCode::BAD_REQUEST, "invalid_script"),
            Self::Log(_) => (StatusCode::INTERNAL_SERVER_ERROR, "log_failed"),
        };
        error(status, code, &self.to_string())
    }
}

// === impl Streaming ===

impl Streaming {
    /// The next event; `None` at the end, or when the stub is stopped.
    async fn next_event(&mut self) -> Option<Bytes> {
        loop {
            match self.next.take()? {
                Step::Event(event) => {
                    self.next = self.steps.next();
                    // Not at the end of the stream: a client may leave as soon as it has the last event.
                    if self.next.is_none() {
                        self.answering.complete();
                    }
                    return Some(event);
                }
                Step::Pause(time) => {
                    self.stop.run_until_cancelled(tokio::time::sleep(time)).await?;
                    self.next = self.steps.next();
                }
                Step::Hang => {
                    self.stop.cancelled().await;
                    return None;
                }
            }
        }
    }
}
