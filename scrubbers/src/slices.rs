//! Parts of texts that end where a character does.

/// `text` from `at` on, at most so many bytes of it.
pub(crate) fn at_most(text: &str, at: usize, bytes: usize) -> &str {
    &text[at..floor(text, at.saturating_add(bytes).min(text.len()))]
}

/// The last place up to `at` where a character begins.
pub(crate) fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
