//! What a turn's notifications mean: app-server frames in, [`TurnEvent`]s out. Pure.

use std::collections::HashSet;

use journal::Tokens;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::turn::{FailureKind, IncompleteReason, ToolCall, TurnEnd, TurnEvent, TurnFailure};

/// Follows one turn of one thread.
///
/// Injected items echo back under a turn id of their own before the turn starts, so nothing counts until `turn/started` names
/// the turn, and then only frames of that turn.
#[derive(Debug, Default)]
pub struct TurnFollower {
    turn_id: Option<String>,
    /// Items whose text came as deltas; their final form repeats it.
    streamed: HashSet<String>,
    /// Upstream responses whose usage was reported.
    responses: HashSet<String>,
    /// Usage of the thread, kept for answers that end without `rawResponse/completed`.
    total: Option<Usage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TurnScoped {
    turn_id: String,
    #[serde(default)]
    item_id: String,
    #[serde(default)]
    delta: String,
}

#[derive(Deserialize)]
struct ItemChanged {
    item: Item,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Item {
    AgentMessage {
        id: String,
        text: String,
    },
    ContextCompaction,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct RawItemCompleted {
    item: RawItem,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum RawItem {
    FunctionCall {
        call_id: String,
        name: String,
        arguments: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawResponseCompleted {
    response_id: Option<String>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenUsageUpdated {
    token_usage: TokenUsage,
}

#[derive(Deserialize)]
struct TokenUsage {
    total: Usage,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Usage {
    #[serde(rename = "inputTokens")]
    input: u64,
    #[serde(rename = "cachedInputTokens")]
    cached: u64,
    #[serde(rename = "outputTokens")]
    output: u64,
    #[serde(rename = "reasoningOutputTokens")]
    reasoning: u64,
}

#[derive(Deserialize)]
struct TurnChanged {
    turn: Turn,
}

#[derive(Deserialize)]
struct Turn {
    id: String,
    status: String,
    error: Option<TurnError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TurnError {
    message: String,
    codex_error_info: Option<Value>,
}

// === impl TurnFollower ===

impl TurnFollower {
    /// What the notification `method` means for this turn, if anything.
    pub fn follow(&mut self, method: &str, params: &RawValue) -> Option<TurnEvent> {
        match method {
            "turn/started" => {
                self.turn_id = Some(parse::<TurnChanged>(params)?.turn.id);
                None
            }
            "turn/completed" => {
                let turn = parse::<TurnChanged>(params)?.turn;
                (self.turn_id.as_ref() == Some(&turn.id)).then(|| TurnEvent::Ended(self.end(turn)))
            }
            _ => {
                let frame = parse::<TurnScoped>(params)?;
                (self.turn_id.as_ref() == Some(&frame.turn_id))
                    .then(|| self.within_turn(method, frame, params))
                    .flatten()
            }
        }
    }

    fn within_turn(&mut self, method: &str, frame: TurnScoped, params: &RawValue) -> Option<TurnEvent> {
        match method {
            "item/agentMessage/delta" => {
                self.streamed.insert(frame.item_id);
                Some(TurnEvent::Text(frame.delta))
            }
            "item/reasoning/summaryTextDelta" | "item/reasoning/textDelta" => Some(TurnEvent::Reasoning(frame.delta)),
            "item/started" => match parse::<ItemChanged>(params)?.item {
                // Codex is about to replace the conversation by a summary of it: not what the client asked.
                Item::ContextCompaction => Some(TurnEvent::Ended(TurnEnd::Failed(TurnFailure {
                    kind: FailureKind::ContextLength,
                    message: "context length exceeded".to_owned(),
                }))),
                _ => None,
            },
            "item/completed" => match parse::<ItemChanged>(params)?.item {
                // An upstream that sends no deltas still has its text arrive, whole.
                Item::AgentMessage { id, text } if !self.streamed.contains(&id) && !text.is_empty() => {
                    Some(TurnEvent::Text(text))
                }
                _ => None,
            },
            "rawResponseItem/completed" => match parse::<RawItemCompleted>(params)?.item {
                RawItem::FunctionCall { call_id, name, arguments } => {
                    Some(TurnEvent::ToolCall(ToolCall { call_id, name, arguments }))
                }
                RawItem::Other => None,
            },
            "rawResponse/completed" => {
                let RawResponseCompleted { response_id, usage } = parse(params)?;
                let is_new = response_id.is_none_or(|id| self.responses.insert(id));
                is_new.then(|| TurnEvent::ResponseCompleted(usage.map(Tokens::from).unwrap_or_default()))
            }
            "thread/tokenUsage/updated" => {
                self.total = Some(parse::<TokenUsageUpdated>(params)?.token_usage.total);
                None
            }
            _ => None,
        }
    }

    fn end(&self, turn: Turn) -> TurnEnd {
        match (turn.status.as_str(), turn.error) {
            ("completed", _) => TurnEnd::Completed,
            ("interrupted", _) => TurnEnd::Interrupted,
            (_, Some(error)) => match incomplete_reason(&error.message) {
                Some(reason) => TurnEnd::Incomplete { reason, tokens: self.total.map(Tokens::from) },
                None => TurnEnd::Failed(TurnFailure { kind: error.kind(), message: error.message }),
            },
            (status, None) => TurnEnd::Failed(TurnFailure {
                kind: FailureKind::Other,
                message: format!("the turn ended with status {status} and no error"),
            }),
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(params: &'a RawValue) -> Option<T> {
    serde_json::from_str(params.get()).ok()
}

/// Codex has no error code for `response.incomplete`; its message is all there is (`upstream_incomplete.jsonl`).
fn incomplete_reason(message: &str) -> Option<IncompleteReason> {
    let (_, reason) = message.split_once("Incomplete response returned, reason: ")?;
    match reason.trim() {
        "content_filter" => Some(IncompleteReason::ContentFilter),
        _ => Some(IncompleteReason::MaxOutputTokens),
    }
}

// === impl TurnError ===

impl TurnError {
    /// The class of the failure, from `codexErrorInfo` (the table in `docs/architecture.md`).
    fn kind(&self) -> FailureKind {
        let info = self.codex_error_info.as_ref();
        match info.and_then(Value::as_str) {
            Some("contextWindowExceeded") => return FailureKind::ContextLength,
            Some("unauthorized") => return FailureKind::Unauthorized,
            Some("badRequest") => return FailureKind::BadRequest,
            Some("usageLimitExceeded" | "rateLimitExceeded") => return FailureKind::RateLimited,
            Some("modelNotFound") => return FailureKind::ModelNotFound,
            Some("serverOverloaded" | "internalServerError") => return FailureKind::Unavailable,
            Some("other") if self.message.starts_with("stream disconnected") => return FailureKind::Disconnected,
            // Codex passes a 400 on as `other` with the upstream's JSON body as the message.
            Some("other") if self.message.trim_start().starts_with('{') => return FailureKind::BadRequest,
            _ => {}
        }
        let Some((name, detail)) = info.and_then(Value::as_object).and_then(|object| object.iter().next()) else {
            return FailureKind::Other;
        };
        match detail.get("httpStatusCode").and_then(Value::as_u64) {
            Some(401 | 403) => FailureKind::Unauthorized,
            Some(400 | 413 | 422) => FailureKind::BadRequest,
            Some(429) => FailureKind::RateLimited,
            Some(404) => FailureKind::ModelNotFound,
            Some(500..) => FailureKind::Unavailable,
            _ if name == "responseStreamDisconnected" => FailureKind::Disconnected,
            _ if name.ends_with("ConnectionFailed") => FailureKind::Unavailable,
            _ => FailureKind::Other,
        }
    }
}

// === impl Usage ===

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        let Usage { input, cached, output, reasoning } = usage;
        Self { input, cached, output, reasoning }
    }
}
