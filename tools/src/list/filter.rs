//! Which requests are wanted.

use clap::Args;
use codex_completions_api::config::{Form as _, Period};
use jiff::Timestamp;
use journal::{Filter, Outcome};

use crate::when;

/// What a summary has to be like.
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
