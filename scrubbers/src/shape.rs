//! What is left of an event of which no content is kept: its members, numbers, ids and types; of every other text only its size and
//! digest.

use std::ops::Range;

use crate::PseudonymKey;
use crate::json::{Strings, Token, may_be_document};
use crate::marker;
use crate::views::unescape;

/// The kind of what was dropped.
pub const KIND: &str = "dropped";

/// What is wrapped more often than this is dropped as a whole.
const DEPTH_MAX: usize = 8;

/// The longest text that can be an id or a name of a thing.
const WORD_MAX: usize = 128;

/// The longest name of a member that stays.
const NAME_MAX: usize = 64;

/// Members that hold a word of the protocols or an id, and those whose name ends with `_id` or `Id`.
const KEPT: &[&str] = &[
    "approvalPolicy",
    "code",
    "effort",
    "encoding_format",
    "error",
    "event",
    "finish_reason",
    "finish_reasons",
    "id",
    "jsonrpc",
    "key",
    "kind",
    "method",
    "model",
    "modelProvider",
    "name",
    "object",
    "outcome",
    "param",
    "phase",
    "reason",
    "reasoning_effort",
    "role",
    "route",
    "sandbox",
    "server",
    "service_tier",
    "status",
    "system_fingerprint",
    "tool",
    "tool_choice",
    "type",
    "verbosity",
    "version",
    "worker",
];

/// Members of which nothing but numbers stays: somebody else chose what is in them.
const OPAQUE: &[&str] = &[
    "_meta",
    "args",
    "arguments",
    "env",
    "metadata",
    "output",
    "structuredContent",
    "structured_content",
    "variables",
];

/// Members whose text is a message of a protocol, such as a line of a stream. What is in any other text is opaque.
const MESSAGES: &[&str] = &["body", "bytes", "frame"];

/// Drops the content in one document or text.
pub(crate) struct Shaper<'a> {
    key: &'a PseudonymKey,
    depth: usize,
    /// How many texts were dropped.
    dropped: usize,
}

/// Where in a document the value of some member is, as long as it lasts.
#[derive(Default)]
struct Inside(Option<usize>);

/// `json` without content, and how many texts were dropped from it.
pub(crate) fn shape(json: &str, key: &PseudonymKey) -> (String, usize) {
    let mut shaper = Shaper { key, depth: 0, dropped: 0 };
    let shape = shaper.document(json, false).unwrap_or_else(|| shaper.drop(json));
    (shape, shaper.dropped)
}

// === impl Shaper ===

impl Shaper<'_> {
    /// The shape of a document; `None` if it is none.
    fn document(&mut self, json: &str, opaque: bool) -> Option<String> {
        let mut strings = Strings::new(json);
        let mut tokens: Vec<(Token, usize)> = Vec::new();
        while let Some(token) = strings.next() {
            tokens.push((token.ok()?, strings.depth()));
        }
        let mut out = String::with_capacity(json.len());
        let mut at = 0;
        let (mut opaque_part, mut headers) = (Inside::default(), Inside::default());
        for (index, (token, depth)) in tokens.iter().enumerate() {
            let content = &json[token.content.clone()];
            opaque_part.step(token, *depth, OPAQUE.contains(&content));
            headers.step(token, *depth, content == "headers");
            let next = tokens.get(index + 1).and_then(|(next, _)| next.partner.as_ref());
            let is_header = headers.is_on() && next == Some(&token.content);
            let member = token.member.clone().map_or("", |member| &json[member]);
            let stays = token.is_number
                || is_header && is_name(content)
                || token.is_key && is_name(content)
                || !opaque && !opaque_part.is_on() && is_kept(member) && is_word(content);
            if !stays {
                let text = unescape(content);
                let opaque = opaque || opaque_part.is_on() || !MESSAGES.contains(&member);
                let shape = if token.is_key { self.drop(&text) } else { self.text(&text, opaque) };
                replace(json, &mut out, &mut at, &token.content, &shape);
            }
        }
        out.push_str(&json[at..]);
        Some(out)
    }

    /// The shape of a text: of a document, of lines of which some are documents, or of what is neither.
    fn text(&mut self, text: &str, opaque: bool) -> String {
        if text.is_empty() {
            return String::new();
        }
        if self.depth == DEPTH_MAX {
            return self.drop(text);
        }
        self.depth += 1;
        let shape = self.wrapped(text, opaque);
        self.depth -= 1;
        shape.unwrap_or_else(|| self.drop(text))
    }

    /// The shape of a text that wraps documents; `None` if it wraps none.
    fn wrapped(&mut self, text: &str, opaque: bool) -> Option<String> {
        if may_be_document(text)
            && let Some(shape) = self.document(text, opaque)
        {
            return Some(shape);
        }
        let is_stream = text.lines().any(|line| line.starts_with("data:") || line.starts_with("event:"));
        let is_structured = |line: &str| may_be_document(line) && Strings::new(line).all(|token| token.is_ok());
        let is_lines = is_stream || text.contains('\n') && text.lines().any(is_structured);
        if !is_lines {
            return None;
        }
        let lines: Vec<_> = text.split('\n').map(|line| self.line(line, opaque)).collect();
        Some(lines.join("\n"))
    }

    /// The shape of a line: `data: {…}` and the like, or a document.
    fn line(&mut self, line: &str, opaque: bool) -> String {
        let fields = ["data:", "event:", "id:", "retry:", ":", ""];
        let field = fields.iter().find(|field| line.starts_with(**field)).map_or(0, |field| field.len());
        let payload = line[field..].trim_ascii();
        let start = field + line[field..].find(payload).unwrap_or(0);
        let (before, after) = (&line[..start], &line[start + payload.len()..]);
        let is_ours = matches!(payload, "" | "[DONE]" | "keepalive");
        let is_stream_word = field > 1 && &line[..field] != "data:" && is_word(payload) && !opaque;
        let shape = if is_ours || is_stream_word {
            payload.to_owned()
        } else {
            let document = if may_be_document(payload) { self.document(payload, opaque) } else { None };
            document.unwrap_or_else(|| self.drop(payload))
        };
        format!("{before}{shape}{after}")
    }

    fn drop(&mut self, text: &str) -> String {
        if marker::dropped_at(text) == Some(text.len()) {
            return text.to_owned();
        }
        self.dropped += 1;
        marker::dropped(text.len(), &self.key.token(KIND, text.as_bytes()))
    }
}

// === impl Inside ===

impl Inside {
    /// Goes on to the next string of the document. `begins` says whether it would be such a member's name.
    fn step(&mut self, token: &Token, depth: usize, begins: bool) {
        let is_over = |from: usize| if token.is_key { depth <= from } else { depth < from };
        if self.0.is_some_and(is_over) {
            self.0 = None;
        }
        if self.0.is_none() && token.is_key && begins {
            self.0 = Some(depth);
        }
    }

    fn is_on(&self) -> bool {
        self.0.is_some()
    }
}

fn replace(json: &str, out: &mut String, at: &mut usize, range: &Range<usize>, text: &str) {
    out.push_str(&json[*at..range.start]);
    let quoted = serde_json::Value::from(text).to_string();
    out.push_str(&quoted[1..quoted.len() - 1]);
    *at = range.end;
}

fn is_kept(member: &str) -> bool {
    KEPT.contains(&member) || member.ends_with("_id") || member.ends_with("Id")
}

/// Whether a text can be an id or a word of a protocol.
fn is_word(text: &str) -> bool {
    let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b':' | b'+');
    text.len() <= WORD_MAX && text.bytes().all(is_of_word)
}

/// Whether a text can be the name of a member or a header.
fn is_name(text: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$');
    text.len() <= NAME_MAX && text.bytes().all(is_of_name)
}
