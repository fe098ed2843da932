//! How fast recorded frames go through the translators: the exported files given, over and over, in one process and on one thread.

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use codex_completions_api::replay::{Replayed, replay};
use journal::Event;

/// Measure the offline replay.
#[derive(Debug, Parser)]
#[command(after_help = "Example:\n  replay-bench tests/fixtures/*.codextrace")]
struct Arguments {
    /// Exported files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// How long, in seconds
    #[arg(long, default_value_t = 2)]
    seconds: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut recordings = Vec::new();
    for path in &arguments.files {
        let text = std::fs::read_to_string(path)?;
        // The first line and the last are no events.
        let events: Vec<Event> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let request = events.iter().find_map(|event| event.draft.request).ok_or("a file without a request")?;
        recordings.push((request, events));
    }
    let (began, limit) = (Instant::now(), Duration::from_secs(arguments.seconds));
    let (mut frames, mut requests) = (0_u64, 0_u64);
    while began.elapsed() < limit {
        for (request, events) in &recordings {
            match replay(*request, events)? {
                Replayed::Identical(extent) => frames += extent.frames,
                other => return Err(format!("{request} is not identical: {other:?}").into()),
            }
            requests += 1;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate is for reading")]
    let rate = |count: u64| count as f64 / began.elapsed().as_secs_f64();
    println!("{:.0} frames/s, {:.0} requests/s, on one thread", rate(frames), rate(requests));
    Ok(())
}
