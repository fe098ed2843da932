//! A text with a secret in it, and what it becomes when it is put into another.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A text in which a secret may stand.
#[derive(Debug, Clone)]
pub(crate) struct Planted {
    pub(crate) text: String,
    /// Where the secret stands; empty if there is none.
    pub(crate) secret: Range<usize>,
}

/// Ways to write a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Raw,
    Json,
    /// Every character as `\uXXXX`.
    Unicode,
    Percent,
    /// As a form is sent: percent escapes, and `+` for spaces.
    Form,
    Xml,
    /// All of the text as one run.
    Base64,
    /// All of the text as one run.
    Hex,
}

/// What a planted secret may stand in, written in any way.
pub(crate) const CANARY_ENCODINGS: [Encoding; 6] =
    [Encoding::Raw, Encoding::Base64, Encoding::Hex, Encoding::Percent, Encoding::Json, Encoding::Unicode];

/// Something that texts stand in.
pub(crate) struct Surrounding {
    pub(crate) name: &'static str,
    before: &'static str,
    /// From the outermost inwards.
    encodings: &'static [Encoding],
    after: &'static str,
    /// What the text must not contain, because it would end there.
    excludes: &'static [char],
    /// What each line of the text begins with.
    indent: &'static str,
}

/// A surrounding of one line: no text of several lines can stand in it as it is.
const fn on_line(name: &'static str, before: &'static str, after: &'static str) -> Surrounding {
    Surrounding { name, before, encodings: &[], after, excludes: &['\n', '\r'], indent: "" }
}

/// A surrounding that holds any text in this encoding.
const fn encoded(
    name: &'static str,
    before: &'static str,
    encodings: &'static [Encoding],
    after: &'static str,
) -> Surrounding {
    Surrounding { name, before, encodings, after, excludes: &[], indent: "" }
}

/// Where texts stand in requests, answers, tool calls and logs.
pub(crate) const SURROUNDINGS: &[Surrounding] = {
    use Encoding::{Base64, Form, Hex, Json, Percent, Unicode, Xml};
    &[
        encoded("raw", "", &[], ""),
        encoded("prose", "Hello,\nsince yesterday we see this: ", &[], " - can you have a look?\nThanks"),
        encoded("code", "fn main() {\n    let note = \"", &[Json], "\";\n    run(note);\n}\n"),
        on_line("comment", "def run():\n    # ", "\n    return 1\n"),
        on_line("log", "2026-11-24T02:03:04.567Z ERROR [worker-3] handler failed: ", " (attempt 3 of 5)\n"),
        on_line("log pair", "level=error code=E1042 note: ", "\n"),
        Surrounding {
            name: "yaml block",
            before: "config:\n  note: |\n    ",
            encodings: &[],
            after: "\n  retries: 3\n",
            excludes: &[],
            indent: "    ",
        },
        encoded("yaml quoted", "config:\n  note: \"", &[Json], "\"\n  retries: 3\n"),
        encoded("toml", "[config]\nretries = 3\nnote = \"", &[Json], "\"\n"),
        encoded("json", r#"{"role":"user","content":""#, &[Json], r#"","n":1}"#),
        encoded(
            "json in json",
            r#"{"type":"function_call","call_id":"call_8Fh2","arguments":"{\"q\":\""#,
            &[Json, Json],
            r#"\",\"n\":1}"}"#,
        ),
        encoded("json list", r#"[["note",1,""#, &[Json], r#""]]"#),
        encoded("url query", "see https://api.test/cb?q=", &[Percent], "&page=2 for more"),
        encoded("form", "q=", &[Form], "&page=2"),
        encoded(
            "multipart",
            "--b0undary\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n",
            &[],
            "\r\n--b0undary--\r\n",
        ),
        on_line("http header", "POST /cb HTTP/1.1\r\nHost: api.test\r\nX-Note: ", "\r\nAccept: */*\r\n\r\n"),
        Surrounding {
            name: "curl",
            before: "$ curl -sS https://api.test/v1/items -H 'X-Note: ",
            encodings: &[],
            after: "' -o out.json\n",
            excludes: &['\n', '\r', '\''],
            indent: "",
        },
        encoded("curl json", "curl https://api.test/v1 -d '{\"q\": \"", &[Json], "\"}'"),
        encoded("sse", "event: delta\ndata: {\"delta\":\"", &[Json], "\",\"n\":1}\n\ndata: [DONE]\n\n"),
        Surrounding {
            name: "markdown table",
            before: "| what | value |\n|---|---|\n| note | ",
            encodings: &[],
            after: " |\n| other | none |\n",
            excludes: &['\n', '\r', '|'],
            indent: "",
        },
        encoded("xml", "<?xml version=\"1.0\"?>\n<items><note>", &[Xml], "</note></items>"),
        encoded("base64", "payload ", &[Base64], " end"),
        encoded("base64 in json", r#"{"data":""#, &[Json, Base64], r#"","n":1}"#),
        encoded("hex", "dump ", &[Hex], " end"),
        encoded("unicode escapes", r#"{"content":""#, &[Unicode], r#""}"#),
    ]
};

// === impl Planted ===

impl Planted {
    /// A text in which `secret` stands between `before` and `after`.
    pub(crate) fn new(before: &str, secret: &str, after: &str) -> Self {
        Self { text: format!("{before}{secret}{after}"), secret: before.len()..before.len() + secret.len() }
    }

    /// A text without a secret.
    pub(crate) fn harmless(text: &str) -> Self {
        Self { text: text.to_owned(), secret: 0..0 }
    }

    /// What stands for the secret.
    pub(crate) fn secret(&self) -> &str {
        &self.text[self.secret.clone()]
    }

    /// What is no secret.
    pub(crate) fn rest(&self) -> String {
        format!("{}{}", &self.text[..self.secret.start], &self.text[self.secret.end..])
    }

    /// The same, written in this way. Of a run, all is the secret.
    pub(crate) fn encoded(&self, encoding: Encoding) -> Self {
        let (before, after) = (&self.text[..self.secret.start], &self.text[self.secret.end..]);
        if self.secret.is_empty() {
            return Self::harmless(&encoding.write(&self.text));
        }
        if encoding.is_run() {
            return Self::new("", &encoding.write(&self.text), "");
        }
        Self::new(&encoding.write(before), &encoding.write(self.secret()), &encoding.write(after))
    }

    fn indented(&self, indent: &str) -> Self {
        let indented = |text: &str| text.replace('\n', &format!("\n{indent}"));
        let (before, after) = (&self.text[..self.secret.start], &self.text[self.secret.end..]);
        if self.secret.is_empty() {
            return Self::harmless(&indented(&self.text));
        }
        Self::new(&indented(before), &indented(self.secret()), &indented(after))
    }
}

// === impl Encoding ===

impl Encoding {
    /// Whether all of a text becomes one run of digits.
    pub(crate) fn is_run(self) -> bool {
        matches!(self, Self::Base64 | Self::Hex)
    }

    fn write(self, text: &str) -> String {
        match self {
            Self::Raw => text.to_owned(),
            Self::Json => {
                let quoted = serde_json::Value::from(text).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            }
            Self::Unicode => text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect(),
            Self::Percent => text.bytes().map(percent).collect(),
            Self::Form => text.bytes().map(|byte| if byte == b' ' { "+".to_owned() } else { percent(byte) }).collect(),
            Self::Xml => text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
            Self::Base64 => STANDARD.encode(text),
            Self::Hex => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

/// A byte as in a URL's query: RFC 3986 §2.3 says what stays.
fn percent(byte: u8) -> String {
    let stays = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if stays { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

// === impl Surrounding ===

impl Surrounding {
    /// Whether a run of digits is no token of its own in here, because it touches a name.
    pub(crate) fn joins_runs(&self) -> bool {
        self.before.ends_with('=')
    }

    /// Whether a text stands in the middle of a line here, with nothing but a space before it.
    pub(crate) fn is_in_line(&self) -> bool {
        self.before.ends_with(' ') && self.indent.is_empty()
    }

    /// `planted` in here, unless it cannot be.
    pub(crate) fn around(&self, planted: &Planted) -> Option<Planted> {
        if planted.text.contains(self.excludes) {
            return None;
        }
        let inside = self.encodings.iter().rev().fold(planted.clone(), |text, encoding| text.encoded(*encoding));
        let inside = if self.indent.is_empty() { inside } else { inside.indented(self.indent) };
        let (text, offset) = (format!("{}{}{}", self.before, inside.text, self.after), self.before.len());
        let secret = inside.secret.start + offset..inside.secret.end + offset;
        Some(Planted { text, secret: if inside.secret.is_empty() { 0..0 } else { secret } })
    }
}
