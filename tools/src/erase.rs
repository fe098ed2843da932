//! `erase`: content goes before its time.

use clap::{ArgGroup, Args};
use codex_completions_api::admin::Operation;
use codex_completions_api::admin::answers::Erased;
use journal::{HoldSelector, RequestId};

use crate::cli::request_id;
use crate::failure::Failure;
use crate::output::Output;
use crate::source::Source;
use crate::text::{count, counted, plain};

/// The longest list of segments that is shown whole, in characters.
const NAMES_MAX: usize = 2000;

#[derive(Args)]
#[command(group(ArgGroup::new("what").required(true).args(["request", "key"])))]
pub(crate) struct EraseArgs {
    /// One request
    #[arg(long, value_name = "ID", value_parser = request_id)]
    request: Option<RequestId>,
    /// The requests of one key, by its id
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Why, for whoever audits it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Erases what `args` ask for and says what that was.
pub(crate) fn run(source: &Source, args: &EraseArgs) -> Result<(), Failure> {
    let (selector, reason) = (args.selector(), args.reason.clone());
    let nothing = format!("nothing is kept of {selector}");
    let (text, erased): (_, Erased) = source.operate(&Operation::Erase { selector, reason })?.document()?;
    let Erased { requests, events, segments, damaged } = erased;
    if events == 0 && damaged.is_empty() {
        return Err(Failure::NothingFound(nothing));
    }
    let mut output = Output::new();
    let told = format!(
        "erased {} of {} from {}",
        counted(events, "event"),
        count(requests, "request"),
        count(segments, "segment")
    );
    output.line(if args.json { &text } else { &told })?;
    output.end()?;
    if damaged.is_empty() {
        return Ok(());
    }
    let names = plain(&damaged.join(", "), NAMES_MAX);
    Err(Failure::Damaged(format!(
        "not all can be erased from what is damaged, which goes when its time is up: {names}"
    )))
}

// === impl EraseArgs ===

impl EraseArgs {
    fn selector(&self) -> HoldSelector {
        match (self.request, &self.key) {
            (Some(request), _) => HoldSelector::Request(request),
            (None, Some(key)) => HoldSelector::Key(key.clone()),
            (None, None) => unreachable!("the command line asks for one of them"),
        }
    }
}
