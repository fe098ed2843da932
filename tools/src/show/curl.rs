//! A request as a command.

use journal::{EventBody, RequestReceived};
use serde_json::Value;

use super::recording::Recording;
use crate::failure::Failure;

/// Headers that curl makes, that concern one connection only, or that hold the key.
const LEFT_OUT: &[&str] =
    &["host", "content-length", "connection", "transfer-encoding", "expect", "accept-encoding", "authorization"];

/// The command that asks the same of the proxy at `base`. Where something was redacted, a comment says so.
pub(super) fn command(recording: &Recording, base: &str) -> Result<String, Failure> {
    let received = recording.steps.iter().find_map(|step| {
        let event = step.event.as_ref()?;
        match &event.draft.body {
            EventBody::RequestReceived(received) => Some((received, &event.scrubbed)),
            _ => None,
        }
    });
    let (received, scrubbed) = received.ok_or_else(|| {
        let what = "the beginning of request {} is past its time or could not be read, so nothing says what was asked";
        Failure::NothingFound(what.replace("{}", &recording.request.to_string()))
    })?;
    let note = if scrubbed.is_empty() { String::new() } else { format!("# {scrubbed} redacted\n") };
    Ok(format!("{note}{}\n", lines(received, base).join(" \\\n  ")))
}

fn lines(received: &RequestReceived, base: &str) -> Vec<String> {
    let mut lines =
        vec![format!("curl -sS -N -X {} {}", quoted(&received.method), quoted(&format!("{base}{}", received.target)))];
    for (name, value) in &received.headers {
        let lower = name.to_ascii_lowercase();
        if lower == "authorization" {
            lines.push("-H \"Authorization: Bearer $PROXY_API_KEY\"".to_owned());
        }
        if !LEFT_OUT.contains(&lower.as_str()) {
            lines.push(format!("-H {}", quoted(&format!("{name}: {value}"))));
        }
    }
    if !received.body.is_empty() {
        lines.push(format!("--data-binary {}", quoted(&body(&received.body.0))));
    }
    lines
}

/// The body; in JSON, what a terminal might obey is escaped, which means the same.
fn body(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if serde_json::from_str::<Value>(&text).is_err() {
        return text.into_owned();
    }
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if char == '\n' || crate::text::is_harmless(char) {
            escaped.push(char);
        } else if char.is_ascii_whitespace() {
            escaped.push(' ');
        } else {
            escaped.extend(char.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    escaped
}

/// `text` as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use journal::Payload;

    use super::*;

    #[test]
    fn a_shell_reads_one_word() {
        for text in ["", "it's", "''", "a'b'c", "$HOME `id` \\ \"x\" !\n*", "\\'"] {
            let echoed = Command::new("sh").arg("-c").arg(format!("printf %s {}", quoted(text))).output().unwrap();
            assert_eq!(String::from_utf8(echoed.stdout).unwrap(), text);
        }
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn a_request_is_asked_again_with_the_key_of_whoever_asks() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let received = RequestReceived {
            method: "POST".to_owned(),
            route: "/v1/chat/completions".to_owned(),
            target: "/v1/chat/completions?x=1".to_owned(),
            key: Some("k1".to_owned()),
            peer: "127.0.0.1:1".to_owned(),
            headers: vec![
                header("host", "h"),
                header("Authorization", "Bearer [KEY]"),
                header("content-type", "application/json"),
            ],
            body: Payload(r#"{"a":"it's"}"#.into()),
        };
        let expected = r#"curl -sS -N -X 'POST' 'http://127.0.0.1:1/v1/chat/completions?x=1'
-H "Authorization: Bearer $PROXY_API_KEY"
-H 'content-type: application/json'
--data-binary '{"a":"it'\''s"}'"#;
        assert_eq!(lines(&received, "http://127.0.0.1:1").join("\n"), expected);
    }

    #[test]
    fn a_body_means_the_same_and_moves_no_cursor() {
        let text = "{\"a\":\"\u{202e}x\u{7f}\u{9b}\",\r\n\t\"b\":\"grün 🦀\"}";
        let escaped = body(text.as_bytes());
        assert_eq!(escaped, "{\"a\":\"\\u202ex\\u007f\\u009b\", \n \"b\":\"grün 🦀\"}");
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(parse(&escaped), parse(text));
        assert_eq!(body(b"no json \x1b"), "no json \u{1b}");
    }
}
