//! Why something is redacted, without saying what it is.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::{PseudonymKey, Scrubber, finder};

/// The cases, which name the source of what each kind looks like.
const CASES: &[&str] = &[
    include_str!("../tests/cases/credentials.jsonl"),
    include_str!("../tests/cases/pii.jsonl"),
    include_str!("../tests/cases/secrets-ai.jsonl"),
    include_str!("../tests/cases/secrets-cloud.jsonl"),
    include_str!("../tests/cases/secrets-code.jsonl"),
    include_str!("../tests/cases/secrets-generic.jsonl"),
    include_str!("../tests/cases/secrets-messaging.jsonl"),
    include_str!("../tests/cases/secrets-observability.jsonl"),
    include_str!("../tests/cases/secrets-payment.jsonl"),
    include_str!("../tests/cases/secrets-saas.jsonl"),
];

/// Kinds and their sources, in the order of the cases.
static SOURCES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let cases = CASES.iter().flat_map(|file| file.lines()).filter_map(|line| serde_json::from_str::<Value>(line).ok());
    cases.filter_map(|case| Some((case["kind"].as_str()?.to_owned(), case["source"].as_str()?.to_owned()))).collect()
});

/// A part of a text that is redacted, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Where it stands, in bytes.
    pub range: Range<usize>,
    /// Its kind, which is the name of the rule.
    pub kind: Arc<str>,
    /// What gave it away.
    pub found_by: FoundBy,
    /// What it was wrapped in, the outermost first.
    pub through: Vec<Wrapping>,
    /// The document that says what its kind looks like; `None` for values that were handed over.
    pub source: Option<&'static str>,
    /// The length of the secret in bytes, without what it was wrapped in.
    pub value_len: usize,
    /// Its pseudonym.
    pub token: String,
}

/// What gives a secret away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundBy {
    /// Its form: a rule of the tables, or what the scanner of personal data knows.
    Form,
    /// The name before it in a text, such as `password=`.
    Name,
    /// Its place in a JSON document: the name of the member, or of the pair that it is in.
    Structure,
    /// It is one of the values that were handed over.
    Value,
}

/// What a secret is wrapped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    /// Escapes with a backslash, as in JSON and source code.
    Escapes,
    /// Percent escapes, as in URLs.
    Percent,
    /// Base64 in either alphabet.
    Base64,
    /// Hexadecimal digits.
    Hex,
}

// === impl Scrubber ===

impl Scrubber {
    /// What [`scrub_text`](Self::scrub_text) and [`scrub_json`](Self::scrub_json) redact in `text`, in order.
    ///
    /// Those look again at what they made, because cutting out a secret can lay another bare; this tells what is found at
    /// the first look.
    pub fn explain(&self, text: &str, key: &PseudonymKey) -> Vec<Explained> {
        let hits = finder::find(&self.detector, text).into_iter();
        hits.map(|hit| Explained {
            token: key.token(&hit.kind, hit.value.as_bytes()),
            value_len: hit.value.len(),
            source: source_of(&hit.kind).filter(|_| hit.found_by != FoundBy::Value),
            range: hit.range,
            kind: hit.kind,
            found_by: hit.found_by,
            through: hit.through,
        })
        .collect()
    }
}

/// The document that says what `kind` looks like.
fn source_of(kind: &str) -> Option<&'static str> {
    SOURCES.iter().find(|(named, _)| named == kind).map(|(_, source)| source.as_str())
}

// === impl FoundBy ===

impl FoundBy {
    /// What a rule of the tables goes by. Those of these kinds look for names: `the password is …`.
    pub(crate) fn of_rule(kind: &str) -> Self {
        if matches!(kind, "password" | "secret" | "authorization" | "cookie") { Self::Name } else { Self::Form }
    }
}

impl fmt::Display for FoundBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "form",
            Self::Name => "name before it",
            Self::Structure => "name in the document",
            Self::Value => "known value",
        })
    }
}

// === impl Wrapping ===

impl Wrapping {
    /// What kind of escapes there are in `part`, or else, as `around` says, in the text around it.
    pub(crate) fn of_escapes(part: &str, around: Self) -> Self {
        if part.contains('\\') {
            Self::Escapes
        } else if part.contains('%') {
            Self::Percent
        } else {
            around
        }
    }

    /// What kind of escapes there are in a text.
    pub(crate) fn of_text(text: &str) -> Self {
        if text.contains('\\') { Self::Escapes } else { Self::Percent }
    }

    /// What a run of digits is.
    pub(crate) fn of_digits(run: &str) -> Self {
        if run.bytes().all(|digit| digit.is_ascii_hexdigit()) { Self::Hex } else { Self::Base64 }
    }
}

impl fmt::Display for Wrapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Escapes => "escapes",
            Self::Percent => "percent",
            Self::Base64 => "base64",
            Self::Hex => "hex",
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const TOKEN: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";

    fn explained(text: &str) -> Vec<Explained> {
        let scrubber = Scrubber::builder().secret("own", "correct-horse-battery").build().expect("it compiles");
        scrubber.explain(text, &PseudonymKey::new(&[7; 32]))
    }

    #[test]
    fn each_way_of_finding_is_told() {
        use FoundBy::{Form, Name, Structure, Value};
        for (text, kind, found_by, length) in [
            (format!("it is {TOKEN}."), "github-token", Form, TOKEN.len()),
            ("mail ada@example.org".into(), "email", Form, 15),
            ("DB_PASSWORD=hunter2.x".into(), "password", Name, 9),
            (r#"{"password":"hunter2.x"}"#.into(), "password", Structure, 9),
            ("say correct-horse-battery".into(), "own", Value, 21),
        ] {
            let hits = explained(&text);
            assert_eq!(hits.len(), 1, "{text}: {hits:?}");
            let hit = &hits[0];
            assert_eq!((&*hit.kind, hit.found_by, hit.value_len), (kind, found_by, length), "{text}");
            assert_eq!(hit.source.is_some(), kind != "own", "{text}");
            assert!(hit.through.is_empty(), "{text}: {hit:?}");
        }
    }

    #[test]
    fn what_was_unwrapped_is_told() {
        use Wrapping::{Base64, Escapes, Hex, Percent};
        let escaped = TOKEN.replace('_', "\\u005f");
        for (text, through) in [
            (format!("?q={}", TOKEN.replace('_', "%5F")), vec![Percent]),
            (format!("q = '{escaped}'"), vec![Escapes]),
            (format!(r#"{{"q":"{escaped}"}}"#), vec![Escapes]),
            (format!("x {}", STANDARD.encode(format!("the key is {TOKEN}"))), vec![Base64]),
            (format!("x {}", TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect::<String>()), vec![Hex]),
            (format!(r#"{{"q":"a\n{}"}}"#, STANDARD.encode(format!("the key is {TOKEN}"))), vec![Escapes, Base64]),
        ] {
            let hits = explained(&text);
            assert_eq!(hits.iter().map(|hit| &hit.through).collect::<Vec<_>>(), [&through], "{text}");
            assert_eq!((&*hits[0].kind, hits[0].value_len), ("github-token", TOKEN.len()));
        }
    }

    #[test]
    fn a_token_is_the_one_of_the_marker() {
        let text = format!("a {TOKEN} b");
        let scrubber = Scrubber::builder().build().expect("it compiles");
        let key = PseudonymKey::new(&[7; 32]);
        let hit = &scrubber.explain(&text, &key)[0];
        assert_eq!(scrubber.scrub_text(&text, &key), format!("a [GITHUB_TOKEN:{}] b", hit.token));
        assert_eq!(&text[hit.range.clone()], TOKEN);
    }

    #[test]
    fn every_kind_has_a_source() {
        let scrubber = Scrubber::builder().build().expect("it compiles");
        let without: Vec<_> = scrubber.kinds().filter(|kind| source_of(kind).is_none()).collect();
        assert!(without.is_empty(), "{without:?}");
        let mut files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases")).expect("cases");
        assert_eq!(files.by_ref().count(), CASES.len(), "a file of cases is not in CASES");
    }
}
