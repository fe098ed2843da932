//! What the tests share.

#[allow(dead_code, reason = "not every test binary looks at all of a case")]
pub(crate) mod cases;

use std::sync::LazyLock;

use regex::{Captures, Regex};
use scrubbers::PseudonymKey;

static MARKER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[([A-Z0-9_]+):[a-z2-7]{6}\]").expect("it compiles"));

/// The key under which the tests scrub.
pub(crate) fn key() -> PseudonymKey {
    PseudonymKey::new(&[7; 32])
}

/// `text` with the markers in it without their tokens, as `[REDACTED:kind]`.
#[allow(dead_code, reason = "not every test binary looks at markers")]
pub(crate) fn named(text: &str) -> String {
    let name = |found: &Captures<'_>| format!("[REDACTED:{}]", found[1].to_lowercase().replace('_', "-"));
    MARKER.replace_all(text, name).into_owned()
}
