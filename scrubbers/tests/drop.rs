//! Content that is dropped: what stays is what triage needs.

mod support;

use scrubbers::Scrubber;
use serde_json::{Value, json};
use support::key;

fn shape(event: &Value) -> Value {
    let scrubber = Scrubber::builder().drop_content(true).build().expect("it builds");
    let mut text = event.to_string();
    scrubber.scrub_message(&mut text, &key());
    let once = text.clone();
    scrubber.scrub_message(&mut text, &key());
    assert_eq!(text, once, "dropping is idempotent");
    serde_json::from_str(&text).expect("it stays JSON")
}

fn is_dropped(value: &Value, bytes: usize) -> bool {
    value.as_str().is_some_and(|text| text.starts_with(&format!("[DROPPED:{bytes}b:")) && text.ends_with(']'))
}

#[test]
fn a_request_keeps_its_structure() {
    let event = json!({
        "method": "POST", "route": "/v1/chat/completions", "target": "/v1/chat/completions?q=Zanzibar", "key": "default",
        "headers": [["x-custom", "Zanzibar"], ["content-length", "512"]],
        "body": {
            "model": "codex-5", "temperature": 0.5, "stream": true,
            "messages": [
                {"role": "user", "content": "Zanzibar"},
                {"role": "user", "content": [{"type": "text", "text": "{\"id\":\"Zanzibar\",\"n\":7}"}]},
                {"role": "assistant", "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"id\":\"Zanzibar\"}"}}
                ]},
                {"role": "tool", "tool_call_id": "call_1", "content": "Zanzibar"},
            ],
            "tools": [{"type": "function", "function": {"name": "weather", "description": "of Zanzibar", "parameters": {
                "type": "object", "properties": {"id": {"type": "string", "enum": ["Zanzibar"]}}}}}],
            "metadata": {"type": "Zanzibar", "Zanzi bar": 1},
        },
    });
    let shape = shape(&event);
    assert!(!shape.to_string().contains("Zanzi"), "{shape}");
    for path in [
        "/method",
        "/route",
        "/key",
        "/headers/0/0",
        "/headers/1/0",
        "/body/model",
        "/body/temperature",
        "/body/stream",
        "/body/messages/0/role",
        "/body/messages/1/content/0/type",
        "/body/messages/2/tool_calls/0/id",
        "/body/messages/2/tool_calls/0/function/name",
        "/body/messages/3/tool_call_id",
        "/body/tools/0/function/parameters/properties/id/type",
    ] {
        assert_eq!(shape.pointer(path), event.pointer(path), "{path}");
        assert!(shape.pointer(path).is_some(), "{path}");
    }
    assert!(is_dropped(&shape["body"]["messages"][0]["content"], 8), "{shape}");
    assert_eq!(shape["body"]["messages"][0]["content"], shape["body"]["messages"][3]["content"]);
    let inner = shape["body"]["messages"][1]["content"][0]["text"].as_str().expect("a text");
    let inner: Value = serde_json::from_str(inner).expect("still a document");
    assert!(is_dropped(&inner["id"], 8) && inner["n"] == 7, "{inner}");
}

#[test]
fn a_frame_keeps_its_ids() {
    let frame = json!({"jsonrpc": "2.0", "method": "item/agentMessage/delta",
        "params": {"threadId": "t-1", "turnId": "u-1", "itemId": "i-1", "delta": "Zanzibar"}});
    let shape = shape(&json!({"worker": "w1", "frame": frame}));
    assert!(is_dropped(&shape["frame"]["params"]["delta"], 8), "{shape}");
    assert_eq!(shape["worker"], "w1");
    for member in ["threadId", "turnId", "itemId"] {
        assert_eq!(shape["frame"]["params"][member], frame["params"][member]);
    }
    assert_eq!(shape["frame"]["method"], frame["method"]);
}

#[test]
fn a_stream_keeps_its_lines() {
    let chunk = r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Zanzibar"},"finish_reason":"stop"}]}"#;
    let bytes = format!("event: message\nid: 7\ndata: {chunk}\n\ndata: Zanzibar\ndata: [DONE]\n\n: keepalive\n");
    let shape = shape(&json!({ "bytes": bytes }));
    let text = shape["bytes"].as_str().expect("a text");
    assert!(!text.contains("Zanzibar"), "{text}");
    assert!(text.starts_with("event: message\nid: 7\ndata: {\"id\":\"chatcmpl-1\""), "{text}");
    assert!(text.contains(r#""finish_reason":"stop""#) && text.ends_with("\ndata: [DONE]\n\n: keepalive\n"), "{text}");
}

#[test]
fn what_stays_is_redacted_and_what_goes_is_counted() {
    let scrubber =
        Scrubber::builder().secret("own-key", "correct-horse-battery").drop_content(true).build().expect("it builds");
    let mut text = r#"{"id":"correct-horse-battery","line":"a","detail":"b"}"#.to_owned();
    let report = scrubber.scrub_message(&mut text, &key());
    assert!(text.starts_with(r#"{"id":"[OWN_KEY:"#), "{text}");
    assert_eq!(report.iter().collect::<Vec<_>>(), [("dropped", 2), ("own-key", 1)]);
    assert!(scrubber.drops_content() && scrubbers::DROPPED == "dropped");
    let mut document = r#"{"line":"a"}"#.to_owned();
    scrubber.scrub_json(&mut document, &key());
    assert_eq!(document, r#"{"line":"a"}"#);
}
