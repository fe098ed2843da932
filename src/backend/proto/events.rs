//! What the lines of a `codex proto` process mean: lines in, [`TurnEvent`]s out. Pure. Facts from Codex 0.40.0, recorded in
//! `tests/proto`.

use journal::Tokens;
use serde::Deserialize;

use crate::turn::{FailureKind, TurnEnd, TurnEvent, TurnFailure};

/// Follows the one turn of a process.
#[derive(Debug, Default)]
pub struct Follower {
    /// Whether the message that is being written came as deltas; its final form repeats it.
    streamed: bool,
    /// The process says why a turn fails, and then that it is complete.
    failure: Option<TurnFailure>,
}

#[derive(Deserialize)]
struct Line {
    msg: Event,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    AgentMessageDelta {
        delta: String,
    },
    AgentMessage {
        message: String,
    },
    AgentReasoningDelta {
        delta: String,
    },
    /// After each upstream response that came to its end.
    TokenCount {
        info: Option<TokenInfo>,
    },
    Error {
        message: String,
    },
    TaskComplete,
    TurnAborted,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct TokenInfo {
    last_token_usage: Usage,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(rename = "input_tokens")]
    input: u64,
    #[serde(rename = "cached_input_tokens")]
    cached: u64,
    #[serde(rename = "output_tokens")]
    output: u64,
    #[serde(rename = "reasoning_output_tokens")]
    reasoning: u64,
}

// === impl Follower ===

impl Follower {
    /// What `line` means for the turn, if anything.
    pub fn follow(&mut self, line: &[u8]) -> Option<TurnEvent> {
        let Line { msg } = serde_json::from_slice(line).ok()?;
        match msg {
            Event::AgentMessageDelta { delta } => {
                self.streamed = true;
                Some(TurnEvent::Text(delta))
            }
            Event::AgentMessage { message } => {
                // An upstream that sends no deltas still has its text arrive, whole.
                let repeated = std::mem::take(&mut self.streamed);
                (!repeated && !message.is_empty()).then_some(TurnEvent::Text(message))
            }
            Event::AgentReasoningDelta { delta } => Some(TurnEvent::Reasoning(delta)),
            Event::TokenCount { info } => info.map(|info| TurnEvent::ResponseCompleted(info.last_token_usage.into())),
            Event::Error { message } => {
                self.failure = Some(TurnFailure { kind: kind(&message), message: said_by_upstream(message) });
                None
            }
            Event::TaskComplete => Some(TurnEvent::Ended(match self.failure.take() {
                Some(failure) => TurnEnd::Failed(failure),
                None => TurnEnd::Completed,
            })),
            Event::TurnAborted => Some(TurnEvent::Ended(TurnEnd::Interrupted)),
            Event::Other => None,
        }
    }
}

/// The words before the upstream's status, where there is one.
const STATUSES: [&str; 2] = ["unexpected status ", "exceeded retry limit, last status: "];

/// The class of a failure, of which there are only words.
fn kind(message: &str) -> FailureKind {
    let status = STATUSES.iter().find_map(|words| message.strip_prefix(words)?.split(' ').next()?.parse::<u16>().ok());
    match status {
        Some(401 | 403) => return FailureKind::Unauthorized,
        Some(404) => return FailureKind::ModelNotFound,
        Some(429) => return FailureKind::RateLimited,
        Some(500..) => return FailureKind::Unavailable,
        _ => {}
    }
    let said = message.to_ascii_lowercase();
    if said.contains("context window") || said.contains("context_length_exceeded") {
        FailureKind::ContextLength
    } else if status.is_some_and(|status| (400..500).contains(&status)) {
        FailureKind::BadRequest
    } else if said.contains("usage limit") {
        FailureKind::RateLimited
    } else if said.contains("high demand") {
        FailureKind::Unavailable
    } else if said.starts_with("stream disconnected") {
        FailureKind::Disconnected
    } else {
        FailureKind::Other
    }
}

/// The upstream's body out of `unexpected status 400 Bad Request: {…}`.
fn said_by_upstream(message: String) -> String {
    match message.split_once(": {") {
        Some((words, body)) if words.starts_with(STATUSES[0]) => format!("{{{body}"),
        _ => message,
    }
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        let Usage { input, cached, output, reasoning } = usage;
        Self { input, cached, output, reasoning }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_class() {
        let cases = [
            ("unexpected status 400 Bad Request: {\"detail\":\"no\"}", FailureKind::BadRequest),
            ("unexpected status 400 Bad Request: Your input exceeds the context window", FailureKind::ContextLength),
            ("unexpected status 404 Not Found: {}", FailureKind::ModelNotFound),
            ("exceeded retry limit, last status: 401 Unauthorized", FailureKind::Unauthorized),
            ("exceeded retry limit, last status: 429 Too Many Requests", FailureKind::RateLimited),
            ("exceeded retry limit, last status: 503 Service Unavailable", FailureKind::Unavailable),
            ("We're currently experiencing high demand, which may cause temporary errors.", FailureKind::Unavailable),
            ("stream disconnected before completion: stream closed", FailureKind::Disconnected),
            ("You've hit your usage limit.", FailureKind::RateLimited),
            ("something else", FailureKind::Other),
        ];
        for (message, expected) in cases {
            assert_eq!(kind(message), expected, "{message}");
        }
    }

    #[test]
    fn an_error_ends_the_turn_when_the_task_is_complete() {
        let mut follower = Follower::default();
        assert_eq!(follower.follow(br#"{"id":"1","msg":{"type":"error","message":"x"}}"#), None);
        let end = follower.follow(br#"{"id":"1","msg":{"type":"task_complete","last_agent_message":null}}"#);
        let failure = TurnFailure { kind: FailureKind::Other, message: "x".into() };
        assert_eq!(end, Some(TurnEvent::Ended(TurnEnd::Failed(failure))));
    }

    #[test]
    fn text_without_deltas_arrives_once() {
        let mut follower = Follower::default();
        let message = br#"{"id":"1","msg":{"type":"agent_message","message":"whole"}}"#;
        assert_eq!(follower.follow(message), Some(TurnEvent::Text("whole".into())));
        follower.follow(br#"{"id":"1","msg":{"type":"agent_message_delta","delta":"whole"}}"#);
        assert_eq!(follower.follow(message), None);
        for other in ["", "null", "[]", r#"{"id":"1","msg":{"type":"session_configured"}}"#, r#"{"msg":{}}"#] {
            assert_eq!(follower.follow(other.as_bytes()), None, "{other}");
        }
    }
}
