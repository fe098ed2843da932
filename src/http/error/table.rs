//! The table of errors, a row for each that a client can see. `docs/api.md` shows it.

use std::fmt::Write as _;

use journal::Outcome::{self, Auth, ClientError, Overload, RateLimited, ServerError};

use self::About::{Body, Field, Named, Nothing};
use self::Wait::{Known, Never, Short};

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The HTTP status.
    pub status: u16,
    /// The `type` of the body.
    pub kind: &'static str,
    /// The `code` of the body, unless the error has its own.
    pub code: &'static str,
    /// The `message` of the body, unless the error has its own.
    pub message: &'static str,
    /// The `param` of the body.
    pub param: About,
    /// Whether the same request can succeed later, where the body says so.
    pub retryable: Option<bool>,
    /// When it is worth another try.
    pub wait: Wait,
    /// How the request ended, for summaries and metrics.
    pub outcome: Outcome,
}

/// What an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Nothing that has a name: no `param`.
    Nothing,
    /// The body as a whole: `null`.
    Body,
    /// This field.
    Field(&'static str),
    /// The field that the error names, or the body if it names none.
    Named,
}

/// What `Retry-After` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// There is none.
    Never,
    /// What a restart takes.
    Short,
    /// What the error knows, if it does.
    Known,
}

const INVALID: &str = "invalid_request_error";
const AUTHENTICATION: &str = "authentication_error";
const RATE: &str = "rate_limit_error";
const UNAVAILABLE: &str = "backend_unavailable";
const TIMEOUT: &str = "timeout_error";
const SERVER: &str = "server_error";

macro_rules! cases {
    ($(#[doc = $when:literal] $case:ident => $row:expr;)+) => {
        /// Which row of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Case {
            $(#[doc = $when] $case,)+
        }

        impl Case {
            /// Every row, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$case,)+];

            /// What stands in it.
            pub const fn row(self) -> Row {
                match self {
                    $(Self::$case => $row,)+
                }
            }

            /// When it happens, for people.
            pub const fn when(self) -> &'static str {
                match self {
                    $(Self::$case => $when.trim_ascii(),)+
                }
            }
        }
    };
}

cases! {
    /// The body is no JSON.
    InvalidJson => row(400, INVALID, "invalid_json", "Invalid JSON", ClientError).about(Body);
    /// A field is wrong; `param` names it, and the message says what it must be.
    InvalidField => row(400, INVALID, INVALID, "n must be an integer between 1 and 5; received 6", ClientError).about(Named);
    /// There is no model.
    ModelRequired => row(400, INVALID, "model_required", "model is required", ClientError).about(Named);
    /// A field asks for what cannot be had here.
    UnsupportedParameter => row(400, INVALID, "unsupported_parameter", "logprobs is not supported for this model", ClientError).about(Named);
    /// The conversation does not fit the model's window.
    ContextLength => row(400, INVALID, "context_length_exceeded", "context length exceeded", ClientError).about(Field("messages"));
    /// The upstream refuses the request; the message is its own.
    UpstreamRefused => row(400, INVALID, INVALID, "…", ClientError);
    /// The head can be read in more than one way; the message says why, and the connection is closed.
    InvalidHead => row(400, INVALID, "invalid_head", "HTTP/1.1 needs exactly one Host header", ClientError);
    /// The body broke off, or is not what HTTP calls one.
    BodyUnreadable => row(400, INVALID, "invalid_body", "the request body could not be read", ClientError);
    /// No key, a wrong one, or one that has expired.
    Unauthorized => row(401, AUTHENTICATION, "invalid_api_key", "unauthorized", Auth);
    /// Codex is not logged in.
    NotLoggedIn => row(401, AUTHENTICATION, "invalid_api_key", "Codex is not logged in to its upstream, or its key was refused", ServerError);
    /// The prompt has more tokens than `PROXY_MAX_PROMPT_TOKENS`.
    PromptTooLong => row(403, "tokens_exceeded_error", "context_length_exceeded", "context length exceeded", ClientError).about(Field("messages"));
    /// The key's role does not do this; the message names it.
    WrongRole => row(403, "permission_error", "wrong_role", "a key of the role auditor cannot do this", Auth);
    /// `/metrics` is not for everybody. The body is `{"ok":false,"reason":"metrics access denied"}`.
    MetricsDenied => row(403, INVALID, "forbidden", "metrics access denied", ClientError);
    /// No model of that name, or none that the key may use.
    ModelNotFound => row(404, INVALID, "model_not_found", "The model X does not exist or you do not have access to it.", ClientError).about(Field("model"));
    /// The upstream does not know the model behind the name.
    UpstreamModelNotFound => row(404, INVALID, "model_not_found", "the model's upstream does not know the model", ServerError);
    /// No such path.
    NotFound => row(404, INVALID, "not_found", "no such route", ClientError);
    /// `/v1/responses`, which this version does not have.
    NoResponses => row(404, INVALID, "not_found", "this version does not serve /v1/responses: use /v1/chat/completions", ClientError);
    /// The path does not have the method; `Allow` lists those that it has.
    MethodNotAllowed => row(405, INVALID, "method_not_allowed", "the route does not have this method", ClientError);
    /// The body did not arrive in time.
    BodyTimeout => row(408, INVALID, "request_timeout", "the request body did not arrive in time", ClientError);
    /// The body is above the limit.
    BodyTooLarge => row(413, INVALID, "request_entity_too_large", "the request body is too large", ClientError);
    /// The body says that it is no JSON. None of `Content-Type` is fine.
    ContentType => row(415, INVALID, "unsupported_content_type", "the body must be JSON: send it with 'Content-Type: application/json'", ClientError);
    /// The body says that it is compressed.
    ContentEncoding => row(415, INVALID, "unsupported_content_encoding", "the body must not be compressed: send it without Content-Encoding", ClientError);
    /// A request too many for the key's or network's rate, or for all keys together.
    RateLimited => row(429, RATE, "rate_limited", "rate limit exceeded", RateLimited).after(Known);
    /// The upstream limits the rate.
    UpstreamRateLimited => row(429, RATE, "rate_limited", "the model's upstream limits the rate of requests", RateLimited).after(Short);
    /// As many streams run as `PROXY_SSE_MAX_CONCURRENCY` allows, or as many requests as the key may have at a time.
    TooManyStreams => row(429, RATE, "concurrency_exceeded", "too many concurrent streams", RateLimited).after(Short);
    /// All places are taken and the queue is full, or none became free within `PROXY_QUEUE_TIMEOUT_MS`.
    WorkerBusy => row(429, RATE, "worker_busy", "app-server worker at capacity", Overload).retryable(true);
    /// The worker answers a call with an error; code and message are its own.
    Rpc => row(500, SERVER, "-32600", "…", ServerError);
    /// The upstream fails.
    UpstreamFailed => row(500, SERVER, "worker_error", "the model's upstream failed or is overloaded", ServerError);
    /// The upstream breaks off its answer.
    UpstreamBrokeOff => row(500, SERVER, "worker_error", "the model's upstream broke off its answer", ServerError);
    /// The model did not make the call that `tool_choice` demands, asked twice.
    NotCalled => row(500, SERVER, "worker_error", "the model called no tool although tool_choice requires it", ServerError);
    /// The turn fails otherwise; the message is the worker's own.
    TurnFailed => row(500, SERVER, "worker_error", "…", ServerError);
    /// A mistake of ours.
    Internal => row(500, SERVER, "internal_error", "internal error", ServerError);
    /// No worker is ready. The body has a second member, `"worker_status":{"ready":false}`.
    WorkerNotReady => unavailable("worker_not_ready", "app-server worker is not ready", Overload).after(Known);
    /// The worker ended under the request, twice if nothing had been sent.
    WorkerExited => unavailable("worker_exited", "app-server worker exited", ServerError);
    /// `PROXY_USE_APP_SERVER=false` and no other backend.
    BackendDisabled => unavailable("app_server_disabled", "app-server backend is disabled", Overload).retryable(false);
    /// Maintenance; the message is the operator's, if there is one.
    Maintenance => unavailable("maintenance_mode", "the service is in maintenance", Outcome::Maintenance).after(Known);
    /// The trace cannot be written, so nothing is served.
    JournalUnavailable => unavailable("journal_unavailable", "requests cannot be recorded at the moment", ServerError);
    /// The service is stopping.
    ShuttingDown => unavailable("shutting_down", "the service is shutting down", Overload);
    /// The worker did not answer a call within `WORKER_REQUEST_TIMEOUT_MS`, or the request took longer than `PROXY_TIMEOUT_MS`.
    RequestTimeout => row(504, TIMEOUT, "worker_request_timeout", "app-server request timeout", ServerError).retryable(true);
    /// The worker said nothing for `PROXY_IDLE_TIMEOUT_MS`.
    IdleTimeout => row(504, TIMEOUT, "idle_timeout", "backend idle timeout", ServerError);
}

const fn row(status: u16, kind: &'static str, code: &'static str, message: &'static str, outcome: Outcome) -> Row {
    Row { status, kind, code, message, param: Nothing, retryable: None, wait: Never, outcome }
}

const fn unavailable(code: &'static str, message: &'static str, outcome: Outcome) -> Row {
    row(503, UNAVAILABLE, code, message, outcome).retryable(true)
}

/// The table for people.
pub fn reference_markdown() -> String {
    let mut table = "| status | type | code | message | param | retryable | `Retry-After` | when |\n".to_owned();
    table.push_str("|---|---|---|---|---|---|---|---|\n");
    for case in Case::ALL {
        let Row { status, kind, code, message, param, retryable, wait, outcome: _ } = case.row();
        let retryable = retryable.map(|retryable| format!("`{retryable}`")).unwrap_or_default();
        let (param, wait, when) = (param.for_people(), wait.for_people(), case.when());
        let _ =
            writeln!(table, "| {status} | `{kind}` | `{code}` | {message} | {param} | {retryable} | {wait} | {when} |");
    }
    table
}

// === impl Row ===

impl Row {
    const fn about(self, param: About) -> Self {
        Self { param, ..self }
    }

    const fn retryable(self, retryable: bool) -> Self {
        Self { retryable: Some(retryable), wait: if retryable { Short } else { Never }, ..self }
    }

    const fn after(self, wait: Wait) -> Self {
        Self { wait, ..self }
    }
}

// === impl About ===

impl About {
    fn for_people(self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Body => "`null`".to_owned(),
            Self::Field(name) => format!("`{name}`"),
            Self::Named => "the field".to_owned(),
        }
    }
}

// === impl Wait ===

impl Wait {
    fn for_people(self) -> &'static str {
        match self {
            Self::Never => "",
            Self::Short => "1 s",
            Self::Known => "as known",
        }
    }
}
