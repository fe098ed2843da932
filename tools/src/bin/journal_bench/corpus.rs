//! The journal that is read from: many segments, all sealed but the newest.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use journal::RequestId;

use crate::events::{STEP, Traffic};
use crate::{Bench, Failure, writing};

/// Segments it has.
pub(crate) const SEGMENTS: usize = 100;

pub(crate) struct Corpus {
    pub(crate) dir: PathBuf,
    pub(crate) period: Duration,
    /// How long each segment took to append.
    pub(crate) appending: Vec<Duration>,
    /// A request of each segment.
    pub(crate) requests: Vec<RequestId>,
    /// When its last event happened.
    pub(crate) at: Timestamp,
}

// === impl Corpus ===

impl Corpus {
    pub(crate) fn build(bench: &Bench) -> Result<Self, Failure> {
        let began = Instant::now();
        let dir = bench.folder("corpus")?.join("journal");
        let per_segment = bench.events() / SEGMENTS;
        let period = STEP.unsigned_abs() * u32::try_from(per_segment)?;
        let mut journal = writing::open(&dir, period)?;
        let mut traffic = Traffic::new(4, bench.began);
        let (mut appending, mut requests) = (Vec::new(), Vec::new());
        for _ in 0..SEGMENTS {
            let mut entries = traffic.entries(per_segment / 2)?;
            requests.extend(traffic.last_begun());
            entries.extend(traffic.entries(per_segment - per_segment / 2)?);
            appending.push(writing::append(&mut journal, &entries)?.whole);
        }
        let appended = began.elapsed();
        let at = traffic.at() - STEP;
        let sealing = writing::seal(&mut journal, at)?;
        let segments = journal.segments()?.len();
        journal.close()?;
        if segments != SEGMENTS {
            return Err(format!("{SEGMENTS} segments were to be made and there are {segments}").into());
        }
        eprintln!(
            "a journal of {} events: made in {:.1} s, of which appending took {:.1} s; sealed in {:.1} s",
            bench.events(),
            appended.as_secs_f64(),
            appending.iter().sum::<Duration>().as_secs_f64(),
            sealing.as_secs_f64(),
        );
        Ok(Self { dir, period, appending, requests, at })
    }
}
