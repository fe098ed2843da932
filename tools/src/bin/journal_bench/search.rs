//! How fast all events are searched, which is on all processors.

use std::thread;
use std::time::Instant;

use journal::{Journal, Pattern, Query, Scope, Syntax};

use crate::corpus::{Corpus, SEGMENTS};
use crate::table::{Bound, Row, float, median, short};
use crate::{Failure, writing};

/// Searches of each kind.
const RUNS: usize = 3;

/// Finds what failed: one event in some thousand.
const REGEX: &str = r#""status":5\d\d,.*"error":"[a-z_]+""#;

/// Finds as little, and has no letters that are always there for a quick look.
const REGEX_WITHOUT_LITERAL: &str = r"[a-z]{3}[0-9]{2}[A-Z][a-z]";

pub(crate) fn run(corpus: &Corpus) -> Result<Vec<Row>, Failure> {
    let journal = writing::open(&corpus.dir, corpus.period)?;
    let text = float(text_bytes(&journal)?);
    let speed = |pattern: &str, syntax| {
        let mut found = 0;
        let mut speeds = Vec::new();
        for _ in 0..RUNS {
            let began = Instant::now();
            found = search(&journal, pattern, syntax)?;
            speeds.push(text / began.elapsed().as_secs_f64() / 1e9);
        }
        Ok::<_, Failure>((median(&speeds), found))
    };
    let (literal, literals) = speed(&corpus.requests[SEGMENTS / 2].to_string(), Syntax::Literal)?;
    let (regex, matches) = speed(REGEX, Syntax::Regex)?;
    let (slow, slow_matches) = speed(REGEX_WITHOUT_LITERAL, Syntax::Regex)?;
    journal.close()?;
    let threads = thread::available_parallelism()?;
    let row = |what: &str, bound, measured, note| {
        let what = format!("search, two threads: {what}");
        Row { what, bound: Bound::AtLeast(bound), unit: "GB/s", measured: Some(measured), note }
    };
    let note = format!("a request's id, {literals} lines found in {} GB, {threads} processors", short(text / 1e9));
    let regex_note = format!(
        "{REGEX}, {matches} found; without letters that are always there, {slow_matches} found at {} GB/s",
        short(slow)
    );
    Ok(vec![row("literal", 1.5, literal, note), row("regex", 0.4, regex, regex_note.replace('|', "\\|"))])
}

fn search(journal: &Journal, pattern: &str, syntax: Syntax) -> Result<usize, Failure> {
    let query = Query::Search { pattern: Pattern::try_new(pattern, syntax)?, scope: Scope::default() };
    let mut found = 0;
    for line in query.run(&journal.reader())? {
        line?;
        found += 1;
    }
    Ok(found)
}

/// Text of the sealed segments, as their seals tell. What the newest one has besides is not counted.
fn text_bytes(journal: &Journal) -> Result<u64, Failure> {
    let mut bytes = 0;
    for entry in journal.reader().ledger()? {
        let entry: serde_json::Value = serde_json::from_str(&entry?.text)?;
        bytes += entry["data"]["text_bytes"].as_u64().unwrap_or(0);
    }
    Ok(bytes)
}
