//! `list`: summaries as a table.

mod csv;
mod filter;
mod found;
mod order;

use std::num::NonZeroUsize;

use clap::Args;
use jiff::Timestamp;
use journal::{Query, RequestId, Summary};
use serde::Deserialize;

pub(crate) use self::filter::FilterArgs;
use self::found::Found;
use self::order::Order;
use crate::failure::Failure;
use crate::ink::Ink;
use crate::note;
use crate::output::Output;
use crate::source::{Lines, Source};
use crate::table::{Cell, Column, Table};
use crate::text::plain;

/// Their ranks leave the time, the id and how it ended on a terminal of 80 columns.
const COLUMNS: &[Column] = &[
    Column::left("AT"),
    Column::left("ID"),
    Column::left("ROUTE").rank(9),
    Column::left("MODEL").rank(5),
    Column::left("KEY").rank(8),
    Column::right("STATUS").rank(1),
    Column::left("OUTCOME").rank(2),
    Column::left("ERROR").rank(4),
    Column::right("TOKENS IN").rank(7),
    Column::right("OUT").rank(7),
    Column::right("TTFT MS").rank(6),
    Column::right("MS").rank(3),
    Column::left("WORKER").rank(10),
    Column::right("EVENTS").rank(11),
];

/// The longest name that is shown whole, in characters.
const NAME_MAX: usize = 40;

#[derive(Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Those whose answer calls this tool, as far as their events are kept
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// Those in whose events this text is found, as far as they are kept
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
    /// What comes first
    #[arg(long, value_name = "BY", value_enum, default_value_t = Order::At, hide_default_value = true)]
    sort: Order,
    /// The other way round
    #[arg(long)]
    reverse: bool,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// One JSON object a line
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Comma-separated values with a line of names, as RFC 4180 has them
    #[arg(long)]
    csv: bool,
}

/// How the rows are printed.
enum Printer {
    Table(Table),
    Json(Output),
    Csv(Output),
}

/// A summary, as it was read and as it stands.
struct Row {
    summary: Summary,
    text: String,
}

/// As much of a summary as says whose it is.
#[derive(Deserialize)]
struct Named {
    id: RequestId,
}

/// The rows that come first in some order, of any number that are looked at.
struct First {
    order: Order,
    reverse: bool,
    keep: usize,
    rows: Vec<Row>,
}

/// Rows that are shown in another order than the journal's unless more are asked for: they have to be kept in memory.
const SORTED_MAX: usize = 20_000;

/// Lists requests.
pub(crate) fn run(source: &Source, args: &ListArgs) -> Result<(), Failure> {
    // All must be there before the first in another order is known.
    let in_order = args.sort == Order::At && !args.reverse;
    let limit = args.limit.map(usize::from);
    let (lines, searched) = args.ask(source, limit.filter(|_| in_order))?;
    let mut printer = args.printer(&lines)?;
    let end = if in_order {
        lines.each(|line| printer.print(&Row::read(line)?))
    } else {
        let mut first =
            First { order: args.sort, reverse: args.reverse, keep: limit.unwrap_or(SORTED_MAX), rows: Vec::new() };
        let mut count = 0;
        let end = lines.each(|line| {
            count += 1;
            first.push(Row::read(line)?);
            Ok(())
        });
        first.take().iter().try_for_each(|row| printer.print(row))?;
        if limit.is_none() && count > SORTED_MAX {
            note(&format!(
                "{count} requests are like that; these are the first {SORTED_MAX}, and --limit asks for more"
            ));
        }
        end
    };
    printer.end()?;
    searched.and(end)
}

// === impl First ===

impl First {
    fn push(&mut self, row: Row) {
        self.rows.push(row);
        if self.rows.len() >= 2 * self.keep.max(1000) {
            self.arrange();
        }
    }

    fn take(mut self) -> Vec<Row> {
        self.arrange();
        if self.reverse {
            self.rows.reverse();
        }
        self.rows
    }

    /// Puts the rows in order, and forgets those that cannot be among the first any more.
    fn arrange(&mut self) {
        self.order.sort(&mut self.rows, |row| &row.summary);
        if self.reverse {
            self.rows.drain(..self.rows.len().saturating_sub(self.keep));
        } else {
            self.rows.truncate(self.keep);
        }
    }
}

/// Reads a line of an answer to [`Query::List`].
pub(crate) fn summary(line: &str) -> Result<Summary, Failure> {
    serde_json::from_str(line).map_err(|error| {
        Failure::Damaged(format!("a summary in the journal is none (column {}): {}", error.column(), plain(line, 80)))
    })
}

fn cells(summary: &Summary) -> Vec<Cell> {
    let name = |name: &Option<String>| name.as_deref().map_or_else(none, |name| plain(name, NAME_MAX));
    let (input, output) =
        summary.tokens.map_or_else(|| (none(), none()), |tokens| (tokens.input.to_string(), tokens.output.to_string()));
    let route = summary.route.strip_prefix("/v1/").unwrap_or(&summary.route);
    let outcome = Ink::of_outcome(summary.outcome);
    vec![
        summary.at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string().into(),
        summary.id.to_string().into(),
        plain(route, NAME_MAX).into(),
        name(&summary.model).into(),
        name(&summary.key).into(),
        Cell::new(summary.status.to_string(), outcome),
        Cell::new(summary.outcome.as_str(), outcome),
        summary.error.as_ref().map_or_else(|| none().into(), |code| Cell::new(plain(code, NAME_MAX), outcome)),
        input.into(),
        output.into(),
        summary.ttft_ms.map_or_else(none, |ms| format!("{ms:.0}")).into(),
        format!("{:.0}", summary.duration_ms).into(),
        name(&summary.worker).into(),
        summary.events.to_string().into(),
    ]
}

fn none() -> String {
    "-".to_owned()
}

// === impl ListArgs ===

impl ListArgs {
    /// Begins the answer, of at most `limit` lines, with what kept a search from finding all of them.
    fn ask(&self, source: &Source, limit: Option<usize>) -> Result<(Lines, Result<(), Failure>), Failure> {
        let filter = self.filter.filter();
        let Some(Found { requests, end }) = self.found(source, filter.since)? else {
            return Ok((source.read(Query::List { filter, limit, before: None })?, Ok(())));
        };
        let lines = source.read(Query::List { filter, limit: None, before: None })?;
        let wanted = move |line: &str| serde_json::from_str(line).is_ok_and(|Named { id }| requests.contains(&id));
        let nothing =
            "no finished request is like that, as far as its events are kept; `codex-trace list` shows all of them";
        Ok((lines.only(wanted, limit, nothing.to_owned()), end))
    }

    /// What is searched for; `None` if nothing is.
    fn found(&self, source: &Source, since: Option<Timestamp>) -> Result<Option<Found>, Failure> {
        let by_text = self.grep.as_deref().map(|text| found::with_text(source, text, since)).transpose()?;
        let by_tool = self.tool.as_deref().map(|name| found::with_tool(source, name, since)).transpose()?;
        Ok(match (by_text, by_tool) {
            (Some(found), Some(other)) => Some(found.and(other)),
            (found, other) => found.or(other),
        })
    }

    fn printer(&self, lines: &Lines) -> Result<Printer, Failure> {
        let mut output = Output::for_answer(lines);
        Ok(match (self.json, self.csv) {
            (true, _) => Printer::Json(output),
            (false, false) => Printer::Table(Table::new(COLUMNS, output)),
            (false, true) => {
                output.text(&csv::HEAD.join(","))?;
                output.text("\r\n")?;
                Printer::Csv(output)
            }
        })
    }
}

// === impl Row ===

impl Row {
    fn read(line: &str) -> Result<Self, Failure> {
        Ok(Self { summary: summary(line)?, text: line.to_owned() })
    }
}

// === impl Printer ===

impl Printer {
    fn print(&mut self, row: &Row) -> Result<(), Failure> {
        match self {
            Self::Table(table) => table.push(cells(&row.summary)),
            Self::Json(output) => output.line(&row.text),
            Self::Csv(output) => {
                output.text(&csv::record(&row.summary))?;
                output.text("\r\n")
            }
        }
    }

    fn end(self) -> Result<(), Failure> {
        match self {
            Self::Table(table) => table.end()?.end(),
            Self::Json(mut output) | Self::Csv(mut output) => output.end(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u32) -> Row {
        let text = serde_json::json!({
            "id": "0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b", "at": "2026-11-23T10:00:00Z", "route": "/v1/models", "model": null,
            "key": null, "status": number, "outcome": "ok", "stream": true, "tokens": null, "ttft_ms": null,
            "duration_ms": f64::from(number * 7919 % 5003), "worker": null, "events": 2,
        });
        Row::read(&text.to_string()).unwrap()
    }

    #[test]
    fn the_first_of_many_are_those_of_all_of_them() {
        for reverse in [false, true] {
            let taken = |keep: usize| -> Vec<String> {
                let mut first = First { order: Order::Duration, reverse, keep, rows: Vec::new() };
                (0..5000).for_each(|number| first.push(row(number)));
                assert!(first.rows.len() < 2 * keep.max(1000), "no more is kept than has to be");
                first.take().into_iter().map(|row| row.text).collect()
            };
            assert_eq!(taken(7), taken(5000)[..7], "reverse: {reverse}");
        }
    }
}
