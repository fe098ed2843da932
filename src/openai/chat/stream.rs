//! The streamed form of the answer: `chat.completion.chunk` objects as server-sent events.

use journal::Tokens;
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{AnswerEnd, Piece};
use super::output_mode::StopAfterTools;
use super::{Envelope, Usage};
use crate::openai::sse;

/// Writes the events of one streamed answer.
#[derive(Debug)]
pub struct ChunkWriter {
    envelope: Envelope,
    include_usage: bool,
    /// Tool calls written so far, by choice.
    calls: Vec<usize>,
    /// Whether some were left out, by choice.
    truncated: Vec<bool>,
    stop_mode: StopAfterTools,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: &'a [Choice],
    usage: Option<StreamUsage>,
}

#[derive(Serialize)]
struct Choice {
    index: usize,
    delta: Value,
    finish_reason: Option<&'static str>,
}

/// The usage of a stream also tells how long it took.
#[derive(Serialize)]
struct StreamUsage {
    #[serde(flatten)]
    usage: Usage,
    time_to_first_token_ms: Option<u64>,
    total_duration_ms: u64,
}

/// The comment after the finish chunk of an answer with calls.
#[derive(Serialize)]
struct ToolComment {
    tool_call_count: usize,
    tool_call_truncated: bool,
    stop_after_tools_mode: &'static str,
}

// === impl ChunkWriter ===

impl ChunkWriter {
    /// A writer for `choices` choices, which tells clients of `stop_mode`.
    pub fn new(envelope: Envelope, choices: usize, include_usage: bool, stop_mode: StopAfterTools) -> Self {
        Self { envelope, include_usage, calls: vec![0; choices], truncated: vec![false; choices], stop_mode }
    }

    /// The events that open the stream: each choice's role.
    pub fn open(&self) -> Vec<String> {
        (0..self.calls.len()).map(|index| self.delta(index, json!({ "role": "assistant" }))).collect()
    }

    /// The events for a piece of choice `index`. A failure has none: it ends the whole stream, see the caller.
    pub fn piece(&mut self, index: usize, piece: &Piece) -> Vec<String> {
        match piece {
            Piece::Text(text) => vec![self.delta(index, json!({ "content": text }))],
            Piece::Call { index: place, call } => {
                self.calls[index] += 1;
                let head = json!({
                    "index": place, "id": call.call_id, "type": "function",
                    "function": { "name": call.name, "arguments": "" },
                });
                let arguments = json!({ "index": place, "function": { "arguments": call.arguments } });
                [head, arguments].map(|call| self.delta(index, json!({ "tool_calls": [call] }))).to_vec()
            }
            Piece::End(AnswerEnd::Finished(reason)) => {
                let choice = Choice { index, delta: json!({}), finish_reason: Some(reason.as_str()) };
                let mut events = vec![self.chunk(&[choice], None)];
                if self.calls[index] > 0 {
                    events.push(sse::comment(&ToolComment {
                        tool_call_count: self.calls[index],
                        tool_call_truncated: self.truncated[index],
                        stop_after_tools_mode: self.stop_mode.as_str(),
                    }));
                }
                events
            }
            Piece::Truncated => {
                self.truncated[index] = true;
                Vec::new()
            }
            Piece::Reasoning | Piece::End(AnswerEnd::Failed(_)) => Vec::new(),
        }
    }

    /// The events that close a complete stream.
    pub fn close(&self, tokens: Tokens, ttft_ms: Option<u64>, duration_ms: u64) -> Vec<String> {
        let mut events = Vec::new();
        if self.include_usage {
            let usage =
                StreamUsage { usage: tokens.into(), time_to_first_token_ms: ttft_ms, total_duration_ms: duration_ms };
            events.push(self.chunk(&[], Some(usage)));
        }
        events.push(sse::DONE.to_owned());
        events
    }

    fn delta(&self, index: usize, delta: Value) -> String {
        self.chunk(&[Choice { index, delta, finish_reason: None }], None)
    }

    fn chunk(&self, choices: &[Choice], usage: Option<StreamUsage>) -> String {
        let Envelope { id, created, model } = &self.envelope;
        sse::data(&Chunk { id, object: "chat.completion.chunk", created: *created, model, choices, usage })
    }
}
