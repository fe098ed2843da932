//! Server-sent events as OpenAI's API uses them: `data:` lines, comments, `[DONE]`.

use serde::Serialize;

/// The media type of a stream.
pub const CONTENT_TYPE: &str = "text/event-stream";

/// The event that ends a complete stream.
pub const DONE: &str = "data: [DONE]\n\n";

/// The comment that keeps an idle connection open.
pub const KEEPALIVE: &str = ": keepalive\n\n";

/// One event whose data is `value` as JSON.
pub fn data(value: &impl Serialize) -> String {
    let mut event = String::from("data: ");
    event.push_str(&serde_json::to_string(value).expect("what we send has string keys"));
    event.push_str("\n\n");
    event
}

/// One comment whose text is `value` as JSON. Parsers of the protocol skip it.
pub fn comment(value: &impl Serialize) -> String {
    data(value).replacen("data", "", 1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn events_and_comments_are_single_lines() {
        assert_eq!(super::data(&"a\nb"), "data: \"a\\nb\"\n\n");
        assert_eq!(super::comment(&1), ": 1\n\n");
    }
}
