//! The cases in `tests/cases` and the harmless texts in `harmless.jsonl`, in every surrounding that texts have in requests, answers, tool
//! calls and logs.

mod planted;
mod score;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use planted::{CANARY_ENCODINGS, Planted, SURROUNDINGS};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use score::Score;
use scrubbers::{Deltas, PseudonymKey, Scrubber};
use serde::Deserialize;
use support::cases::{kinds, parts};
use support::key;

/// Surroundings in which not every secret is found yet: neither a `+` that stands for a space nor entities of XML are decoded.
const GAPS: [&str; 2] = ["form", "xml"];

/// Kinds that only a format carries, a line of a vCard: what stands in the middle of a line of prose is none.
const LINES: [&str; 2] = ["person-name", "street-address"];

/// So many characters of a secret in one piece are too many.
const RUN: usize = 6;

static SCRUBBER: LazyLock<Scrubber> = LazyLock::new(|| Scrubber::builder().build().expect("the table compiles"));

/// A text of the corpus.
struct Sample {
    kind: String,
    surrounding: &'static str,
    /// As it stands there.
    planted: Planted,
    /// The secret without any encoding; empty if there is none.
    plain: String,
}

/// All of them, in an order that does not change.
fn corpus() -> Vec<Sample> {
    let mut texts = Vec::new();
    for kind in kinds() {
        texts.extend(kind.positive.iter().map(|marked| {
            let (before, secret, after) = parts(marked);
            (kind.name.clone(), Planted::new(before, secret, after))
        }));
        texts.extend(kind.negative.iter().map(|text| (kind.name.clone(), Planted::harmless(text))));
    }
    texts.extend(include_str!("harmless.jsonl").lines().map(|line| {
        let text: String = serde_json::from_str(line).expect("a JSON string a line");
        ("text".to_owned(), Planted::harmless(&text))
    }));
    let samples = texts.iter().flat_map(|(kind, text)| {
        SURROUNDINGS.iter().filter_map(move |surrounding| {
            let (kind, plain) = (kind.clone(), text.secret().to_owned());
            Some(Sample { kind, surrounding: surrounding.name, planted: surrounding.around(text)?, plain })
        })
    });
    samples.collect()
}

/// What comes of the corpus when this is what scrubs.
fn score(mut scrub: impl FnMut(&str) -> String) -> Score {
    let mut score = Score::default();
    for Sample { kind, surrounding, planted, plain } in corpus() {
        let output = scrub(&planted.text);
        let place = (&*kind, surrounding);
        if planted.secret.is_empty() {
            score.negative(place, &planted.text, &output);
        } else {
            let secret = (planted.secret(), &*plain);
            score.positive(place, (&planted.text, &output), secret, &planted.rest());
        }
    }
    score
}

/// `text` as a stream may bring it.
fn cut<'a>(text: &'a str, random: &mut StdRng) -> Vec<&'a str> {
    let (mut rest, mut pieces) = (text, Vec::new());
    while !rest.is_empty() {
        let length = rest.chars().take(random.random_range(1..=12)).map(char::len_utf8).sum();
        let (piece, after) = rest.split_at(length);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

#[test]
fn secrets_go_and_harmless_texts_stay() {
    let score = score(|text| SCRUBBER.scrub_text(text, &key()).into_owned());
    println!("{score}");
    assert!(score.is_good(), "{score}");
}

/// A line of `labelled.jsonl` or `labelled-stream.jsonl`, which were written by somebody who did not know the rules.
#[derive(Deserialize)]
struct Labelled {
    text: Option<String>,
    deltas: Option<Vec<String>>,
    context: Option<String>,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    kind: String,
    value: String,
}

#[test]
fn what_others_labelled_goes_and_nothing_else() {
    let key = key();
    let lines = include_str!("labelled.jsonl").lines().chain(include_str!("labelled-stream.jsonl").lines());
    let mut score = Score::default();
    for line in lines {
        let Labelled { text, deltas, context, spans } = serde_json::from_str(line).expect("a labelled text a line");
        let pieces = deltas.unwrap_or_else(|| text.into_iter().collect());
        let text = pieces.concat();
        let output = stored(&pieces, &key);
        let surrounding = context.as_deref().unwrap_or("stream");
        match spans.first() {
            Some(Span { kind, value }) => {
                let rest = text.replacen(value.as_str(), "", 1);
                score.positive((kind, surrounding), (&text, &output), (value, value), &rest);
            }
            None => score.negative(("text", surrounding), &text, &output),
        }
    }
    println!("{score}");
    assert!(score.is_good(), "{score}");
}

/// What is kept of a text that came in these pieces.
fn stored<T: AsRef<str>>(pieces: &[T], key: &PseudonymKey) -> String {
    let mut deltas = Deltas::default();
    let mut settled: Vec<_> = pieces.iter().flat_map(|piece| deltas.push(&SCRUBBER, key, piece.as_ref())).collect();
    settled.extend(deltas.finish(&SCRUBBER, key));
    settled.into_iter().map(|piece| piece.replacement.unwrap_or(pieces[piece.index].as_ref().to_owned())).collect()
}

#[test]
fn deltas_become_what_the_whole_becomes() {
    let mut random = StdRng::seed_from_u64(7);
    let key = key();
    let mut different = Vec::new();
    for Sample { kind, surrounding, planted, .. } in corpus() {
        let pieces = cut(&planted.text, &mut random);
        let joined = stored(&pieces, &key);
        let whole = SCRUBBER.scrub_text(&planted.text, &key);
        if joined != whole {
            different.push(format!("{kind} in {surrounding}: {joined:?}, but as a whole {whole:?}"));
        }
    }
    let shown = different.len().min(10);
    assert!(different.is_empty(), "{} are different\n{}", different.len(), different[..shown].join("\n"));
}

#[test]
fn no_part_of_a_planted_secret_survives() {
    let mut survived = Vec::new();
    let mut examples = BTreeMap::new();
    let mut all = 0;
    for kind in kinds() {
        // Two of each kind, so that this takes seconds. Shorter secrets than a run have none.
        let canaries = kind.positive.iter().map(|marked| parts(marked));
        for (before, secret, after) in canaries.filter(|(_, secret, _)| secret.chars().count() >= RUN).take(2) {
            let plain = Planted::new(before, secret, after);
            for encoding in CANARY_ENCODINGS {
                let encoded = plain.encoded(encoding);
                for surrounding in SURROUNDINGS {
                    if GAPS.contains(&surrounding.name)
                        || encoding.is_run() && surrounding.joins_runs()
                        || !encoding.is_run() && LINES.contains(&&*kind.name) && surrounding.is_in_line()
                    {
                        continue;
                    }
                    let Some(planted) = surrounding.around(&encoded) else { continue };
                    all += 1;
                    let output = SCRUBBER.scrub_text(&planted.text, &key());
                    // What also stands around the secret tells nothing of it.
                    let rest = format!("{}\n{}", planted.rest(), plain.rest());
                    let is_left =
                        |run: &String| output.contains(run) && !rest.contains(run) && !is_of_marker(run, &kind.name);
                    if let Some(run) = runs(secret).chain(runs(planted.secret())).find(is_left) {
                        survived.push((kind.name.clone(), encoding, surrounding.name));
                        examples
                            .entry((format!("{encoding:?}"), surrounding.name))
                            .or_insert_with(|| format!("{run:?} of {:?} is in {output:?}", planted.text));
                    }
                }
            }
        }
    }
    let mut counts = BTreeMap::<_, usize>::new();
    for (kind, encoding, surrounding) in &survived {
        *counts.entry(kind.clone()).or_default() += 1;
        *counts.entry(format!("{encoding:?} in {surrounding}")).or_default() += 1;
    }
    assert!(survived.is_empty(), "{} of {all} left something: {counts:#?}\n{examples:#?}", survived.len());
}

/// Every piece of six characters.
fn runs(secret: &str) -> impl Iterator<Item = String> {
    let characters: Vec<char> = secret.chars().collect();
    let runs: Vec<_> = characters.windows(RUN).map(|run| run.iter().collect()).collect();
    runs.into_iter()
}

/// Whether a run stands in a marker by its kind's name.
fn is_of_marker(run: &str, kind: &str) -> bool {
    kind.replace('-', "_").to_uppercase().contains(run)
}
