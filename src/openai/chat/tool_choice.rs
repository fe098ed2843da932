//! The call that a client demands by `tool_choice`. A worker has no way to force a model, so the answer is watched instead.

use serde_json::{Value, json};

use crate::turn::{FailureKind, ToolCall, TurnFailure};

/// A call without which an answer is not what the client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// Of any tool: `required`.
    Any,
    /// Of the function with this name.
    Named(String),
}

// === impl Demand ===

impl Demand {
    /// Whether `call` is what was demanded.
    pub fn is_met_by(&self, call: &ToolCall) -> bool {
        match self {
            Self::Any => true,
            Self::Named(name) => call.name == *name,
        }
    }

    /// What a model is told that answered without the call, as a developer message behind the conversation.
    pub fn hint(&self) -> Value {
        let what = match self {
            Self::Any => "call one of the available functions".to_owned(),
            Self::Named(name) => format!("call the function {name}"),
        };
        let text = format!("You must {what} now. Do not answer with text.");
        json!({ "type": "message", "role": "developer", "content": [{ "type": "input_text", "text": text }] })
    }

    /// The failure of an answer without the call, the hint notwithstanding.
    pub fn failure(&self) -> TurnFailure {
        let message = match self {
            Self::Any => "the model called no tool although tool_choice requires it".to_owned(),
            Self::Named(name) => format!("the model did not call the function {name} that tool_choice names"),
        };
        TurnFailure { kind: FailureKind::NotCalled, message }
    }
}
