//! The language between the OpenAI translators and the backend: what a turn is asked, and what comes back.
//!
//! Neither side sees the other's wire format. The types are plain data: no clock, no I/O.

use journal::Tokens;
use serde_json::Value;

/// Everything a worker needs to know to run one turn.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnPlan {
    /// The upstream model.
    pub model: String,
    /// Reasoning effort; `None` for the model's own default.
    pub effort: Option<Effort>,
    /// Client-side tools in the app-server's `dynamicTools` form.
    pub tools: Vec<Value>,
    /// The conversation as Responses API items.
    pub items: Vec<Value>,
    /// JSON Schema that the answer must follow.
    pub output_schema: Option<Value>,
}

/// How hard a model thinks. The names are OpenAI's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as possible.
    Minimal,
    /// Little.
    Low,
    /// The middle.
    Medium,
    /// Hard.
    High,
    /// As hard as it can.
    XHigh,
}

/// One step of a running turn.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnEvent {
    /// A piece of the answer's text.
    Text(String),
    /// A piece of the summary of the model's reasoning.
    Reasoning(String),
    /// A whole call of one of the client's tools.
    ToolCall(ToolCall),
    /// The upstream's response is complete; a turn that called tools ends here as far as the client is concerned.
    ResponseCompleted(Tokens),
    /// The turn is over. Nothing follows.
    Ended(TurnEnd),
}

/// A call of a client's tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The id that the result must name.
    pub call_id: String,
    /// The tool.
    pub name: String,
    /// The arguments as the model wrote them: JSON text, verbatim.
    pub arguments: String,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnEnd {
    /// The model was done.
    Completed,
    /// We asked for the end.
    Interrupted,
    /// The upstream stopped the answer early; what came until then counts.
    Incomplete {
        /// Why.
        reason: IncompleteReason,
        /// Usage, which for this case the worker reports only here.
        tokens: Option<Tokens>,
    },
    /// It failed.
    Failed(TurnFailure),
}

/// Why an answer is incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncompleteReason {
    /// The token limit.
    MaxOutputTokens,
    /// The upstream's content filter.
    ContentFilter,
}

/// Why a turn failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnFailure {
    /// The class, which decides the HTTP status.
    pub kind: FailureKind,
    /// What the worker or the upstream said. May quote anything: scrub before showing.
    pub message: String,
}

/// Classes of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The conversation does not fit the model's context window.
    ContextLength,
    /// The upstream refused the worker's credentials.
    Unauthorized,
    /// The upstream refused the request as malformed.
    BadRequest,
    /// The upstream's rate limit or quota.
    RateLimited,
    /// The upstream does not know the model.
    ModelNotFound,
    /// The upstream is overloaded or down.
    Unavailable,
    /// The upstream broke off its answer.
    Disconnected,
    /// The model did not call the tool that the client demanded.
    NotCalled,
    /// The worker process ended.
    WorkerExited,
    /// Anything else.
    Other,
}

// === impl Effort ===

impl Effort {
    /// Every effort, weakest first.
    pub const ALL: [Self; 6] = [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::XHigh];

    /// OpenAI's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
        }
    }

    /// The effort of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.as_str() == name)
    }
}
