//! Requests that went wrong somewhere: a short run, always the same, so that a commit passes or does not.
//! `REQUEST_FUZZ_SECONDS=600 cargo test --release --test request_fuzz` looks for others.

#[path = "support/request.rs"]
mod invariants;

use std::panic::{catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

/// So many in a short run: about two seconds.
const RUNS: u64 = 150_000;

/// What a short run begins with.
const SEED: u64 = 20_261_129;

/// Requests that are right, and pieces of others that are not.
struct Corpus {
    right: Vec<Value>,
    wrong: Vec<Value>,
}

fn corpus() -> Corpus {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let read = |path: &Path| -> Value {
        serde_json::from_slice(&std::fs::read(path).expect("it is there")).expect("it is JSON")
    };
    let recorded = tests.join("golden").read_dir().expect("golden transcripts");
    let recorded = recorded.map(|folder| read(&folder.expect("a folder").path().join("request.json")));
    let rows = |file: &str| -> Vec<Value> {
        let mut rows = read(&tests.join("requests").join(file));
        rows.as_array_mut().expect("rows").iter_mut().map(|row| row["with"].take()).filter(Value::is_object).collect()
    };
    let whole = rows("accepted.json").into_iter().map(|mut with| {
        for (name, value) in [("model", json!("m")), ("messages", json!([{ "role": "user", "content": "hi" }]))] {
            with.as_object_mut().expect("an object").entry(name).or_insert(value);
        }
        with
    });
    Corpus { right: recorded.chain(whole).collect(), wrong: rows("refused.json") }
}

/// Values that are right in one place and wrong in others.
fn leaf(random: &mut StdRng) -> Value {
    const WORDS: &[&str] = &[
        "",
        "a",
        "b",
        "f",
        "none",
        "auto",
        "required",
        "function",
        "custom",
        "allowed_tools",
        "text",
        "image_url",
        "refusal",
        "system",
        "user",
        "assistant",
        "tool",
        "name",
        "json_schema",
        "data:image/png;base64,AA==",
        "\0",
        "\u{1f937}",
        "a b",
        "high",
    ];
    match random.random_range(0..10) {
        0 => Value::Null,
        1 => random.random::<bool>().into(),
        2 => json!([0, 1, -1, i64::MIN].choose(random)),
        3 => json!([0.5, -1e308, 1e308, 2.000_001, 1.8e19].choose(random)),
        4 => json!("x".repeat(random.random_range(0..2000))),
        5 => json!([]),
        6 => json!({}),
        _ => json!(WORDS.choose(random)),
    }
}

/// A place within `value`, often deep.
fn place<'a>(value: &'a mut Value, random: &mut StdRng) -> &'a mut Value {
    let length = match &*value {
        Value::Array(list) => list.len(),
        Value::Object(object) => object.len(),
        _ => 0,
    };
    if length == 0 || random.random_range(0..6) == 0 {
        return value;
    }
    let index = random.random_range(0..length);
    let inner = match value {
        Value::Array(list) => list.get_mut(index),
        Value::Object(object) => object.values_mut().nth(index),
        _ => None,
    };
    place(inner.expect("an index within"), random)
}

/// Changes something somewhere in `body`.
fn mutate(body: &mut Value, corpus: &Corpus, random: &mut StdRng) {
    let others = if random.random() { &corpus.right } else { &corpus.wrong };
    let mut other = others.choose(random).expect("requests").clone();
    let foreign = place(&mut other, random).take();
    let at = place(body, random);
    match (random.random_range(0..8), &mut *at) {
        (0, _) => *at = foreign,
        (1, Value::Array(list)) => list.push(foreign),
        (1, Value::Object(object)) => {
            drop(object.insert(leaf(random).as_str().unwrap_or("content").to_owned(), foreign));
        }
        (2, Value::Array(list)) if !list.is_empty() => drop(list.remove(random.random_range(0..list.len()))),
        (2, Value::Object(object)) => object.retain(|_, _| random.random_range(0..4) > 0),
        (3, Value::Array(list)) if !list.is_empty() => list.push(list[random.random_range(0..list.len())].clone()),
        (4, _) => *at = json!([at.take()]),
        (5, _) => *at = json!({ "type": at.take() }),
        _ => *at = leaf(random),
    }
}

/// Changes bytes of a body that is written.
fn damage(bytes: &mut Vec<u8>, random: &mut StdRng) {
    let at = random.random_range(0..bytes.len());
    match random.random_range(0..4) {
        0 => bytes[at] = random.random(),
        1 => bytes.truncate(at),
        2 => bytes.insert(at, *b"\"\\{}[]:,0e-\0\xff".choose(random).expect("bytes")),
        _ => drop(bytes.remove(at)),
    }
}

#[test]
fn whatever_comes_is_refused_or_understood() {
    let seconds =
        std::env::var("REQUEST_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let seed = if seconds.is_some() { rand::random() } else { SEED };
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let corpus = corpus();
    let (begun, mut runs, mut understood) = (Instant::now(), 0, 0);
    while seconds.map_or(runs < RUNS, |seconds| begun.elapsed() < seconds) {
        let mut body = corpus.right.choose(&mut random).expect("requests").clone();
        for _ in 0..random.random_range(0..4) {
            mutate(&mut body, &corpus, &mut random);
        }
        let mut bytes = body.to_string().into_bytes();
        if random.random_range(0..5) == 0 {
            damage(&mut bytes, &mut random);
        }
        let is_understood = catch_unwind(|| invariants::request(&bytes)).unwrap_or_else(|panic| {
            println!("{}", String::from_utf8_lossy(&bytes));
            resume_unwind(panic)
        });
        understood += u64::from(is_understood);
        runs += 1;
    }
    assert!(understood > runs / 20 && understood < runs / 2, "of {runs} requests {understood} are right");
}
