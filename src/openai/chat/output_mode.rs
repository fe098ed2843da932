//! How tool calls are shown: as OpenAI's API has them, or as text too, which Obsidian Copilot reads; and what follows them.

use std::time::Duration;

use journal::OutputForm;
use serde_json::Value;

use crate::config::Form as _;
pub use crate::config::{OutputMode, StopAfterTools};

/// Everything about the form of an answer with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputRules {
    /// How calls are shown.
    pub mode: OutputMode,
    /// Whether an answer in `obsidian-xml` ends behind its calls.
    pub stop_after_tools: bool,
    /// What counts as behind them.
    pub stop_mode: StopAfterTools,
    /// How long further calls are waited for.
    pub grace: Duration,
    /// Whether text behind a call is left out in `obsidian-xml`.
    pub suppress_tail: bool,
    /// How many calls an answer has at most; 0 for any number.
    pub max_calls: usize,
}

/// The mode that a client names by the value of `x-proxy-output-mode`; one that it cannot mean is `default`.
pub fn named(value: &str, default: OutputMode) -> OutputMode {
    let known = [OutputMode::OpenaiJson, OutputMode::ObsidianXml].into_iter();
    let name = value.trim().to_ascii_lowercase();
    known.into_iter().find(|mode| mode.as_str() == name).unwrap_or(default)
}

/// Whether `body` has what Obsidian Copilot puts into its messages.
pub fn is_of_copilot(body: &Value) -> bool {
    let marked = |text: &str| ["<recent_conversations", "<saved_memories"].iter().any(|mark| text.contains(mark));
    let messages = body.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    messages.iter().filter_map(|message| message.get("content")).any(|content| match content {
        Value::String(text) => marked(text),
        Value::Array(parts) => parts.iter().filter_map(|part| part.get("text")?.as_str()).any(marked),
        _ => false,
    })
}

// === impl OutputRules ===

impl OutputRules {
    /// Whether calls are shown as text too.
    pub fn as_text(&self) -> bool {
        self.mode == OutputMode::ObsidianXml
    }

    /// Whether the answer ends behind its calls, in the way of `mode`.
    pub fn stops_after(&self, mode: StopAfterTools) -> bool {
        self.as_text() && self.stop_after_tools && self.stop_mode == mode
    }
}

impl OutputRules {
    /// What is recorded of them: nothing of OpenAI's own form.
    pub fn recorded(&self) -> Option<OutputForm> {
        let is_openais = !self.as_text() && self.stop_mode == Self::default().stop_mode && self.max_calls == 0;
        (!is_openais).then(|| OutputForm {
            mode: self.mode.to_string(),
            stop_after_tools: self.stop_after_tools,
            stop_mode: self.stop_mode.to_string(),
            grace_ms: u64::try_from(self.grace.as_millis()).unwrap_or(u64::MAX),
            suppress_tail: self.suppress_tail,
            max_calls: self.max_calls,
        })
    }

    /// The rules that were recorded; `None` if they are of another version.
    pub fn of_record(recorded: Option<&OutputForm>) -> Option<Self> {
        let Some(form) = recorded else { return Some(Self::default()) };
        Some(Self {
            mode: OutputMode::parse(&form.mode).ok()?,
            stop_after_tools: form.stop_after_tools,
            stop_mode: StopAfterTools::parse(&form.stop_mode).ok()?,
            grace: Duration::from_millis(form.grace_ms),
            suppress_tail: form.suppress_tail,
            max_calls: form.max_calls,
        })
    }
}

impl Default for OutputRules {
    /// OpenAI's form.
    fn default() -> Self {
        Self {
            mode: OutputMode::OpenaiJson,
            stop_after_tools: false,
            stop_mode: StopAfterTools::Burst,
            grace: Duration::ZERO,
            suppress_tail: false,
            max_calls: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_unknown_name_is_the_default() {
        assert_eq!(named("obsidian-xml", OutputMode::OpenaiJson), OutputMode::ObsidianXml);
        assert_eq!(named(" OpenAI-JSON", OutputMode::ObsidianXml), OutputMode::OpenaiJson);
        assert_eq!(named("yaml", OutputMode::ObsidianXml), OutputMode::ObsidianXml);
    }

    #[test]
    fn copilot_is_known_by_what_it_writes() {
        let body = |content: Value| json!({ "messages": [{ "role": "user", "content": content }] });
        assert!(is_of_copilot(&body(json!("x <saved_memories>"))));
        assert!(is_of_copilot(&body(json!([{ "type": "text", "text": "<recent_conversations>" }]))));
        assert!(!is_of_copilot(&body(json!("recent_conversations"))) && !is_of_copilot(&json!(1)));
    }
}
