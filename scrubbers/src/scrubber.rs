//! The scrubber: puts markers in place of what is found.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::custom::Wanted;
use crate::detector::Detector;
use crate::finder::{self, Hit};
use crate::marker::KIND_MAX;
use crate::{Addresses, Error, PseudonymKey, Report, blocks, shape};

/// A text is looked at again while it changes, at most so often: cutting out a secret can free the start of another that it touched.
const MAX_PASSES: usize = 3;

/// Replaces secrets by markers. Built once, shared by reference, never fails.
///
/// Scrubbing what was scrubbed changes nothing: a marker is known by its form.
///
/// ```
/// let scrubber = scrubbers::Scrubber::builder().secret("proxy-api-key", "correct-horse-battery").build()?;
/// let key = scrubbers::PseudonymKey::new(&[7; 32]);
/// let mut event = r#"{"headers":[["authorization","Bearer abc"]],"body":"is it correct-horse-battery?"}"#.to_owned();
/// let report = scrubber.scrub_json(&mut event, &key);
/// assert!(event.starts_with(r#"{"headers":[["authorization","Bearer [AUTHORIZATION:"#));
/// assert!(event.contains("is it [PROXY_API_KEY:"));
/// assert_eq!(report.iter().collect::<Vec<_>>(), [("authorization", 1), ("proxy-api-key", 1)]);
/// # Ok::<(), scrubbers::Error>(())
/// ```
pub struct Scrubber {
    pub(crate) detector: Detector,
    drops_content: bool,
}

/// Collects what a [`Scrubber`] shall know besides its tables of rules.
#[derive(Default)]
pub struct Builder {
    secrets: Vec<(Arc<str>, String)>,
    addresses: Addresses,
    custom: Wanted,
    drops_content: bool,
}

/// A part of a text that gives way to a marker. Never empty.
#[derive(Debug)]
pub(crate) struct Redaction {
    pub(crate) range: Range<usize>,
    pub(crate) kind: Arc<str>,
    pub(crate) marker: String,
}

// === impl Builder ===

impl Builder {
    /// Redacts `value` wherever it occurs: as it is, JSON-escaped, percent-encoded or within base64 or hex.
    ///
    /// White space around the value is no part of it. A value shorter than 8 bytes is redacted only where it stands as a
    /// whole token, touched by no letter, digit, `_` or `-`; from 12 bytes on base64 of a longer text that holds it is
    /// recognised too. `name` goes into the marker: 1 to 64 of `a-z`, `0-9` and `-`. Several values may share a name.
    #[must_use]
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.push((name.into(), value.trim().to_owned()));
        self
    }

    /// Says which IP addresses are personal. All that name another machine if this is not called.
    #[must_use]
    pub fn addresses(mut self, addresses: Addresses) -> Self {
        self.addresses = addresses;
        self
    }

    /// Redacts what `pattern` matches, or its group `secret` if it has one, as a secret of the kind `name`, which is 1 to 64 of
    /// `a-z`, `0-9` and `-`.
    ///
    /// The pattern may match anywhere in a text, behind escapes and encodings too, but not across lines: `^` and `$` are the
    /// ends of one. An id alone in a JSON string (a UUID, a time) is never looked at. Each rule costs a pass over each text.
    #[must_use]
    pub fn rule(mut self, name: &str, pattern: &str) -> Self {
        self.custom.rules.push((name.to_owned(), pattern.to_owned()));
        self
    }

    /// Leaves a value that was found as it is, if `pattern` matches it as a whole. [Secrets](Self::secret) are not left.
    #[must_use]
    pub fn allow(mut self, pattern: &str) -> Self {
        self.custom.allow.push(pattern.to_owned());
        self
    }

    /// Redacts what the member of a JSON document, the header or the variable of this name holds, as a password. Case does not
    /// count, nor what joins the words: `x-partner-secret` is `X_PARTNER_SECRET` and `xPartnerSecret` too.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.custom.names.push(name.to_owned());
        self
    }

    /// Lets [`scrub_message`](Scrubber::scrub_message) keep no content at all.
    #[must_use]
    pub fn drop_content(mut self, drop: bool) -> Self {
        self.drops_content = drop;
        self
    }

    /// Whether [`build`](Self::build) would accept what was added, without the work of building.
    pub fn check(&self) -> Result<(), Error> {
        self.check_secrets()?;
        self.custom.compile().map(drop)
    }

    /// Compiles everything into one scrubber.
    pub fn build(self) -> Result<Scrubber, Error> {
        self.check_secrets()?;
        let custom = self.custom.compile()?;
        let detector = Detector::new(&self.secrets, self.addresses, custom);
        Ok(Scrubber { detector, drops_content: self.drops_content })
    }

    fn check_secrets(&self) -> Result<(), Error> {
        for (name, value) in &self.secrets {
            let readable = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if name.is_empty() || name.len() > KIND_MAX || !name.bytes().all(readable) {
                return Err(Error::Name(name.to_string()));
            }
            if value.is_empty() {
                return Err(Error::Empty(name.to_string()));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.secrets.iter().map(|(name, _)| name).collect();
        f.debug_struct("Builder")
            .field("secrets", &names)
            .field("addresses", &self.addresses)
            .field("custom", &self.custom)
            .field("drops_content", &self.drops_content)
            .finish()
    }
}

// === impl Scrubber ===

impl Scrubber {
    /// A scrubber with the built-in rules, to which secrets can be added.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Redacts the secrets in one JSON document. The result is a document of the same shape: only strings change, keys that hold a
    /// secret, and numbers that are one, which become strings. A document without secrets is not touched. What is no JSON is
    /// scrubbed as text.
    pub fn scrub_json(&self, json: &mut String, key: &PseudonymKey) -> Report {
        let mut report = Report::default();
        if let Some(scrubbed) = self.scrub(key, json, &mut report) {
            *json = scrubbed;
        }
        report
    }

    /// As [`scrub_json`](Self::scrub_json), for a document that carries what clients and models say. If content is
    /// [dropped](Builder::drop_content), of each text in it only `[DROPPED:120b:k3f9a2]` is left, its size in bytes and its
    /// pseudonym; but ids, types, roles, methods, names of models, tools, headers and members, and numbers stay. Documents in
    /// strings are treated in the same way, and so are the lines of an SSE stream.
    pub fn scrub_message(&self, json: &mut String, key: &PseudonymKey) -> Report {
        if self.drops_content { self.drop_content(json, key) } else { self.scrub_json(json, key) }
    }

    /// As [`scrub_message`](Self::scrub_message) where content is dropped, whatever was said when this was built.
    pub fn drop_content(&self, json: &mut String, key: &PseudonymKey) -> Report {
        let (shape, dropped) = shape::shape(json, key);
        *json = shape;
        // What stays could be a secret nevertheless.
        let mut report = self.scrub_json(json, key);
        if dropped > 0 {
            report.add_many(&Arc::from(shape::KIND), dropped);
        }
        report
    }

    /// Redacts the secrets in a log line, an error message or any other text.
    pub fn scrub_text<'a>(&self, text: &'a str, key: &PseudonymKey) -> Cow<'a, str> {
        self.scrub(key, text, &mut Report::default()).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// Whether `value` stays whatever it looks like, because it is [allowed](Builder::allow).
    pub fn allows(&self, value: &str) -> bool {
        self.detector.custom().allows(value)
    }

    /// Whether it was built to [drop content](Builder::drop_content).
    pub fn drops_content(&self) -> bool {
        self.drops_content
    }

    /// Every kind of secret it knows, in order; [`DROPPED`](crate::DROPPED) is none.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.detector.kinds()
    }

    /// How much at the beginning of `text` is redacted the same whatever text follows: the end of its last line, unless it
    /// lies within a block that may go on. Everything but blocks is local to a line. Nothing of what begins like a JSON
    /// document, which is judged as a whole.
    pub fn settled(&self, text: &str) -> usize {
        if text.trim_ascii_start().starts_with(['{', '[']) {
            return 0;
        }
        blocks::settled(&text[..text.rfind('\n').map_or(0, |last| last + 1)])
    }

    /// What [`scrub_text`](Self::scrub_text) replaces in `text`, in order.
    pub(crate) fn redactions(&self, text: &str, key: &PseudonymKey) -> Vec<Redaction> {
        let hits = finder::find(&self.detector, text);
        if hits.is_empty() {
            return Vec::new();
        }
        let once = replaced(text, &hits, key, &mut Report::default());
        let mut report = Report::default();
        if let Some(scrubbed) = self.scrub(key, &once, &mut report) {
            // Something was found by a second look.
            return Redaction::of_difference(text, &scrubbed, &hits[0].kind).into_iter().collect();
        }
        hits.into_iter().map(|hit| Redaction { marker: hit.marker(key), range: hit.range, kind: hit.kind }).collect()
    }

    /// `None` if nothing changes.
    fn scrub(&self, key: &PseudonymKey, text: &str, report: &mut Report) -> Option<String> {
        let mut scrubbed: Option<String> = None;
        for _ in 0..MAX_PASSES {
            let current = scrubbed.as_deref().unwrap_or(text);
            let hits = finder::find(&self.detector, current);
            if hits.is_empty() {
                break;
            }
            scrubbed = Some(replaced(current, &hits, key, report));
        }
        scrubbed
    }
}

// === impl Redaction ===

impl Redaction {
    /// The one replacement that makes `scrubbed` of `text`.
    fn of_difference(text: &str, scrubbed: &str, kind: &Arc<str>) -> Option<Self> {
        let same = |(a, b): &(char, char)| a == b;
        let common = |bytes: usize, (a, _): (char, char)| bytes + a.len_utf8();
        let start = text.chars().zip(scrubbed.chars()).take_while(same).fold(0, common);
        let (rest, new) = (&text[start..], &scrubbed[start..]);
        // One character stays, so that the replacement is of something.
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let tail = rest[first..].chars().rev().zip(new.chars().rev()).take_while(same).fold(0, common);
        let range = start..text.len() - tail;
        let redaction = Self { range, kind: Arc::clone(kind), marker: new[..new.len() - tail].to_owned() };
        if redaction.range.is_empty() { None } else { Some(redaction) }
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self.kinds().collect();
        f.debug_struct("Scrubber").field("kinds", &kinds).finish_non_exhaustive()
    }
}

/// `text` with markers in place of the hits.
fn replaced(text: &str, hits: &[Hit], key: &PseudonymKey, report: &mut Report) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for hit in hits {
        report.add(&hit.kind);
        out.push_str(&text[at..hit.range.start]);
        out.push_str(&hit.marker(key));
        at = hit.range.end;
    }
    out.push_str(&text[at..]);
    out
}
