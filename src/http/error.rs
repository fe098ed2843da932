//! Every error that a client can see, in one table: status, type, code, param, retry hint, outcome.
//!
//! Handlers return an [`ApiError`]; the body is built here and nowhere else. Messages and codes are those that partners know.

mod login;

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use journal::Outcome;
use serde_json::{Value, json};

pub use self::login::LoginHint;
use crate::backend::TurnStartError;
use crate::backend::app_server::connection::CallError;
use crate::gateway::keys::Role;
use crate::gateway::maintenance::Notice;
use crate::gateway::queue::NoPlace;
use crate::gateway::rate::{Left, TooMany};
use crate::openai::error::{ErrorBody, ErrorObject, InvalidRequest, Param, shortened};
use crate::turn::{FailureKind, TurnFailure};

/// What can go wrong with a request.
#[derive(Debug, Clone)]
pub enum ApiError {
    /// The body is no JSON.
    InvalidJson,
    /// A field is wrong.
    Invalid(InvalidRequest),
    /// No model of that name; the message says which.
    ModelNotFound {
        /// What the client reads.
        message: String,
    },
    /// The prompt has more tokens than the configuration allows.
    PromptTooLong,
    /// No key, or a wrong one.
    Unauthorized,
    /// A key whose role does not do this.
    WrongRole(Role),
    /// A request too many for its rate.
    RateLimited(TooMany),
    /// As many requests of this kind run as may.
    TooManyStreams,
    /// There is maintenance.
    Maintenance(Notice),
    /// The body is above the limit.
    BodyTooLarge,
    /// The body broke off or came in a form that HTTP does not know.
    BodyUnreadable,
    /// The client did not send its body in time.
    BodyTimeout,
    /// No such path.
    NotFound,
    /// The path has no such method.
    MethodNotAllowed(&'static str),
    /// `/metrics` is not for everybody.
    MetricsDenied,
    /// `PROXY_USE_APP_SERVER=false` and no other backend.
    BackendDisabled,
    /// No worker is ready; one is expected after this time, if that is known.
    WorkerNotReady(Option<Duration>),
    /// All places on the worker are taken.
    WorkerBusy,
    /// The worker ended under the request.
    WorkerExited,
    /// The worker did not answer a call in time, or the request as a whole took too long.
    RequestTimeout,
    /// The worker was silent for too long.
    IdleTimeout,
    /// The worker answered a call with an error.
    Rpc {
        /// The JSON-RPC code as text.
        code: String,
        /// What it said.
        message: String,
    },
    /// The turn failed.
    Turn(TurnFailure),
    /// Codex is not logged in, and clients are told where it can be.
    NotLoggedIn(LoginHint),
    /// The trace cannot be written, so nothing is served.
    JournalUnavailable,
    /// The service is stopping.
    ShuttingDown,
    /// A mistake of ours.
    Internal,
}

/// One row of the table.
struct Row<'a> {
    status: u16,
    kind: &'static str,
    code: &'a str,
    message: &'a str,
    param: Option<Param<'a>>,
    retryable: Option<bool>,
    outcome: Outcome,
}

/// What clients read when the upstream refused Codex.
const NOT_LOGGED_IN: &str = "Codex is not logged in to its upstream, or its key was refused";

/// The longest name of a model that is repeated to anybody, in bytes.
pub const MODEL_MAX: usize = 200;

/// How long a client should wait when nothing better is known: a restart after a crash takes about as long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The bounds of what clients are told to wait.
const RETRY_BOUNDS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(60));

/// By how much of a wait clients are spread, so that they do not all come back at once.
const SPREAD: f64 = 0.2;

/// The same as `Retry-After` in milliseconds, and spread; OpenAI's SDKs look at it first.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

// === impl ApiError ===

impl ApiError {
    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.row().status).expect("the table holds valid statuses")
    }

    /// The `code` of the body.
    pub fn code(&self) -> String {
        self.row().code.to_owned()
    }

    /// The `message` of the body.
    pub fn message(&self) -> String {
        self.row().message.to_owned()
    }

    /// How the request ended, for summaries and metrics.
    pub fn outcome(&self) -> Outcome {
        self.row().outcome
    }

    /// The body, `{"error":{…}}`.
    pub fn body(&self) -> String {
        if matches!(self, Self::MetricsDenied) {
            return json!({ "ok": false, "reason": self.message() }).to_string();
        }
        let row = self.row();
        let error = ErrorObject {
            message: row.message,
            kind: row.kind,
            code: row.code,
            param: row.param,
            retryable: row.retryable,
        };
        let mut body = serde_json::to_value(ErrorBody { error }).expect("the body has string keys");
        if matches!(self, Self::WorkerNotReady(_)) {
            body["worker_status"] = json!({ "ready": false });
        }
        if let Self::NotLoggedIn(hint) = self {
            hint.add_to(&mut body["error"]);
        }
        Value::to_string(&body)
    }

    /// Headers that go with it.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match self {
            Self::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=api"));
            }
            Self::MethodNotAllowed(allow) => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allow));
            }
            Self::RateLimited(TooMany { limit, reset, .. }) => rate_headers(&mut headers, *limit, 0, *reset),
            _ => {}
        }
        if let Some(wait) = self.retry_after() {
            let (least, most) = RETRY_BOUNDS;
            let seconds = wait.clamp(least, most).as_millis().div_ceil(1000);
            // Nobody is told less than the wait: who comes early is refused again, and SDKs try no more than twice again.
            // Where the wait is cut, everybody comes early, and is spread below the bound.
            let earliest = if wait < most { wait.max(least) } else { most.div_f64(1.0 + SPREAD) };
            let spread = rand::random_range(earliest..=earliest.mul_f64(1.0 + SPREAD)).min(most);
            let millis = spread.as_micros().div_ceil(1000);
            headers.insert(header::RETRY_AFTER, number(u64::try_from(seconds).unwrap_or(u64::MAX)));
            headers.insert(RETRY_AFTER_MS, number(u64::try_from(millis).unwrap_or(u64::MAX)));
        }
        headers
    }

    /// When it is worth trying again; `None` if that makes no sense or nobody knows.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited(TooMany { retry_after, .. }) => Some(*retry_after),
            Self::Maintenance(notice) => Some(Duration::from_secs(notice.retry_after_s)),
            Self::WorkerNotReady(expected) => Some(expected.unwrap_or(RETRY_AFTER)),
            Self::TooManyStreams | Self::Turn(TurnFailure { kind: FailureKind::RateLimited, .. }) => Some(RETRY_AFTER),
            _ => (self.row().retryable == Some(true)).then_some(RETRY_AFTER),
        }
    }

    /// No model is called `model`.
    pub fn model_not_found(model: &str) -> Self {
        let message = format!(
            "The model {} does not exist or you do not have access to it.",
            shortened(model.to_owned(), MODEL_MAX)
        );
        Self::ModelNotFound { message }
    }

    /// The same error with what it quotes from elsewhere passed through `scrub`.
    #[must_use]
    pub fn map_quoted(self, scrub: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Rpc { code, message } => Self::Rpc { code, message: scrub(&message) },
            Self::Turn(failure) => Self::Turn(TurnFailure { message: scrub(&failure.message), ..failure }),
            other => other,
        }
    }

    /// Whether it is Codex whose login is missing.
    pub fn is_of_login(&self) -> bool {
        matches!(self, Self::Turn(TurnFailure { kind: FailureKind::Unauthorized, .. }))
    }

    fn row(&self) -> Row<'_> {
        use Outcome::{Auth, ClientError, Overload, RateLimited, ServerError};
        let row = |status, kind, code, message, outcome| Row {
            status,
            kind,
            code,
            message,
            param: None,
            retryable: None,
            outcome,
        };
        let invalid = "invalid_request_error";
        let unavailable =
            |code, message| Row { retryable: Some(true), ..row(503, "backend_unavailable", code, message, Overload) };
        let exited = || Row { outcome: ServerError, ..unavailable("worker_exited", "app-server worker exited") };
        match self {
            Self::InvalidJson => {
                Row { param: Some(Param::Body), ..row(400, invalid, "invalid_json", "Invalid JSON", ClientError) }
            }
            Self::Invalid(error) => Row {
                param: Some(error.param.as_deref().map_or(Param::Body, Param::Field)),
                ..row(400, invalid, error.code, &error.message, ClientError)
            },
            Self::ModelNotFound { message } => {
                Row { param: Some(Param::Field("model")), ..row(404, invalid, "model_not_found", message, ClientError) }
            }
            Self::PromptTooLong => Row {
                param: Some(Param::Field("messages")),
                ..row(403, "tokens_exceeded_error", "context_length_exceeded", "context length exceeded", ClientError)
            },
            Self::Unauthorized => row(401, "authentication_error", "invalid_api_key", "unauthorized", Auth),
            Self::WrongRole(role) => {
                let message = match role {
                    Role::Partner => "a key of the role partner cannot do this",
                    Role::Auditor => "a key of the role auditor cannot do this",
                    Role::Engineer => "a key of the role engineer cannot do this",
                    Role::Operator => "a key of the role operator cannot do this",
                };
                row(403, "permission_error", "wrong_role", message, Auth)
            }
            Self::RateLimited(_) => row(429, "rate_limit_error", "rate_limited", "rate limit exceeded", RateLimited),
            Self::TooManyStreams => {
                row(429, "rate_limit_error", "concurrency_exceeded", "too many concurrent streams", RateLimited)
            }
            Self::Maintenance(notice) => Row {
                outcome: Outcome::Maintenance,
                ..unavailable("maintenance_mode", notice.message.as_deref().unwrap_or("the service is in maintenance"))
            },
            Self::BodyTooLarge => {
                row(413, invalid, "request_entity_too_large", "the request body is too large", ClientError)
            }
            Self::BodyUnreadable => {
                row(400, invalid, "invalid_body", "the request body could not be read", ClientError)
            }
            Self::BodyTimeout => {
                row(408, invalid, "request_timeout", "the request body did not arrive in time", ClientError)
            }
            Self::NotFound => row(404, invalid, "not_found", "no such route", ClientError),
            Self::MethodNotAllowed(_) => {
                row(405, invalid, "method_not_allowed", "the route does not have this method", ClientError)
            }
            Self::MetricsDenied => row(403, invalid, "forbidden", "metrics access denied", ClientError),
            Self::BackendDisabled => {
                Row { retryable: Some(false), ..unavailable("app_server_disabled", "app-server backend is disabled") }
            }
            Self::WorkerNotReady(_) => unavailable("worker_not_ready", "app-server worker is not ready"),
            Self::WorkerBusy => Row {
                retryable: Some(true),
                ..row(429, "rate_limit_error", "worker_busy", "app-server worker at capacity", Overload)
            },
            Self::WorkerExited => exited(),
            Self::RequestTimeout => Row {
                retryable: Some(true),
                ..row(504, "timeout_error", "worker_request_timeout", "app-server request timeout", ServerError)
            },
            Self::IdleTimeout => row(504, "timeout_error", "idle_timeout", "backend idle timeout", ServerError),
            Self::Rpc { code, message } => row(500, "server_error", code, message, ServerError),
            Self::Turn(failure) => match failure.kind {
                FailureKind::WorkerExited => exited(),
                FailureKind::ContextLength => Row {
                    param: Some(Param::Field("messages")),
                    ..row(400, invalid, "context_length_exceeded", "context length exceeded", ClientError)
                },
                FailureKind::BadRequest => row(400, invalid, invalid, &failure.message, ClientError),
                // What the upstream says of the credentials may quote them, and is no business of the partner.
                FailureKind::Unauthorized => {
                    row(401, "authentication_error", "invalid_api_key", NOT_LOGGED_IN, ServerError)
                }
                FailureKind::RateLimited => {
                    let message = "the model's upstream limits the rate of requests";
                    row(429, "rate_limit_error", "rate_limited", message, RateLimited)
                }
                FailureKind::ModelNotFound => {
                    row(404, invalid, "model_not_found", "the model's upstream does not know the model", ServerError)
                }
                // The worker's own words name the upstream's address.
                FailureKind::Unavailable => row(
                    500,
                    "server_error",
                    "worker_error",
                    "the model's upstream failed or is overloaded",
                    ServerError,
                ),
                FailureKind::Disconnected => {
                    row(500, "server_error", "worker_error", "the model's upstream broke off its answer", ServerError)
                }
                // No class of OpenAI's fits a model that does not obey; the message says what it did not call.
                FailureKind::NotCalled | FailureKind::Other => {
                    row(500, "server_error", "worker_error", &failure.message, ServerError)
                }
            },
            Self::NotLoggedIn(_) => row(401, "authentication_error", "invalid_api_key", NOT_LOGGED_IN, ServerError),
            Self::JournalUnavailable => Row {
                outcome: ServerError,
                ..unavailable("journal_unavailable", "requests cannot be recorded at the moment")
            },
            Self::ShuttingDown => unavailable("shutting_down", "the service is shutting down"),
            Self::Internal => row(500, "server_error", "internal_error", "internal error", ServerError),
        }
    }
}

/// Tells in OpenAI's headers what is left of the rate that a request counts against.
pub fn rate_left(headers: &mut HeaderMap, Left { limit, remaining, reset }: Left) {
    rate_headers(headers, limit, remaining, reset);
}

fn rate_headers(headers: &mut HeaderMap, limit: u32, remaining: u32, reset: Duration) {
    headers.insert(HeaderName::from_static("x-ratelimit-limit-requests"), number(limit.into()));
    headers.insert(HeaderName::from_static("x-ratelimit-remaining-requests"), number(remaining.into()));
    // As OpenAI writes it: `1.5s`.
    let reset = HeaderValue::from_str(&format!("{:.3}s", reset.as_secs_f64())).expect("digits are valid");
    headers.insert(HeaderName::from_static("x-ratelimit-reset-requests"), reset);
}

fn number(number: u64) -> HeaderValue {
    HeaderValue::from(number)
}

impl From<NoPlace> for ApiError {
    fn from(_: NoPlace) -> Self {
        Self::WorkerBusy
    }
}

impl From<InvalidRequest> for ApiError {
    fn from(error: InvalidRequest) -> Self {
        Self::Invalid(error)
    }
}

impl From<TurnFailure> for ApiError {
    fn from(failure: TurnFailure) -> Self {
        match failure.kind {
            FailureKind::WorkerExited => Self::WorkerExited,
            FailureKind::BadRequest => {
                Self::Turn(TurnFailure { message: upstream_message(&failure.message), ..failure })
            }
            _ => Self::Turn(failure),
        }
    }
}

/// What the upstream says in an error body that Codex passes on as text.
fn upstream_message(text: &str) -> String {
    let body: Option<Value> = serde_json::from_str(text).ok();
    let message = body.as_ref().and_then(|body| body.pointer("/error/message").or(body.get("detail"))?.as_str());
    message.unwrap_or(text).to_owned()
}

impl From<TurnStartError> for ApiError {
    fn from(error: TurnStartError) -> Self {
        match error {
            // A worker that is not ready now was there when the request was admitted.
            TurnStartError::NotReady | TurnStartError::Process(_) | TurnStartError::Call(CallError::Exited { .. }) => {
                Self::WorkerExited
            }
            TurnStartError::Call(CallError::TimedOut { .. }) => Self::RequestTimeout,
            TurnStartError::Call(CallError::Rpc(error)) => {
                Self::Rpc { code: error.code.to_string(), message: error.message }
            }
            TurnStartError::Call(CallError::Malformed { .. }) => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: FailureKind) -> ApiError {
        ApiError::Turn(TurnFailure { kind, message: "said the upstream".into() })
    }

    /// The contract's table, row by row.
    #[test]
    fn bodies_are_those_that_partners_know() {
        let invalid = InvalidRequest::new("messages[0].role", "unknown role");
        let rows = [
            (
                ApiError::InvalidJson,
                400,
                r#"{"message":"Invalid JSON","type":"invalid_request_error","code":"invalid_json","param":null}"#,
            ),
            (
                ApiError::Invalid(invalid),
                400,
                r#"{"message":"unknown role","type":"invalid_request_error","code":"invalid_request_error","param":"messages[0].role"}"#,
            ),
            (
                ApiError::model_not_found("x"),
                404,
                r#"{"message":"The model x does not exist or you do not have access to it.","type":"invalid_request_error","code":"model_not_found","param":"model"}"#,
            ),
            (
                ApiError::PromptTooLong,
                403,
                r#"{"message":"context length exceeded","type":"tokens_exceeded_error","code":"context_length_exceeded","param":"messages"}"#,
            ),
            (
                ApiError::Unauthorized,
                401,
                r#"{"message":"unauthorized","type":"authentication_error","code":"invalid_api_key"}"#,
            ),
            (
                ApiError::WorkerBusy,
                429,
                r#"{"message":"app-server worker at capacity","type":"rate_limit_error","code":"worker_busy","retryable":true}"#,
            ),
            (
                ApiError::WorkerExited,
                503,
                r#"{"message":"app-server worker exited","type":"backend_unavailable","code":"worker_exited","retryable":true}"#,
            ),
            (
                ApiError::RequestTimeout,
                504,
                r#"{"message":"app-server request timeout","type":"timeout_error","code":"worker_request_timeout","retryable":true}"#,
            ),
            (
                ApiError::IdleTimeout,
                504,
                r#"{"message":"backend idle timeout","type":"timeout_error","code":"idle_timeout"}"#,
            ),
            (
                ApiError::Rpc { code: "-32600".into(), message: "no".into() },
                500,
                r#"{"message":"no","type":"server_error","code":"-32600"}"#,
            ),
            (
                failure(FailureKind::ContextLength),
                400,
                r#"{"message":"context length exceeded","type":"invalid_request_error","code":"context_length_exceeded","param":"messages"}"#,
            ),
        ];
        for (error, status, body) in rows {
            assert_eq!(error.status().as_u16(), status);
            assert_eq!(error.body(), format!(r#"{{"error":{body}}}"#));
        }
    }

    #[test]
    fn a_retryable_error_says_when() {
        let wait = |error: &ApiError| {
            let headers = error.headers();
            let header = |name: HeaderName| headers[name].to_str().unwrap().parse::<u64>().unwrap();
            (header(header::RETRY_AFTER), header(RETRY_AFTER_MS))
        };
        for _ in 0..100 {
            let (seconds, ms) = wait(&ApiError::WorkerNotReady(None));
            assert!((1000..=1200).contains(&ms) && seconds == 1, "{seconds} s, {ms} ms");
            let (seconds, ms) = wait(&ApiError::WorkerNotReady(Some(Duration::from_secs(5))));
            assert!((5000..=6000).contains(&ms) && seconds == 5, "{seconds} s, {ms} ms");
            let hour = Notice { message: None, retry_after_s: 3600 };
            let (seconds, ms) = wait(&ApiError::Maintenance(hour));
            assert!((50_000..=60_000).contains(&ms) && seconds == 60, "{seconds} s, {ms} ms");
        }
        let many = TooMany { retry_after: Duration::ZERO, limit: 9, reset: Duration::from_millis(1500) };
        let (seconds, ms) = wait(&ApiError::RateLimited(many));
        assert!((50..=60).contains(&ms) && seconds == 1, "{seconds} s, {ms} ms");
        let headers = ApiError::RateLimited(many).headers();
        assert_eq!(headers["x-ratelimit-limit-requests"], "9");
        assert_eq!(headers["x-ratelimit-remaining-requests"], "0");
        assert_eq!(headers["x-ratelimit-reset-requests"], "1.500s");
        assert!(ApiError::BackendDisabled.headers().get(header::RETRY_AFTER).is_none());
        assert_eq!(ApiError::Unauthorized.headers()[header::WWW_AUTHENTICATE], "Bearer realm=api");
    }

    #[test]
    fn the_upstreams_own_message_is_taken_out_of_its_body() {
        let message = r#"{"error": {"message": "scripted 400", "type": "invalid_request_error"}}"#.to_owned();
        let error = ApiError::from(TurnFailure { kind: FailureKind::BadRequest, message });
        assert_eq!(error.message(), "scripted 400");
    }

    #[test]
    fn refused_credentials_are_never_quoted() {
        assert!(!failure(FailureKind::Unauthorized).body().contains("said the upstream"));
    }
}
