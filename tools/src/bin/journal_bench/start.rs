//! How long it takes to be able to append after a crash.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::child::{self, Task, argument};
use crate::corpus::Corpus;
use crate::table::{Bound, Row, median, short};
use crate::{Bench, Failure, append, writing};

const RUNS: usize = 5;

pub(crate) fn run(bench: &Bench, corpus: &Corpus) -> Result<Vec<Row>, Failure> {
    let what = format!("start with {} M events after kill -9", bench.events() / 1_000_000);
    let mut rows = vec![measure(what, &corpus.dir, corpus.period, corpus.at)?];
    let one_segment = bench.dir.join(append::JOURNAL);
    if one_segment.exists() {
        let what = format!("the same with {} M events in the newest segment", append::events(bench) / 1_000_000);
        rows.push(measure(what, &one_segment, writing::DAY, corpus.at)?);
    }
    Ok(rows)
}

/// Appends to the journal in `dir`, kills that, and measures how long the next process takes to its first append.
fn measure(what: String, dir: &Path, period: Duration, at: Timestamp) -> Result<Row, Failure> {
    let arguments = [argument("period", period.as_secs()), argument("at", at)].concat();
    let (mut opened, mut appended) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        child::append_and_kill(dir, &arguments, 7 + run)?;
        let report = child::ask(Task::Start, dir, &arguments)?;
        opened.push(report.open_ms / 1e3);
        appended.push(report.work_ms / 1e3);
    }
    let note = format!(
        "from opening to the first append and flush, of which opening {} s; longest {} s",
        short(median(&opened)),
        short(appended.iter().copied().fold(0.0, f64::max)),
    );
    Ok(Row { what, bound: Bound::AtMost(0.5), unit: "s", measured: Some(median(&appended)), note })
}
