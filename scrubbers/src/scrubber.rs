//! The scrubber: applies what the other modules find to documents and texts.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::detector::{self, Detector, MAX_NAME};
use crate::json::{self, StringToken, Strings};
use crate::rewritten::Rewritten;
use crate::{Error, Report, headers};

/// JSON inside strings is walked as JSON down to this level; what lies deeper is scrubbed as text. Eight is more than
/// tool arguments inside frames inside log lines need, and bounds recursion and repeated work.
const MAX_NESTING: usize = 8;

/// A text is looked at again while it changes, at most so often: cutting out a secret can turn broken JSON into JSON, or
/// free the start of another secret that it touched.
const MAX_PASSES: usize = 3;

/// Replaces secrets by markers. Built once, shared by reference, never fails.
///
/// Scrubbing what was scrubbed changes nothing: a marker is known by its form and its rule's name.
///
/// ```
/// let scrubber = scrubbers::Scrubber::builder().secret("proxy-api-key", "correct-horse-battery").build()?;
/// let mut event = r#"{"headers":[["authorization","Bearer abc"]],"body":"is it correct-horse-battery?"}"#.to_owned();
/// let report = scrubber.scrub_json(&mut event);
/// assert_eq!(
///     event,
///     r#"{"headers":[["authorization","Bearer [REDACTED:authorization]"]],"body":"is it [REDACTED:proxy-api-key]?"}"#
/// );
/// assert_eq!(report.iter().collect::<Vec<_>>(), [("authorization", 1), ("proxy-api-key", 1)]);
/// # Ok::<(), scrubbers::Error>(())
/// ```
pub struct Scrubber {
    detector: Detector,
}

/// Collects what a [`Scrubber`] shall know besides its table of rules.
#[derive(Default)]
pub struct Builder {
    secrets: Vec<(Arc<str>, String)>,
}

// === impl Builder ===

impl Builder {
    /// Redacts `value` wherever it occurs: as it is, JSON-escaped, percent-encoded or within base64.
    ///
    /// White space around the value is no part of it. A value shorter than 8 bytes is redacted only where it stands as a
    /// whole token, touched by no letter, digit, `_` or `-`; from 12 bytes on base64 of a longer text that holds it is
    /// recognised too. `name` goes into the marker: 1 to 64 of `a-z`, `0-9` and `-`. Several values may share a name.
    #[must_use]
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.push((name.into(), value.trim().to_owned()));
        self
    }

    /// Compiles everything into one scrubber.
    pub fn build(self) -> Result<Scrubber, Error> {
        for (name, value) in &self.secrets {
            let readable = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(readable) {
                return Err(Error::Name(name.to_string()));
            }
            if value.is_empty() {
                return Err(Error::Empty(name.to_string()));
            }
        }
        Ok(Scrubber { detector: Detector::new(&self.secrets)? })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.secrets.iter().map(|(name, _)| name).collect();
        f.debug_struct("Builder").field("secrets", &names).finish()
    }
}

// === impl Scrubber ===

impl Scrubber {
    /// A scrubber with the built-in rules, to which secrets can be added.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Redacts the secrets in one JSON document. The result is a document of the same shape: only strings change, and keys
    /// that hold a secret. A document without secrets is not touched. What is no JSON is scrubbed as text.
    pub fn scrub_json(&self, json: &mut String) -> Report {
        let mut report = Report::default();
        let scrubbed =
            if json::is_valid(json) { self.document(json, 0, &mut report) } else { self.text(json, 0, &mut report) };
        if let Some(scrubbed) = scrubbed {
            *json = scrubbed;
        }
        report
    }

    /// Redacts the secrets in a log line, an error message or any other text.
    pub fn scrub_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.text(text, 0, &mut Report::default()).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// Scrubs a valid document; `None` if nothing changes.
    fn document(&self, json: &str, nesting: usize, report: &mut Report) -> Option<String> {
        let mut out = Rewritten::new(json);
        for string in Strings::new(json).map_while(Result::ok) {
            let content = json::unescape(&json[string.content.clone()]);
            let scrubbed =
                self.header(json, &string, &content, report).or_else(|| self.text(&content, nesting + 1, report));
            if let Some(scrubbed) = scrubbed {
                out.replace(string.content, &json::escape(&scrubbed));
            }
        }
        out.finish()
    }

    /// Scrubs a string that its name declares to be a secret; `None` if it is not, or shows none.
    fn header(&self, json: &str, string: &StringToken, content: &str, report: &mut Report) -> Option<String> {
        let named = |name: &Option<_>| headers::rule_for(&json::unescape(&json[name.clone()?]));
        // `["cookie","authorization"]` is a list of names, such as a schema's `required`.
        let paired = || named(&string.partner).filter(|_| headers::rule_for(content).is_none());
        let rule = named(&string.member).or_else(paired)?;
        let (scheme, secret) = headers::split_scheme(content);
        if headers::is_placeholder(secret) || self.detector.is_marker(secret) {
            return None;
        }
        report.add(self.detector.names().get(rule)?);
        Some(format!("{scheme}{}", detector::marker(rule)))
    }

    /// Scrubs the text that a string stands for; `None` if nothing changes.
    fn text(&self, text: &str, nesting: usize, report: &mut Report) -> Option<String> {
        let mut scrubbed: Option<String> = None;
        for _ in 0..MAX_PASSES {
            let current = scrubbed.as_deref().unwrap_or(text);
            if nesting < MAX_NESTING && json::is_document(current) {
                // Scrubbing a document leaves nothing to find, so this pass is the last.
                return self.document(current, nesting, report).or(scrubbed);
            }
            let Some(next) = self.lines(current, nesting, report) else { break };
            scrubbed = Some(next);
        }
        scrubbed
    }

    /// Scrubs a text, of which single lines may be documents: JSON lines, or `data:` lines of an SSE stream.
    fn lines(&self, text: &str, nesting: usize, report: &mut Report) -> Option<String> {
        let mut out = Rewritten::new(text);
        let (mut plain, mut at) = (0, 0);
        for line in text.split_inclusive('\n') {
            let payload = line.strip_prefix("data:").unwrap_or(line).trim_ascii_start();
            let start = at + line.len() - payload.len();
            at += line.len();
            if nesting < MAX_NESTING && json::is_document(payload) {
                self.plain(text, plain..start, &mut out, report);
                if let Some(scrubbed) = self.document(payload, nesting, report) {
                    out.replace(start..at, &scrubbed);
                }
                plain = at;
            }
        }
        self.plain(text, plain..at, &mut out, report);
        out.finish()
    }

    /// Scrubs a part of a text that is no document.
    fn plain(&self, text: &str, part: Range<usize>, out: &mut Rewritten<'_>, report: &mut Report) {
        for hit in self.detector.find(&text[part.clone()]) {
            report.add(&hit.rule);
            out.replace(part.start + hit.range.start..part.start + hit.range.end, &hit.marker());
        }
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrubber").field("rules", self.detector.names()).finish_non_exhaustive()
    }
}
