//! The output mode of a request: which one is in force, and the headers that tell.

use http::{HeaderMap, HeaderName, HeaderValue, request};
use serde_json::Value;

use crate::config::{Config, OutputMode};
use crate::openai::chat::answer::Answer;
use crate::openai::chat::output_mode::{OutputRules, is_of_copilot, named};

/// Names the output mode, in requests and answers.
const OUTPUT_MODE: HeaderName = HeaderName::from_static("x-proxy-output-mode");

/// How much is kept of what follows the calls of an answer.
const STOP_MODE: HeaderName = HeaderName::from_static("x-codex-stop-after-tools-mode");

/// How many calls an answer has, in all of its choices.
const CALL_COUNT: HeaderName = HeaderName::from_static("x-codex-tool-call-count");

/// Whether calls were left out of it.
const TRUNCATED: HeaderName = HeaderName::from_static("x-codex-tool-call-truncated");

/// The output rules for a request with this head and body.
pub fn rules(config: &Config, head: &request::Parts, body: &Value) -> OutputRules {
    OutputRules {
        mode: mode(config, head, body),
        stop_after_tools: config.stop_after_tools,
        stop_mode: config.stop_after_tools_mode,
        grace: config.stop_after_tools_grace,
        suppress_tail: config.suppress_tail_after_tools,
        max_calls: config.tool_block_max,
    }
}

/// Adds what is known of the output before the answer is.
pub fn announce(headers: &mut HeaderMap, output: &OutputRules) {
    headers.insert(OUTPUT_MODE, HeaderValue::from_static(output.mode.as_str()));
    headers.insert(STOP_MODE, HeaderValue::from_static(output.stop_mode.as_str()));
}

/// Adds what is known of the calls once all of them are there.
pub fn tell_calls<'a>(headers: &mut HeaderMap, answers: impl IntoIterator<Item = &'a Answer>) {
    let (mut calls, mut truncated) = (0_usize, false);
    for answer in answers {
        calls += answer.calls().len();
        truncated |= answer.is_truncated();
    }
    headers.insert(CALL_COUNT, HeaderValue::from(calls));
    headers.insert(TRUNCATED, HeaderValue::from_static(if truncated { "true" } else { "false" }));
}

/// The mode that the request names, else the one of Obsidian Copilot if it is one of its, else the configured one.
fn mode(config: &Config, head: &request::Parts, body: &Value) -> OutputMode {
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(name) = header(OUTPUT_MODE.as_str()) {
        return named(name, config.output_mode);
    }
    let titled = || {
        let referer = header("http-referer").map(|referer| referer.trim_end_matches('/'));
        referer == Some("https://obsidiancopilot.com") && header("x-title") == Some("Obsidian Copilot")
    };
    let is_copilot = || header("x-copilot-trace-id").is_some() || titled() || is_of_copilot(body);
    if config.copilot_auto_detect && is_copilot() { OutputMode::ObsidianXml } else { config.output_mode }
}
