//! `replay`: recorded requests once more through the translators of this version.

use std::path::{Path, PathBuf};

use codex_completions_api::replay::{Difference, Extent, Replayed, replay};
use journal::{Event, Query, RequestId};

use crate::bundle::Bundle;
use crate::failure::Failure;
use crate::note;
use crate::output::Output;
use crate::source::Source;
use crate::text::plain;

/// How much is shown around the first byte that differs, in characters.
const AROUND: usize = 60;

/// Something to be replayed.
#[derive(Debug, Clone)]
pub(crate) enum Recording {
    /// An exported file.
    File(PathBuf),
    /// A request of the journal.
    Request(RequestId),
}

/// What came of all of them.
#[derive(Default)]
struct Tally {
    different: usize,
    unplayable: usize,
}

/// Replays everything, and tells of each request.
pub(crate) fn run(source: impl Fn() -> Result<Source, Failure>, recordings: &[Recording]) -> Result<(), Failure> {
    let mut output = Output::new();
    let mut tally = Tally::default();
    let mut journal = None;
    for recording in recordings {
        match recording {
            Recording::File(path) => {
                let Bundle { manifest, events, .. } = Bundle::read(path)?;
                for request in manifest.requests {
                    tally.add(&mut output, request, &events)?;
                }
            }
            Recording::Request(request) => {
                let source = match &mut journal {
                    Some(source) => source,
                    empty => empty.insert(source()?),
                };
                tally.add(&mut output, *request, &events_of(source, *request)?)?;
            }
        }
    }
    output.end()?;
    match tally {
        Tally { different: 0, unplayable: 0 } => Ok(()),
        Tally { different: 0, unplayable } => {
            Err(Failure::NothingFound(format!("{unplayable} requests could not be replayed")))
        }
        Tally { different, .. } => Err(Failure::NothingFound(format!("{different} requests have other answers now"))),
    }
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

// === impl Recording ===

impl Recording {
    /// A request's id, else a path.
    #[allow(clippy::unnecessary_wraps, reason = "clap asks for a result")]
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Ok(text.parse().map_or_else(|_| Self::File(Path::new(text).to_owned()), Self::Request))
    }
}

// === impl Tally ===

impl Tally {
    fn add(&mut self, output: &mut Output, request: RequestId, events: &[Event]) -> Result<(), Failure> {
        match replay(request, events) {
            Ok(Replayed::Identical(Extent { frames, chunks })) => {
                output.line(&format!("{request}  identical  {frames} frames, {chunks} chunks"))
            }
            Ok(Replayed::Refused { code }) => {
                output.line(&format!("{request}  identical  refused as {code} before a worker saw it"))
            }
            Ok(Replayed::Different(difference)) => {
                self.different += 1;
                output.line(&format!("{request}  different  {}", place(&difference)))?;
                excerpts(&difference).iter().try_for_each(|line| output.line(line))
            }
            Err(unplayable) => {
                self.unplayable += 1;
                note(&format!("{request} cannot be replayed: {unplayable}"));
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
