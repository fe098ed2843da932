//! Finds secrets in plain text: anchors say where a rule could match, the rule decides there; scanners look at names and digits.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};

use crate::anchors::Anchors;
use crate::custom::Custom;
use crate::explain::FoundBy;
use crate::names::{self, Class};
use crate::pii::{self, Addresses};
use crate::rules::{Check, FAMILIES, Start, joins_token, token_start};
use crate::slices::at_most;
use crate::traits::{Traits, is_identifier};
use crate::value::{self, Form};
use crate::views::View;
use crate::{assignments, marker};

/// A pattern is asked again this close to the end of what it matched last, in case a secret begins with the name or
/// prefix that ended the match. Before that, its check has settled every match inside (see `rules`).
const OVERLAP: usize = 64;

/// Everything that is looked for in text.
pub(crate) struct Detector {
    anchors: Anchors,
    /// Which matchers each of the anchors belongs to.
    owners: Vec<Vec<usize>>,
    matchers: Vec<Matcher>,
    /// Finds what every name of a secret has in it.
    names: Anchors,
    addresses: Addresses,
    custom: Custom,
    /// How short a text can be and hold a secret.
    shortest: usize,
    /// Whether no id or time is one of the secrets known by value, or may be one of the operator's.
    ignores_identifiers: bool,
    /// Every kind that a marker can carry.
    kinds: BTreeSet<Arc<str>>,
}

/// A secret in a text.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) range: Range<usize>,
    pub(crate) kind: Arc<str>,
    /// What it is, if that is not what stands there: of a secret that is known by value and stands in another form.
    pub(crate) known: Option<Arc<str>>,
    /// What gave it away.
    pub(crate) by: FoundBy,
}

/// The shortest secret that is known without its name or value: an IP address.
const SECRET_MIN: usize = 7;

/// Kinds that say how a secret was found rather than what it is: any other kind names it better.
const GENERIC: &[&str] = &["password", "secret", "authorization", "cookie", "url-password"];

/// One thing that is looked for. Where several find the same text, the first in [`Detector::matchers`] names it.
struct Matcher {
    kind: Arc<str>,
    test: Test,
}

enum Test {
    Value(Form),
    Pattern { regex: LazyRegex, lead: usize, reach: usize, start: Start, check: Check },
}

/// An expression of the tables, compiled when it is first needed: few of them ever are.
struct LazyRegex {
    pattern: &'static str,
    regex: OnceLock<Regex>,
}

/// What a matcher says about one occurrence of its anchor.
struct Verdict {
    /// What to redact; `None` if it only looked like a secret.
    found: Option<Range<usize>>,
    /// The matcher need not be asked again before this position.
    settled: usize,
}

// === impl Detector ===

impl Detector {
    /// Looks for the rules of the tables, for such addresses, for `secrets`, pairs of a name and a value, and for what is `custom`.
    pub(crate) fn new(secrets: &[(Arc<str>, String)], addresses: Addresses, custom: Custom) -> Self {
        let mut matchers = Vec::new();
        let mut anchors = BTreeMap::<_, Vec<_>>::new();
        for (name, secret) in secrets {
            for form in value::forms(secret) {
                anchors.entry(form.text.clone()).or_default().push(matchers.len());
                matchers.push(Matcher { kind: Arc::clone(name), test: Test::Value(form) });
            }
        }
        for rule in FAMILIES.iter().copied().flatten() {
            for anchor in rule.anchors {
                anchors.entry((*anchor).to_owned()).or_default().push(matchers.len());
            }
            let test = Test::Pattern {
                regex: LazyRegex::new(rule.pattern),
                lead: rule.lead,
                reach: rule.reach,
                start: rule.start,
                check: rule.check,
            };
            matchers.push(Matcher { kind: rule.name.into(), test });
        }
        let (words, owners): (Vec<_>, Vec<_>) = anchors.into_iter().unzip();
        let named = [Class::Password, Class::Token, Class::Authorization, Class::Cookie]
            .map(|class| assignments::kind(class).into());
        let personal = pii::KINDS.iter().map(|kind| Arc::from(*kind));
        let of_tables = matchers.iter().map(|matcher| Arc::clone(&matcher.kind));
        let kinds = of_tables.chain(named).chain(personal).chain(custom.kinds()).collect();
        let own = secrets.iter().map(|(_, secret)| secret);
        let shortest = if custom.has_rules() { Some(1) } else { own.clone().map(String::len).min() };
        Self {
            anchors: Anchors::new(words.into_iter().map(String::into_bytes)),
            owners,
            matchers,
            names: Anchors::new(names::STEMS.iter().map(|stem| stem.as_bytes())),
            addresses,
            shortest: shortest.map_or(SECRET_MIN, |shortest| shortest.min(SECRET_MIN)),
            ignores_identifiers: !custom.has_rules() && !own.clone().any(|secret| is_identifier(secret)),
            custom,
            kinds,
        }
    }

    /// How short a text can be and hold a secret.
    pub(crate) fn shortest(&self) -> usize {
        self.shortest
    }

    /// Whether no id or time can be a secret.
    pub(crate) fn ignores_identifiers(&self) -> bool {
        self.ignores_identifiers
    }

    /// What the operator added.
    pub(crate) fn custom(&self) -> &Custom {
        &self.custom
    }

    /// Every kind that a marker can carry, in order.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().map(|kind| &**kind)
    }

    /// The kind of this name, which must be known.
    pub(crate) fn kind(&self, name: &str) -> Arc<str> {
        Arc::clone(self.kinds.get(name).expect("every scanner's kinds were put in"))
    }

    /// The secrets in `text`, of which `traits` are known, in order, none overlapping another.
    pub(crate) fn scan(&self, text: &str, traits: Traits) -> Vec<Found> {
        let markers = if traits.may_be_structured() { marker::markers(text) } else { Vec::new() };
        if !markers.is_empty() {
            // What a marker says of a secret must not be taken for the name of another.
            let view = View::masked(text, &markers);
            let mut found = self.scan_plain(view.text(), traits);
            for found in &mut found {
                found.range = view.source(&found.range);
            }
            return settled(found, &markers);
        }
        let found = self.scan_plain(text, traits);
        if found.is_empty() { found } else { settled(found, &[]) }
    }

    fn scan_plain(&self, text: &str, traits: Traits) -> Vec<Found> {
        let mut found = Vec::new();
        self.matches(text, &mut found);
        let mut add = |kind, range, by| found.push(Found { range, kind: self.kind(kind), known: None, by });
        if (traits.may_assign() || traits.may_list()) && self.names.any(text) {
            assignments::scan(text, &mut |kind, range| add(kind, range, FoundBy::Name));
            if traits.may_list() {
                assignments::scan_arguments(text, &mut |kind, range| add(kind, range, FoundBy::Name));
            }
        }
        if traits.may_be_personal() {
            pii::scan(text, self.addresses, &mut |kind, range| add(kind, range, FoundBy::Form));
        }
        if traits.may_assign() {
            self.custom.assigned(text, |range| add(assignments::kind(Class::Password), range, FoundBy::Name));
        }
        self.custom.rules(text, |kind, range| {
            found.push(Found { range, kind: Arc::clone(kind), known: None, by: FoundBy::Form });
        });
        if self.custom.allows_something() {
            found.retain(|found| found.known.is_some() || !self.custom.allows(&text[found.range.clone()]));
        }
        found
    }

    /// What the matchers find in `text`, the first in the tables first where several find the same.
    fn matches(&self, text: &str, found: &mut Vec<Found>) {
        let mut matched = Vec::new();
        let mut settled = Vec::new();
        self.anchors.each(text, |anchor, range| {
            for &owner in &self.owners[anchor] {
                if settled.get(owner).is_some_and(|settled| range.start < *settled) {
                    continue;
                }
                let Some(verdict) = self.ask(owner, text, range.clone()) else { continue };
                if settled.is_empty() {
                    settled.resize(self.matchers.len(), 0);
                }
                settled[owner] = verdict.settled;
                matched.extend(verdict.found.map(|range| (owner, range)));
            }
        });
        matched.sort_unstable_by_key(|(owner, _)| *owner);
        found.extend(matched.into_iter().map(|(owner, range)| {
            let Matcher { kind, test } = &self.matchers[owner];
            let (known, by) = match test {
                Test::Value(form) => (Some(Arc::clone(&form.secret)), FoundBy::Value),
                Test::Pattern { .. } => (None, FoundBy::of_rule(kind)),
            };
            Found { range, kind: Arc::clone(kind), known, by }
        }));
    }

    /// Asks a matcher about an occurrence of its anchor.
    fn ask(&self, owner: usize, text: &str, anchor: Range<usize>) -> Option<Verdict> {
        let at = anchor.start;
        match &self.matchers[owner].test {
            Test::Value(form) => form.match_at(text, at).map(|end| Verdict { found: Some(at..end), settled: end }),
            Test::Pattern { regex, lead, reach, start, check } => {
                let at = token_start(text.as_bytes(), at, *lead);
                if !start.allows(text.as_bytes(), at) {
                    return None;
                }
                let rest = at_most(text, at, *reach);
                let secret = regex.secret(rest)?;
                let passes = check.passes(&rest.as_bytes()[secret.start.max(anchor.len())..secret.end]);
                let (start, end) = (at + secret.start, at + secret.end);
                let settled = end.saturating_sub(OVERLAP).max(at + 1);
                Some(Verdict { found: passes.then_some(start..end), settled })
            }
        }
    }
}

// === impl LazyRegex ===

impl LazyRegex {
    fn new(pattern: &'static str) -> Self {
        Self { pattern, regex: OnceLock::new() }
    }

    /// What to redact of a match at the beginning of `text`: its group, or all of it.
    fn secret(&self, text: &str) -> Option<Range<usize>> {
        let regex =
            self.regex.get_or_init(|| Regex::new(self.pattern).expect("a test compiles every rule of the tables"));
        // All of the match, and the group `secret`, which is the only one.
        let mut slots = [None; 4];
        let slots = &mut slots[..2 * regex.captures_len()];
        regex.search_slots(&Input::new(text).anchored(Anchored::Yes), slots)?;
        let [.., start, end] = slots else { return None };
        Some((*start)?.get()..(*end)?.get())
    }
}

/// Drops what lies within a marker, and joins what overlaps: no part of a secret may stay.
fn settled(mut found: Vec<Found>, markers: &[Range<usize>]) -> Vec<Found> {
    found.retain(|Found { range, .. }| {
        let next = markers.partition_point(|marker| marker.end < range.end);
        markers.get(next).is_none_or(|marker| range.start < marker.start)
    });
    found.sort_by_key(|found| (found.range.start, Reverse(found.range.end)));
    let mut settled: Vec<Found> = Vec::with_capacity(found.len());
    for next in found {
        match settled.last_mut() {
            Some(last) if next.range.start < last.range.end => {
                last.range.end = last.range.end.max(next.range.end);
                if is_generic(&last.kind) && !is_generic(&next.kind) {
                    (last.kind, last.known, last.by) = (next.kind, next.known, next.by);
                }
            }
            _ => settled.push(next),
        }
    }
    settled
}

/// Whether a kind says how a secret was found rather than what it is, so that any other names it better.
pub(crate) fn is_generic(kind: &str) -> bool {
    GENERIC.contains(&kind)
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
