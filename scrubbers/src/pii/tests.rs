//! The cases of `tests/cases/pii.jsonl`, and properties that hold whatever the surroundings.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::*;

/// One kind's line.
struct Case {
    kind: String,
    positive: Vec<String>,
    negative: Vec<String>,
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let texts =
            |member: &str| line[member].as_array().unwrap().iter().map(|text| text.as_str().unwrap().into()).collect();
        Case { kind: line["kind"].as_str().unwrap().into(), positive: texts("positive"), negative: texts("negative") }
    };
    include_str!("../../tests/cases/pii.jsonl").lines().map(line).collect()
});

fn found_with(text: &str, addresses: Addresses) -> Vec<(&'static str, &str)> {
    let mut found = Vec::new();
    scan(text, addresses, &mut |kind, range| found.push((kind, &text[range])));
    found
}

fn found(text: &str) -> Vec<(&'static str, &str)> {
    found_with(text, Addresses::default())
}

/// What stands before the marked value, the value, and what stands behind it.
fn parts(positive: &str) -> (&str, &str, &str) {
    let (before, rest) = positive.split_once('⟦').unwrap();
    let (value, after) = rest.split_once('⟧').unwrap();
    (before, value, after)
}

#[test]
fn every_kind_has_cases() {
    let kinds: BTreeSet<_> = CASES.iter().map(|case| &case.kind).collect();
    assert_eq!(kinds.len(), CASES.len(), "a line each");
    for case in CASES.iter() {
        assert!(case.positive.len() >= 3 && case.negative.len() >= 3, "{}", case.kind);
    }
}

#[test]
fn positives_are_found_exactly() {
    let mut wrong = Vec::new();
    for case in CASES.iter() {
        for positive in &case.positive {
            let (before, value, after) = parts(positive);
            let text = format!("{before}{value}{after}");
            let hits = found(&text);
            if !hits.contains(&(&case.kind, value)) {
                wrong.push(format!("{}: {positive}: {hits:?}", case.kind));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn negatives_stay() {
    let negatives = CASES.iter().flat_map(|case| &case.negative);
    let wrong: Vec<_> = negatives.map(|text| (text, found(text))).filter(|(_, hits)| !hits.is_empty()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_triage_needs_stays() {
    let texts = [
        "created 1747824060, 1747824060123, 1747824060123456, 1747824060123456789",
        "2026-05-21, 2026-05-21T10:41:00Z, 2026-05-21 10:41:00.123456+02:00, 20260521T104100Z, 20260521104100",
        "v0.20.23 ^7.29.0 || >=2, 1.2.3-beta.4+build.5, rust 1.95.0, 120.0.6099.109",
        "$873.84, €1,234.56, 1,234,567,890 bytes, 99.9 %, 50%, 0.9469592738229211, 6.02214076e23, 1e-10",
        "ISBN 978-3-16-148410-0, ISBN 0-306-40615-2, EAN 4006381333931, order number 4742690627804244, ticket 123456789",
        "port 37125 pid 70081, src/lib.rs:120:45, 10:32:01.123, localhost:8080, [12345.678901]",
        "0000000 4865 6c6c 6f2c 2077 6f72 6c64 210a 0000, 0x20f304d69ced45ed, 0x7fff5fbff8c0",
        "43ce2839-8efe-b358-951e-a253d6c3d4fc, 12345678-1234-4234-8234-123456789012, 41111111-1111-4111-8111-111111111111",
        "call_YwnpxK4C9Y2tHLPK5wKDXj0U, chatcmpl-123456789, resp_4111111111111111, daaffde659b4c844f08596e14afd4ab90c21c921",
        "sha256:0e85371ddc0b41d3e42de9ff82c2f67eca1df78754935e5c74dd9c7363661626",
        "48.858093, 2.294694; 40.7128 -74.0060; range 1-800; bytes 200-1000/67589; 4096 x 2160",
        "gpt-4-0613, claude-3-5-sonnet-20241022, o3-2025-04-16, gemini-1.5-pro-002",
        r#"{"prompt_tokens":1234567,"completion_tokens":123456789,"total_tokens":1234567890,"cached":4096}"#,
        "127.0.0.1:8080, 0.0.0.0, 255.255.255.0, ::1, [::]:80",
        "std::io::Error, C++ a::b, x[::2], aa:bb:cc:dd:ee:ff, @mention, @types/node, react@18.2.0",
    ];
    for text in texts {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn the_policy_says_which_addresses_count() {
    let text = "127.0.0.1 10.1.2.3 34.71.219.171 2001:db8::1 2a02:8108::ad88";
    let count = |addresses| found_with(text, addresses).len();
    assert_eq!((count(Addresses::None), count(Addresses::Public), count(Addresses::All)), (0, 2, 4));
}

#[test]
fn no_decision_looks_at_another_line() {
    for text in
        ["passport\n912803456", "tel:\n0172 5013267", "4111 1111\n1111 1111", "born\n1985-07-13", "a\n@example.com"]
    {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn hostile_text_is_scanned_in_linear_time() {
    // At an anchor a bounded number of bytes is looked at, so the number of anchors is what could grow too fast.
    for unit in ["1-", "1.1.", "a@", "1:", "::", "+1 ", "(", "1 ", "123456789 ", "4111 ", "a:", "N:", "é@", "1", "@"] {
        let asked = |times: usize| {
            let text = unit.repeat(times);
            let (mut anchors, mut from) = (0, 0);
            let text = Text::new(&text);
            let addresses = Addresses::All;
            while let Some((next, _)) = step(text, from, 0, addresses) {
                assert!(next > from, "{unit:?}: stands still at {from}");
                (anchors, from) = (anchors + 1, next);
            }
            anchors
        };
        let (small, large) = (asked(1 << 8), asked(1 << 12));
        assert!(large <= 20 * small.max(1), "{unit:?}: asked {small} times, then {large}");
        assert!(large <= unit.len() << 12, "{unit:?}: asked {large} times");
    }
}

/// What may stand right before and behind a value.
fn opening() -> impl Strategy<Value = &'static str> {
    select(vec![
        "", " ", "\n", "\"", "'", "(", "[", "<", "{", "=", "> ", "`", ", ", ";", "|", "\t", "x=\"", "— ", "“", "\\\"",
    ])
}

fn closing() -> impl Strategy<Value = &'static str> {
    select(vec![
        "", " ", "\n", "\"", "'", ")", "]", ">", "}", ". ", ", ", ";", "|", "\t", "`", "!", "?", "”", "。", " then",
    ])
}

/// A kind, the words before its value if it needs any, and the value.
fn planted() -> impl Strategy<Value = (&'static str, &'static str, &'static str)> {
    let announced = |case: &'static Case| {
        case.positive.iter().map(move |positive| {
            let (before, value, _) = parts(positive);
            // Where words count, they stay before the value; their last line is enough.
            (case.kind.as_str(), before, value)
        })
    };
    select(CASES.iter().flat_map(announced).collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn a_value_is_found_whatever_surrounds_it(
        (kind, words, value) in planted(),
        prose in "[a-zA-Z ,.!é\n]{0,40}",
        open in opening(),
        close in closing(),
        tail in "[a-zA-Z ,.!é\n]{0,40}",
    ) {
        let tail = if close.is_empty() { "" } else { &tail };
        let of_line = matches!(kind, "person-name" | "street-address");
        let needs_words = found(value) != [(kind, value)];
        let text = match (of_line, needs_words) {
            (true, _) => format!("{prose}\n{words}{value}\n{tail}"),
            (_, true) => format!("{prose}\n{words}{value}{close}{tail}"),
            (_, false) => format!("{prose}\n{open}{value}{close}{tail}"),
        };
        let hits = found(&text);
        prop_assert!(hits.iter().any(|(_, hit)| hit.contains(value)), "{kind} {value:?} in {text:?}: {hits:?}");
    }

    #[test]
    fn identifiers_and_times_hold_nothing(
        hex in "[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{32}",
        uuid in "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        base64 in "[A-Za-z0-9+/]{40,120}={0,2}",
        seconds in 1_000_000_000_u64..2_000_000_000,
        time in "20[0-3][0-9]-(0[1-9]|1[0-2])-[0-2][1-8]T[01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|\\+0[0-9]:00)",
        float in "0\\.[0-9]{6,17}",
        version in "v?[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}(-rc\\.[0-9])?",
    ) {
        let text = format!(
            "{hex} {uuid} {base64} {seconds} {seconds}123 {seconds}123456 {seconds}123456789 {time} {float} {version} call_{hex}",
        );
        prop_assert_eq!(found(&text), []);
    }

    #[test]
    fn any_text_is_scanned(text in "[0-9@:+.()a-fA-F é\n-]{0,200}") {
        let mut end = 0;
        let addresses = Addresses::All;
        scan(&text, addresses, &mut |_, range| {
            assert!(end <= range.start && range.start < range.end, "in order, without overlap");
            assert!(text.get(range.clone()).is_some_and(|value| !value.contains('\n')), "within a line");
            end = range.end;
        });
    }
}
