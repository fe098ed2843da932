//! Finds secrets in plain text: one automaton says where a rule could match, the rule decides there.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::Regex;

use crate::Error;
use crate::rules::{Check, RULES, Start, joins_token};
use crate::value::{self, Form};

/// What a marker begins with; the rule's name and `]` follow.
const MARKER: &str = "[REDACTED:";

/// A name is at most this long, so that looking for a marker's end is bounded.
pub(crate) const MAX_NAME: usize = 64;

/// So many first bytes of a secret go into the automaton; the rest is compared where they occur.
const MAX_ANCHOR: usize = 16;

/// A pattern is asked again this close to the end of what it matched last, in case a secret begins with the name or
/// prefix that ended the match. Before that, its check has settled every match inside (see `rules`).
const OVERLAP: usize = 64;

/// Everything that is looked for in text.
pub(crate) struct Detector {
    automaton: AhoCorasick,
    /// Which matcher each of the automaton's patterns belongs to.
    owners: Vec<usize>,
    matchers: Vec<Matcher>,
    /// Every name that a marker can carry.
    names: BTreeSet<Arc<str>>,
}

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) range: Range<usize>,
    pub(crate) rule: Arc<str>,
}

/// One thing that is looked for. Where several find the same text, the first in [`Detector::matchers`] names it.
struct Matcher {
    name: Arc<str>,
    kind: Kind,
}

enum Kind {
    Value(Form),
    Pattern {
        regex: Regex,
        start: Start,
        check: Check,
    },
    /// A marker left by an earlier scrubbing: what lies inside is no secret.
    Marker,
}

/// What a matcher says about one occurrence of its anchor.
struct Verdict {
    /// What to redact, or to protect; `None` if it only looked like a secret.
    found: Option<Range<usize>>,
    /// The matcher need not be asked again before this position.
    settled: usize,
}

// === impl Detector ===

impl Detector {
    /// Looks for the rules of the table and for `secrets`, pairs of a name and a value.
    pub(crate) fn new(secrets: &[(Arc<str>, String)]) -> Result<Self, Error> {
        let mut matchers = Vec::new();
        let mut anchors: Vec<(Vec<u8>, usize)> = Vec::new();
        for (name, secret) in secrets {
            for form in value::forms(secret) {
                anchors.push((form.text.bytes().take(MAX_ANCHOR).collect(), matchers.len()));
                matchers.push(Matcher { name: Arc::clone(name), kind: Kind::Value(form) });
            }
        }
        for rule in RULES {
            anchors.extend(rule.anchors.iter().map(|anchor| (anchor.as_bytes().to_vec(), matchers.len())));
            let regex = Regex::new(&format!(r"\A(?:{})", rule.pattern))
                .map_err(|source| Error::Rule { name: rule.name.to_owned(), source: Box::new(source) })?;
            let kind = Kind::Pattern { regex, start: rule.start, check: rule.check };
            matchers.push(Matcher { name: rule.name.into(), kind });
        }
        let names = matchers.iter().map(|matcher| Arc::clone(&matcher.name)).collect();
        anchors.push((MARKER.into(), matchers.len()));
        matchers.push(Matcher { name: "marker".into(), kind: Kind::Marker });

        let (patterns, owners): (Vec<_>, Vec<_>) = anchors.into_iter().unzip();
        let automaton =
            AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(patterns)?;
        Ok(Self { automaton, owners, matchers, names })
    }

    /// Every name that a marker can carry.
    pub(crate) fn names(&self) -> &BTreeSet<Arc<str>> {
        &self.names
    }

    /// The secrets in `text`, in order, none overlapping another.
    pub(crate) fn find(&self, text: &str) -> Vec<Hit> {
        self.scan(text).0
    }

    /// Whether all of `text` is one marker.
    pub(crate) fn is_marker(&self, text: &str) -> bool {
        text.starts_with(MARKER) && self.marker_end(text, 0) == Some(text.len())
    }

    /// The secrets in `text`, and how often a matcher was asked to find them.
    fn scan(&self, text: &str) -> (Vec<Hit>, usize) {
        let mut found = Vec::new();
        let mut markers = Vec::new();
        let mut settled = Vec::new();
        let mut asked = 0;
        for anchor in self.automaton.find_overlapping_iter(text) {
            if settled.is_empty() {
                settled.resize(self.matchers.len(), 0);
            }
            let owner = self.owners[anchor.pattern().as_usize()];
            if anchor.start() < settled[owner] {
                continue;
            }
            asked += 1;
            let Some(verdict) = self.ask(owner, text, anchor.range()) else { continue };
            settled[owner] = verdict.settled;
            match (verdict.found, &self.matchers[owner].kind) {
                (Some(range), Kind::Marker) => markers.push(range),
                (Some(range), _) => found.push((range, owner)),
                (None, _) => {}
            }
        }
        (self.settle(found, &markers), asked)
    }

    /// Asks a matcher about an occurrence of its anchor.
    fn ask(&self, owner: usize, text: &str, anchor: Range<usize>) -> Option<Verdict> {
        let at = anchor.start;
        match &self.matchers[owner].kind {
            Kind::Value(form) => form.match_at(text, at).map(|end| Verdict { found: Some(at..end), settled: end }),
            Kind::Pattern { regex, start, check } => {
                if !start.allows(text.as_bytes(), at) {
                    return None;
                }
                let rest = &text[at..];
                let captures = regex.captures(rest)?;
                let secret = captures.name("secret").or(captures.get(0))?.range();
                let passes = check.passes(&rest.as_bytes()[secret.start.max(anchor.len())..secret.end]);
                let (start, end) = (at + secret.start, at + secret.end);
                let settled = end.saturating_sub(OVERLAP).max(at + 1);
                Some(Verdict { found: passes.then_some(start..end), settled })
            }
            Kind::Marker => {
                let end = self.marker_end(text, at)?;
                Some(Verdict { found: Some(at..end), settled: end })
            }
        }
    }

    /// Where the marker that begins at `at` ends, if it is one of ours.
    fn marker_end(&self, text: &str, at: usize) -> Option<usize> {
        let start = at + MARKER.len();
        let rest = text.as_bytes().get(start..)?;
        let length = rest.iter().take(MAX_NAME + 1).position(|&byte| byte == b']')?;
        let name = str::from_utf8(&rest[..length]).ok()?;
        self.names.contains(name).then_some(start + length + 1)
    }

    /// Drops what lies within a marker, and joins what overlaps: no part of a secret may stay.
    fn settle(&self, mut found: Vec<(Range<usize>, usize)>, markers: &[Range<usize>]) -> Vec<Hit> {
        found.retain(|(range, _)| {
            let next = markers.partition_point(|marker| marker.end < range.end);
            markers.get(next).is_none_or(|marker| range.start < marker.start)
        });
        found.sort_unstable_by_key(|(range, owner)| (range.start, Reverse(range.end), *owner));
        let mut hits: Vec<Hit> = Vec::with_capacity(found.len());
        for (range, owner) in found {
            match hits.last_mut() {
                Some(last) if range.start < last.range.end => last.range.end = last.range.end.max(range.end),
                _ => hits.push(Hit { range, rule: Arc::clone(&self.matchers[owner].name) }),
            }
        }
        hits
    }
}

// === impl Hit ===

impl Hit {
    /// What is kept in place of the secret.
    pub(crate) fn marker(&self) -> String {
        marker(&self.rule)
    }
}

/// What is kept in place of a secret that `rule` found.
pub(crate) fn marker(rule: &str) -> String {
    format!("{MARKER}{rule}]")
}

// === impl Form ===

impl Form {
    /// Where the form that begins at `at` ends, if it stands there.
    fn match_at(&self, text: &str, at: usize) -> Option<usize> {
        let end = at + self.text.len();
        if !text.as_bytes()[at..].starts_with(self.text.as_bytes()) {
            return None;
        }
        let touched = || {
            let next = text.as_bytes().get(end).copied();
            !Start::Token.allows(text.as_bytes(), at) || next.is_some_and(joins_token)
        };
        if self.whole_token && touched() { None } else { Some(end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detector() -> Detector {
        Detector::new(&[("own".into(), "abababababababab".to_owned())]).expect("the table compiles")
    }

    #[test]
    fn work_is_linear_in_hostile_text() {
        // Asked once, a pattern fails within bounds or settles what it matched: the number of times it is asked is what
        // could grow faster than the text.
        let detector = detector();
        for unit in [
            "eyJ",
            "eyJaaaaaaaaaaaaaaa.",
            "eyJaaaaaaaaaaaaaaa-",
            "-----BEGIN RSA PRIVATE KEY-----\n",
            "-----BEGIN ",
            "sk-",
            "sk-aaaaaaaaaaaaaaaaaaaaaaaaaaaa-",
            "sk-proj-",
            "SG.aaaaaaaaaaaaaaaaaaaa-",
            "bearer ",
            "bearer+",
            "authorization:",
            "cookie:",
            "cookie:a=",
            "api-key=",
            "ghp_",
            "AKIA",
            "xoxb-",
            "SK",
            "://",
            "://a:",
            "hooks.slack.com/services/",
            "ab",
            "[REDACTED:",
        ] {
            let small = detector.scan(&unit.repeat(1 << 10)).1;
            let large = detector.scan(&unit.repeat(1 << 14)).1;
            assert!(large <= 20 * small.max(1), "{unit:?}: asked {small} times, then {large}");
            assert!(large <= 4 << 14, "{unit:?}: asked {large} times");
        }
    }

    #[test]
    fn no_pattern_matches_nothing() {
        for rule in RULES {
            assert!(!Regex::new(rule.pattern).expect("the table compiles").is_match(""), "{}", rule.name);
        }
    }

    #[test]
    fn every_header_rule_is_in_the_table() {
        for name in ["authorization", "cookie", "x-api-key"] {
            let rule = crate::headers::rule_for(name).expect("a known header");
            assert!(detector().names().contains(rule), "{rule}");
        }
    }

    #[test]
    fn overlapping_secrets_become_one_hit() {
        let hits = detector().find("Bearer abababababababab0123456789");
        assert_eq!(hits, [Hit { range: 7..33, rule: "bearer-token".into() }]);
    }

    #[test]
    fn a_refused_match_hides_no_secret_behind_it() {
        let text = "authorization:x-authorization: 8Ghq2LpWz0T";
        assert_eq!(detector().find(text), [Hit { range: 31..42, rule: "authorization".into() }]);
    }
}
