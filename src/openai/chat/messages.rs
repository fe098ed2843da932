//! Messages become Responses API items: each message, image, tool call and tool result its own.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::fields::{Form, check_member, given};
use crate::openai::error::InvalidRequest;

/// Reads a list of messages in order and keeps track of the calls that wait for their results.
#[derive(Debug, Default)]
struct Conversation {
    items: Vec<Value>,
    calls: Calls,
}

/// The calls of the last assistant message that had any.
#[derive(Debug, Default)]
struct Calls {
    /// Where that message stands.
    index: usize,
    /// All of them, in order.
    ids: Vec<String>,
    /// The names of the functions that those call whose result has not come, by id.
    open: HashMap<String, String>,
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
        check_member(message, "name", Form::Text, &at(".name"))?;
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        if !matches!(role, "tool" | "function") {
            self.close_calls()?;
        }
        match role {
            "system" | "developer" | "user" => self.message(index, role, message),
            "assistant" => self.assistant(index, message),
            "tool" => {
                let id = message.get("tool_call_id").and_then(Value::as_str).ok_or_else(|| {
                    InvalidRequest::new(
                        at(".tool_call_id"),
                        "a message with role 'tool' needs the tool_call_id it answers",
                    )
                })?;
                self.result(index, id, message.get("content"))
            }
            "function" => {
                let name = message.get("name").and_then(Value::as_str).ok_or_else(|| {
                    InvalidRequest::new(
                        at(".name"),
                        "a message with role 'function' needs the name of the function it answers",
                    )
                })?;
                let id = self.calls.only_one_of(name).unwrap_or_default();
                // Of all results only one of the legacy form may be null.
                self.result(index, &id, Some(given(message, "content").unwrap_or(&json!(""))))
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
        // A message with the role `system` would be dropped by Codex without a word (`system_role_is_dropped.jsonl`).
        let role = if role == "system" { "developer" } else { role };
        self.items.push(json!({ "type": "message", "role": role, "content": content }));
        Ok(())
    }

    fn assistant(&mut self, index: usize, message: &Map<String, Value>) -> Result<(), InvalidRequest> {
        if given(message, "audio").is_some() {
            let message = "spoken answers are not supported: send their text as content";
            return Err(InvalidRequest::new(format!("messages[{index}].audio"), message));
        }
        let calls = calls(index, message)?;
        match (given(message, "content"), given(message, "refusal")) {
            // An answer that was a refusal has nothing else.
            (None, Some(refusal)) => {
                check_member(message, "refusal", Form::Text, &format!("messages[{index}].refusal"))?;
                let content = json!([{ "type": "output_text", "text": refusal }]);
                self.items.push(json!({ "type": "message", "role": "assistant", "content": content }));
            }
            (None, None) if !calls.is_empty() => {}
            _ => self.message(index, "assistant", message)?,
        }
        if !calls.is_empty() {
            self.calls = Calls { index, ..Calls::default() };
        }
        for (place, (id, name, arguments)) in calls.into_iter().enumerate() {
            self.items.push(json!({ "type": "function_call", "call_id": id, "name": name, "arguments": arguments }));
            if self.calls.open.insert(id.clone(), name).is_some() {
                let at = format!("messages[{index}].tool_calls[{place}].id");
                return Err(InvalidRequest::new(at, "an earlier call of the message has the same id"));
            }
            self.calls.ids.push(id);
        }
        Ok(())
    }

    fn result(&mut self, index: usize, call_id: &str, content: Option<&Value>) -> Result<(), InvalidRequest> {
        if self.calls.open.remove(call_id).is_none() {
            return Err(InvalidRequest::new(
                format!("messages[{index}].role"),
                "messages with role 'tool' must be a response to a preceding message with 'tool_calls'",
            ));
        }
        let output = output(index, content)?;
        self.items.push(json!({ "type": "function_call_output", "call_id": call_id, "output": output }));
        Ok(())
    }

    /// Codex would make up a result for a call without one; OpenAI's API refuses such a list, and so do we.
    fn close_calls(&mut self) -> Result<(), InvalidRequest> {
        let Calls { index, ids, open } = &self.calls;
        if open.is_empty() {
            return Ok(());
        }
        let open: Vec<&str> = ids.iter().filter(|id| open.contains_key(*id)).map(String::as_str).collect();
        Err(InvalidRequest::new(
            format!("messages[{index}].tool_calls"),
            format!(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
                 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
                open.join(", ")
            ),
        ))
    }
}

// === impl Calls ===

impl Calls {
    /// The id of the open call, if it is the only one and calls the function `name`.
    fn only_one_of(&self, name: &str) -> Option<String> {
        let (id, called) = self.open.iter().next().filter(|_| self.open.len() == 1)?;
        (called == name).then(|| id.clone())
    }
}

/// The calls of an assistant message: id, name, arguments.
fn calls(index: usize, message: &Map<String, Value>) -> Result<Vec<(String, String, String)>, InvalidRequest> {
    if let Some(call) = given(message, "function_call") {
        // The legacy form has no ids; the place in the list makes one that a result can be matched to.
        let (name, arguments) = function(call, &format!("messages[{index}].function_call"))?;
        return Ok(vec![(format!("call_legacy_{index}"), name, arguments)]);
    }
    let Some(calls) = given(message, "tool_calls") else { return Ok(Vec::new()) };
    let at = format!("messages[{index}].tool_calls");
    let calls = calls.as_array().ok_or_else(|| InvalidRequest::new(&at, "tool_calls must be an array"))?;
    let read = |(place, call): (usize, &Value)| {
        let at = format!("{at}[{place}]");
        let id = call.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| InvalidRequest::new(format!("{at}.id"), "a tool call needs an id"))?;
        if call.get("type").is_some_and(|kind| !kind.is_null() && kind != "function") {
            return Err(InvalidRequest::new(format!("{at}.type"), "tool calls must be of type 'function'"));
        }
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
        Some(Value::Array(parts)) if !parts.is_empty() => {
            let read = |(place, value)| part(&format!("{at}[{place}]"), value, role, text_type);
            parts.iter().enumerate().map(read).collect()
        }
        _ => Err(InvalidRequest::new(at, "content must be a string or a non-empty array of content parts")),
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
}
