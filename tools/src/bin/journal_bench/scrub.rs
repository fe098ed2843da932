//! How fast the scrubber is, and what it costs the journal.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use codex_completions_api::projections::{Metrics, Projections};
use codex_completions_api::record::{Guarantee, Recorder, ScrubEvents};
use journal::{Counts, Draft, Event, Journal, Options};
use scrubbers::{PseudonymKey, Scrubber};
use serde_json::Value;

use crate::events::Traffic;
use crate::table::{Bound, Row, float, median, short};
use crate::{Bench, Failure, writing};

/// Events of a round.
const ROUND: usize = 100_000;

/// Rounds, of which the first warms up.
const ROUNDS: usize = 7;

/// Bytes of a hostile text.
const HOSTILE: usize = 256 << 10;

/// A journal's flush is due this long after the last.
const LINGER: Duration = Duration::from_millis(25);

/// Texts that make a careless scrubber slow: each is repeated.
const UNITS: &[&str] = &[
    "-----BEGIN PRIVATE KEY-----\n",
    "-----BEGIN ",
    "eyJ",
    "eyJhbGciOi.",
    "password=",
    "password: ",
    "api_key=\"",
    "authorization: Bearer ",
    "authorization: ",
    "cookie: a=b;",
    "Cookie: ",
    "://",
    "://a:b",
    "a@",
    "@",
    "a@b.",
    "1",
    "1-",
    "1 ",
    "+1",
    "4111",
    ":",
    "::",
    "1.",
    "a=",
    "=",
    "%41",
    "%",
    "\\u0041",
    "\\\\",
    "\\\"",
    "\"",
    "[",
    "{",
    "{\"a\":",
    "[JWT:",
    "[JWT:abcdef]",
    "<token>",
    "A",
    "AAAA",
    "QUFB",
    "4142",
    "\n",
    "data: {\n",
    "é",
    "BEGIN:VCARD\n",
    "ADR:;;",
    "sk-",
    "AKIA",
    "ghp_",
    "SK",
    "MTA",
];

/// Measures all of it.
pub(crate) fn run(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let scrubber = Arc::new(Scrubber::builder().secret("proxy-api-key", "0e37cc6a35f7aa0bb0d4ad1").build()?);
    let [harmless, dense] = worst(&scrubber)?;
    Ok(vec![typical(bench, &scrubber)?, harmless, dense, beside(bench, &scrubber)?])
}

/// Events as a proxy makes them.
fn typical(bench: &Bench, scrubber: &Scrubber) -> Result<Row, Failure> {
    let key = PseudonymKey::random();
    let mut traffic = Traffic::new(9, bench.began);
    let mut rates = Vec::new();
    let mut changed = 0;
    for round in 0..ROUNDS {
        let line = |seq| serde_json::to_string(&Event { seq, draft: traffic.next(), scrubbed: Counts::default() });
        let mut lines = (0..ROUND as u64).map(line).collect::<Result<Vec<_>, _>>()?;
        let bytes: usize = lines.iter().map(String::len).sum();
        let began = Instant::now();
        for line in &mut lines {
            changed += usize::from(!scrubber.scrub_json(line, &key).is_empty());
        }
        if round > 0 {
            rates.push(float(bytes as u64) / began.elapsed().as_secs_f64() / 1e9);
        }
        black_box(&lines);
    }
    let note = format!(
        "one thread; {} % of the events hold something",
        short(100.0 * float(changed as u64) / float((ROUNDS * ROUND) as u64))
    );
    let what = "scrubbing of events".to_owned();
    Ok(Row { what, bound: Bound::AtLeast(0.2), unit: "GB/s", measured: Some(median(&rates)), note })
}

/// The slowest of many hostile texts, apart by whether there is something to redact in them.
fn worst(scrubber: &Scrubber) -> Result<[Row; 2], Failure> {
    let key = PseudonymKey::random();
    let (mut harmless, mut dense) = (Vec::new(), Vec::new());
    for (name, text) in hostile()? {
        let mut fastest = Duration::MAX;
        let mut output = String::new();
        for _ in 0..3 {
            output.clone_from(&text);
            let began = Instant::now();
            scrubber.scrub_json(&mut output, &key);
            fastest = fastest.min(began.elapsed());
        }
        // A marker is written for each secret, however short that is.
        let bytes = text.len().max(output.len()) as u64;
        let rates = if output == text { &mut harmless } else { &mut dense };
        rates.push((float(bytes) / fastest.as_secs_f64() / 1e9, name));
    }
    let row = |what: &str, mut rates: Vec<(f64, String)>| {
        rates.sort_by(|a, b| a.0.total_cmp(&b.0));
        let slow = rates.iter().take(3).map(|(rate, name)| format!("{name:?} {} MB/s", short(rate * 1e3)));
        let note = format!("{} texts of 256 KiB; {}", rates.len(), slow.collect::<Vec<_>>().join(", "));
        let measured = rates.first().map(|(rate, _)| *rate);
        Row { what: what.to_owned(), bound: Bound::AtLeast(0.02), unit: "GB/s", measured, note }
    };
    Ok([
        row("scrubbing of the worst hostile text", harmless),
        row("scrubbing of the worst text full of secrets", dense),
    ])
}

/// Each with what it repeats.
fn hostile() -> Result<Vec<(String, String)>, Failure> {
    let mut units: Vec<String> = UNITS.iter().map(|unit| (*unit).to_owned()).collect();
    // Secrets of every kind, and what lacks an end of being one.
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scrubbers/tests/cases"))? {
        for line in fs::read_to_string(entry?.path())?.lines() {
            let case: Value = serde_json::from_str(line)?;
            let marked = case["positive"][0].as_str().ok_or("a case without a text")?;
            let (before, _) = marked.split_once('⟧').ok_or("a case without a secret")?;
            let whole = before.replace('⟦', "");
            let mut cut = whole.clone();
            cut.pop();
            units.extend([format!("{whole}\n"), format!("{whole} "), cut.clone(), format!("{cut}\n")]);
        }
    }
    let repeated = |unit: &str| unit.repeat(HOSTILE / unit.len().max(1) + 1);
    let mut texts = Vec::new();
    for unit in units.iter().filter(|unit| !unit.is_empty()) {
        let text = repeated(unit);
        // In a string of a document it stands under escapes too.
        texts.push((format!("{unit} in JSON"), Value::from(text.as_str()).to_string()));
        texts.push((unit.clone(), text));
    }
    let deep = "[".repeat(HOSTILE / 2) + &"]".repeat(HOSTILE / 2);
    texts.push(("a document 131072 deep".to_owned(), deep));
    Ok(texts)
}

/// The journal with the scrubber in it against the journal without; and, for the note, the recorder with all that it does besides.
fn beside(bench: &Bench, scrubber: &Arc<Scrubber>) -> Result<Row, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let scrub = ScrubEvents::new(scrubber.clone());
    let options = || Options { segment_period: writing::DAY, ..Options::default() };
    let open = |name: &str| Ok::<_, Failure>(Journal::open(&bench.folder(name)?, options(), Arc::new(scrub.clone()))?);
    let mut bare = writing::open(&bench.folder("unscrubbed")?, writing::DAY)?;
    let mut scrubbing = open("scrubbed")?;
    let projections = Projections::new(Metrics::new([])?);
    let (recorder, writer) = Recorder::start(open("recorded")?, scrub.clone(), projections, Guarantee::default())?;
    let mut traffic = Traffic::new(11, bench.began);
    let (mut ratios, mut whole, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let drafts: Vec<Draft> = (0..ROUND).map(|_| traffic.next()).collect();
        let off = append(&mut bare, &drafts)?;
        let on = append(&mut scrubbing, &drafts)?;
        let began = Instant::now();
        runtime.block_on(async {
            for Draft { request, body, .. } in drafts {
                recorder.record(request, body).await;
            }
            recorder.settle().await
        })?;
        let through = began.elapsed();
        if round > 0 {
            ratios.push(off.as_secs_f64() / on.as_secs_f64());
            whole.push(off.as_secs_f64() / through.as_secs_f64());
            rates.push(float(ROUND as u64) / through.as_secs_f64());
        }
    }
    bare.close()?;
    scrubbing.close()?;
    runtime.block_on(recorder.close());
    drop(recorder);
    writer.join();
    let note = format!(
        "serialised, scrubbed, compressed, encrypted, synced; through the recorder, with its channel and metrics and deltas \
         settled, {} × and {} M events/s",
        short(median(&whole)),
        short(median(&rates) / 1e6)
    );
    let what = "the journal, scrubbing on ÷ off".to_owned();
    Ok(Row { what, bound: Bound::AtLeast(0.3), unit: "×", measured: Some(median(&ratios)), note })
}

/// Appends at full speed.
fn append(journal: &mut Journal, drafts: &[Draft]) -> Result<Duration, Failure> {
    let began = Instant::now();
    let mut due = began + LINGER;
    for draft in drafts {
        journal.append(draft)?;
        if Instant::now() >= due {
            journal.flush()?;
            due = Instant::now() + LINGER;
        }
    }
    journal.flush()?;
    Ok(began.elapsed())
}
