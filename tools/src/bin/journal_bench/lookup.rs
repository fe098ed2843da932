//! How long a process that was just started takes to show a request and to list the newest ones.

use crate::child::{self, Report, Task, argument};
use crate::corpus::{Corpus, SEGMENTS};
use crate::table::{Bound, Row, median, short};
use crate::{Bench, Failure};

/// Runs for each request.
const RUNS: usize = 7;

pub(crate) fn run(bench: &Bench, corpus: &Corpus) -> Result<Vec<Row>, Failure> {
    let places = [("old", 1), ("middle", SEGMENTS / 2), ("new", SEGMENTS - 2), ("live", SEGMENTS - 1)];
    let (mut all, mut notes) = (Vec::new(), Vec::new());
    for (place, segment) in places {
        let request = corpus.requests[segment];
        let reports = reports(Task::Show, corpus, &argument("request", request))?;
        if reports.iter().any(|report| report.lines < 15) {
            return Err(format!("request {request} is not found whole: {reports:?}").into());
        }
        notes.push(format!("{place} {}", times(&reports)));
        all.extend(reports);
    }
    let millions = bench.events() / 1_000_000;
    let row = |what: String, bound, reports: &[Report], note| {
        let measured = Some(middle(reports, |report| report.process_ms));
        Row { what, bound: Bound::AtMost(bound), unit: "ms", measured, note }
    };
    let note = format!("whole process (open + answer inside it), warm page cache: {}", notes.join(", "));
    let show = row(format!("show of one request in {millions} M events"), 20.0, &all, note);
    let listed = reports(Task::List, corpus, &[])?;
    if listed.iter().any(|report| report.lines != 100) {
        return Err(format!("100 summaries were to be listed: {listed:?}").into());
    }
    let list = row("list of the newest 100 with a filter".to_owned(), 50.0, &listed, times(&listed));
    Ok(vec![show, list])
}

fn reports(task: Task, corpus: &Corpus, arguments: &[String]) -> Result<Vec<Report>, Failure> {
    let arguments = [arguments, &argument("period", corpus.period.as_secs())].concat();
    (0..RUNS).map(|_| child::ask(task, &corpus.dir, &arguments)).collect()
}

fn times(reports: &[Report]) -> String {
    let times: [fn(&Report) -> f64; 3] = [|report| report.process_ms, |report| report.open_ms, |report| report.work_ms];
    let [process, open, work] = times.map(|time| middle(reports, time));
    format!("{} ({} + {})", short(process), short(open), short(work - open))
}

fn middle(reports: &[Report], time: fn(&Report) -> f64) -> f64 {
    median(&reports.iter().map(time).collect::<Vec<_>>())
}
