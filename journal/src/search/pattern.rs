//! What is looked for, and finding it in the text of many lines at once.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use memchr::memmem::Finder;
use memchr::{memchr, memrchr};
use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// The longest pattern, in bytes.
const TEXT_MAX: usize = 16 * 1024;

/// What a compiled regular expression may take, and what each thread may take to run it, in bytes.
const REGEX_MAX: usize = 4 * 1024 * 1024;

/// What is looked for in the lines of events, which are JSON: what has a quote, a backslash or a line end in it is there in its
/// escaped form.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    syntax: Syntax,
    matcher: Matcher,
}

/// How the text of a pattern is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Syntax {
    /// As it is.
    #[default]
    Literal,
    /// As it is, but for the case of ASCII letters.
    IgnoreCase,
    /// As a regular expression of the crate `regex`. `^` and `$` are the ends of a line.
    Regex,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// There is nothing to look for.
    #[error("there is no text to search for; without one, `events` reads everything")]
    Empty,
    /// It is too long.
    #[error("the text to search for has {len} bytes, and may have {TEXT_MAX}; search for a part of it")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It has a line end in it, and no line has.
    #[error(
        "the text to search for has a line end in it, and an event is one line of JSON; a line end inside one is \\n there"
    )]
    LineEnd,
    /// It is no regular expression, or one that takes too much memory.
    #[error("the regular expression cannot be used: {what}")]
    Regex {
        /// What is wrong with it, over several lines.
        what: String,
    },
}

#[derive(Clone)]
enum Matcher {
    Literal(Box<Finder<'static>>),
    Regex {
        regex: Regex,
        /// Whether it must see each line by itself, because it would find less in a line among others.
        by_line: bool,
    },
}

// === impl Pattern ===

impl Pattern {
    /// The pattern that `text` is.
    pub fn try_new(text: &str, syntax: Syntax) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > TEXT_MAX {
            return Err(PatternError::TooLong { len: text.len() });
        }
        if syntax != Syntax::Regex && text.contains('\n') {
            return Err(PatternError::LineEnd);
        }
        let matcher = match syntax {
            Syntax::Literal => Matcher::Literal(Box::new(Finder::new(text).into_owned())),
            Syntax::IgnoreCase => {
                let mut regex = RegexBuilder::new(&regex::escape(text));
                Matcher::regex(regex.case_insensitive(true).unicode(false), false)?
            }
            Syntax::Regex => Matcher::regex(&mut RegexBuilder::new(text), is_for_single_lines(text))?,
        };
        Ok(Self { text: text.to_owned(), syntax, matcher })
    }

    /// The text it was made from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How that is meant.
    pub fn syntax(&self) -> Syntax {
        self.syntax
    }

    /// The bytes of `line` in which it is found first, widened to whole characters.
    pub fn find(&self, line: &str) -> Option<Range<usize>> {
        let Range { mut start, mut end } = match &self.matcher {
            Matcher::Literal(finder) => finder.find(line.as_bytes()).map(|start| start..start + self.text.len())?,
            Matcher::Regex { regex, .. } => regex.find(line.as_bytes())?.range(),
        };
        while !line.is_char_boundary(start) {
            start -= 1;
        }
        while !line.is_char_boundary(end) {
            end += 1;
        }
        Some(start..end)
    }

    /// The lines of `text` in which it is found, without their ends. Each line of `text` has one.
    pub(super) fn matching_lines<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let mut at = 0;
        let mut by_line = matches!(self.matcher, Matcher::Regex { by_line: true, .. });
        std::iter::from_fn(move || {
            while at < text.len() {
                let found = if by_line { at } else { self.find_at(text.as_bytes(), at)? };
                let start = memrchr(b'\n', &text.as_bytes()[..found]).map_or(0, |end| end + 1);
                let end = memchr(b'\n', &text.as_bytes()[found..]).map_or(text.len(), |len| found + len);
                at = end + 1;
                let line = &text[start..end];
                if self.is_confirmed_in(line) {
                    return Some(line);
                }
                // It reaches beyond line ends, maybe far, and would do so from every line.
                by_line = true;
            }
            None
        })
    }

    /// Where in `text`, from the beginning of a line at `at` on, a line is that it may be found in. It is in none before that.
    fn find_at(&self, text: &[u8], at: usize) -> Option<usize> {
        let found = match &self.matcher {
            Matcher::Literal(finder) => at + finder.find(&text[at..])?,
            Matcher::Regex { regex, .. } => regex.find_at(text, at)?.start(),
        };
        (found < text.len()).then_some(found)
    }

    /// Whether it is found in `line` alone, in which [`find_at`](Self::find_at) found it while it looked beyond the end.
    fn is_confirmed_in(&self, line: &str) -> bool {
        match &self.matcher {
            Matcher::Literal(_) => true,
            Matcher::Regex { regex, .. } => regex.is_match(line.as_bytes()),
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.syntax) == (&other.text, other.syntax)
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pattern").field("text", &self.text).field("syntax", &self.syntax).finish_non_exhaustive()
    }
}

// === impl Syntax ===

impl Syntax {
    /// Its name in queries and in the words of their audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Literal => "literal",
            Self::IgnoreCase => "ignore_case",
            Self::Regex => "regex",
        }
    }
}

impl FromStr for Syntax {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Literal, Self::IgnoreCase, Self::Regex];
        let wrong = "the syntax of a pattern is literal, ignore_case or regex";
        all.into_iter().find(|syntax| syntax.as_str() == text).ok_or(wrong)
    }
}

// === impl Matcher ===

impl Matcher {
    fn regex(builder: &mut RegexBuilder, by_line: bool) -> Result<Self, PatternError> {
        let built = builder.multi_line(true).size_limit(REGEX_MAX).dfa_size_limit(REGEX_MAX).build();
        let regex = built.map_err(|error| PatternError::Regex { what: error.to_string() })?;
        Ok(Self::Regex { regex, by_line })
    }
}

/// Whether the regular expression `pattern` may find less in a line when there are others around it: with an anchor to the ends
/// of all text, or with flags that make `^` and `$` such or that change what ends a line.
fn is_for_single_lines(pattern: &str) -> bool {
    let changes_lines = |group: &str| {
        let flags = group.bytes().take_while(|byte| byte.is_ascii_alphabetic() || *byte == b'-');
        flags.into_iter().any(|flag| matches!(flag, b'-' | b'R'))
    };
    pattern.contains(r"\A") || pattern.contains(r"\z") || pattern.split("(?").skip(1).any(changes_lines)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &str, pattern: &str, syntax: Syntax) -> Vec<String> {
        Pattern::try_new(pattern, syntax).unwrap().matching_lines(text).map(str::to_owned).collect()
    }

    #[test]
    fn what_is_no_pattern_is_refused_in_words() {
        let refused = |text: &str, syntax| Pattern::try_new(text, syntax).unwrap_err().to_string();
        assert!(refused("", Syntax::Regex).contains("no text"));
        assert!(refused("a\nb", Syntax::Literal).contains("line end"));
        assert!(refused(&"a".repeat(TEXT_MAX + 1), Syntax::Literal).contains("16385 bytes"));
        assert!(refused("a(", Syntax::Regex).contains("unclosed group"));
        assert!(refused(r"(\w{100}){100}", Syntax::Regex).contains("size limit"));
        assert!(Pattern::try_new("a(", Syntax::IgnoreCase).is_ok());
    }

    #[test]
    fn nothing_is_found_over_line_ends() {
        let text = "ab\ncd\nxb\n";
        assert_eq!(lines(text, r"b\s", Syntax::Regex), [""; 0]);
        assert_eq!(lines(text, r"b\s*c", Syntax::Regex), [""; 0]);
        assert_eq!(lines(text, r"[^x]d|\Ax", Syntax::Regex), ["cd", "xb"]);
        assert_eq!(lines(text, r"(?s)a.*d", Syntax::Regex), [""; 0]);
        assert_eq!(lines(text, r"(?s)a.*d|x", Syntax::Regex), ["xb"]);
        assert_eq!(lines(text, r"^c|b\z", Syntax::Regex), ["ab", "cd", "xb"]);
        assert_eq!(lines(text, r"(?-m)^x", Syntax::Regex), ["xb"]);
        assert_eq!(lines(text, r"q*", Syntax::Regex), ["ab", "cd", "xb"]);
        assert_eq!(lines(text, r"(?-u)\xFF|d$", Syntax::Regex), ["cd"]);
    }

    #[test]
    fn only_ascii_letters_lose_their_case() {
        let text = "Straße ÄB.\nstraSSE\nÄb.\näB.\nÄbc\n";
        assert_eq!(lines(text, "äb.", Syntax::IgnoreCase), ["äB."]);
        assert_eq!(lines(text, "Äb.", Syntax::IgnoreCase), ["Straße ÄB.", "Äb."]);
        assert_eq!(lines(text, "STRA", Syntax::IgnoreCase), ["Straße ÄB.", "straSSE"]);
    }

    #[test]
    fn a_place_is_of_whole_characters() {
        let place = |pattern: &str, syntax| Pattern::try_new(pattern, syntax).unwrap().find("grün, GRÜN");
        assert_eq!(place("ün", Syntax::Literal), Some(2..5));
        assert_eq!(place("n, g", Syntax::IgnoreCase), Some(4..8));
        assert_eq!(place(r"(?-u)\xBC", Syntax::Regex), Some(2..4));
        assert_eq!(place("blau", Syntax::Literal), None);
    }

    /// Texts in which short patterns are found now and then.
    const TEXT: &str = "([abAB.^$\\\\ é]{0,6}\n){0,12}";

    /// Pieces of regular expressions, most of which go together.
    fn regexes() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "a", "b", "A", r"\.", r"\\", "é", ".", "^", "$", r"\b", r"\B", r"\s", r"[^a]", "(a|b)", "(?:ab|)", "a*",
            "b+?", r"\A", r"\z", "(?s).", "(?i)a", "(?-m)$", "(?R)$", r"\W", r"\PL", "(?-u:.)", "|",
        ]);
        prop::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn literals_are_found_where_a_naive_search_finds_them(text in TEXT, pattern in "[abAB.^$\\\\ é]{1,3}") {
            let naive: Vec<_> = text.lines().filter(|line| line.contains(&pattern)).collect();
            prop_assert_eq!(lines(&text, &pattern, Syntax::Literal), naive);
            let lower = pattern.to_ascii_lowercase();
            let naive: Vec<_> = text.lines().filter(|line| line.to_ascii_lowercase().contains(&lower)).collect();
            prop_assert_eq!(lines(&text, &pattern, Syntax::IgnoreCase), naive);
        }

        #[test]
        fn regexes_are_found_where_a_search_line_by_line_finds_them(text in TEXT, pattern in regexes()) {
            let alone = RegexBuilder::new(&pattern).multi_line(true).build();
            prop_assume!(alone.is_ok());
            let alone = alone.unwrap();
            let naive: Vec<_> = text.lines().filter(|line| alone.is_match(line.as_bytes())).collect();
            prop_assert_eq!(lines(&text, &pattern, Syntax::Regex), naive);
        }
    }
}
