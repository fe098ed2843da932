//! A conversation as one text: `codex proto` takes what a user types, and has no way to be given a history.
//!
//! A conversation of one user message is that message's text and nothing else. Any other is a block for each item, with a line
//! that says whose it is, and an empty line between two blocks:
//!
//! ```text
//! [system]
//! Answer briefly.
//!
//! [user]
//! Weather in Oslo?
//!
//! [assistant called get_weather as call_1]
//! {"city":"Oslo"}
//!
//! [result of call_1]
//! {"temp":3}
//! ```
//!
//! `system` and `developer` messages are both `[system]`. An image stands as `[image 1]` where it was, and follows the text as an
//! input of its own. The text of a message can imitate such a line: this form cannot keep roles apart against a hostile author.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::{Value, json};

/// The message that starts the turn, without its line end. `items` are the conversation's Responses API items.
pub fn user_input(items: &[Value]) -> Bytes {
    let mut images = Vec::new();
    let text = match items {
        [only] if role(only) == Some("user") => content(only, &mut images),
        _ => items.iter().map(|item| block(item, &mut images)).collect::<Vec<_>>().join("\n\n"),
    };
    let mut input = vec![json!({ "type": "text", "text": text })];
    input.extend(images.into_iter().map(|url| json!({ "type": "image", "image_url": url })));
    json!({ "id": "1", "op": { "type": "user_input", "items": input } }).to_string().into()
}

/// One item under its label.
fn block<'a>(item: &'a Value, images: &mut Vec<&'a str>) -> String {
    let text = |field: &str| item.get(field).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "function_call" => format!("[assistant called {} as {}]\n{}", text("name"), text("call_id"), text("arguments")),
        "function_call_output" => format!("[result of {}]\n{}", text("call_id"), text("output")),
        _ => {
            let label = match role(item) {
                Some("developer") => "system",
                role => role.unwrap_or("user"),
            };
            format!("[{label}]\n{}", content(item, images))
        }
    }
}

fn role(item: &Value) -> Option<&str> {
    item.get("role").and_then(Value::as_str)
}

/// The parts of a message one after the other. Adds its images to `images`.
fn content<'a>(item: &'a Value, images: &mut Vec<&'a str>) -> String {
    let mut text = String::new();
    for part in item.get("content").and_then(Value::as_array).into_iter().flatten() {
        if let Some(url) = part.get("image_url").and_then(Value::as_str) {
            images.push(url);
            let _ = write!(text, "[image {}]", images.len());
        } else {
            text.push_str(part.get("text").and_then(Value::as_str).unwrap_or_default());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(items: &Value) -> Value {
        let line: Value = serde_json::from_slice(&user_input(items.as_array().unwrap())).unwrap();
        assert_eq!((&line["id"], &line["op"]["type"]), (&json!("1"), &json!("user_input")));
        line["op"]["items"].clone()
    }

    #[test]
    fn a_single_user_message_is_its_text() {
        let items =
            json!([{ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "hi\nthere" }] }]);
        assert_eq!(input(&items), json!([{ "type": "text", "text": "hi\nthere" }]));
    }

    #[test]
    fn a_conversation_is_a_block_for_each_item() {
        let message = |role: &str, text: &str| json!({ "type": "message", "role": role, "content": [{ "type": "input_text", "text": text }] });
        let items = json!([
            message("developer", "be brief"),
            { "type": "message", "role": "user", "content": [
                { "type": "input_text", "text": "what is " },
                { "type": "input_image", "image_url": "data:image/png;base64,AA==" },
                { "type": "input_text", "text": "?" },
            ] },
            message("assistant", "let me see"),
            { "type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}" },
            { "type": "function_call_output", "call_id": "c1", "output": "a cat" },
        ]);
        let text = "[system]\nbe brief\n\n[user]\nwhat is [image 1]?\n\n[assistant]\nlet me see\n\n\
                    [assistant called look as c1]\n{}\n\n[result of c1]\na cat";
        let expected = json!([
            { "type": "text", "text": text },
            { "type": "image", "image_url": "data:image/png;base64,AA==" },
        ]);
        assert_eq!(input(&items), expected);
    }

    #[test]
    fn a_system_prompt_alone_keeps_its_label() {
        let items = json!([{ "type": "message", "role": "developer", "content": [{ "text": "x" }] }]);
        assert_eq!(input(&items)[0]["text"], "[system]\nx");
    }
}
