//! What is left in place of a secret: `[EMAIL:k3f9a2]`.

use std::ops::Range;

use crate::pseudonym::{TOKEN_LEN, is_of_token};

/// What scanners see of a marker. It ends every value.
pub(crate) const MASK: char = '\u{1}';

/// Longest name of a kind.
pub(crate) const KIND_MAX: usize = 64;

/// What the marker of a dropped text begins with.
const DROPPED: &str = "[DROPPED:";

/// Most digits of its size.
const SIZE_MAX: usize = 12;

/// The marker for a secret of the kind `kind`, of which `token` stands for the value.
pub(crate) fn marker(kind: &str, token: &str) -> String {
    let mut marker = String::with_capacity(kind.len() + token.len() + "[:]".len());
    marker.push('[');
    marker.extend(kind.bytes().map(|byte| if byte == b'-' { '_' } else { char::from(byte.to_ascii_uppercase()) }));
    marker.push(':');
    marker.push_str(token);
    marker.push(']');
    marker
}

/// The marker for a text of so many bytes that was dropped: `[DROPPED:120b:k3f9a2]`.
pub(crate) fn dropped(bytes: usize, token: &str) -> String {
    format!("{DROPPED}{bytes}b:{token}]")
}

/// Where the marker of a dropped text ends with which `text` begins.
pub(crate) fn dropped_at(text: &str) -> Option<usize> {
    let rest = text.strip_prefix(DROPPED)?;
    let digits = rest.bytes().take(SIZE_MAX).take_while(u8::is_ascii_digit).count();
    let token = rest[digits..].strip_prefix("b:")?.as_bytes().get(..=TOKEN_LEN)?;
    let is_marker = digits > 0 && token[TOKEN_LEN] == b']' && token[..TOKEN_LEN].iter().all(|&byte| is_of_token(byte));
    is_marker.then_some(DROPPED.len() + digits + TOKEN_LEN + 3)
}

/// The marker that begins at `at`, if one does.
pub(crate) fn marker_at(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.as_bytes()[at..].strip_prefix(b"[")?;
    if rest.starts_with(b"DROPPED:")
        && let Some(length) = dropped_at(&text[at..])
    {
        return Some(at..at + length);
    }
    let label =
        rest.iter().take(KIND_MAX + 1).take_while(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_')).count();
    let token = rest.get(label..label + TOKEN_LEN + 2)?;
    let is_marker = label > 0
        && token[0] == b':'
        && token[TOKEN_LEN + 1] == b']'
        && token[1..=TOKEN_LEN].iter().all(|&byte| is_of_token(byte));
    is_marker.then_some(at..at + label + TOKEN_LEN + 3)
}

/// The markers in `text`.
pub(crate) fn markers(text: &str) -> Vec<Range<usize>> {
    memchr::memchr_iter(b'[', text.as_bytes()).filter_map(|at| marker_at(text, at)).collect()
}
