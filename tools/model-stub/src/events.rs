//! The server-sent events of an answer, made one at a time as the client takes them.

use std::iter;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::script::{Call, Output, Usage};

/// Arguments of a call come in fragments of this many characters.
const FRAGMENT: usize = 5;

/// One step of a streamed answer.
#[derive(Debug)]
pub(crate) enum Step {
    Event(Bytes),
    Pause(Duration),
    /// Nothing more ever, and the connection stays open.
    Hang,
}

pub(crate) type Steps = Box<dyn Iterator<Item = Step> + Send>;

/// Splits a text into words with the white space around them; the pieces concatenate to the text.
struct Words {
    text: String,
    position: usize,
    first: bool,
}

/// The steps of `output` after `delay`. `number` tells responses apart; calls are numbered from `first_call` on.
pub(crate) fn steps(output: Output, delay: Duration, usage: Usage, number: u64, first_call: u64) -> Steps {
    let id = format!("resp_{number}");
    let delay = (!delay.is_zero()).then_some(Step::Pause(delay));
    let created = event(&json!({"type": "response.created", "response": {"id": id}}));
    let last = |status: &str, details: Value| {
        let response = json!({
            "id": id, "status": status, "incomplete_details": details, "usage": usage.to_json(), "output": [],
        });
        iter::once(event(&json!({"type": format!("response.{status}"), "response": response})))
    };
    let completed = last("completed", Value::Null);
    let rest: Steps = match output {
        Output::Items { text, calls } => {
            let calls_at = usize::from(text.is_some());
            let text = text.into_iter().flat_map(|text| message(0, Words::new(text), None));
            let calls = calls.into_iter().zip(first_call..).enumerate();
            let calls = calls.flat_map(move |(index, (call, number))| function_call(calls_at + index, number, &call));
            Box::new(text.chain(calls).chain(completed))
        }
        Output::Pieces { characters, text } => {
            let text: Vec<char> = text.chars().collect();
            let pieces: Vec<String> = text.chunks(characters).map(|piece| piece.iter().collect()).collect();
            Box::new(message(0, pieces.into_iter(), None).chain(completed))
        }
        Output::Slow { words, every } => {
            let words = (0..words).map(|word| format!("w{word} "));
            Box::new(message(0, words, Some(every)).chain(completed))
        }
        Output::Reasoning => {
            Box::new(reasoning().into_iter().chain(message(1, iter::once("answer".into()), None)).chain(completed))
        }
        Output::Incomplete(reason) => {
            let half = message(0, iter::once("half".into()), None);
            Box::new(half.chain(last("incomplete", json!({"reason": reason}))))
        }
        Output::Failed => Box::new(iter::once(failed(&id))),
        Output::Cut => Box::new(message(0, iter::once("partial".into()), None).take(2)),
        Output::Hang => return Box::new(iter::once(Step::Hang)),
    };
    Box::new(delay.into_iter().chain(iter::once(created)).chain(rest))
}

/// A message made of `words`, with a pause after each.
fn message(
    index: usize,
    words: impl Iterator<Item = String> + Send + 'static,
    pause: Option<Duration>,
) -> impl Iterator<Item = Step> + Send {
    let item = |content: Value| json!({"type": "message", "role": "assistant", "id": "msg_1", "content": content});
    let added = json!({"type": "response.output_item.added", "output_index": index, "item": item(json!([]))});
    let mut words = words.fuse();
    let mut said = Some(String::new());
    let rest = iter::from_fn(move || {
        let Some(word) = words.next() else {
            let item = item(json!([{"type": "output_text", "text": said.take()?}]));
            let done = json!({"type": "response.output_item.done", "output_index": index, "item": item});
            return Some([Some(event(&done)), None]);
        };
        said.as_mut()?.push_str(&word);
        let delta = json!({
            "type": "response.output_text.delta", "item_id": "msg_1", "output_index": index, "content_index": 0,
            "delta": word,
        });
        Some([Some(event(&delta)), pause.map(Step::Pause)])
    });
    iter::once(event(&added)).chain(rest.flatten().flatten())
}

fn function_call(index: usize, number: u64, call: &Call) -> Vec<Step> {
    let id = format!("fc_{number}");
    let item = |arguments: &str| {
        json!({
            "type": "function_call", "id": id, "call_id": format!("call_{number}"), "name": call.name,
            "arguments": arguments,
        })
    };
    let characters: Vec<char> = call.arguments.chars().collect();
    let deltas = characters.chunks(FRAGMENT).map(|fragment| {
        json!({
            "type": "response.function_call_arguments.delta", "item_id": id, "output_index": index,
            "delta": fragment.iter().collect::<String>(),
        })
    });
    let added = json!({"type": "response.output_item.added", "output_index": index, "item": item("")});
    let arguments_done = json!({
        "type": "response.function_call_arguments.done", "item_id": id, "output_index": index,
        "arguments": call.arguments,
    });
    let done = json!({"type": "response.output_item.done", "output_index": index, "item": item(&call.arguments)});
    iter::once(added).chain(deltas).chain([arguments_done, done]).map(|body| event(&body)).collect()
}

fn reasoning() -> Vec<Step> {
    let item =
        |summary: Value| json!({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": null});
    let part = |text: &str| json!({"type": "summary_text", "text": text});
    let delta = |text: &str| {
        json!({
            "type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "output_index": 0, "summary_index": 0,
            "delta": text,
        })
    };
    let bodies = [
        json!({"type": "response.output_item.added", "output_index": 0, "item": item(json!([]))}),
        json!({
            "type": "response.reasoning_summary_part.added", "item_id": "rs_1", "output_index": 0, "summary_index": 0,
            "part": part(""),
        }),
        delta("Thinking "),
        delta("hard"),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item(json!([part("Thinking hard")]))}),
    ];
    bodies.iter().map(event).collect()
}

fn failed(id: &str) -> Step {
    let error = json!({"code": "context_length_exceeded", "message": "too long"});
    event(&json!({"type": "response.failed", "response": {"id": id, "status": "failed", "error": error}}))
}

fn event(body: &Value) -> Step {
    let kind = body["type"].as_str().expect("every event is made with a type");
    Step::Event(format!("event: {kind}\ndata: {body}\n\n").into())
}

// === impl Usage ===

impl Usage {
    fn to_json(self) -> Value {
        json!({
            "input_tokens": self.input, "input_tokens_details": {"cached_tokens": self.cached},
            "output_tokens": self.output, "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.input.saturating_add(self.output),
        })
    }
}

// === impl Words ===

impl Words {
    fn new(text: String) -> Self {
        Self { text, position: 0, first: true }
    }
}

impl Iterator for Words {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let rest = &self.text[self.position..];
        // An empty text is one empty word, so that an empty message has a delta too.
        if rest.is_empty() && !std::mem::take(&mut self.first) {
            return None;
        }
        self.first = false;
        let find = |from: usize, white: bool| {
            rest[from..].find(|c: char| c.is_whitespace() == white).map_or(rest.len(), |at| from + at)
        };
        let end = find(find(find(0, false), true), false);
        self.position += end;
        Some(rest[..end].to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_concatenate_to_the_text() {
        for text in ["", " ", "a", "  two  words \n", "e\u{301}\u{a0}\u{200d}x\u{2003}漢字\r\n\t\"q\"", "\n\n"] {
            assert_eq!(Words::new(text.into()).collect::<String>(), text);
        }
        let words: Vec<_> = Words::new(" one two\n\nthree".into()).collect();
        assert_eq!(words, [" one ", "two\n\n", "three"]);
        assert_eq!(Words::new(String::new()).count(), 1);
    }
}
