//! `list`: summaries as a table.

use clap::Args;
use codex_completions_api::config::{Form as _, Period};
use jiff::Timestamp;
use journal::{Filter, Outcome, Summary};

use crate::failure::Failure;
use crate::output::Output;
use crate::source::Lines;
use crate::table::{Column, Table};
use crate::text::plain;
use crate::when;

const COLUMNS: &[Column] = &[
    Column::left("AT"),
    Column::left("ID"),
    Column::left("ROUTE"),
    Column::left("MODEL"),
    Column::left("KEY"),
    Column::right("STATUS"),
    Column::left("OUTCOME"),
    Column::right("TOKENS IN"),
    Column::right("OUT"),
    Column::right("TTFT MS"),
    Column::right("MS"),
    Column::left("WORKER"),
    Column::right("EVENTS"),
];

/// The longest name that is shown whole, in characters.
const NAME_MAX: usize = 40;

#[derive(Args)]
pub(crate) struct FilterArgs {
    /// Those received at this time or later
    #[arg(long, value_name = "TIME", value_parser = when::time)]
    since: Option<Timestamp>,
    /// Those received before this time
    #[arg(long, value_name = "TIME", value_parser = when::time)]
    until: Option<Timestamp>,
    /// Those with this key, by its id
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Those for this model, as the client wrote it
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Those on this route, such as chat/completions
    #[arg(long, value_name = "ROUTE", value_parser = route)]
    route: Option<String>,
    /// Those answered with this HTTP status
    #[arg(long, value_name = "STATUS")]
    status: Option<u16>,
    /// Those that ended in this way
    #[arg(long, value_name = "OUTCOME", value_parser = outcome)]
    outcome: Option<Outcome>,
    /// Those that took this long or longer, such as 500ms or 2s
    #[arg(long, value_name = "TIME", value_parser = millis)]
    slower_than: Option<u32>,
    /// Those that this worker ran
    #[arg(long, value_name = "NAME")]
    worker: Option<String>,
}

/// Prints summaries as a table.
pub(crate) fn print(lines: Lines) -> Result<(), Failure> {
    let mut table = Table::new(COLUMNS, Output::for_answer(&lines));
    let end = lines.each(|line| {
        let summary = serde_json::from_str(line).map_err(|error| {
            Failure::Damaged(format!(
                "a summary in the journal is none (column {}): {}",
                error.column(),
                plain(line, 80)
            ))
        })?;
        table.push(row(&summary))
    });
    table.end()?.end()?;
    end
}

fn row(summary: &Summary) -> Vec<String> {
    let name = |name: &Option<String>| name.as_deref().map_or_else(none, |name| plain(name, NAME_MAX));
    let (input, output) =
        summary.tokens.map_or_else(|| (none(), none()), |tokens| (tokens.input.to_string(), tokens.output.to_string()));
    let route = summary.route.strip_prefix("/v1/").unwrap_or(&summary.route);
    vec![
        summary.at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        summary.id.to_string(),
        plain(route, NAME_MAX),
        name(&summary.model),
        name(&summary.key),
        summary.status.to_string(),
        summary.outcome.as_str().to_owned(),
        input,
        output,
        summary.ttft_ms.map_or_else(none, |ms| format!("{ms:.0}")),
        format!("{:.0}", summary.duration_ms),
        name(&summary.worker),
        summary.events.to_string(),
    ]
}

fn none() -> String {
    "-".to_owned()
}

/// A route as it is kept, from how `codex-trace list` shows it.
#[allow(clippy::unnecessary_wraps, reason = "clap asks for a result")]
fn route(text: &str) -> Result<String, String> {
    let is_whole = text.starts_with('/') || text == "unmatched";
    Ok(if is_whole { text.to_owned() } else { format!("/v1/{text}") })
}

fn outcome(text: &str) -> Result<Outcome, String> {
    let names = || Outcome::ALL.map(Outcome::as_str).join(", ");
    Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == text).ok_or_else(|| format!("one of {}", names()))
}

fn millis(text: &str) -> Result<u32, String> {
    let time = Period::parse(text)?;
    time.as_millis().try_into().map_err(|_| "no request takes that long".to_owned())
}

// === impl FilterArgs ===

impl FilterArgs {
    /// What a summary has to be like.
    pub(crate) fn filter(&self) -> Filter {
        Filter {
            since: self.since,
            until: self.until,
            key: self.key.clone(),
            model: self.model.clone(),
            route: self.route.clone(),
            status: self.status,
            outcome: self.outcome,
            min_duration_ms: self.slower_than,
            worker: self.worker.clone(),
        }
    }
}
