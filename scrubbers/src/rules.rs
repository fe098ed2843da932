//! The tables of secrets that are known by how they look in text: one per family, [`FAMILIES`] has them all.
//!
//! Prefixes, alphabets and lengths follow the issuers' documentation where there is any, and the rules of gitleaks
//! (`config/gitleaks.toml`, <https://github.com/gitleaks/gitleaks>), trufflehog
//! (`pkg/detectors`, <https://github.com/trufflesecurity/trufflehog>) and GitHub's secret scanning for the rest. Lengths are
//! lower bounds where the prefix is distinctive: issuers lengthen keys without notice, and a token that is longer than
//! expected is redacted to its end. Checksums refuse nothing: made-up keys are treated like real ones.
//!
//! # Adding a rule
//! Text that reaches a rule is decoded: there are no escapes in it. Scrubbing must stay linear in the input, so a pattern,
//! tried at an anchor, must either fail after a bounded number of characters (or at a delimiter that its anchor does not
//! skip), or match. No match crosses a line, but for blocks of keys. A [`Check`] must be *monotone*: if it refuses a match,
//! it refuses every part of it, for the rule is then not tried again inside.
//!
//! A rule needs its line in `tests/cases/secrets-<family>.jsonl`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::candidate;

/// A pattern that is all of a token: nothing that could continue it follows.
macro_rules! whole {
    ($pattern:literal) => {
        concat!("(?P<secret>", $pattern, r")(?:[^A-Za-z0-9_-]|\z)")
    };
}

/// A token without a form of its own, at most 40 bytes behind its vendor's name, which is the anchor.
macro_rules! near {
    ($names:literal, $pattern:literal) => {
        concat!("(?i:", $names, r#")[ -~\t]{0,39}?[ \t"'`=:,;|>(\[{](?P<secret>"#, $pattern, r")(?:[^A-Za-z0-9_-]|\z)")
    };
}

/// As `near`, for tokens that look like the hashes and ids that must stay: between the name and the token stands what it is.
macro_rules! near_key {
    ($names:literal, $pattern:literal) => {
        concat!(
            "(?i:",
            $names,
            r")[ -~\t]{0,24}?(?i:key|token|secret|auth|pass|cred|login)",
            r#"[ -~\t]{0,14}?[ \t"'`=:,;|>(\[{](?P<secret>"#,
            $pattern,
            r")(?:[^A-Za-z0-9_-]|\z)"
        )
    };
}

mod ai;
mod cloud;
mod code;
mod credentials;
mod generic;
mod messaging;
mod observability;
mod payment;
mod saas;

/// Every rule. Where two find the same text, the first names it.
pub(crate) const FAMILIES: &[&[Rule]] = &[
    ai::RULES,
    cloud::RULES,
    code::RULES,
    messaging::RULES,
    payment::RULES,
    observability::RULES,
    saas::RULES,
    generic::RULES,
    credentials::RULES,
];

/// One kind of secret.
pub(crate) struct Rule {
    /// Stands in the marker and in reports: lower case, with dashes.
    pub(crate) name: &'static str,
    /// The rule is tried where one of these occurs, in any case of ASCII letters.
    pub(crate) anchors: &'static [&'static str],
    /// Matched from the anchor's first character, or `lead` before it. The group `secret`, if there is one, is all that is
    /// redacted.
    pub(crate) pattern: &'static str,
    /// How many bytes of the token can stand before the anchor, at most 64.
    pub(crate) lead: usize,
    /// Most bytes of text that the pattern is shown: it may not look further, so that it is not asked about all of a long text again
    /// and again. Without a bound only where each byte is looked at by one anchor's match.
    pub(crate) reach: usize,
    /// What may stand before the token.
    pub(crate) start: Start,
    /// What the secret must look like besides, its first bytes left aside, as many as the anchor has.
    pub(crate) check: Check,
}

/// What may stand before a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Anything: the prefix is like nothing else.
    Anywhere,
    /// No letter or digit (`task-…` holds no `sk-…`).
    Word,
    /// No letter, digit, `_` or `-`.
    Token,
}

/// Tells secrets from placeholders and prose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// The pattern says enough.
    None,
    /// At least eight different characters, and no words such as `your-` and `example`: no `ghp_xxxxxxxx…`.
    Varied,
    /// Varied, and with a digit or letters of both cases: no words.
    Random,
    /// Varied, and with a digit and letters of both cases: no hashes, no identifiers in code.
    Mixed,
    /// No stand-in for a value.
    Value,
    /// As somebody says it in a sentence: no word.
    Spoken,
    /// Base64 of `name:password`.
    Userinfo,
}

// === impl Rule ===

impl Rule {
    /// What most rules share.
    const DEFAULT: Self = Self {
        name: "",
        anchors: &[],
        pattern: "",
        lead: 0,
        reach: 8 * 1024,
        start: Start::Word,
        check: Check::Random,
    };
}

/// Where a token begins of which at most `lead` bytes stand before `anchor`.
pub(crate) fn token_start(text: &[u8], anchor: usize, lead: usize) -> usize {
    let before = text[..anchor].iter().rev().take(lead);
    anchor - before.take_while(|&&byte| joins_token(byte) || matches!(byte, b'.' | b'~')).count()
}

// === impl Start ===

impl Start {
    /// Whether a token may begin at `at`.
    pub(crate) fn allows(self, text: &[u8], at: usize) -> bool {
        let Some(&before) = text[..at].last() else { return true };
        // What colours it on a terminal is no part of a word.
        if before == b'm' && ends_colour(&text[..at]) {
            return true;
        }
        match self {
            Self::Anywhere => true,
            Self::Word => !before.is_ascii_alphanumeric(),
            Self::Token => !joins_token(before),
        }
    }
}

/// Whether text ends with an escape sequence that sets colours (ECMA-48 §8.3.117): `ESC [ 1 ; 32 m`.
fn ends_colour(text: &[u8]) -> bool {
    const LONGEST: usize = 24;
    let parameters = text.iter().rev().skip(1).take(LONGEST);
    let length = parameters.take_while(|&&byte| byte.is_ascii_digit() || byte == b';').count();
    text[..text.len() - 1 - length].ends_with(b"\x1b[")
}

/// Whether a byte continues a token.
pub(crate) fn joins_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

// === impl Check ===

impl Check {
    /// Whether `secret` is one.
    pub(crate) fn passes(self, secret: &[u8]) -> bool {
        let any = |class: fn(&u8) -> bool| secret.iter().any(class);
        let cases = || any(u8::is_ascii_uppercase) && any(u8::is_ascii_lowercase);
        let digit = || any(u8::is_ascii_digit);
        let text = || str::from_utf8(secret).ok();
        match self {
            Self::None => true,
            Self::Varied => is_varied(secret) && !is_placeholder(secret),
            Self::Random => (digit() || cases()) && Self::Varied.passes(secret),
            Self::Mixed => digit() && cases() && Self::Varied.passes(secret),
            Self::Value => !text().is_some_and(candidate::is_placeholder),
            Self::Spoken => text().is_some_and(|text| {
                let text = text.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}']);
                !candidate::is_placeholder(text)
                    && !candidate::is_word(text)
                    && !text.contains(['(', '[', '{'])
                    && !text.chars().any(is_cjk)
            }),
            Self::Userinfo => STANDARD
                .decode(secret)
                .is_ok_and(|userinfo| userinfo.iter().all(|byte| !byte.is_ascii_control()) && userinfo.contains(&b':')),
        }
    }
}

/// Whether a character is of Chinese, Japanese or Korean, in which words are not set apart.
fn is_cjk(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}' | '\u{FF00}'..='\u{FFEF}')
}

fn is_varied(secret: &[u8]) -> bool {
    candidate::variety(secret) >= 8
}

/// Whether words say that a secret is to be filled in. They are long enough not to occur by chance: `your-` does so in one
/// of some 300,000 keys of a hundred characters.
fn is_placeholder(secret: &[u8]) -> bool {
    const WORDS: [&[u8]; 6] = [b"your-", b"your_", b"-here", b"_here", b"example", b"xxxxxx"];
    WORDS.iter().any(|word| secret.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word)))
}
