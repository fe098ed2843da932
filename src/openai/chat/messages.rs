//! Messages become Responses API items: each message, image, tool call and tool result its own.

use serde_json::{Map, Value, json};

use crate::openai::error::InvalidRequest;

/// Reads a list of messages in order and keeps track of the calls that wait for their results.
#[derive(Debug, Default)]
struct Conversation {
    items: Vec<Value>,
    /// Calls of the last assistant message whose result has not come: id, name, and where the message stands.
    open_calls: Vec<(String, String, usize)>,
}

/// The items of `messages`, which the caller knows to be a list with at least one entry.
pub fn items(messages: &[Value]) -> Result<Vec<Value>, InvalidRequest> {
    let mut conversation = Conversation::default();
    for (index, message) in messages.iter().enumerate() {
        conversation.read(index, message)?;
    }
    conversation.close_calls()?;
    Ok(conversation.items)
}

// === impl Conversation ===

impl Conversation {
    fn read(&mut self, index: usize, message: &Value) -> Result<(), InvalidRequest> {
        let at = |field: &str| format!("messages[{index}]{field}");
        let message = message.as_object().ok_or_else(|| InvalidRequest::new(at(""), "a message must be an object"))?;
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        if !matches!(role, "tool" | "function") {
            self.close_calls()?;
        }
        match role {
            // A message with the role `system` would be dropped by Codex without a word (`system_role_is_dropped.jsonl`).
            "system" | "developer" => self.message(index, "developer", message),
            "user" => self.message(index, "user", message),
            "assistant" => self.assistant(index, message),
            "tool" => {
                let id = message.get("tool_call_id").and_then(Value::as_str).ok_or_else(|| {
                    InvalidRequest::new(
                        at(".tool_call_id"),
                        "a message with role 'tool' needs the tool_call_id it answers",
                    )
                })?;
                self.result(index, message, |(open, _, _)| open == id)
            }
            "function" => {
                let name = message.get("name").and_then(Value::as_str).ok_or_else(|| {
                    InvalidRequest::new(
                        at(".name"),
                        "a message with role 'function' needs the name of the function it answers",
                    )
                })?;
                self.result(index, message, |(_, open, _)| open == name)
            }
            _ => Err(InvalidRequest::new(
                at(".role"),
                format!(
                    "unknown role {}: must be one of system, developer, user, assistant, tool, function",
                    message.get("role").unwrap_or(&Value::Null)
                ),
            )),
        }
    }

    fn message(&mut self, index: usize, role: &str, message: &Map<String, Value>) -> Result<(), InvalidRequest> {
        let content = content(index, message.get("content"), role)?;
        self.items.push(json!({ "type": "message", "role": role, "content": content }));
        Ok(())
    }

    fn assistant(&mut self, index: usize, message: &Map<String, Value>) -> Result<(), InvalidRequest> {
        let calls = calls(index, message)?;
        let has_text = message.get("content").is_some_and(|content| !content.is_null());
        if has_text || calls.is_empty() {
            self.message(index, "assistant", message)?;
        }
        for (id, name, arguments) in calls {
            self.items.push(json!({ "type": "function_call", "call_id": id, "name": name, "arguments": arguments }));
            self.open_calls.push((id, name, index));
        }
        Ok(())
    }

    fn result(
        &mut self,
        index: usize,
        message: &Map<String, Value>,
        answers: impl Fn(&(String, String, usize)) -> bool,
    ) -> Result<(), InvalidRequest> {
        let Some(place) = self.open_calls.iter().position(answers) else {
            return Err(InvalidRequest::new(
                format!("messages[{index}].role"),
                "messages with role 'tool' must be a response to a preceding message with 'tool_calls'",
            ));
        };
        let (call_id, _, _) = self.open_calls.remove(place);
        let output = output(index, message.get("content"))?;
        self.items.push(json!({ "type": "function_call_output", "call_id": call_id, "output": output }));
        Ok(())
    }

    /// Codex would make up a result for a call without one; OpenAI's API refuses such a list, and so do we.
    fn close_calls(&mut self) -> Result<(), InvalidRequest> {
        let Some((_, _, index)) = self.open_calls.first() else { return Ok(()) };
        let ids: Vec<&str> = self.open_calls.iter().map(|(id, _, _)| id.as_str()).collect();
        Err(InvalidRequest::new(
            format!("messages[{index}].tool_calls"),
            format!(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
                 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
                ids.join(", ")
            ),
        ))
    }
}

/// The calls of an assistant message: id, name, arguments.
fn calls(index: usize, message: &Map<String, Value>) -> Result<Vec<(String, String, String)>, InvalidRequest> {
    if let Some(call) = message.get("function_call").filter(|call| !call.is_null()) {
        // The legacy form has no ids; the place in the list makes one that a result can be matched to.
        let (name, arguments) = function(call, &format!("messages[{index}].function_call"))?;
        return Ok(vec![(format!("call_legacy_{index}"), name, arguments)]);
    }
    let Some(calls) = message.get("tool_calls").filter(|calls| !calls.is_null()) else { return Ok(Vec::new()) };
    let at = format!("messages[{index}].tool_calls");
    let calls = calls.as_array().ok_or_else(|| InvalidRequest::new(&at, "tool_calls must be an array"))?;
    let read = |(place, call): (usize, &Value)| {
        let at = format!("{at}[{place}]");
        let id = call.get("id").and_then(Value::as_str);
        let id = id.ok_or_else(|| InvalidRequest::new(format!("{at}.id"), "a tool call needs an id"))?;
        let of = call.get("function").unwrap_or(&Value::Null);
        let (name, arguments) = function(of, &format!("{at}.function"))?;
        Ok((id.to_owned(), name, arguments))
    };
    calls.iter().enumerate().map(read).collect()
}

fn function(function: &Value, at: &str) -> Result<(String, String), InvalidRequest> {
    let field = |name: &str| {
        let text = function.get(name).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| InvalidRequest::new(format!("{at}.{name}"), format!("{name} must be a string")))
    };
    Ok((field("name")?, field("arguments")?))
}

/// The content parts of a message in Responses form.
fn content(index: usize, content: Option<&Value>, role: &str) -> Result<Vec<Value>, InvalidRequest> {
    let at = format!("messages[{index}].content");
    let text_type = if role == "assistant" { "output_text" } else { "input_text" };
    match content {
        Some(Value::String(text)) => Ok(vec![json!({ "type": text_type, "text": text })]),
        Some(Value::Array(parts)) => {
            let read = |(place, value)| part(&format!("{at}[{place}]"), value, role, text_type);
            parts.iter().enumerate().map(read).collect()
        }
        _ => Err(InvalidRequest::new(at, "content must be a string or an array of content parts")),
    }
}

fn part(at: &str, part: &Value, role: &str, text_type: &str) -> Result<Value, InvalidRequest> {
    let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
    let text = |field: &str| {
        let text = part.get(field).and_then(Value::as_str);
        text.ok_or_else(|| InvalidRequest::new(format!("{at}.{field}"), format!("{field} must be a string")))
    };
    match (kind, role) {
        ("text", _) => Ok(json!({ "type": text_type, "text": text("text")? })),
        ("refusal", "assistant") => Ok(json!({ "type": text_type, "text": text("refusal")? })),
        ("image_url", "user") => image(at, part),
        _ => Err(InvalidRequest::new(
            format!("{at}.type"),
            format!("content parts of type '{kind}' are not supported in messages with role '{role}'"),
        )),
    }
}

/// Images travel inside the request. Codex refuses addresses on the network, and nothing is fetched here.
fn image(at: &str, part: &Value) -> Result<Value, InvalidRequest> {
    let image = part.get("image_url").unwrap_or(&Value::Null);
    let url = image.get("url").and_then(Value::as_str);
    let url = url.ok_or_else(|| InvalidRequest::new(format!("{at}.image_url.url"), "url must be a string"))?;
    if !url.starts_with("data:") {
        let message = "only data URLs are supported: send the image itself as data:image/…;base64,…";
        return Err(InvalidRequest::new(format!("{at}.image_url.url"), message));
    }
    let mut item = json!({ "type": "input_image", "image_url": url });
    match image.get("detail") {
        None | Some(Value::Null) => {}
        Some(Value::String(detail)) if matches!(detail.as_str(), "auto" | "low" | "high") => {
            item["detail"] = json!(detail);
        }
        Some(_) => {
            let message = "detail must be one of auto, low, high";
            return Err(InvalidRequest::new(format!("{at}.image_url.detail"), message));
        }
    }
    Ok(item)
}

/// A tool's result is text; text parts are one after the other.
fn output(index: usize, content: Option<&Value>) -> Result<String, InvalidRequest> {
    let at = format!("messages[{index}].content");
    match content {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => {
            let mut output = String::new();
            for (place, part) in parts.iter().enumerate() {
                let is_text = part.get("type").and_then(Value::as_str) == Some("text");
                let text = part.get("text").and_then(Value::as_str).filter(|_| is_text);
                output.push_str(text.ok_or_else(|| {
                    InvalidRequest::new(format!("{at}[{place}]"), "a tool's result may hold parts of type 'text' only")
                })?);
            }
            Ok(output)
        }
        _ => Err(InvalidRequest::new(at, "content must be a string or an array of text parts")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(messages: &Value) -> String {
        items(messages.as_array().unwrap()).unwrap_err().param.unwrap()
    }

    #[test]
    fn every_form_of_message_becomes_its_own_item() {
        let messages = json!([
            { "role": "system", "content": "be brief" },
            { "role": "user", "content": [
                { "type": "text", "text": "what is" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==", "detail": "low" } },
            ] },
            { "role": "assistant", "content": "looking", "tool_calls": [
                { "id": "a", "type": "function", "function": { "name": "f", "arguments": "{ }" } },
                { "id": "b", "type": "function", "function": { "name": "g", "arguments": "not json" } },
            ] },
            { "role": "tool", "tool_call_id": "b", "content": [{ "type": "text", "text": "1" }, { "type": "text", "text": "2" }] },
            { "role": "tool", "tool_call_id": "a", "content": "" },
            { "role": "assistant", "content": null, "function_call": { "name": "h", "arguments": "{}" } },
            { "role": "function", "name": "h", "content": "done" },
        ]);
        let expected = json!([
            { "type": "message", "role": "developer", "content": [{ "type": "input_text", "text": "be brief" }] },
            { "type": "message", "role": "user", "content": [
                { "type": "input_text", "text": "what is" },
                { "type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low" },
            ] },
            { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "looking" }] },
            { "type": "function_call", "call_id": "a", "name": "f", "arguments": "{ }" },
            { "type": "function_call", "call_id": "b", "name": "g", "arguments": "not json" },
            { "type": "function_call_output", "call_id": "b", "output": "12" },
            { "type": "function_call_output", "call_id": "a", "output": "" },
            { "type": "function_call", "call_id": "call_legacy_5", "name": "h", "arguments": "{}" },
            { "type": "function_call_output", "call_id": "call_legacy_5", "output": "done" },
        ]);
        assert_eq!(Value::Array(items(messages.as_array().unwrap()).unwrap()), expected);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let call = json!({ "id": "a", "type": "function", "function": { "name": "f", "arguments": "{}" } });
        let cases = [
            (json!([5]), "messages[0]"),
            (json!([{ "role": "robot", "content": "" }]), "messages[0].role"),
            (json!([{ "content": "" }]), "messages[0].role"),
            (json!([{ "role": "user" }]), "messages[0].content"),
            (json!([{ "role": "user", "content": [{ "type": "file", "file": {} }] }]), "messages[0].content[0].type"),
            (json!([{ "role": "user", "content": [{ "type": "input_audio" }] }]), "messages[0].content[0].type"),
            (json!([{ "role": "system", "content": [{ "type": "image_url" }] }]), "messages[0].content[0].type"),
            (json!([{ "role": "user", "content": [{ "type": "image_url" }] }]), "messages[0].content[0].image_url.url"),
            (
                json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "https://x/y.png" } }] }]),
                "messages[0].content[0].image_url.url",
            ),
            (json!([{ "role": "tool", "content": "x" }]), "messages[0].tool_call_id"),
            (json!([{ "role": "tool", "tool_call_id": "z", "content": "x" }]), "messages[0].role"),
            (json!([{ "role": "assistant", "tool_calls": {} }]), "messages[0].tool_calls"),
            (json!([{ "role": "assistant", "tool_calls": [{}] }]), "messages[0].tool_calls[0].id"),
            (json!([{ "role": "assistant", "tool_calls": [call] }]), "messages[0].tool_calls"),
            (
                json!([{ "role": "assistant", "tool_calls": [call] }, { "role": "user", "content": "" }]),
                "messages[0].tool_calls",
            ),
        ];
        for (messages, expected) in cases {
            assert_eq!(param(&messages), expected, "{messages}");
        }
    }
}
