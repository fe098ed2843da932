//! What is left in place of a secret: `[EMAIL:k3f9a2]`.

use std::ops::Range;

use crate::pseudonym::{TOKEN_LEN, is_of_token};

/// What scanners see of a marker. It ends every value.
pub(crate) const MASK: char = '\u{1}';

/// Longest name of a kind.
pub(crate) const KIND_MAX: usize = 64;

/// The marker for a secret of the kind `kind`, of which `token` stands for the value.
pub(crate) fn marker(kind: &str, token: &str) -> String {
    let label = kind.bytes().map(|byte| if byte == b'-' { '_' } else { char::from(byte.to_ascii_uppercase()) });
    format!("[{}:{token}]", label.collect::<String>())
}

/// The marker that begins at `at`, if one does.
pub(crate) fn marker_at(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.as_bytes()[at..].strip_prefix(b"[")?;
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
