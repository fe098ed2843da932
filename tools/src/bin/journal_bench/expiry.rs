//! What it takes to expire most of a journal, and what that gives back.

use std::time::{Duration, Instant};

use journal::{Authority, Disposal};

use crate::corpus::{Corpus, SEGMENTS};
use crate::table::{Bound, Row, float, short};
use crate::writing::{self, disk_usage};
use crate::{Bench, Failure};

/// Segments that expire.
const EXPIRING: usize = SEGMENTS / 5 * 4;

pub(crate) fn run(_: &Bench, corpus: &Corpus) -> Result<Vec<Row>, Failure> {
    let mut journal = writing::open(&corpus.dir, corpus.period)?;
    let folder = corpus.dir.join("segments");
    let segments = journal.segments()?;
    let mut their_bytes = 0;
    for segment in &segments[..EXPIRING] {
        their_bytes += disk_usage(&folder.join(&segment.name))?;
    }
    let reason = || "content_ttl 72h".to_owned();
    let due: Vec<_> = segments[..EXPIRING]
        .iter()
        .map(|segment| Disposal { segment: segment.name.clone(), reason: reason() })
        .collect();
    let by = Authority { actor: "retention".to_owned(), policy: "0".repeat(64) };
    let before = disk_usage(&corpus.dir)?;
    let began = Instant::now();
    journal.dispose(&due, &by, corpus.at)?;
    let took = began.elapsed();
    let after = disk_usage(&corpus.dir)?;
    journal.close()?;
    let back = 100.0 * float(before.saturating_sub(after)) / float(their_bytes);
    let appending: Duration = corpus.appending[..EXPIRING].iter().sum();
    let share = 100.0 * took.as_secs_f64() / appending.as_secs_f64();
    let returned = Row {
        what: format!("expiring {EXPIRING} of {SEGMENTS} segments: disk back"),
        bound: Bound::AtLeast(99.0),
        unit: "%",
        measured: Some(back),
        note: format!(
            "{} of {} MB, of the whole folder",
            short(float(before - after) / 1e6),
            short(float(their_bytes) / 1e6)
        ),
    };
    let time = Row {
        what: "expiring them: time ÷ time of appending them".to_owned(),
        bound: Bound::AtMost(5.0),
        unit: "%",
        measured: Some(share),
        note: format!("{} ms and {} s", short(took.as_secs_f64() * 1e3), short(appending.as_secs_f64())),
    };
    Ok(vec![returned, time])
}
