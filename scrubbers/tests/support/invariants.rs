//! What holds for any input. The fuzz targets in `fuzz/` and the time-bounded run in `tests/fuzz.rs` call these.

#![allow(dead_code, reason = "a fuzz target calls one of them")]

use std::sync::LazyLock;

use scrubbers::{Deltas, PseudonymKey, Scrubber};
use serde_json::Value;

static SCRUBBER: LazyLock<Scrubber> = LazyLock::new(|| {
    let builder = Scrubber::builder().secret("own-key", "zQ9-own\"key/\\é+secret").secret("short", "k3y-own");
    builder.build().expect("valid secrets")
});
static KEY: LazyLock<PseudonymKey> = LazyLock::new(|| PseudonymKey::new(&[7; 32]));

/// A document stays a document, and nothing is left to do the second time. What reports nothing changes nothing.
pub(crate) fn json(input: &str) {
    let (once, is_empty) = scrub_json(input);
    assert_eq!(is_empty, once == input, "reported against what was done: {input:?} became {once:?}");
    // A number alone is text.
    if input.trim_start().starts_with(['{', '[', '"']) && is_json(input) {
        assert!(is_json(&once), "no JSON any more: {input:?} became {once:?}");
    }
    let (twice, _) = scrub_json(&once);
    assert_eq!(once, twice, "not idempotent: {input:?}");
}

/// Nothing is left to do the second time, and what is explained is in the text.
pub(crate) fn text(input: &str) {
    let once = SCRUBBER.scrub_text(input, &KEY);
    let explained = SCRUBBER.explain(input, &KEY);
    assert_eq!(explained.is_empty(), once == input, "explained against what was done: {input:?}");
    let mut end = 0;
    for hit in explained {
        assert!(end <= hit.range.start && input.get(hit.range.clone()).is_some(), "{hit:?} of {input:?}");
        end = hit.range.end;
    }
    assert_eq!(SCRUBBER.scrub_text(&once, &KEY), once, "not idempotent: {input:?}");
}

/// Pieces become what the whole becomes, each once and in order. `cuts` says how long each piece is; the last goes on.
pub(crate) fn deltas(input: &str, cuts: &[u8]) {
    let mut pieces = Vec::new();
    let mut rest = input;
    for &length in cuts {
        let length = rest.chars().take(length.into()).map(char::len_utf8).sum();
        let (piece, after) = rest.split_at(length);
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    let mut deltas = Deltas::default();
    let mut settled: Vec<_> = pieces.iter().flat_map(|piece| deltas.push(&SCRUBBER, &KEY, piece)).collect();
    settled.extend(deltas.finish(&SCRUBBER, &KEY));
    assert!(settled.iter().map(|piece| piece.index).eq(0..pieces.len()), "every piece once and in order: {input:?}");
    let joined: String =
        settled.into_iter().zip(&pieces).map(|(piece, text)| piece.replacement.unwrap_or((*text).to_owned())).collect();
    // Beyond the bound they are judged in parts.
    if input.len() <= scrubbers::MAX_HELD {
        assert_eq!(joined, SCRUBBER.scrub_text(input, &KEY), "cut as {pieces:?}");
    }
}

fn scrub_json(input: &str) -> (String, bool) {
    let mut json = input.to_owned();
    let report = SCRUBBER.scrub_json(&mut json, &KEY);
    (json, report.is_empty())
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok()
}
