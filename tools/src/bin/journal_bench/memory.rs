//! What a journal with many segments takes in memory.

use crate::child::{self, Task, argument};
use crate::corpus::Corpus;
use crate::table::{Bound, Row, float, short};
use crate::{Bench, Failure};

pub(crate) fn run(bench: &Bench, corpus: &Corpus) -> Result<Vec<Row>, Failure> {
    let period = argument("period", corpus.period.as_secs());
    let requests = corpus.requests.iter().flat_map(|request| argument("request", request));
    let full = child::ask(Task::Show, &corpus.dir, &period.iter().cloned().chain(requests).collect::<Vec<_>>())?;
    let empty = child::ask(Task::Show, &bench.folder("empty")?.join("journal"), &period)?;
    let mb = |bytes: u64| float(bytes) / 1e6;
    let measured = Some(mb(full.resident) - mb(empty.resident));
    let note = format!(
        "after a request of each of {} segments ({} events) was shown: {} MB, at most {} MB; the empty one {} MB",
        corpus.requests.len(),
        full.lines,
        short(mb(full.resident)),
        short(mb(full.peak)),
        short(mb(empty.resident)),
    );
    let what = format!("memory with {} sealed segments over the empty one", corpus.requests.len() - 1);
    Ok(vec![Row { what, bound: Bound::AtMost(32.0), unit: "MB", measured, note }])
}
