//! A short run of what `fuzz/` does at length: hostile inputs, always the same ones, so that a commit passes or does not.
//! `SCRUB_FUZZ_SECONDS=600 cargo test --release -p scrubbers --test fuzz` looks for others.

#[path = "support/cases.rs"]
#[allow(dead_code, reason = "the texts are enough")]
mod cases;
#[path = "support/invariants.rs"]
mod invariants;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

/// So many of each of the three in a short run.
const RUNS: u64 = 5000;

/// What a short run begins with.
const SEED: u64 = 20_261_124;

/// What makes parsers stumble.
const PIECES: &[&str] = &[
    "\n",
    "\r\n",
    "data: ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    "\\\"",
    "\\u0022",
    "\\ud83d",
    "\\n",
    "%3D",
    "%",
    "%C3%A9",
    ":",
    ",",
    "=",
    "é漢😀",
    "-----BEGIN PRIVATE KEY-----\n",
    "-----END PRIVATE KEY-----",
    "Bearer ",
    "authorization: ",
    "cookie: a=",
    "password=",
    "[JWT:abcdef]",
    "[EMAIL:k3f7a2]",
    "[PASSWORD:",
    "k3y-own",
    "zQ9-own\\\"key/\\\\é+secret",
    "@",
    "4111111111111111",
    "null",
    "1e9",
    " ",
];

/// Runs `check` on hostile texts: on [`RUNS`], or on new ones for as many seconds as the environment says.
fn run(check: impl Fn(&str, &[u8])) {
    let seconds = std::env::var("SCRUB_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let texts: Vec<_> = cases::kinds()
        .into_iter()
        .flat_map(|kind| [kind.positive, kind.negative].concat())
        .map(|text| text.replace(['⟦', '⟧'], ""))
        .collect();
    let seed = if seconds.is_some() { rand::random() } else { SEED };
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (begun, mut runs) = (Instant::now(), 0);
    while seconds.map_or(runs < RUNS, |seconds| begun.elapsed() < seconds) {
        let text = hostile(&texts, &mut random);
        let cuts: Vec<u8> = (0..random.random_range(0..20)).map(|_| random.random_range(0..30)).collect();
        check(&text, &cuts);
        runs += 1;
    }
}

/// Cases, pieces and noise, cut anywhere; sometimes as the strings of a document.
fn hostile(texts: &[String], random: &mut StdRng) -> String {
    let mut text = String::new();
    for _ in 0..random.random_range(1..8) {
        match random.random_range(0..10) {
            0..3 => text.push_str(texts.choose(random).expect("there are cases")),
            3 => {
                let whole = texts.choose(random).expect("there are cases");
                let length = random.random_range(0..=whole.chars().count());
                text.extend(whole.chars().take(length));
            }
            4 => {
                let bytes: Vec<u8> = (0..random.random_range(0..40)).map(|_| random.random()).collect();
                text.push_str(&String::from_utf8_lossy(&bytes));
            }
            _ => text.push_str(PIECES.choose(random).expect("there are pieces")),
        }
    }
    match random.random_range(0..4) {
        0 => serde_json::json!({ "content": text, "n": 1 }).to_string(),
        1 => {
            let inner = serde_json::json!([text]).to_string();
            serde_json::json!([["authorization", text], inner, { text: inner }]).to_string()
        }
        _ => text,
    }
}

#[test]
fn documents_stay_documents() {
    run(|text, _| invariants::json(text));
}

#[test]
fn text_is_scrubbed_once() {
    run(|text, _| invariants::text(text));
}

#[test]
fn pieces_become_what_the_whole_becomes() {
    run(invariants::deltas);
}
