//! `stats`: how requests went, counted.

mod tally;

use std::collections::HashMap;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use journal::{Filter, Query, Summary};
use serde_json::json;

pub(crate) use self::tally::{Percentiles, Tally};
use crate::failure::Failure;
use crate::ink::Ink;
use crate::list::{self, FilterArgs};
use crate::output::Output;
use crate::source::Source;
use crate::table::{Cell, Column, Table};
use crate::text::plain;

const GROUPS: &[Column] = &[
    Column::left("GROUP"),
    Column::right("REQUESTS"),
    Column::right("A MINUTE").rank(4),
    Column::right("OK"),
    Column::right("MS P50"),
    Column::right("MS P95"),
    Column::right("MS P99").rank(1),
    Column::right("TTFT P50").rank(2),
    Column::right("TTFT P95").rank(2),
    Column::right("TTFT P99").rank(3),
    Column::right("TOKENS IN").rank(5),
    Column::right("OUT").rank(5),
    Column::text("ERRORS").rank(6),
];

const TIMES: &[Column] = &[Column::left(""), Column::right("P50"), Column::right("P95"), Column::right("P99")];

/// The longest name that is shown whole, in characters.
const NAME_MAX: usize = 40;

/// A smaller share of those that went well is marked.
const GOOD: f64 = 0.95;

/// The longest bar, in characters.
const BAR: usize = 40;

#[derive(Args)]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Count what has this in common
    #[arg(long, value_name = "WHAT", value_enum)]
    by: Option<By>,
    /// One JSON object, or one a line with --by
    #[arg(long)]
    json: bool,
}

/// What requests are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Model,
    Key,
    Route,
    Outcome,
    Worker,
}

/// The time over which a rate is told; `None` for that of the first or last request.
#[derive(Clone, Copy)]
struct Period {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// Counts requests.
pub(crate) fn run(source: &Source, args: &StatsArgs) -> Result<(), Failure> {
    let filter = args.filter.filter();
    let period = Period::of(&filter, Timestamp::now());
    let mut groups: HashMap<Option<String>, Tally> = HashMap::new();
    let end = source.read(Query::List { filter, limit: None, before: None })?.each(|line| {
        let summary = list::summary(line)?;
        groups.entry(args.by.and_then(|by| by.of(&summary))).or_default().add(&summary);
        Ok(())
    });
    let mut groups: Vec<_> = groups.into_iter().collect();
    // The largest first, and among equals by name.
    groups.sort_by(|(name, tally), (other, others)| others.requests.cmp(&tally.requests).then_with(|| name.cmp(other)));
    let mut output = Output::new();
    match (args.json, args.by) {
        (true, _) => groups.iter_mut().try_for_each(|(name, tally)| {
            output.line(&document(args.by.map(|by| (by, name.as_deref())), tally, period).to_string())
        })?,
        (false, Some(_)) => output = print_groups(&mut groups, period, output)?,
        (false, None) => {
            for (_, tally) in &mut groups {
                output = print_one(tally, period, output)?;
            }
        }
    }
    output.end()?;
    end
}

fn print_groups(groups: &mut [(Option<String>, Tally)], period: Period, output: Output) -> Result<Output, Failure> {
    let mut table = Table::new(GROUPS, output);
    for (name, tally) in groups {
        let mut row: Vec<Cell> = vec![
            name.as_deref().map_or_else(none, |name| plain(name, NAME_MAX)).into(),
            tally.requests.to_string().into(),
            period.rate(tally).into(),
            success(tally),
        ];
        row.extend(times(tally.duration()));
        row.extend(times(tally.ttft()));
        row.extend([tally.tokens_in.to_string().into(), tally.tokens_out.to_string().into(), errors(tally).into()]);
        table.push(row)?;
    }
    table.end()
}

fn print_one(tally: &mut Tally, period: Period, mut output: Output) -> Result<Output, Failure> {
    let (share, rate) = (success(tally), period.rate(tally));
    for (name, value) in [
        ("requests", format!("{}, {rate} a minute", tally.requests)),
        ("ok", share.painted()),
        ("tokens", format!("{} in, {} out", tally.tokens_in, tally.tokens_out)),
        ("errors", errors(tally)),
    ] {
        output.line(&format!("{}{value}", Ink::Title.paint(&format!("{name:<10}"))))?;
    }
    output.line("")?;
    let mut table = Table::new(TIMES, output);
    for (name, percentiles) in [("duration, ms", tally.duration()), ("first content, ms", tally.ttft())] {
        let mut row: Vec<Cell> = vec![name.into()];
        row.extend(times(percentiles));
        table.push(row)?;
    }
    let mut output = table.end()?;
    output.line("")?;
    let bars = tally.histogram();
    let most = bars.iter().map(|bar| bar.requests).max().unwrap_or(0);
    let mut bound = 0;
    for bar in bars {
        let title = bar.up_to.map_or_else(|| format!("> {}", span(bound)), |up_to| format!("≤ {}", span(up_to)));
        bound = bar.up_to.unwrap_or(bound);
        // One that is not empty is seen.
        let length = (bar.requests * BAR).div_ceil(most.max(1));
        let drawn = Ink::Good.paint(&"█".repeat(length));
        let gap = if length == 0 { "" } else { " " };
        output.line(&format!("{title:>9}  {drawn}{gap}{}", bar.requests))?;
    }
    Ok(output)
}

/// All of it, for programs.
fn document(group: Option<(By, Option<&str>)>, tally: &mut Tally, period: Period) -> serde_json::Value {
    let mut document = json!({
        "requests": tally.requests,
        "per_minute": tally.per_minute(period.since, period.until),
        "success": tally.success(),
        "duration_ms": tally.duration(),
        "ttft_ms": tally.ttft(),
        "tokens": { "input": tally.tokens_in, "output": tally.tokens_out },
        "errors": tally.errors,
        "durations": tally.histogram().iter().map(|bar| json!({ "up_to_ms": bar.up_to, "requests": bar.requests }))
            .collect::<Vec<_>>(),
    });
    if let (Some((by, name)), Some(members)) = (group, document.as_object_mut()) {
        members.shift_insert(0, by.name().to_owned(), json!(name));
    }
    document
}

/// Percentiles as cells, to the millisecond.
fn times(percentiles: Option<Percentiles>) -> [Cell; 3] {
    percentiles.map_or_else(
        || [none(), none(), none()].map(Cell::from),
        |Percentiles { p50, p95, p99 }| [p50, p95, p99].map(|ms| format!("{ms:.0}").into()),
    )
}

/// The share of those that went well, in per cent.
pub(crate) fn share(tally: &Tally) -> String {
    tally.success().map_or_else(none, |share| format!("{:.1} %", share * 100.0))
}

/// The same, in the colour of what it means.
fn success(tally: &Tally) -> Cell {
    let is_bad = tally.success().is_some_and(|share| share < GOOD);
    Cell::new(share(tally), if is_bad { Ink::Bad } else { Ink::Good })
}

/// Errors by how often they were.
pub(crate) fn errors(tally: &Tally) -> String {
    let mut errors: Vec<_> = tally.errors.iter().collect();
    errors.sort_by(|(_, count), (_, other)| other.cmp(count));
    let errors: Vec<_> = errors.iter().map(|(code, count)| format!("{count} {}", plain(code, NAME_MAX))).collect();
    if errors.is_empty() { none() } else { errors.join(", ") }
}

fn span(ms: u32) -> String {
    if ms < 1000 { format!("{ms} ms") } else { format!("{} s", ms / 1000) }
}

fn none() -> String {
    "-".to_owned()
}

// === impl By ===

impl By {
    fn of(self, summary: &Summary) -> Option<String> {
        match self {
            Self::Model => summary.model.clone(),
            Self::Key => summary.key.clone(),
            Self::Route => Some(summary.route.clone()),
            Self::Outcome => Some(summary.outcome.as_str().to_owned()),
            Self::Worker => summary.worker.clone(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Key => "key",
            Self::Route => "route",
            Self::Outcome => "outcome",
            Self::Worker => "worker",
        }
    }
}

// === impl Period ===

impl Period {
    /// What `filter` asks for lasts until `now`, if it says only since when.
    fn of(filter: &Filter, now: Timestamp) -> Self {
        Self { since: filter.since, until: filter.until.or(filter.since.map(|_| now)) }
    }

    fn rate(self, tally: &Tally) -> String {
        tally.per_minute(self.since, self.until).map_or_else(none, |rate| format!("{rate:.1}"))
    }
}
