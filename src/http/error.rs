//! Every error that a client can see. Handlers return an [`ApiError`]; its answer is built here and nowhere else, from its row in the
//! [`table`]. Messages and codes are those that partners know.

pub mod table;

mod login;

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use journal::Outcome;
use serde_json::{Value, json};

pub use self::login::LoginHint;
use self::table::{About, Case, Wait};
use crate::backend::TurnStartError;
use crate::backend::app_server::connection::CallError;
use crate::gateway::keys::Role;
use crate::gateway::maintenance::Notice;
use crate::gateway::queue::NoPlace;
use crate::gateway::rate::{Left, TooMany};
use crate::openai::error::{ErrorBody, ErrorObject, Fault, InvalidRequest, Param, shortened};
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
    /// The head can be read in more than one way; the message says why.
    InvalidHead(&'static str),
    /// The body says that it is no JSON.
    ContentType,
    /// The body says that it is compressed.
    ContentEncoding,
    /// The body broke off or came in a form that HTTP does not know.
    BodyUnreadable,
    /// The client did not send its body in time.
    BodyTimeout,
    /// No such path.
    NotFound,
    /// `/v1/responses`, which clients look for and this version does not have.
    NoResponses,
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
    /// Its row in the table.
    pub fn case(&self) -> Case {
        match self {
            Self::InvalidJson => Case::InvalidJson,
            Self::Invalid(error) => match error.fault {
                Fault::Form => Case::InvalidField,
                Fault::NoModel => Case::ModelRequired,
                Fault::Unsupported => Case::UnsupportedParameter,
            },
            Self::ModelNotFound { .. } => Case::ModelNotFound,
            Self::PromptTooLong => Case::PromptTooLong,
            Self::Unauthorized => Case::Unauthorized,
            Self::WrongRole(_) => Case::WrongRole,
            Self::RateLimited(_) => Case::RateLimited,
            Self::TooManyStreams => Case::TooManyStreams,
            Self::Maintenance(_) => Case::Maintenance,
            Self::BodyTooLarge => Case::BodyTooLarge,
            Self::InvalidHead(_) => Case::InvalidHead,
            Self::ContentType => Case::ContentType,
            Self::ContentEncoding => Case::ContentEncoding,
            Self::BodyUnreadable => Case::BodyUnreadable,
            Self::BodyTimeout => Case::BodyTimeout,
            Self::NotFound => Case::NotFound,
            Self::NoResponses => Case::NoResponses,
            Self::MethodNotAllowed(_) => Case::MethodNotAllowed,
            Self::MetricsDenied => Case::MetricsDenied,
            Self::BackendDisabled => Case::BackendDisabled,
            Self::WorkerNotReady(_) => Case::WorkerNotReady,
            Self::WorkerBusy => Case::WorkerBusy,
            Self::WorkerExited => Case::WorkerExited,
            Self::RequestTimeout => Case::RequestTimeout,
            Self::IdleTimeout => Case::IdleTimeout,
            Self::Rpc { .. } => Case::Rpc,
            Self::Turn(failure) => match failure.kind {
                FailureKind::WorkerExited => Case::WorkerExited,
                FailureKind::ContextLength => Case::ContextLength,
                FailureKind::BadRequest => Case::UpstreamRefused,
                FailureKind::Unauthorized => Case::NotLoggedIn,
                FailureKind::RateLimited => Case::UpstreamRateLimited,
                FailureKind::ModelNotFound => Case::UpstreamModelNotFound,
                FailureKind::Unavailable => Case::UpstreamFailed,
                FailureKind::Disconnected => Case::UpstreamBrokeOff,
                FailureKind::NotCalled => Case::NotCalled,
                FailureKind::Other => Case::TurnFailed,
            },
            Self::NotLoggedIn(_) => Case::NotLoggedIn,
            Self::JournalUnavailable => Case::JournalUnavailable,
            Self::ShuttingDown => Case::ShuttingDown,
            Self::Internal => Case::Internal,
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.case().row().status).expect("the table holds valid statuses")
    }

    /// The `code` of the body.
    pub fn code(&self) -> String {
        match self {
            Self::Rpc { code, .. } => code.clone(),
            _ => self.case().row().code.to_owned(),
        }
    }

    /// The `message` of the body.
    pub fn message(&self) -> String {
        match self {
            Self::Invalid(InvalidRequest { message, .. })
            | Self::ModelNotFound { message }
            | Self::Maintenance(Notice { message: Some(message), .. })
            | Self::Rpc { message, .. }
            // What the other failures say may quote credentials or name the upstream's address, and is no business of the partner.
            | Self::Turn(TurnFailure {
                kind: FailureKind::BadRequest | FailureKind::NotCalled | FailureKind::Other,
                message,
            }) => message.clone(),
            Self::InvalidHead(message) => (*message).to_owned(),
            Self::WrongRole(role) => format!("a key of the role {role} cannot do this"),
            _ => self.case().row().message.to_owned(),
        }
    }

    /// How the request ended, for summaries and metrics.
    pub fn outcome(&self) -> Outcome {
        self.case().row().outcome
    }

    /// The body, `{"error":{…}}`.
    pub fn body(&self) -> String {
        let (message, code) = (&*self.message(), &*self.code());
        if matches!(self, Self::MetricsDenied) {
            return json!({ "ok": false, "reason": message }).to_string();
        }
        let row = self.case().row();
        let error = ErrorObject { message, kind: row.kind, code, param: self.param(), retryable: row.retryable };
        let mut body = serde_json::to_value(ErrorBody { error }).expect("the body has string keys");
        if matches!(self, Self::WorkerNotReady(_)) {
            body["worker_status"] = json!({ "ready": false });
        }
        if let Self::NotLoggedIn(hint) = self {
            hint.add_to(&mut body["error"]);
        }
        body.to_string()
    }

    fn param(&self) -> Option<Param<'_>> {
        match (self.case().row().param, self) {
            (About::Nothing, _) => None,
            (About::Field(name), _) => Some(Param::Field(name)),
            (About::Named, Self::Invalid(InvalidRequest { param: Some(name), .. })) => Some(Param::Field(name)),
            (About::Body | About::Named, _) => Some(Param::Body),
        }
    }

    /// Headers that go with it.
    pub fn headers(&self) -> HeaderMap {
        let own = match self {
            Self::Unauthorized => Some((header::WWW_AUTHENTICATE, "Bearer realm=api")),
            Self::MethodNotAllowed(allow) => Some((header::ALLOW, *allow)),
            Self::ContentType => Some((header::ACCEPT, "application/json")),
            Self::ContentEncoding => Some((header::ACCEPT_ENCODING, "identity")),
            // Whatever follows may be what another reader takes for a part of this request.
            Self::InvalidHead(_) => Some((header::CONNECTION, "close")),
            _ => None,
        };
        let own = own.map(|(name, value)| (name, HeaderValue::from_static(value)));
        let mut headers = HeaderMap::from_iter(own);
        if let Self::RateLimited(TooMany { limit, reset, .. }) = self {
            rate_headers(&mut headers, *limit, 0, *reset);
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
            Self::RateLimited(TooMany { retry_after, .. }) | Self::WorkerNotReady(Some(retry_after)) => {
                Some(*retry_after)
            }
            Self::Maintenance(notice) => Some(Duration::from_secs(notice.retry_after_s)),
            _ => (self.case().row().wait != Wait::Never).then_some(RETRY_AFTER),
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
