//! What was found, without saying what it was.

use std::collections::BTreeMap;
use std::sync::Arc;

/// How many secrets each rule redacted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    counts: BTreeMap<Arc<str>, usize>,
}

// === impl Report ===

impl Report {
    /// Whether nothing was redacted.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many secrets the named rule redacted.
    pub fn count(&self, rule: &str) -> usize {
        self.counts.get(rule).copied().unwrap_or(0)
    }

    /// Each rule that redacted something, in order of its name, with how often it did.
    pub fn iter(&self) -> impl Iterator<Item = (&str, usize)> {
        self.counts.iter().map(|(rule, count)| (&**rule, *count))
    }

    pub(crate) fn add(&mut self, rule: &Arc<str>) {
        self.add_many(rule, 1);
    }

    pub(crate) fn add_many(&mut self, rule: &Arc<str>, count: usize) {
        *self.counts.entry(Arc::clone(rule)).or_default() += count;
    }
}
