//! `hold place`, `list` and `lift`.

use clap::{ArgGroup, Args, Subcommand};
use codex_completions_api::admin::answers::HoldName;
use jiff::Timestamp;
use journal::{Hold, HoldSelector, RequestId};

use crate::cli::request_id;
use crate::failure::Failure;
use crate::output::Output;
use crate::source::Lines;
use crate::table::{Column, Table};
use crate::text::{moment, plain};
use crate::when;

pub(crate) const COLUMNS: &[Column] = &[
    Column::left("HOLD"),
    Column::left("PLACED AT"),
    Column::left("ACTOR"),
    Column::left("KEEPS"),
    Column::left("REASON"),
];

/// The longest text that is shown whole, in characters.
const TEXT_MAX: usize = 200;

#[derive(Subcommand)]
pub(crate) enum HoldCommand {
    /// Keep something beyond its time; prints the hold's id
    Place(PlaceArgs),
    /// The holds in force, oldest first
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Let what a hold kept go with the next sweep
    Lift {
        /// The hold's id
        #[arg(value_name = "ID")]
        hold: String,
        /// Why, for whoever audits it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Args)]
#[command(group(ArgGroup::new("what").required(true).args(["request", "key", "since"])))]
pub(crate) struct PlaceArgs {
    /// One request
    #[arg(long, value_name = "ID", value_parser = request_id)]
    request: Option<RequestId>,
    /// The requests of one key, by its id
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The requests received from this time
    #[arg(long, value_name = "TIME", value_parser = when::time, requires = "until")]
    since: Option<Timestamp>,
    /// … until before this one
    #[arg(long, value_name = "TIME", value_parser = when::time, requires = "since")]
    until: Option<Timestamp>,
    /// Why, for whoever audits it
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

/// Prints the name of a hold that was placed.
pub(crate) fn print_placed(lines: Lines) -> Result<(), Failure> {
    let (_, HoldName { hold }) = lines.document()?;
    let mut output = Output::new();
    output.line(&plain(&hold, TEXT_MAX))?;
    output.end()
}

/// Says what comes of a hold that was lifted.
pub(crate) fn print_lifted(lines: Lines) -> Result<(), Failure> {
    let (_, HoldName { hold }) = lines.document()?;
    let mut output = Output::new();
    let hold = plain(&hold, TEXT_MAX);
    output.line(&format!("lifted {hold}; what it alone kept beyond its time goes with the next sweep"))?;
    output.end()
}

/// Prints the holds in force as a table.
pub(crate) fn print_list(lines: Lines) -> Result<(), Failure> {
    let mut table = Table::new(COLUMNS, Output::new());
    let end = lines.each(|line| {
        let hold = serde_json::from_str(line).map_err(|_| Failure::Damaged(format!("no hold: {}", plain(line, 80))))?;
        table.push(row(&hold))
    });
    table.end()?.end()?;
    end
}

/// A hold as a row of [`COLUMNS`].
pub(crate) fn row(hold: &Hold) -> Vec<String> {
    let text = |text: &str| plain(text, TEXT_MAX);
    let keeps = hold.selector.to_string();
    vec![text(&hold.hold), moment(hold.placed_at), text(&hold.actor), text(&keeps), text(&hold.reason)]
}

// === impl PlaceArgs ===

impl PlaceArgs {
    /// What the hold keeps.
    pub(crate) fn selector(&self) -> HoldSelector {
        match (self.request, &self.key, self.since, self.until) {
            (Some(request), ..) => HoldSelector::Request(request),
            (None, Some(key), ..) => HoldSelector::Key(key.clone()),
            (None, None, Some(since), Some(until)) => HoldSelector::Range { since, until },
            _ => unreachable!("the command line asks for one of them"),
        }
    }
}
