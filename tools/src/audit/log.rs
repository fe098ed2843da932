//! `audit log`: who did what.

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::entry::{self, Entry};
use crate::failure::Failure;
use crate::output::Output;
use crate::source::Source;
use crate::table::{Column, Table};
use crate::text::{moment, plain};
use crate::when;

const COLUMNS: &[Column] =
    &[Column::left("AT"), Column::left("ACTOR"), Column::left("VIA"), Column::left("ACTION"), Column::left("DETAILS")];

/// The longest text that is shown whole, in characters.
const TEXT_MAX: usize = 300;

#[derive(Args)]
pub(crate) struct LogArgs {
    /// Those of this time or later
    #[arg(long, value_name = "TIME", value_parser = when::time)]
    since: Option<Timestamp>,
    /// Those before this time
    #[arg(long, value_name = "TIME", value_parser = when::time)]
    until: Option<Timestamp>,
    /// Those of one actor, such as uid:1000, or retention for the service's own sweeps
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,
    /// Those of one action, such as show or hold.placed, or of a family of them, such as hold
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// What somebody did.
#[derive(Serialize)]
struct Act<'a> {
    n: u64,
    at: Timestamp,
    actor: String,
    via: Option<String>,
    action: String,
    data: &'a Map<String, Value>,
}

/// Prints what is asked for, newest first.
pub(super) fn print(source: &Source, args: &LogArgs) -> Result<(), Failure> {
    let (entries, end) = entry::read(source)?;
    let wanted: Vec<_> = entries.iter().rev().filter(|entry| args.wants(entry)).collect();
    let mut output = Output::new();
    if args.json {
        for entry in &wanted {
            output.line(&serde_json::to_string(&Act::from(*entry)).expect("names and JSON serialise"))?;
        }
    } else {
        let mut table = Table::new(COLUMNS, output);
        wanted.iter().try_for_each(|entry| table.push(row(entry)))?;
        output = table.end()?;
    }
    output.end()?;
    end?;
    if wanted.is_empty() { Err(Failure::NothingFound("the ledger has no such act".to_owned())) } else { Ok(()) }
}

fn row(entry: &Entry) -> Vec<String> {
    let text = |text: &str| plain(text, TEXT_MAX);
    let via = entry.via().map_or_else(|| "-".to_owned(), |via| text(&via));
    vec![moment(entry.at), text(&entry.actor()), via, text(&entry.action()), text(&entry.details())]
}

// === impl LogArgs ===

impl LogArgs {
    fn wants(&self, entry: &Entry) -> bool {
        let is_family =
            |family: &str, action: &str| action.strip_prefix(family).is_some_and(|rest| rest.starts_with('.'));
        let is_action = |wanted: &String| {
            let action = entry.action();
            action == *wanted || is_family(wanted, &action)
        };
        entry.is_act()
            && self.since.is_none_or(|since| since <= entry.at)
            && self.until.is_none_or(|until| entry.at < until)
            && self.actor.as_ref().is_none_or(|actor| entry.actor() == *actor)
            && self.action.as_ref().is_none_or(is_action)
    }
}

// === impl Act ===

impl<'a> From<&'a Entry> for Act<'a> {
    fn from(entry: &'a Entry) -> Self {
        let (n, at, actor, via, action) = (entry.n, entry.at, entry.actor(), entry.via(), entry.action());
        Self { n, at, actor, via, action, data: &entry.data }
    }
}
