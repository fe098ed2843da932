//! A text with parts replaced, copied only when there is one.

use std::ops::Range;

/// Collects replacements in the order in which they stand in the text.
pub(crate) struct Rewritten<'a> {
    source: &'a str,
    /// The result up to `copied`.
    out: String,
    copied: usize,
}

// === impl Rewritten ===

impl<'a> Rewritten<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        Self { source, out: String::new(), copied: 0 }
    }

    /// Puts `replacement` in place of `range`, which lies behind every range before.
    pub(crate) fn replace(&mut self, range: Range<usize>, replacement: &str) {
        if self.copied == 0 {
            self.out.reserve(self.source.len());
        }
        self.out.push_str(&self.source[self.copied..range.start]);
        self.out.push_str(replacement);
        self.copied = range.end;
    }

    /// The whole text; `None` if nothing was replaced.
    pub(crate) fn finish(mut self) -> Option<String> {
        // Nothing that is replaced is empty, so a replacement has moved `copied`.
        if self.copied == 0 {
            return None;
        }
        self.out.push_str(&self.source[self.copied..]);
        Some(self.out)
    }
}
