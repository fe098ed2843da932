//! E-mail addresses (RFC 5321, RFC 6531): what people write, no quoted local parts and no address literals.

use super::text::Text;
use super::{Found, REACH};

/// RFC 5321 4.5.3.1: the longest local part and domain, in bytes.
const MAX_LOCAL: usize = 64;
const MAX_DOMAIN: usize = 255;

/// Ends of file and unit names, not of domains: `icon@2x.png`, `getty@tty1.service`.
const FILES: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "webp", "svg", "ico", "avif", "pdf", "js", "mjs", "cjs", "jsx", "ts", "tsx", "css",
    "scss", "json", "html", "htm", "yaml", "yml", "toml", "lock", "tgz", "gz", "tar", "whl", "jar", "exe", "service",
    "socket", "timer", "target", "mount", "slice", "txt", "csv", "log", "java", "kt", "go", "rb", "cpp", "hpp",
];

/// Begins of ideographs and syllables: such scripts set no spaces between words.
const UNSPACED: char = '\u{2E80}';

/// The address around the `@` at `at`; it does not begin before `settled`.
pub(super) fn find(text: Text<'_>, at: usize, settled: usize) -> Option<Found> {
    let start = local_start(text, at, settled)?;
    let end = domain_end(text, at + 1)?;
    let called = text.byte(end) == b'(';
    let login = text.as_str()[start..at].eq_ignore_ascii_case("git");
    (!called && !login && !is_userinfo(text, start)).then_some(("email", start..end))
}

/// Where the local part that ends before `at` begins.
fn local_start(text: Text<'_>, at: usize, settled: usize) -> Option<usize> {
    let mut start = at;
    let mut ascii = false;
    for character in text.as_str()[settled..at].chars().rev() {
        let joins = if character.is_ascii() {
            character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '%' | '+' | '-' | '\'' | '~')
        } else {
            character.is_alphanumeric() && !(ascii && character >= UNSPACED)
        };
        if !joins {
            break;
        }
        ascii |= character.is_ascii();
        start -= character.len_utf8();
        if at - start > MAX_LOCAL {
            return None;
        }
    }
    let local = &text.as_str()[start..at];
    let trimmed = local.trim_start_matches(['.', '\'', '-', '+', '~', '%']);
    let fine = !trimmed.is_empty() && !trimmed.ends_with(['.', '\'']) && !trimmed.contains("..");
    fine.then_some(at - trimmed.len())
}

/// Where the domain that begins at `start` ends.
fn domain_end(text: Text<'_>, start: usize) -> Option<usize> {
    let mut end = start;
    for character in text.as_str()[start..].chars() {
        let joins = if character.is_ascii() {
            character.is_ascii_alphanumeric() || matches!(character, '.' | '-')
        } else {
            character.is_alphanumeric()
        };
        if !joins {
            break;
        }
        end += character.len_utf8();
        if end - start > MAX_DOMAIN {
            return None;
        }
    }
    let mut domain = text.as_str()[start..end].trim_end_matches(['.', '-']);
    // A sentence goes on without a space: `a@example.com.Then`, which no domain ends in, is left to the last label.
    let (_, mut last) = domain.rsplit_once('.')?;
    // Behind a domain in ASCII, unspaced scripts go on at once.
    if let Some(script) = last.find(|character| character >= UNSPACED).filter(|&script| script > 0) {
        domain = &domain[..domain.len() - last.len() + script];
        last = &last[..script];
    }
    let labels = domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    let top = last.starts_with("xn--") || last.chars().count() >= 2 && last.chars().all(char::is_alphabetic);
    let file = FILES.iter().any(|file| file.eq_ignore_ascii_case(last));
    let end = start + domain.len();
    (labels && top && !file && text.byte(end) != b'_').then_some(end)
}

/// Whether `start` lies in the user part of a URL: `https://user:password@example.org/`.
fn is_userinfo(text: Text<'_>, start: usize) -> bool {
    let ends = |distance: &usize| matches!(text.before(start, *distance), b'/' | b'?' | b'#' | b' ' | b'"' | b'\n' | 0);
    (1..=REACH).find(ends).is_some_and(|end| (0..3).all(|place| text.before(start, end + place) == b"//:"[place]))
}
