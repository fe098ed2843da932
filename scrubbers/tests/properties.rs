//! What holds for any document.

mod support;

use std::sync::LazyLock;

use proptest::prelude::*;
use scrubbers::Scrubber;
use serde_json::{Map, Value, json};
use support::key as pseudonym_key;

const OWN: &str = "zQ9-own\"key/\\é+secret";

static SCRUBBER: LazyLock<Scrubber> =
    LazyLock::new(|| Scrubber::builder().secret("own-key", OWN).secret("short", "k3y").build().expect("valid secrets"));

fn scrub(json: &str) -> String {
    let mut scrubbed = json.to_owned();
    SCRUBBER.scrub_json(&mut scrubbed, &pseudonym_key());
    scrubbed
}

/// A secret that a pattern or its value gives away.
fn secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "ghp_[A-Za-z0-9]{36}",
        "sk-proj-[A-Za-z0-9_-]{40}[a-z][A-Z][0-9]",
        "sk-ant-api03-[A-Za-z0-9_-]{80}[a-z][A-Z][0-9]",
        "AIza[A-Za-z0-9_-]{35}",
        "glpat-[A-Za-z0-9_-]{17}[a-z][A-Z][0-9]",
        "eyJ[A-Za-z0-9]{20}\\.eyJ[A-Za-z0-9]{20}\\.[A-Za-z0-9]{43}",
        Just(OWN.to_owned()),
    ]
}

/// Text of the kind that makes parsers stumble: pieces of JSON, escapes, SSE, markers and halves of secrets.
fn text() -> impl Strategy<Value = String> {
    let pieces = vec![
        "data: ",
        "\n",
        "{",
        "}",
        "[",
        "\"",
        "\\",
        "\\u0022",
        "%3D",
        "sk-",
        "eyJ",
        "Bearer ",
        "authorization: ",
        "cookie: a=",
        "-----BEGIN PRIVATE KEY-----\n",
        "-----END PRIVATE KEY-----",
        "[JWT:",
        "[JWT:abcdef]",
        "[AUTHORIZATION:k3f9a2]",
        "[COOKIE:k3f7a2]",
        "[API_KEY:k3f7a2]",
        "[BEARER_TOKEN:k3f7a2]",
        "k3y",
        "{\"cookie\":\"x\"}",
    ];
    let piece =
        prop_oneof![any::<String>(), "[ -~]{0,12}", prop::sample::select(pieces).prop_map(str::to_owned), secret()];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn key() -> impl Strategy<Value = String> {
    let headers = vec!["authorization", "Set-Cookie", "api_key", "a"];
    prop_oneof![text(), prop::sample::select(headers).prop_map(str::to_owned)]
}

/// Any document; some strings hold documents or SSE events themselves.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), any::<i32>().prop_map(Value::from), text().prop_map(Value::from)];
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner.clone()), 0..4).prop_map(|members| Map::from_iter(members).into()),
            (key(), text()).prop_map(|(name, value)| json!([name, value])),
            inner.clone().prop_map(|value| value.to_string().into()),
            inner.prop_map(|value| format!("data: {value}\n\n").into()),
        ]
    })
}

/// Ways to put a document into another one.
#[derive(Debug, Clone, Copy)]
enum Wrap {
    Element,
    Member,
    Text,
    Sse,
}

fn wraps() -> impl Strategy<Value = Vec<Wrap>> {
    prop::collection::vec(prop::sample::select(vec![Wrap::Element, Wrap::Member, Wrap::Text, Wrap::Sse]), 0..5)
}

fn wrap(document: Value, wraps: &[Wrap]) -> Value {
    wraps.iter().fold(document, |document, wrap| match wrap {
        Wrap::Element => json!(["a", document, 1]),
        Wrap::Member => json!({"a": document, "b": null}),
        Wrap::Text => document.to_string().into(),
        Wrap::Sse => format!("event: x\ndata: {document}\n\n").into(),
    })
}

/// The document with every string and key taken out; members keep their number and order.
fn shape(json: &str) -> String {
    let (mut shape, mut inside, mut escaped) = (String::new(), false, false);
    for character in json.chars() {
        if !inside || (character == '"' && !escaped) {
            shape.push(character);
        }
        if character == '"' && !escaped {
            inside = !inside;
        }
        escaped = character == '\\' && !escaped;
    }
    shape
}

/// Every string in a document, those of documents inside strings too.
fn strings(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let payloads = text.lines().map(|line| line.strip_prefix("data:").unwrap_or(line));
            for payload in payloads.chain([text.as_str()]) {
                if let Ok(inner) = serde_json::from_str(payload) {
                    strings(&inner, out);
                }
            }
            out.push(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| strings(item, out)),
        Value::Object(members) => members.iter().for_each(|(key, item)| {
            out.push(key.clone());
            strings(item, out);
        }),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn output_is_json_of_the_same_shape(document in document()) {
        let (before, after) = (document.to_string(), scrub(&document.to_string()));
        prop_assert!(serde_json::from_str::<Value>(&after).is_ok(), "{}", after);
        prop_assert_eq!(shape(&after), shape(&before));
    }

    #[test]
    fn scrubbing_is_idempotent(document in document(), text in text()) {
        let once = scrub(&document.to_string());
        prop_assert_eq!(scrub(&once), once);
        let once = SCRUBBER.scrub_text(&text, &pseudonym_key()).into_owned();
        prop_assert_eq!(SCRUBBER.scrub_text(&once, &pseudonym_key()), once.as_str());
    }

    #[test]
    fn what_reports_nothing_changes_nothing(document in document()) {
        let before = document.to_string();
        let mut after = before.clone();
        let report = SCRUBBER.scrub_json(&mut after, &pseudonym_key());
        prop_assert_eq!(report.is_empty(), before == after);
    }

    #[test]
    fn a_planted_secret_is_gone(
        secret in secret(),
        before in "([ -~é\n]{0,20}[ =:(\"'\n,])?",
        after in "([ )\"'\n,&][ -~é\n]{0,20})?",
        place in 0..5,
        neighbour in document(),
        wraps in wraps(),
    ) {
        let planted = format!("{before}{secret}{after}");
        let leaf = match place {
            0 => json!([planted, neighbour]),
            1 => json!({ planted: neighbour }),
            2 => json!([["authorization", secret]]),
            3 => json!({"Set-Cookie": [secret]}),
            _ => json!(format!("data: {}\n\n", json!({ "delta": planted }))),
        };
        // The neighbour may hold the same secret, cut in half, or glued to what makes it none.
        prop_assume!(!neighbour.to_string().contains(secret.trim_end_matches("secret")));
        let scrubbed = scrub(&wrap(leaf, &wraps).to_string());
        let mut found = Vec::new();
        strings(&serde_json::from_str(&scrubbed).expect("JSON"), &mut found);
        for text in found.iter().chain([&scrubbed]) {
            prop_assert!(!text.contains(&secret), "{} is left in {}", secret, text);
        }
    }
}
