//! The whole form of the answer: one `chat.completion` object.

use journal::Tokens;
use serde::Serialize;

use super::answer::{Answer, FinishReason};
use super::{Envelope, Usage};
use crate::turn::ToolCall;

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: Vec<Choice<'a>>,
    usage: Usage,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: usize,
    message: Message<'a>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// The JSON text of the completion with these choices, each with the reason it finished.
pub fn completion(envelope: &Envelope, choices: &[(Answer, FinishReason)]) -> String {
    let mut tokens = Tokens::default();
    for (answer, _) in choices {
        tokens += answer.tokens();
    }
    let choices = choices.iter().enumerate().map(|(index, (answer, reason))| choice(index, answer, *reason));
    let completion = Completion {
        id: &envelope.id,
        object: "chat.completion",
        created: envelope.created,
        model: &envelope.model,
        choices: choices.collect(),
        usage: tokens.into(),
    };
    serde_json::to_string(&completion).expect("what we send has string keys")
}

fn choice(index: usize, answer: &Answer, reason: FinishReason) -> Choice<'_> {
    // Text beside calls was shown to a streaming client; here the contract has room for one of the two, unless calls are text.
    let content = match reason {
        FinishReason::ToolCalls if answer.shows_text_beside_calls() => Some(answer.text()),
        FinishReason::ToolCalls | FinishReason::ContentFilter => None,
        FinishReason::Stop | FinishReason::Length => Some(answer.text()),
    };
    let tool_calls = answer.calls().iter().map(call).collect();
    Choice { index, message: Message { role: "assistant", content, tool_calls }, finish_reason: reason.as_str() }
}

fn call(call: &ToolCall) -> Call<'_> {
    let function = Function { name: &call.name, arguments: &call.arguments };
    Call { id: &call.call_id, kind: "function", function }
}
