//! What an operator adds to the tables: rules, values that may stay, and names whose values are secret.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use regex::Regex;

use crate::Error;
use crate::candidate::is_placeholder;
use crate::marker::KIND_MAX;
use crate::names::NAME_MAX;

/// What ends an unquoted value and belongs to the text around it.
const CLOSING: &[char] = &[')', ']', '}', '.', ':', '?'];

/// Behind a name: the operator, and a value in quotes or up to the next delimiter, with its scheme.
const ASSIGNED: &str = r#"["'`\]]{0,2}[ \t]{0,16}(?:=>|:=|[=:>])[ \t]{0,16}(?:"(?P<double>[^"\x01]+)|'(?P<single>[^'\x01]+)|(?P<bare>(?:(?:bearer|basic|token)[ \t]+)?[^\s"'`<&;,\x01]+))"#;

/// What is looked for beside the tables. Empty, it costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Custom {
    rules: Vec<(Arc<str>, Regex)>,
    allow: Vec<Regex>,
    /// As [`folded`] writes them.
    names: BTreeSet<String>,
    /// Finds what is assigned to one of the names.
    assigned: Option<Regex>,
}

/// What an operator asked for, not yet compiled.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Pairs of a name and an expression.
    pub(crate) rules: Vec<(String, String)>,
    pub(crate) allow: Vec<String>,
    pub(crate) names: Vec<String>,
}

/// A name in small letters and without what joins its words, so that `X-Partner-Secret` and `x_partner_secret` are one.
fn folded(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// An expression for a name in any style of joining its words.
fn in_any_style(name: &str) -> String {
    let mut pattern = String::new();
    let mut before_is_lower = false;
    for c in name.trim_matches(|c: char| !c.is_alphanumeric()).chars() {
        if !c.is_alphanumeric() {
            pattern.push_str("[-_. ]?");
        } else if c.is_uppercase() && before_is_lower {
            pattern.push_str("[-_. ]?");
            pattern.push(c);
        } else {
            pattern.push(c);
        }
        before_is_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    pattern
}

/// Compiles an expression that matches something, always.
fn compiled(pattern: &str) -> Result<Regex, String> {
    let regex = Regex::new(pattern).map_err(|error| reason(&error))?;
    // The same syntax with the same defaults: what compiles, parses.
    let shortest = regex_syntax::parse(pattern).ok().and_then(|parsed| parsed.properties().minimum_len());
    if shortest == Some(0) { Err("it matches the empty string".to_owned()) } else { Ok(regex) }
}

/// The last line of what the compiler says: the others quote the expression and point into it.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

// === impl Wanted ===

impl Wanted {
    /// Compiles it all; fails at the first entry that cannot be used.
    pub(crate) fn compile(&self) -> Result<Custom, Error> {
        let rules = self.rules.iter().map(|(name, pattern)| rule(name, pattern)).collect::<Result<_, _>>()?;
        let allow = self.allow.iter().map(|pattern| allowed(pattern)).collect::<Result<_, _>>()?;
        let names = self.names.iter().map(|name| checked(name)).collect::<Result<BTreeSet<_>, _>>()?;
        let assigned = if names.is_empty() { None } else { Some(assigned(&self.names)?) };
        Ok(Custom { rules, allow, names, assigned })
    }
}

fn rule(name: &str, pattern: &str) -> Result<(Arc<str>, Regex), Error> {
    let readable = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > KIND_MAX || !name.bytes().all(readable) {
        return Err(Error::RuleName(name.to_owned()));
    }
    let regex = compiled(pattern).map_err(|reason| Error::Rule { name: name.to_owned(), reason })?;
    Ok((name.into(), regex))
}

/// The expression, to be matched by the whole of a value.
fn allowed(pattern: &str) -> Result<Regex, Error> {
    let refused = |reason| Error::Allow { pattern: pattern.to_owned(), reason };
    compiled(pattern).map_err(refused)?;
    Regex::new(&format!(r"\A(?:{pattern})\z")).map_err(|error| refused(reason(&error)))
}

/// The name, folded, if it is one.
fn checked(name: &str) -> Result<String, Error> {
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_name = name.len() <= NAME_MAX && name.chars().all(joins) && name.contains(char::is_alphabetic);
    let folded = folded(name);
    if is_name && folded.chars().count() >= 2 { Ok(folded) } else { Err(Error::MemberName(name.to_owned())) }
}

fn assigned(names: &[String]) -> Result<Regex, Error> {
    let names: Vec<_> = names.iter().map(|name| in_any_style(name)).collect();
    let pattern = format!(r"(?i)(?:\A|[^\pL\pN])(?:{}){ASSIGNED}", names.join("|"));
    Regex::new(&pattern).map_err(|error| Error::Names(reason(&error)))
}

// === impl Custom ===

impl Custom {
    /// The names of the rules.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Arc<str>> {
        self.rules.iter().map(|(name, _)| Arc::clone(name))
    }

    /// Whether there are rules, so that the shortest text can be a secret.
    pub(crate) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Tells `found` what the rules match in `text`, line by line: nothing may depend on where a text was cut into lines.
    pub(crate) fn rules(&self, text: &str, mut found: impl FnMut(&Arc<str>, Range<usize>)) {
        for (name, regex) in &self.rules {
            each_line(text, |line, at| {
                for captures in regex.captures_iter(line) {
                    let secret = captures.name("secret").or(captures.get(0)).expect("a match matches").range();
                    if !secret.is_empty() {
                        found(name, at + secret.start..at + secret.end);
                    }
                }
            });
        }
    }

    /// Tells `found` the values in `text` that are assigned to one of the names.
    pub(crate) fn assigned(&self, text: &str, mut found: impl FnMut(Range<usize>)) {
        let Some(regex) = &self.assigned else { return };
        each_line(text, |line, at| {
            for captures in regex.captures_iter(line) {
                let quoted = captures.name("double").or(captures.name("single"));
                let Some(value) = quoted.or(captures.name("bare")) else { continue };
                let text = if quoted.is_some() { value.as_str() } else { value.as_str().trim_end_matches(CLOSING) };
                if !text.is_empty() && !is_placeholder(text) {
                    let start = at + value.start();
                    found(start..start + text.len());
                }
            }
        });
    }

    /// Whether `name` is one of the names.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        !self.names.is_empty() && name.len() <= NAME_MAX && self.names.contains(&folded(name))
    }

    /// Whether `value` may stay whatever it looks like.
    pub(crate) fn allows(&self, value: &str) -> bool {
        self.allow.iter().any(|regex| regex.is_match(value))
    }

    /// Whether anything may stay.
    pub(crate) fn allows_something(&self) -> bool {
        !self.allow.is_empty()
    }
}

fn each_line(text: &str, mut look: impl FnMut(&str, usize)) {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        look(line.strip_suffix('\n').unwrap_or(line), at);
        at += line.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(rules: &[(&str, &str)], allow: &[&str], names: &[&str]) -> Result<Custom, Error> {
        let text = |text: &&str| (*text).to_owned();
        Wanted {
            rules: rules.iter().map(|(name, pattern)| (text(name), text(pattern))).collect(),
            allow: allow.iter().map(text).collect(),
            names: names.iter().map(text).collect(),
        }
        .compile()
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_name_and_the_reason() {
        let refusal = |custom: Result<Custom, Error>| custom.expect_err("refused").to_string();
        for (pattern, reason) in
            [("(", "unclosed group"), ("a*", "empty string"), (r"\b", "empty string"), ("", "empty")]
        {
            let message = refusal(custom(&[("staff-number", pattern)], &[], &[]));
            assert!(message.contains("staff-number") && message.contains(reason), "{message}");
            let message = refusal(custom(&[], &[pattern], &[]));
            assert!(message.contains(&format!("{pattern:?}")) && message.contains(reason), "{message}");
        }
        for name in ["", "Staff", "a b", "a_b"] {
            assert!(matches!(custom(&[(name, "x")], &[], &[]), Err(Error::RuleName(_))), "{name:?}");
        }
        for name in ["", "a", "-", "a b", "x:y", "42", &"n".repeat(65)] {
            assert!(matches!(custom(&[], &[], &[name]), Err(Error::MemberName(_))), "{name:?}");
        }
    }

    #[test]
    fn names_are_known_in_every_style() {
        let custom = custom(&[], &[], &["x-partner-secret", "badgeCode"]).unwrap();
        for name in ["X-Partner-Secret", "x_partner_secret", "xPartnerSecret", "BADGE_CODE", "badgecode"] {
            assert!(custom.has_name(name), "{name}");
            let mut found = Vec::new();
            let text = format!("curl '{name}: s3same-open'");
            custom.assigned(&text, |range| found.push(text[range].to_owned()));
            assert_eq!(found, ["s3same-open"], "{name}");
        }
        assert!(!custom.has_name("partner-secret"));
    }
}
