//! `show`: one request, from several sides.

mod curl;
mod diff;
mod frames;
mod html;
mod recording;
mod timeline;
mod waterfall;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use codex_completions_api::config::{Form as _, Period};
use journal::{EventBody, Query, RequestId};

use self::recording::Recording;
use crate::cli::request_id;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::source::Source;
use crate::terminal::terminal;
use crate::text::plain;
use crate::unknown;

#[derive(Args)]
pub(crate) struct ShowArgs {
    /// The request's id: the X-Request-Id of its answer
    #[arg(value_name = "ID", value_parser = request_id)]
    request: RequestId,
    #[command(flatten)]
    side: Side,
    /// Mark pauses in the timeline that are this long or longer
    #[arg(long, value_name = "TIME", value_parser = Period::parse, default_value = "250ms")]
    gap: Duration,
}

/// What is wanted instead of the timeline.
#[derive(Args)]
#[group(multiple = false)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
struct Side {
    /// Its events instead, one JSON object a line
    #[arg(long)]
    json: bool,
    /// Every JSON-RPC frame between proxy and worker as a whole
    #[arg(long)]
    frames: bool,
    /// The bytes of the answer as they went out
    #[arg(long)]
    sse: bool,
    /// The request as a command of curl, with the key as `$PROXY_API_KEY`
    #[arg(long = "request")]
    curl: bool,
    /// What is different in another request, but for times and ids
    #[arg(long, value_name = "ID", value_parser = request_id)]
    diff: Option<RequestId>,
    /// Write a page that can be opened anywhere and attached to a ticket
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Shows a request.
pub(crate) fn run(source: &Source, args: &ShowArgs) -> Result<(), Failure> {
    if args.side.json {
        let end = output::copy(source.read(Query::Show { request: args.request })?);
        return end.map_err(|failure| unknown::explained(source, args.request, failure));
    }
    let (recording, end) = read(source, args.request)?;
    let mut output = Output::new();
    match &args.side {
        Side { frames: true, .. } => frames::print(&recording, &mut output)?,
        Side { sse: true, .. } => print_answer(&recording, &mut output)?,
        Side { curl: true, .. } => outside(&curl::command(&recording, &source.base_url())?, &mut output)?,
        Side { diff: Some(other), .. } => {
            let (other, other_end) = read(source, *other)?;
            diff::print(&recording, &other, &mut output)?;
            output.end()?;
            return end.and(other_end);
        }
        Side { html: Some(path), .. } => {
            let failed = |error: std::io::Error| Failure::NoAccess(format!("cannot write {}: {error}", path.display()));
            fs::write(path, html::page(&recording)).map_err(failed)?;
            output.line(&format!("request {} is in {}", recording.request, path.display()))?;
        }
        _ => timeline::print(&recording, args.gap, &mut output)?,
    }
    output.end()?;
    end
}

/// Reads what is known of a request, which is something, and what kept the rest from being read.
fn read(source: &Source, request: RequestId) -> Result<(Recording, Result<(), Failure>), Failure> {
    let (recording, end) = Recording::read(source.read(Query::Show { request })?, request);
    if recording.steps.is_empty() {
        end.map_err(|failure| unknown::explained(source, request, failure))?;
        return Err(Failure::NothingFound(format!("nothing is known of request {request}")));
    }
    Ok((recording, end))
}

/// Prints the answer's bytes.
fn print_answer(recording: &Recording, output: &mut Output) -> Result<(), Failure> {
    let chunks = recording.steps.iter().filter_map(|step| match &step.event.as_ref()?.draft.body {
        EventBody::ResponseChunk { bytes } => Some(bytes.as_str()),
        _ => None,
    });
    outside(&chunks.collect::<String>(), output)
}

/// Prints what somebody outside has written: to the byte, except on a terminal, which must not obey it.
fn outside(text: &str, output: &mut Output) -> Result<(), Failure> {
    if !terminal().is_tty {
        return output.text(text);
    }
    text.lines().try_for_each(|line| output.line(&plain(line, usize::MAX)))
}
