//! `replay`: recorded requests once more through the translators of this version.

use std::path::{Path, PathBuf};

use clap::Args;
use codex_completions_api::replay::{Difference, Extent, Replayed, replay};
use journal::{Event, Query, RequestId, Summary};

use crate::against::{self, AgainstArgs, Recorded};
use crate::bundle::Bundle;
use crate::export::{self, Form};
use crate::failure::Failure;
use crate::list::FilterArgs;
use crate::note;
use crate::output::Output;
use crate::serve::{self, Pace};
use crate::source::Source;
use crate::text::{count, counted, plain};

/// How much is shown around the first byte that differs, in characters.
const AROUND: usize = 60;

const AFTER_HELP: &str = "\
Without --serve: are the answers the same, byte for byte? Exit code 0 if they are, 1 with the first difference.

Examples:
  codex-trace replay bug.codextrace                      the answers of today against those of then
  codex-trace replay bug.codextrace --serve /tmp/bug     then CODEX_BIN=/tmp/bug/codex codex-proxy, and ask as the client did
  codex-trace replay bug.codextrace --stdio --speed 10   speak as codex app-server does, ten times as fast
  codex-trace replay --all --since 1h --against https://staging.example --rate 10/s --concurrency 8";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ReplayArgs {
    /// Exported files, or ids of requests in the journal
    #[arg(value_name = "FILE|ID", required_unless_present = "all", value_parser = Recording::parse)]
    recordings: Vec<Recording>,
    /// All requests of the journal that the filters below leave
    #[arg(long, conflicts_with = "recordings")]
    all: bool,
    /// Export those that are identical into this folder, a file each, such as tests/fixtures: cases that later versions are held against
    #[arg(long, value_name = "DIR", conflicts_with_all = ["serve", "stdio", "against"])]
    bless: Option<PathBuf>,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    against: AgainstArgs,
    /// Make this folder, in which `codex` plays the worker's side of the file: for `CODEX_BIN`
    #[arg(long, value_name = "DIR", conflicts_with = "stdio")]
    serve: Option<PathBuf>,
    /// Play the worker's side of the file on stdin and stdout
    #[arg(long)]
    stdio: bool,
    /// How fast: 2 for twice as fast as it was recorded, 0 for without any pause
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
}

/// Something to be replayed.
#[derive(Debug, Clone)]
enum Recording {
    /// An exported file.
    File(PathBuf),
    /// A request of the journal.
    Request(RequestId),
}

/// What came of all of them.
#[derive(Default)]
struct Tally {
    identical: Vec<RequestId>,
    different: usize,
    unplayable: usize,
}

/// Does what the arguments ask for.
pub(crate) fn run(source: impl Fn() -> Result<Source, Failure>, args: &ReplayArgs) -> Result<(), Failure> {
    let pace = Pace { speed: args.speed };
    let mut found = Vec::new();
    if args.all {
        let query = Query::List { filter: args.filter.filter(), limit: None, before: None };
        source()?.read(query)?.each(|line| {
            found.extend(serde_json::from_str::<Summary>(line).map(|summary| Recording::Request(summary.id)));
            Ok(())
        })?;
    }
    let recordings = if args.all { &found } else { &args.recordings };
    match (&args.serve, args.stdio, &recordings[..]) {
        (None, false, recordings) if args.against.against.is_some() => send(source, recordings, args),
        (None, false, recordings) => compare(source, recordings, args.bless.as_deref()),
        (Some(folder), _, [Recording::File(file)]) => serve::make(file, folder, pace),
        (None, true, [Recording::File(file)]) => serve::on_stdio(file, pace),
        _ => Err(Failure::Usage("one exported file can be played; `codex-trace export` makes one".to_owned())),
    }
}

/// Sends everything to a service.
fn send(
    source: impl Fn() -> Result<Source, Failure>,
    recordings: &[Recording],
    args: &ReplayArgs,
) -> Result<(), Failure> {
    let mut recorded = Vec::new();
    each(&source, recordings, |name, request, events| {
        match Recorded::of(request, events) {
            Some(request) => recorded.push(request),
            None => note(&format!("{name} is no chat request that came to an end")),
        }
        Ok(())
    })?;
    against::run(recorded, &args.against, args.speed)
}

/// Replays everything, and tells of each request.
fn compare(
    source: impl Fn() -> Result<Source, Failure>,
    recordings: &[Recording],
    bless: Option<&Path>,
) -> Result<(), Failure> {
    let mut output = Output::new();
    let mut tally = Tally::default();
    each(&source, recordings, |name, request, events| tally.add(&mut output, name, request, events))?;
    output.end()?;
    if let Some(folder) = bless {
        let source = source()?;
        for request in &tally.identical {
            export::export(&source, &[*request], Form::Codextrace, &folder.join(format!("{request}.codextrace")))?;
        }
    }
    match tally {
        Tally { different: 0, unplayable: 0, .. } => Ok(()),
        Tally { different: 0, unplayable, .. } => {
            Err(Failure::NothingFound(format!("{} could not be replayed", count(unplayable, "request"))))
        }
        Tally { different, .. } => {
            Err(Failure::NothingFound(format!("another answer than then: {}", count(different, "request"))))
        }
    }
}

/// Hands every request to `take`, by its name, with the events of its file.
fn each(
    source: &impl Fn() -> Result<Source, Failure>,
    recordings: &[Recording],
    mut take: impl FnMut(&str, RequestId, &[Event]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut journal = None;
    for recording in recordings {
        match recording {
            Recording::File(path) => {
                let Bundle { manifest, events, .. } = Bundle::read(path)?;
                for request in manifest.requests {
                    take(&format!("{}  {request}", path.display()), request, &events)?;
                }
            }
            Recording::Request(request) => {
                let source = match &mut journal {
                    Some(source) => source,
                    empty => empty.insert(source()?),
                };
                take(&request.to_string(), *request, &events_of(source, *request)?)?;
            }
        }
    }
    Ok(())
}

fn events_of(source: &Source, request: RequestId) -> Result<Vec<Event>, Failure> {
    let mut events = Vec::new();
    source.read(Query::Show { request })?.each(|line| {
        let event = serde_json::from_str(line).map_err(|error| {
            Failure::Damaged(format!("an event of {request} is none: {error}: {}", plain(line, 80)))
        })?;
        events.push(event);
        Ok(())
    })?;
    Ok(events)
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed >= 0.0);
    speed.ok_or_else(|| "a number from 0 on".to_owned())
}

// === impl Recording ===

impl Recording {
    /// A request's id, else a path.
    #[allow(clippy::unnecessary_wraps, reason = "clap asks for a result")]
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.parse().map_or_else(|_| Self::File(Path::new(text).to_owned()), Self::Request))
    }
}

// === impl Tally ===

impl Tally {
    /// Replays one, which is called `name`.
    fn add(&mut self, output: &mut Output, name: &str, request: RequestId, events: &[Event]) -> Result<(), Failure> {
        match replay(request, events) {
            Ok(Replayed::Identical(Extent { frames, chunks })) => {
                self.identical.push(request);
                output.line(&format!("{name}  identical  {}, {}", counted(frames, "frame"), counted(chunks, "chunk")))
            }
            Ok(Replayed::Refused { code }) => {
                output.line(&format!("{name}  identical  refused as {code} before a worker saw it"))
            }
            Ok(Replayed::Different(difference)) => {
                self.different += 1;
                output.line(&format!("{name}  different  {}", place(&difference)))?;
                excerpts(&difference).iter().try_for_each(|line| output.line(line))
            }
            Err(unplayable) => {
                self.unplayable += 1;
                note(&format!("{name} cannot be replayed: {unplayable}"));
                Ok(())
            }
        }
    }
}

/// Where the first difference is.
fn place(difference: &Difference) -> String {
    let Difference { seq, at, frame, .. } = difference;
    let frame = frame.map_or_else(|| "before any frame".to_owned(), |frame| format!("after frame {frame}"));
    format!("at event {seq} ({}), {frame}", at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))
}

/// Both sides around the first byte that differs.
fn excerpts(difference: &Difference) -> [String; 3] {
    let common = difference.common();
    let side = |text: &Option<String>| match text {
        None => "(nothing)".to_owned(),
        Some(text) => {
            let start = (0..=common.min(text.len())).rev().filter(|at| text.is_char_boundary(*at)).nth(AROUND);
            plain(&text[start.unwrap_or(0)..], 2 * AROUND)
        }
    };
    [
        format!("  recorded  {}", side(&difference.recorded)),
        format!("  replayed  {}", side(&difference.replayed)),
        format!("  the first {common} bytes are the same"),
    ]
}
