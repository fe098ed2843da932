//! Secrets that are known by the name before them: `DB_PASSWORD=…`, `"apiKey": "…"`, `Authorization: Bearer …`, `<token>…</token>`.

use std::ops::Range;

use crate::candidate::{has_many_digits, is_placeholder, is_random, is_word};
use crate::marker::MASK;
use crate::names::{self, Class, NAME_MAX};
use crate::slices::{at_most, floor};

/// Longest value, in bytes. What follows in a longer one stays.
const VALUE_MAX: usize = 8 * 1024;

/// So many bytes of a value say what it is.
const HEAD_MAX: usize = 256;

/// When a longer value was judged, this many suffice to judge one that begins within.
const TAIL: usize = 128;

/// Most spaces around an operator.
const SPACES_MAX: usize = 16;

/// Schemes of RFC 9110 §11 and of today's services, kept for readability when what follows them is redacted.
const SCHEMES: &[&str] = &[
    "bearer",
    "basic",
    "digest",
    "token",
    "bot",
    "apikey",
    "api-key",
    "key",
    "negotiate",
    "ntlm",
    "hawk",
    "splunk",
    "aws4-hmac-sha256",
    "sso-key",
    "ssws",
    "hmac",
    "signature",
    "oauth",
    "dpop",
    "genie",
    "genieKey",
    "zoho-oauthtoken",
];

/// Longer than every scheme and the space behind it.
const SCHEME_MAX: usize = 32;

/// What a `Set-Cookie` says of a cookie besides its value (RFC 6265 §4.1).
const COOKIE_ATTRIBUTES: &[&str] =
    &["path", "domain", "expires", "max-age", "samesite", "priority", "httponly", "secure", "partitioned", "version"];

/// A value behind a name, in a text.
struct Value {
    range: Range<usize>,
    /// Whether it stands in quotes.
    quoted: bool,
    /// Whether nothing stands between the operator and it, as in a shell's or a query's assignments.
    tight: bool,
}

/// What a name has for its value.
enum Assigned {
    Secret(Range<usize>),
    /// Nothing random, nor is what begins within it before this place.
    Calm(usize),
    Harmless,
}

/// Finds the values in `text` that the names before them say are secret. They are told to `found` with their kind, in order.
pub(crate) fn scan(text: &str, found: &mut impl FnMut(&'static str, Range<usize>)) {
    let bytes = text.as_bytes();
    let mut settled = 0;
    let mut calm = 0;
    for operator in memchr::memchr3_iter(b'=', b':', b'>', bytes) {
        if operator < settled {
            continue;
        }
        let Some(class) = name_before(text, operator) else { continue };
        let Some(start) = behind_operator(bytes, operator) else { continue };
        if class == Class::Cookie
            && let Some(end) = cookies(text, start, found)
        {
            settled = end;
            continue;
        }
        let end = match class {
            Class::Authorization => authorization(text, start, found),
            // Names may follow each other without anything between, and each would have the rest for its value.
            Class::Token | Class::Cookie if start < calm => None,
            // `auth_cookie=…` has a value and no pairs.
            Class::Password | Class::Token | Class::Cookie => {
                match assigned(text, operator, start, if class == Class::Cookie { Class::Token } else { class }) {
                    Assigned::Secret(range) => {
                        let end = range.end;
                        found(kind(class), range);
                        Some(end)
                    }
                    Assigned::Calm(until) => {
                        calm = until;
                        None
                    }
                    Assigned::Harmless => None,
                }
            }
        };
        settled = end.unwrap_or(settled);
    }
}

/// Finds the secrets in `text` that follow their name as the next argument or element: `Set("X-Api-Key", "…")`.
pub(crate) fn scan_arguments(text: &str, found: &mut impl FnMut(&'static str, Range<usize>)) {
    let bytes = text.as_bytes();
    for comma in memchr::memchr_iter(b',', bytes) {
        let quote = bytes[..comma].last().copied().unwrap_or(b' ');
        if !matches!(quote, b'"' | b'\'') {
            continue;
        }
        let length = bytes[..comma - 1].iter().rev().take(NAME_MAX).take_while(|&&byte| is_name(byte)).count();
        let name = comma - 1 - length;
        let opens = bytes[..name].strip_suffix(&[quote]).and_then(|before| before.last());
        if !matches!(opens, Some(b'(' | b'[' | b'{')) {
            continue;
        }
        let Some(class @ (Class::Password | Class::Token)) = text.get(name..comma - 1).and_then(names::classify) else {
            continue;
        };
        let spaces = bytes[comma + 1..].iter().take(SPACES_MAX).take_while(|&&byte| byte == b' ').count();
        let start = comma + 1 + spaces;
        if !matches!(bytes.get(start), Some(b'"' | b'\'' | b'`')) {
            continue;
        }
        let secret = value_at(text, start, comma, VALUE_MAX).filter(|value| {
            let secret = &text[value.range.clone()];
            // In a list of names, the next one follows.
            is_random(secret)
                || class == Class::Password && !secret.contains(' ') && !is_word(secret) && is_password(secret, value)
        });
        if let Some(secret) = secret {
            found(kind(class), secret.range);
        }
    }
}

/// The kind under which a value of this class goes.
pub(crate) fn kind(class: Class) -> &'static str {
    match class {
        Class::Password => "password",
        Class::Token => "secret",
        Class::Authorization => "authorization",
        Class::Cookie => "cookie",
    }
}

/// Whether what a document's member of this class holds is a secret.
pub(crate) fn is_secret_named(value: &str, class: Class) -> bool {
    let talks = || {
        let stop = ["the", "your", "a", "is", "must", "enter", "please", "to", "for", "of", "and", "or", "not"];
        value.split(' ').any(|word| stop.iter().any(|stop| stop.eq_ignore_ascii_case(word)))
    };
    match class {
        Class::Password => {
            let quoted = Value { range: 0..value.len(), quoted: true, tight: true };
            is_password(value, &quoted) && !(value.contains(' ') && talks())
        }
        _ => is_random(value),
    }
}

/// Splits the value of an `Authorization` header into what stays, a scheme with the space after it, and what is secret.
pub(crate) fn split_scheme(value: &str) -> (&str, &str) {
    let Some(end) = value.find([' ', '\t']) else { return ("", value) };
    if !SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(&value[..end])) {
        return ("", value);
    }
    value.split_at(value.len() - value[end..].trim_start_matches([' ', '\t']).len())
}

/// The values in a `Cookie` or `Set-Cookie` header, as parts of it.
pub(crate) fn cookie_values(header: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    header.split_inclusive(';').filter_map(move |pair| {
        let start = at;
        at += pair.len();
        let pair = pair.trim_end_matches(';').trim_end();
        let (name, value) = pair.split_once('=')?;
        let is_attribute = COOKIE_ATTRIBUTES.iter().any(|attribute| attribute.eq_ignore_ascii_case(name.trim()));
        let end = start + pair.len();
        (!is_attribute && !is_placeholder(value)).then_some(end - value.len()..end)
    })
}

/// What the name says that ends before `operator`, perhaps in quotes or brackets: `["api_key"] =`, `<token>`.
fn name_before(text: &str, operator: usize) -> Option<Class> {
    let bytes = text.as_bytes();
    let is_element = bytes[operator] == b'>';
    let mut end = operator;
    let mut marks = 0;
    while !is_element && end > 0 && operator - end < SPACES_MAX {
        match bytes[end - 1] {
            b' ' | b'\t' => {}
            b'"' | b'\'' | b'`' | b']' | b'*' | b'?' | b'!' | b':' if marks < 4 => marks += 1,
            _ => break,
        }
        end -= 1;
    }
    let earliest = end.saturating_sub(NAME_MAX + 1);
    let length = bytes[earliest..end].iter().rev().take_while(|&&byte| is_name(byte)).count();
    let start = end - length;
    if !(2..=NAME_MAX).contains(&length) || is_element && !(start > 0 && bytes[start - 1] == b'<') {
        return None;
    }
    // A name of two words: `API key: …`, `access token = …`.
    let before = &text[floor(text, start.saturating_sub(16))..start];
    let first = before
        .trim_end_matches(' ')
        .rsplit(|c: char| !is_name_char(c))
        .next()
        .filter(|first| before.ends_with(' ') && !first.is_empty());
    let name = text.get(start..end)?;
    let class = names::classify(name).or_else(|| names::classify(text.get(start - first?.len() - 1..end)?))?;
    // Words between colons are parts of one name: `arn:aws:secretsmanager:…:secret:…`.
    let is_part = class == Class::Token && end == operator && bytes[operator] == b':' && bytes[..start].ends_with(b":");
    (!is_part).then_some(class)
}

/// Where the value begins behind `operator`: `=`, `:`, `==`, `:=`, `=>`, `: str = `.
fn behind_operator(bytes: &[u8], operator: usize) -> Option<usize> {
    let mut at = operator + 1;
    while bytes.get(at).is_some_and(|byte| matches!(byte, b'=' | b'>' | b':')) && at < operator + 3 {
        at += 1;
    }
    let spaces = bytes[at..].iter().take(SPACES_MAX).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    at += spaces;
    bytes.get(at).is_some_and(|byte| !matches!(byte, b'\n' | b'\r')).then_some(at)
}

/// What is assigned at `start`.
fn assigned(text: &str, operator: usize, start: usize, class: Class) -> Assigned {
    let Some(value) = value_at(text, start, operator, HEAD_MAX) else { return Assigned::Harmless };
    let secret = &text[value.range.clone()];
    if class == Class::Token && !is_random(secret) {
        let is_calm = !value.quoted && !has_many_digits(secret);
        let tail = if value.range.len() + TAIL > HEAD_MAX { TAIL } else { 0 };
        return if is_calm { Assigned::Calm(value.range.end - tail) } else { Assigned::Harmless };
    }
    // Files that hold the secret.
    let is_path = class == Class::Token && ["~/", "./", "../"].iter().any(|folder| secret.starts_with(folder));
    let is_secret = !is_path
        && !is_placeholder(secret)
        && (value.quoted || !is_code(text, &value))
        && match class {
            Class::Password => is_password(secret, &value),
            // An address has its secrets in places of its own.
            _ => !secret.contains("://"),
        };
    if !is_secret {
        return Assigned::Harmless;
    }
    value_at(text, start, operator, VALUE_MAX).map_or(Assigned::Harmless, |whole| Assigned::Secret(whole.range))
}

/// The value that begins at `start`, or as much of it as `limit` says.
fn value_at(text: &str, start: usize, operator: usize, limit: usize) -> Option<Value> {
    let is_element = text.as_bytes()[operator] == b'>';
    let rest = at_most(text, start, if is_element { VALUE_MAX } else { limit });
    let tight = start == operator + 1;
    // What Python and the like put before a quote.
    let prefix = rest.len() - rest.trim_start_matches(['b', 'r', 'f', 'u', 'R', 'B']).len();
    let is_prefix = prefix <= 2 && rest[prefix..].starts_with(['"', '\'']);
    let rest = if is_prefix { &rest[prefix..] } else { rest };
    let start = if is_prefix { start + prefix } else { start };
    let close = match rest.chars().next()? {
        quote @ ('"' | '\'' | '`') => Some(quote),
        '“' => Some('”'),
        '„' => Some('“'),
        '「' => Some('」'),
        '«' => Some('»'),
        _ => None,
    };
    if let Some(close) = close {
        let open = rest.chars().next().map_or(0, char::len_utf8);
        let inner = &rest[open..];
        let end = inner.find([close, '\n', MASK]).unwrap_or(inner.len());
        return (end > 0).then_some(Value { range: start + open..start + open + end, quoted: true, tight });
    }
    let ends = |c: char| {
        c == MASK
            || if is_element {
                matches!(c, '<' | '\n')
            } else {
                c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '&' | ';')
            }
    };
    let value = &rest[..rest.find(ends).unwrap_or(rest.len())];
    if is_element && !rest[value.len()..].starts_with("</") || value.ends_with("...") || value.ends_with('…') {
        return None;
    }
    // What closes the sentence or the parenthesis around it.
    let value = value.trim_end_matches([',', '.', ')', ']', '}', ':', '?', '>']);
    (!value.is_empty()).then(|| Value { range: start..start + value.len(), quoted: is_element, tight })
}

/// Whether an unquoted value is an expression that yields the secret elsewhere: `getpass()`, `os.environ[…]`, `config.password`.
fn is_code(text: &str, value: &Value) -> bool {
    let secret = &text[value.range.clone()];
    let is_identifier = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let callee = secret.find(['(', '[']).map(|at| &secret[..at]);
    if callee.is_some_and(|callee| {
        !callee.is_empty() && callee.split(['.', ':']).all(|part| part.is_empty() || is_identifier(part))
    }) {
        return true;
    }
    // Dots join words, or random characters.
    secret.contains(['.', ':'])
        && secret.split("::").flat_map(|part| part.split('.')).all(|part| is_identifier(part) && is_word(part))
}

/// Whether what is called a password is one.
fn is_password(secret: &str, value: &Value) -> bool {
    /// What stands for a type, a state or another word about passwords.
    const WORDS: &[&str] = &[
        "str",
        "string",
        "text",
        "char",
        "varchar",
        "bytes",
        "password",
        "passwort",
        "secret",
        "required",
        "optional",
        "none",
        "null",
        "nil",
        "undefined",
        "true",
        "false",
        "yes",
        "no",
        "any",
        "unknown",
        "empty",
        "hidden",
        "redacted",
        "removed",
        "masked",
        "protected",
        "the",
        "invalid",
        "incorrect",
        "wrong",
        "missing",
        "set",
        "unset",
        "field",
        "input",
        "option",
        "object",
        "sensitive",
        "changed",
        "expired",
        "reset",
    ];
    let length = secret.chars().count();
    // `PWD=/srv/app` is a folder.
    let is_path = secret.starts_with(['/', '~', '.']) && secret.contains('/') && !is_random(secret);
    if is_path || length < 3 || WORDS.iter().any(|word| word.eq_ignore_ascii_case(secret)) {
        return false;
    }
    // Behind a colon and a space, a plain word is as likely the next one of a sentence.
    value.quoted && !secret.contains(' ')
        || value.tight
        || !is_word(secret) && !secret.contains(' ')
        || value.quoted && length >= 8
}

/// Tells `found` of what an `Authorization` header that begins at `start` holds.
fn authorization(text: &str, start: usize, found: &mut impl FnMut(&'static str, Range<usize>)) -> Option<usize> {
    let start = start + usize::from(text[start..].starts_with(['"', '\'', '`', '[']));
    let start = start + usize::from(text[start..].starts_with(['"', '\'']));
    let (scheme, _) = split_scheme(at_most(text, start, SCHEME_MAX));
    let takes_pairs = ["digest", "aws4", "hawk", "signature", "oauth"];
    let is_long =
        takes_pairs.iter().any(|name| scheme.get(..name.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(name)));
    let rest = at_most(text, start + scheme.len(), VALUE_MAX);
    // Digest and its like quote their pairs, up to the end of the line.
    let secret = if is_long {
        let line = &rest[..rest.find(['\n', '\r', '`', '<', MASK]).unwrap_or(rest.len())];
        line.trim_end_matches(['"', '\'', ' '])
    } else {
        let ends = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '`' | '<' | MASK);
        rest[..rest.find(ends).unwrap_or(rest.len())].trim_end_matches([')', ']', '}', '.'])
    };
    let is_secret = !is_placeholder(secret)
        && (is_long || is_random(secret) || !scheme.is_empty() && secret.len() >= 8 && !is_word(secret));
    if !is_secret {
        return None;
    }
    let from = start + scheme.len();
    found(kind(Class::Authorization), from..from + secret.len());
    Some(from + secret.len())
}

/// Tells `found` of the values in a cookie header that begins at `start`. It ends where no pair follows.
fn cookies(text: &str, start: usize, found: &mut impl FnMut(&'static str, Range<usize>)) -> Option<usize> {
    let start = start + usize::from(text[start..].starts_with(['"', '\'', '`']));
    let rest = at_most(text, start, VALUE_MAX);
    let mut at = 0;
    let mut pairs = 0;
    loop {
        at += rest[at..].len() - rest[at..].trim_start_matches([' ', '\t']).len();
        let length = rest[at..].find(|c: char| !is_name_char(c)).unwrap_or(rest.len() - at);
        let name = &rest[at..at + length];
        at += length;
        if rest[at..].starts_with('=') {
            at += 1;
            let ends = |c: char| c.is_whitespace() || matches!(c, ';' | '"' | '\'' | '`' | '<' | MASK);
            let length = rest[at..].find(ends).unwrap_or(rest.len() - at);
            let value = &rest[at..at + length];
            let is_attribute = COOKIE_ATTRIBUTES.iter().any(|attribute| attribute.eq_ignore_ascii_case(name));
            let is_short = length < 6 && names::classify(name).is_none();
            if !is_attribute && !is_short && !is_placeholder(value) {
                found(kind(Class::Cookie), start + at..start + at + length);
            }
            at += length;
            pairs += 1;
        }
        if !rest[at..].starts_with(';') {
            break;
        }
        at += 1;
    }
    (pairs > 0).then_some(start + at)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || byte >= 0x80
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}
