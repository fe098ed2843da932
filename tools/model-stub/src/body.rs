//! The body of a request: decoding it, and finding the script in it.

use std::io::{self, Read as _};
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::script::REFUSE_INSTRUCTIONS;

/// Largest request body, as sent and as decoded, in bytes: Codex puts whole conversations with images into one.
pub(crate) const MAX_BODY: usize = 128 << 20;

/// Characters of a tool result that the answer to it repeats.
const QUOTED_OUTPUT: usize = 60;

/// Why a body cannot be answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("model-stub: content-encoding `{0}` is not supported, use zstd or none")]
    Encoding(String),
    #[error("model-stub: the zstd body does not decode: {0}")]
    Zstd(io::Error),
    #[error("model-stub: the body is larger than {MAX_BODY} bytes when decoded")]
    TooLarge,
    #[error("model-stub: the body is not JSON: {0}")]
    Json(serde_json::Error),
}

/// The parts of a Responses API request that choose the answer.
#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    input: Value,
    #[serde(default)]
    instructions: Option<String>,
}

/// The JSON document that a request carries, its content encoding undone.
pub(crate) fn decode(headers: &HeaderMap, raw: &Bytes) -> Result<Arc<RawValue>, BodyError> {
    match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => serde_json::from_slice(raw).map_err(BodyError::Json),
        Some(b"zstd") => serde_json::from_slice(&decompress(raw)?).map_err(BodyError::Json),
        Some(other) => Err(BodyError::Encoding(String::from_utf8_lossy(other).into_owned())),
    }
}

fn decompress(raw: &Bytes) -> Result<Vec<u8>, BodyError> {
    let decoder = zstd::Decoder::new(raw.as_ref()).map_err(BodyError::Zstd)?;
    let mut plain = Vec::new();
    decoder.take(MAX_BODY as u64 + 1).read_to_end(&mut plain).map_err(BodyError::Zstd)?;
    if plain.len() > MAX_BODY { Err(BodyError::TooLarge) } else { Ok(plain) }
}

/// The last user text, or what is to be said about a tool result that follows it. A model that needs to be coaxed calls its tool
/// once a developer message follows its script.
pub(crate) fn script(body: &RawValue) -> Result<String, BodyError> {
    let Request { input, instructions } = serde_json::from_str(body.get()).map_err(BodyError::Json)?;
    Ok(match &input {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let script = items.iter().rev().find_map(item_script).unwrap_or_default();
            let urged = items.last().is_some_and(|item| item["role"] == "developer");
            if let Some(script) = script.strip_prefix("insist:") {
                // Versions of Codex differ in where they put them.
                let first = items.first().filter(|item| item["role"] == "developer");
                let first = first.and_then(|item| message_text(&item["content"]));
                let own = [instructions, first].into_iter().flatten().any(|text| text.starts_with("You are "));
                return Ok(if own { script } else { REFUSE_INSTRUCTIONS }.to_owned());
            }
            match script.strip_prefix("coax:") {
                Some(call) if urged => format!("tool:{call}"),
                Some(_) => "say:I would rather not.".to_owned(),
                None => script,
            }
        }
        _ => String::new(),
    })
}

fn item_script(item: &Value) -> Option<String> {
    match item["type"].as_str() {
        None | Some("message") if item["role"] == "user" => message_text(&item["content"]),
        Some("function_call_output" | "custom_tool_call_output") => {
            let output = match &item["output"] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            Some(format!("say:got tool output {}", output.chars().take(QUOTED_OUTPUT).collect::<String>()))
        }
        _ => None,
    }
}

fn message_text(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let text = parts.iter().rev().find(|part| part["type"] == "input_text")?;
            text["text"].as_str().map(str::to_owned)
        }
        _ => None,
    }
}

// === impl BodyError ===

impl BodyError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Encoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Zstd(_) | Self::Json(_) => StatusCode::BAD_REQUEST,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn script_of(input: &Value) -> String {
        script(&serde_json::value::to_raw_value(&json!({"input": input})).unwrap()).unwrap()
    }

    #[test]
    fn the_last_user_text_or_tool_result_decides() {
        let user =
            |text: &str| json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]});
        let other =
            |role: &str| json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": "no"}]});
        let result = |output: Value| json!({"type": "function_call_output", "call_id": "c", "output": output});

        assert_eq!(script_of(&json!([user("a"), user("b"), other("developer"), other("assistant")])), "b");
        assert_eq!(
            script_of(&json!([user("a"), result(json!("x".repeat(70)))])),
            format!("say:got tool output {}", "x".repeat(60))
        );
        assert_eq!(script_of(&json!([result(json!("x")), user("b")])), "b");
        assert_eq!(
            script_of(&json!([result(json!([{"type": "input_text"}]))])),
            r#"say:got tool output [{"type":"input_text"}]"#
        );
        assert_eq!(script_of(&json!([user("coax:f:{}")])), "say:I would rather not.");
        assert_eq!(script_of(&json!([user("coax:f:{}"), other("developer")])), "tool:f:{}");
        assert_eq!(script_of(&json!("plain")), "plain");
        assert_eq!(script_of(&json!([])), "");
    }
}
