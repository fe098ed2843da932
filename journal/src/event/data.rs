//! What events hold, where it is more than a few fields.

use serde::{Deserialize, Serialize};

use crate::payload::Payload;

/// Data of `request.received`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RequestReceived {
    /// The HTTP method.
    pub method: String,
    /// The route's template, such as `/v1/chat/completions`; `unmatched` for a path that is none of ours.
    pub route: String,
    /// Path and query as the client sent them.
    pub target: String,
    /// The id of the key that was presented, if it is one of ours.
    pub key: Option<String>,
    /// The client's address.
    pub peer: String,
    /// The request headers in order.
    pub headers: Vec<(String, String)>,
    /// The body; empty when there was none or it could not be read.
    pub body: Payload,
}

/// How an answer shows its tool calls, and what follows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputForm {
    /// The output mode, such as `obsidian-xml`.
    pub mode: String,
    /// Whether the answer ends behind its calls.
    pub stop_after_tools: bool,
    /// What counts as behind them: `first` or `burst`.
    pub stop_mode: String,
    /// How long further calls are waited for, in milliseconds.
    pub grace_ms: u64,
    /// Whether text behind a call is left out.
    pub suppress_tail: bool,
    /// How many calls an answer has at most; 0 for any number.
    pub max_calls: usize,
}

/// Data of `response.finished`: with `request.received` all that a summary needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResponseFinished {
    /// The HTTP status that went out, or the one that would have (499 when the client left first).
    pub status: u16,
    /// How the request ended.
    pub outcome: Outcome,
    /// The model as the client wrote it.
    pub model: Option<String>,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// Usage, exact as the worker reported it unless `usage_source` says otherwise.
    pub tokens: Option<Tokens>,
    /// Where `tokens` are from; absent when the worker reported all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_source: Option<UsageSource>,
    /// The `finish_reason` of each choice.
    pub finish_reasons: Vec<String>,
    /// The `code` of the error body or error event, if there was one.
    pub error: Option<String>,
    /// The worker that ran the turn.
    pub worker: Option<String>,
    /// Head read to first content or tool call handed to the client's connection, in milliseconds.
    pub ttft_ms: Option<f64>,
    /// Head read to last byte handed to the client's connection, in milliseconds.
    pub duration_ms: f64,
}

/// How a request ended. Closed: metrics and filters build on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A complete answer.
    Ok,
    /// The request was at fault (4xx other than the ones below).
    ClientError,
    /// No key or a wrong one.
    Auth,
    /// A rate or concurrency limit.
    RateLimited,
    /// The service had no room or no worker.
    Overload,
    /// Maintenance mode.
    Maintenance,
    /// The service, the worker or the model's upstream failed before the first byte.
    ServerError,
    /// The answer broke off after its first byte.
    StreamAborted,
    /// The client left.
    Cancelled,
}

/// Where token counts are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// Counted by this service, at least in part: a turn that it interrupts reports no usage.
    Counted,
}

/// Token counts of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tokens {
    /// Tokens of the prompt, cached ones included.
    pub input: u64,
    /// Those of `input` that came from the upstream's cache.
    pub cached: u64,
    /// Tokens of the answer, reasoning included.
    pub output: u64,
    /// Those of `output` spent on reasoning.
    pub reasoning: u64,
}

/// Data of `rpc.sent` and `rpc.received`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Frame {
    /// The worker's name.
    pub worker: String,
    /// The frame, verbatim.
    pub frame: Payload,
}

/// Data of `audit.read`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditRead {
    /// Who: `uid:1000` for a local user, `key:ID` for a key.
    pub actor: String,
    /// What: `list`, `events`, `show` or `tail`.
    pub action: String,
    /// Which part, such as a request id; empty for everything.
    pub filter: String,
    /// Whether a running service answered (`socket`, `admin`) or the folder was opened directly (`folder`).
    pub via: String,
}

// === impl Outcome ===

impl Outcome {
    /// Every outcome, for closed label sets.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::ClientError,
        Self::Auth,
        Self::RateLimited,
        Self::Overload,
        Self::Maintenance,
        Self::ServerError,
        Self::StreamAborted,
        Self::Cancelled,
    ];

    /// The name used in events, summaries and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ClientError => "client_error",
            Self::Auth => "auth",
            Self::RateLimited => "rate_limited",
            Self::Overload => "overload",
            Self::Maintenance => "maintenance",
            Self::ServerError => "server_error",
            Self::StreamAborted => "stream_aborted",
            Self::Cancelled => "cancelled",
        }
    }
}

// === impl Tokens ===

impl std::ops::AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.cached += other.cached;
        self.output += other.output;
        self.reasoning += other.reasoning;
    }
}
