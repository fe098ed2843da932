//! What is different between two requests, step by step, but for times and ids.

use std::collections::HashMap;
use std::sync::LazyLock;

use journal::EventBody;
use regex::{Captures, Regex};
use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

use super::recording::{Recording, Step};
use crate::failure::Failure;
use crate::ink::Ink;
use crate::output::Output;
use crate::text::plain;

/// How many lines are shown around a difference.
const CONTEXT: usize = 3;

/// Names that are made anew for each request.
static IDS: LazyLock<Regex> = LazyLock::new(|| {
    let id = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\b(?:chatcmpl|resp|msg|rs|fc)[-_][0-9A-Za-z]{8,}";
    Regex::new(id).expect("it is one")
});

/// Makes the steps of one request comparable with those of another: ids become numbers in the order in which they come.
#[derive(Default)]
struct Comparable {
    ids: HashMap<String, usize>,
}

/// Prints a unified diff.
pub(super) fn print(one: &Recording, other: &Recording, output: &mut Output) -> Result<(), Failure> {
    let (old, new) = (text(one), text(other));
    if old == new {
        return output.line("no difference but for times and ids");
    }
    output.line(&Ink::Title.paint(&format!("--- {}", one.request)))?;
    output.line(&Ink::Title.paint(&format!("+++ {}", other.request)))?;
    let diff = TextDiff::from_lines(&old, &new);
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        output.line(&Ink::Faint.paint(&hunk.header().to_string()))?;
        for change in hunk.iter_changes() {
            let line = format!("{}{}", change.tag(), plain(change.value().trim_end_matches('\n'), usize::MAX));
            output.line(&match change.tag() {
                ChangeTag::Equal => line,
                ChangeTag::Delete => Ink::Bad.paint(&line),
                ChangeTag::Insert => Ink::Good.paint(&line),
            })?;
        }
    }
    Ok(())
}

/// All steps of a request: what each is, and below that what it says.
fn text(recording: &Recording) -> String {
    let mut comparable = Comparable::default();
    recording.steps.iter().map(|step| comparable.step(step)).collect()
}

/// Whether the member `name` tells of a time, or of where in time something was.
fn is_of_time(name: &str) -> bool {
    matches!(name, "created" | "peer" | "date" | "pid")
        || ["_ms", "Ms", "_at", "At"].iter().any(|end| name.ends_with(end))
}

// === impl Comparable ===

impl Comparable {
    fn step(&mut self, step: &Step) -> String {
        let kind = &step.described.kind;
        let said = match step.event.as_ref().map(|event| &event.draft.body) {
            Some(EventBody::ResponseChunk { bytes }) => self.chunk(bytes),
            Some(EventBody::RpcSent(frame) | EventBody::RpcReceived(frame)) => {
                let text = String::from_utf8_lossy(&frame.frame.0);
                let mut value = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(&*text));
                // Calls are numbered over all requests of a worker.
                if let Some(frame) = value.as_object_mut().filter(|frame| frame.get("id").is_some_and(Value::is_number))
                {
                    frame.shift_remove("id");
                }
                self.pretty(value)
            }
            _ => {
                let event: Map<String, Value> = serde_json::from_str(&step.line).unwrap_or_default();
                self.pretty(event.get("data").cloned().unwrap_or_default())
            }
        };
        format!("{kind}\n{said}\n")
    }

    /// What went out in one piece, line by line.
    fn chunk(&mut self, bytes: &str) -> String {
        let lines: Vec<_> = bytes.lines().filter(|line| !line.is_empty()).map(|line| self.answer_line(line)).collect();
        lines.join("\n")
    }

    fn answer_line(&mut self, line: &str) -> String {
        let (field, text) = line.strip_prefix("data: ").map_or(("", line), |text| ("data: ", text));
        let said = match serde_json::from_str(text) {
            Ok(mut value) => {
                self.strip(&mut value);
                value.to_string()
            }
            Err(_) => self.named(text),
        };
        format!("  {field}{said}")
    }

    fn pretty(&mut self, mut value: Value) -> String {
        self.strip(&mut value);
        let lines: Vec<_> = format!("{value:#}").lines().map(|line| format!("  {line}")).collect();
        lines.join("\n")
    }

    /// Takes times away, and puts numbers in the place of ids.
    fn strip(&mut self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.retain(|name, _| !is_of_time(name));
                for value in members.values_mut() {
                    self.strip(value);
                }
            }
            Value::Array(values) => {
                // Headers are pairs.
                values.retain(|pair| pair[0].as_str().is_none_or(|name| !is_of_time(name)));
                for value in values {
                    self.strip(value);
                }
            }
            Value::String(text) => *text = self.named(text),
            _ => {}
        }
    }

    fn named(&mut self, text: &str) -> String {
        let replaced = IDS.replace_all(text, |found: &Captures<'_>| {
            let next = self.ids.len() + 1;
            format!("<id {}>", self.ids.entry(found[0].to_owned()).or_insert(next))
        });
        replaced.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_and_ids_become_numbers() {
        let mut comparable = Comparable::default();
        let (one, other) = ("0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b", "0197a0b1-c2d4-7e4f-8a5b-6c7d8e9f0a1b");
        let mut value = serde_json::json!({
            "threadId": one, "turnId": other, "startedAt": 1, "queue_wait_ms": 2.0, "text": format!("of {one}"),
            "headers": [["date", "today"], ["x-request-id", other], ["server", "s"]], "n": 3,
        });
        comparable.strip(&mut value);
        let expected = serde_json::json!({
            "threadId": "<id 1>", "turnId": "<id 2>", "text": "of <id 1>",
            "headers": [["x-request-id", "<id 2>"], ["server", "s"]], "n": 3,
        });
        assert_eq!(value, expected);
        let line = r#"data: {"id":"chatcmpl-0123456789ab","created":5,"x":"y"}"#;
        assert_eq!(comparable.answer_line(line), r#"  data: {"id":"<id 3>","x":"y"}"#);
        assert_eq!(comparable.answer_line("data: [DONE]"), "  data: [DONE]");
    }
}
