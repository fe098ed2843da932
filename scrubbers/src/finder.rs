//! Finds secrets wherever they are in a text: in its words, in the strings of JSON, under escapes, in base64 and hex.

use std::ops::Range;
use std::sync::Arc;

use crate::PseudonymKey;
use crate::assignments::{cookie_values, is_secret_named, kind, split_scheme};
use crate::candidate::{is_placeholder, is_word};
use crate::detector::{Detector, Found, is_generic};
use crate::explain::{FoundBy, Wrapping};
use crate::json::{self, Strings, Token};
use crate::marker;
use crate::names::{self, Class};
use crate::pii::person;
use crate::rules::{Check, joins_token};
use crate::traits::{Traits, is_identifier};
use crate::views::{Run, View, unescape};

/// What is wrapped more often than this is not unwrapped further. More than tool arguments inside frames inside log lines need; bounds
/// recursion and repeated work.
const DEPTH_MAX: usize = 8;

/// The private part of the shortest key in use, in base64.
const JWK_MIN: usize = 42;

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Where it stands.
    pub(crate) range: Range<usize>,
    pub(crate) kind: Arc<str>,
    /// What stands there, without escapes.
    pub(crate) value: String,
    /// Whether it is a number of a JSON document, so that what takes its place needs quotes.
    pub(crate) number: bool,
    /// What gave it away.
    pub(crate) found_by: FoundBy,
    /// What it was wrapped in, the outermost first.
    pub(crate) through: Vec<Wrapping>,
}

/// Collects the hits in one text, at one depth.
struct Finder<'a> {
    detector: &'a Detector,
    depth: usize,
    hits: Vec<Hit>,
}

/// The secrets in `text`, in order, none overlapping another.
pub(crate) fn find(detector: &Detector, text: &str) -> Vec<Hit> {
    let mut finder = Finder { detector, depth: 0, hits: Vec::new() };
    finder.text(text, 0);
    merged(finder.hits)
}

// === impl Hit ===

impl Hit {
    /// What takes its place.
    pub(crate) fn marker(&self, key: &PseudonymKey) -> String {
        let marker = marker::marker(&self.kind, &key.token(&self.kind, self.value.as_bytes()));
        if self.number { format!("\"{marker}\"") } else { marker }
    }

    /// The same secret where it stands in the text around this one.
    fn wrapped(mut self, range: Range<usize>, wrapping: Wrapping) -> Self {
        self.through.insert(0, wrapping);
        Self { range, ..self }
    }
}

// === impl Finder ===

impl Finder<'_> {
    /// Looks into a text, which stands at `offset`: a document, or lines of which some may be documents: JSON lines, or `data:`
    /// lines of an SSE stream.
    fn text(&mut self, text: &str, offset: usize) {
        if self.document(text, offset) {
            return;
        }
        let traits = Traits::of(text);
        if !traits.may_be_structured() {
            return self.plain(text, offset, traits);
        }
        let (mut plain, mut at) = (0, 0);
        for line in text.split_inclusive('\n') {
            let payload = line.strip_prefix("data:").unwrap_or(line).trim_ascii_start();
            let start = at + line.len() - payload.len();
            at += line.len();
            // The whole of a text of one line was looked at as one.
            if payload.len() < text.len() && self.document(payload, offset + start) {
                self.part(text, plain..start, offset);
                plain = at;
            }
        }
        self.part(text, plain..at, offset);
    }

    fn part(&mut self, text: &str, part: Range<usize>, offset: usize) {
        let text = &text[part.clone()];
        self.plain(text, offset + part.start, Traits::of(text));
    }

    /// Looks into a text that is no document.
    fn plain(&mut self, text: &str, offset: usize, traits: Traits) {
        if text.len() < self.detector.shortest() {
            return;
        }
        for Found { range, kind, known, by: found_by } in self.detector.scan(text, traits) {
            let value = known.as_deref().unwrap_or(&text[range.clone()]).to_owned();
            let range = range.start + offset..range.end + offset;
            self.hits.push(Hit { range, kind, value, number: false, found_by, through: Vec::new() });
        }
        self.wrapped(text, offset, traits);
    }

    /// Looks into what is wrapped in a text.
    fn wrapped(&mut self, text: &str, offset: usize, traits: Traits) {
        if self.depth == DEPTH_MAX {
            return;
        }
        if traits.may_be_escaped()
            && let Some(view) = View::decoded(text)
        {
            self.view(&view, text, offset);
        }
        for Run { range, text: decoded } in Run::all(text) {
            if let Some(hit) = self.within(&decoded).into_iter().next() {
                let wrapping = Wrapping::of_digits(&text[range.clone()]);
                self.hits.push(hit.wrapped(range.start + offset..range.end + offset, wrapping));
            }
        }
    }

    fn view(&mut self, view: &View, text: &str, offset: usize) {
        // Looked for once: a text may have as many hits as it likes.
        let around = Wrapping::of_text(text);
        for hit in self.within(view.text()) {
            let source = view.source(&hit.range);
            let wrapping = Wrapping::of_escapes(&text[source.clone()], around);
            self.hits.push(hit.wrapped(source.start + offset..source.end + offset, wrapping));
        }
    }

    /// The class of a value that is secret by its name: that of its member, or what stands before it in a pair of two.
    fn secret_by_name(&self, json: &str, token: &Token, name: Option<&Range<usize>>, content: &str) -> Option<Class> {
        let header = token.partner.as_ref().and_then(|partner| self.class_of(json, partner));
        // `["cookie","authorization"]` is a list of names, such as a schema's `required`.
        let header = header.filter(|_| names::classify(content).is_none());
        let class = header.or_else(|| self.class_of(json, name?))?;
        let text = unescape(content);
        // What holds a secret however it looks.
        let is_named = || {
            let name = name.map(|name| &json[name.clone()]);
            name.is_some_and(|name| names::is_header(name) || self.detector.custom().has_name(&unescape(name)))
        };
        // `["password","email"]` is one too.
        let is_secret = match header {
            Some(class) => class != Class::Password || !is_word(&text),
            None => {
                matches!(class, Class::Authorization | Class::Cookie) || is_named() || is_secret_named(&text, class)
            }
        };
        let is_kept = is_placeholder(&text) || token.is_number && class != Class::Password;
        (is_secret && !is_kept).then_some(class)
    }

    /// What a name in a document says of its value.
    fn class_of(&self, json: &str, name: &Range<usize>) -> Option<Class> {
        let name = &json[name.clone()];
        let name = if name.contains('\\') { unescape(name) } else { name.into() };
        if self.detector.custom().has_name(&name) { Some(Class::Password) } else { names::classify(&name) }
    }

    /// The hits in a text that was wrapped in this one.
    fn within(&self, text: &str) -> Vec<Hit> {
        let mut inner = Finder { detector: self.detector, depth: self.depth + 1, hits: Vec::new() };
        if inner.depth < DEPTH_MAX {
            inner.text(text, 0);
        } else {
            inner.plain(text, 0, Traits::of(text));
        }
        // A number in there is not one of this text's.
        merged(inner.hits).into_iter().map(|hit| Hit { number: false, ..hit }).collect()
    }

    /// Looks into a text that may be a document, and says whether it is one.
    fn document(&mut self, json: &str, offset: usize) -> bool {
        if !json::may_be_document(json) {
            return false;
        }
        let before = self.hits.len();
        let mut entry = NameAndValue::default();
        for token in Strings::new(json) {
            let Ok(token) = token else {
                self.hits.truncate(before);
                return false;
            };
            let content = &json[token.content.clone()];
            let at = token.content.start + offset;
            let name = entry.name_of(json, &token).or_else(|| token.member.clone());
            if !token.is_key
                && let Some(class) = self.secret_by_name(json, &token, name.as_ref(), content)
            {
                self.named(class, content, at, token.is_number);
            }
            if !token.is_key
                && !token.is_number
                && let Some(kind) = token.member.as_ref().and_then(|member| personal(&json[member.clone()], content))
            {
                let (kind, range) = (self.detector.kind(kind), at..at + content.len());
                let value = unescape(content).into_owned();
                self.hits.push(Hit {
                    range,
                    kind,
                    value,
                    number: false,
                    found_by: FoundBy::Structure,
                    through: Vec::new(),
                });
            }
            if token.is_number {
                self.number(content, at);
            } else {
                self.string(content, at, token.traits);
            }
        }
        true
    }

    /// Looks into a string of a document, which stands at `at`.
    fn string(&mut self, content: &str, at: usize, traits: Traits) {
        // Most strings are short words or ids.
        if content.len() < self.detector.shortest() || self.detector.ignores_identifiers() && is_identifier(content) {
            return;
        }
        if traits.may_be_escaped() && content.contains('\\') {
            if let Some(view) = View::unescaped(content) {
                self.view(&view, content, at);
            }
        } else if traits.may_be_structured() && self.depth < DEPTH_MAX {
            self.depth += 1;
            let before = self.hits.len();
            self.text(content, at);
            self.depth -= 1;
            // A number in there is not one of this document's.
            self.hits[before..].iter_mut().for_each(|hit| hit.number = false);
        } else {
            self.plain(content, at, traits);
        }
    }

    /// Looks into a number: one of a card is a number too.
    fn number(&mut self, content: &str, at: usize) {
        let whole = |found: &Found| found.range == (0..content.len());
        if content.len() >= 12
            && let Some(Found { range, kind, by: found_by, .. }) =
                self.detector.scan(content, Traits::of(content)).into_iter().find(whole)
        {
            let value = content.to_owned();
            let range = at..at + range.end;
            self.hits.push(Hit { range, kind, value, number: true, found_by, through: Vec::new() });
        }
    }

    /// Takes a value that its name declares to be a secret, or those parts of it that are.
    fn named(&mut self, class: Class, content: &str, at: usize, number: bool) {
        let whole = 0..content.len();
        // Where something is escaped, the parts are not looked for.
        let parts: Vec<Range<usize>> = match class {
            Class::Authorization if !content.contains('\\') => {
                std::iter::once(split_scheme(content).0.len()..whole.end).collect()
            }
            Class::Cookie if !content.contains('\\') => cookie_values(content).collect(),
            _ => Vec::new(),
        };
        for part in if parts.is_empty() { std::slice::from_ref(&whole) } else { &parts } {
            let value = unescape(&content[part.clone()]).into_owned();
            let is_marker = marker::marker_at(&value, 0) == Some(0..value.len());
            if is_marker || is_placeholder(&value) {
                continue;
            }
            if self.detector.custom().allows(&value) {
                // What is known by its value goes nevertheless.
                let content = &content[part.clone()];
                self.string(content, at + part.start, Traits::of(content));
                continue;
            }
            let range = at + part.start..at + part.end;
            let (kind, found_by) = (self.detector.kind(kind(class)), FoundBy::Structure);
            self.hits.push(Hit { range, kind, value, number, found_by, through: Vec::new() });
        }
    }
}

/// Remembers the name in `{"name": "DB_PASSWORD", "value": "…"}`.
#[derive(Default)]
struct NameAndValue(Option<Range<usize>>);

impl NameAndValue {
    /// The name that an entry's value has there.
    fn name_of(&mut self, json: &str, token: &Token) -> Option<Range<usize>> {
        let member = &json[token.member.clone()?];
        let before = self.0.take();
        match member {
            "name" | "key" | "header" | "variable" | "field" => self.0 = Some(token.content.clone()),
            "value" | "val" => return before,
            _ => {}
        }
        None
    }
}

/// What a document's member holds whose name says that it is about a person, or the private part of a key (RFC 7517 §4).
fn personal(member: &str, content: &str) -> Option<&'static str> {
    let is_jwk = matches!(member, "d" | "p" | "q" | "dp" | "dq" | "qi" | "k")
        && content.len() >= JWK_MIN
        && content.bytes().all(joins_token)
        && Check::Mixed.passes(content.as_bytes());
    if is_jwk {
        return Some("jwk-private-key");
    }
    let member = person::member(member)?;
    person::kind(member, &unescape(content))
}

/// Joins what overlaps: no part of a secret may stay.
fn merged(mut found: Vec<Hit>) -> Vec<Hit> {
    found.sort_by(|a, b| a.range.start.cmp(&b.range.start).then(b.range.end.cmp(&a.range.end)));
    let mut hits: Vec<Hit> = Vec::with_capacity(found.len());
    for hit in found {
        match hits.last_mut() {
            Some(last) if hit.range.start < last.range.end => {
                last.range.end = last.range.end.max(hit.range.end);
                if is_generic(&last.kind) && !is_generic(&hit.kind) {
                    (last.kind, last.value) = (hit.kind, hit.value);
                    (last.found_by, last.through) = (hit.found_by, hit.through);
                }
            }
            _ => hits.push(hit),
        }
    }
    hits
}
