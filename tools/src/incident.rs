//! `incident`: a folder for the review of what went wrong: what happened when, how much it cost, which requests it hit.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use journal::{Filter, Outcome, Pattern, Query, Scope, Summary, Syntax};

use crate::describe::Describer;
use crate::export;
use crate::failure::Failure;
use crate::output::Output;
use crate::source::Source;
use crate::when;

/// The share of requests that must be served, by which the budget of errors is reckoned.
const OBJECTIVE: f64 = 0.999;

/// Requests that are exported; more of the same kind tell nothing new.
const EXPORTED_MAX: usize = 50;

/// Events of the service's life, as they stand in the journal.
const LIFE: &str = r#""type":"(service|worker\.(spawned|ready|unhealthy|exited|restart|instructions)|flag|maintenance|journal\.|segment\.quar)"#;

const AFTER_HELP: &str = "\
The folder gets incident.md with the timeline, the budget and the errors, and affected.codextrace with the requests that were hit, scrubbed
as they are kept. Exit code 1 if no request was recorded in that time.

Example:
  codex-trace incident --since 2026-11-23T14:00:00Z --until 2026-11-23T15:00:00Z -o incident-17";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct IncidentArgs {
    /// When it began
    #[arg(long, value_name = "TIME", value_parser = when::time)]
    since: Timestamp,
    /// When it was over; otherwise now
    #[arg(long, value_name = "TIME", value_parser = when::time)]
    until: Option<Timestamp>,
    /// The folder to make
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

/// What is counted of the requests of that time.
#[derive(Default)]
struct Toll {
    total: u64,
    outcomes: BTreeMap<&'static str, u64>,
    /// By outcome, status and model.
    errors: BTreeMap<(String, u16, String), u64>,
    /// Those that count against the budget, newest first.
    hit: Vec<Summary>,
}

/// Makes the folder.
pub(crate) fn run(source: &Source, args: &IncidentArgs) -> Result<(), Failure> {
    let until = args.until.unwrap_or_else(Timestamp::now);
    let toll = Toll::of(source, args.since, until)?;
    let timeline = timeline(source, args.since, until)?;
    let folder = &args.output;
    let failed =
        |error: &dyn std::fmt::Display| Failure::NoAccess(format!("cannot write {}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    let text = report(args.since, until, &toll, &timeline);
    fs::write(folder.join("incident.md"), text).map_err(|error| failed(&error))?;
    if toll.hit.is_empty() {
        let mut output = Output::new();
        output.line(&format!("{}: no request was hit", folder.display()))?;
        return output.end();
    }
    let ids: Vec<_> = toll.hit.iter().take(EXPORTED_MAX).map(|summary| summary.id).collect();
    export::export(source, &ids, &folder.join("affected.codextrace"))
}

/// The events of the service's life in that time, oldest first.
fn timeline(source: &Source, since: Timestamp, until: Timestamp) -> Result<Vec<String>, Failure> {
    let pattern = Pattern::try_new(LIFE, Syntax::Regex).map_err(|wrong| Failure::Usage(wrong.to_string()))?;
    let scope = Scope { since: Some(since), until: Some(until), before: None, limit: None };
    let (mut lines, mut describer) = (Vec::new(), Describer::default());
    let found = source.read(Query::Search { pattern, scope })?.each(|line| {
        let event = describer.describe(line)?;
        let at = event.at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        lines.push(format!("| {at} | {} | {} |", event.kind, cell(&event.text)));
        Ok(())
    });
    lines.reverse();
    // A quiet time is no failure.
    match found {
        Ok(()) | Err(Failure::NothingFound(_)) => Ok(lines),
        Err(failure) => Err(failure),
    }
}

fn report(since: Timestamp, until: Timestamp, toll: &Toll, timeline: &[String]) -> String {
    let mut text = format!("# Incident\n\n{since} to {until}\n\n## Budget\n\n");
    let bad = toll.hit.len();
    let counted = toll.counted();
    #[expect(clippy::cast_precision_loss, reason = "a share is for reading")]
    let (served, burnt) = match counted {
        0 => (100.0, 0.0),
        counted => {
            let share = bad as f64 / counted as f64;
            (100.0 * (1.0 - share), share / (1.0 - OBJECTIVE))
        }
    };
    let _ = writeln!(
        text,
        "{} requests, {counted} of them count (not those at the client's fault, refused keys, rates, clients that left).\n{bad} failed: \
         {served:.3} % were served, against an objective of {} %: the budget burnt {burnt:.1} times as fast as it may.\n",
        toll.total,
        OBJECTIVE * 100.0
    );
    text.push_str("| outcome | requests |\n|---|---|\n");
    for (outcome, count) in &toll.outcomes {
        let _ = writeln!(text, "| {outcome} | {count} |");
    }
    text.push_str("\n## Errors, most frequent first\n\n| outcome | status | model | requests |\n|---|---|---|---|\n");
    let mut errors: Vec<_> = toll.errors.iter().collect();
    errors.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for ((outcome, status, model), count) in errors {
        let _ = writeln!(text, "| {outcome} | {status} | {} | {count} |", cell(model));
    }
    text.push_str("\n## What happened\n\n| at | event | what |\n|---|---|---|\n");
    for line in timeline {
        let _ = writeln!(text, "{line}");
    }
    text.push_str("\n## Requests that were hit, newest first\n\n| at | id | status | outcome | ms | worker |\n|---|---|---|---|---|---|\n");
    for summary in toll.hit.iter().take(EXPORTED_MAX) {
        let Summary { at, id, status, outcome, duration_ms, worker, .. } = summary;
        let worker = cell(worker.as_deref().unwrap_or("-"));
        let _ = writeln!(text, "| {at} | {id} | {status} | {} | {duration_ms:.0} | {worker} |", outcome.as_str());
    }
    if bad > EXPORTED_MAX {
        let _ = writeln!(text, "\n{} more are not shown.", bad - EXPORTED_MAX);
    }
    text.push_str("\nThey are in affected.codextrace: `codex-trace replay affected.codextrace`, or `codex-trace import` into a journal of its own and `codex-trace show ID`.\n");
    text
}

/// `text` within a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ").replace('<', "&lt;")
}

// === impl Toll ===

impl Toll {
    fn of(source: &Source, since: Timestamp, until: Timestamp) -> Result<Self, Failure> {
        let filter = Filter { since: Some(since), until: Some(until), ..Filter::default() };
        let mut toll = Self::default();
        source.read(Query::List { filter, limit: None, before: None })?.each(|line| {
            let summary = serde_json::from_str(line);
            toll.add(summary.map_err(|error| Failure::Damaged(format!("a summary in the journal is none: {error}")))?);
            Ok(())
        })?;
        Ok(toll)
    }

    fn add(&mut self, summary: Summary) {
        self.total += 1;
        *self.outcomes.entry(summary.outcome.as_str()).or_default() += 1;
        if summary.outcome != Outcome::Ok {
            let model = summary.model.clone().unwrap_or_else(|| "-".to_owned());
            *self.errors.entry((summary.outcome.as_str().to_owned(), summary.status, model)).or_default() += 1;
        }
        if is_ours(summary.outcome) {
            self.hit.push(summary);
        }
    }

    /// How many requests count for the objective.
    fn counted(&self) -> u64 {
        let good = self.outcomes.get(Outcome::Ok.as_str()).copied().unwrap_or_default();
        good + u64::try_from(self.hit.len()).unwrap_or(u64::MAX)
    }
}

/// Whether an outcome counts against the budget.
fn is_ours(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::ServerError | Outcome::StreamAborted | Outcome::Overload | Outcome::Maintenance)
}
