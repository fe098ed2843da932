//! What is due, and its disposal.

use jiff::Timestamp;
use journal::{Journal, SegmentAge};

use crate::policy::Policy;

/// What a sweep did. Everything in it is durable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The segments that are gone, oldest first.
    pub segments: Vec<Disposed>,
    /// How many days of summaries are gone.
    pub summary_days: usize,
}

/// A segment that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposed {
    /// The segment's name.
    pub segment: String,
    /// The sequence number of the `segment.disposed` event that says so.
    pub seq: u64,
}

/// Not everything that is due is gone. The next sweep tries again.
#[derive(Debug, thiserror::Error)]
#[error("{failures} of what is due for disposal could not be disposed of, first {what}: {source}")]
pub struct Error {
    /// What was disposed of nevertheless.
    pub report: Report,
    /// How many segments failed, plus one if summaries did.
    pub failures: usize,
    /// The first that failed: `segment …` or `summaries`.
    pub what: String,
    /// Why it did.
    pub source: Box<journal::Error>,
}

/// The segments whose time is up at `now`, out of all `segments` in order. The newest one can be among them: it is to be
/// disposed of as well, after another was begun.
///
/// A segment's time is up when its oldest event, by when it was opened, reaches the policy's time for content. One that was
/// opened after `now`, while the clock was ahead, counts as opened when its successor was.
pub fn plan(segments: &[SegmentAge], now: Timestamp, policy: Policy) -> Vec<&SegmentAge> {
    let mut due = Vec::new();
    let mut opened_at = now;
    for segment in segments.iter().rev() {
        if segment.opened_at <= now {
            opened_at = segment.opened_at;
        }
        if policy.ends_content_of(opened_at, now) {
            due.push(segment);
        }
    }
    due.reverse();
    due
}

/// Disposes of the segments and of the days of summaries whose time is up at `now`. What fails does not keep the rest from
/// going.
pub fn sweep(journal: &mut Journal, now: Timestamp, policy: Policy) -> Result<Report, Error> {
    let ages = journal.segment_ages();
    let mut due = plan(&ages, now, policy);
    let mut report = Report::default();
    let mut failures = Vec::new();
    // First of all, so that the disposals are told in a segment that stays.
    if let Some(newest) = ages.last().filter(|newest| must_end(newest, &due, now))
        && let Err(error) = journal.begin_segment(now)
    {
        due.retain(|segment| !segment.live);
        failures.push((format!("segment {}", newest.name), error));
    }
    for SegmentAge { name, .. } in due {
        match journal.dispose_segment(name, now, &policy.reason()) {
            Ok(seq) => report.segments.push(Disposed { segment: name.clone(), seq }),
            Err(error) => failures.push((format!("segment {name}"), error)),
        }
    }
    if let Some(date) = policy.first_day_kept(now) {
        match journal.dispose_summaries_before(date) {
            Ok(days) => report.summary_days = days,
            Err(error) => failures.push(("summaries".to_owned(), error)),
        }
    }
    let count = failures.len();
    match failures.into_iter().next() {
        None => Ok(report),
        Some((what, source)) => Err(Error { report, failures: count, what, source: Box::new(source) }),
    }
}

/// Whether the newest segment must not be written to any longer: its own time is up, or it was opened while the clock was
/// ahead, so that neither its period nor its time would be over before the clock gets there again.
fn must_end(newest: &SegmentAge, due: &[&SegmentAge], now: Timestamp) -> bool {
    due.contains(&newest) || newest.opened_at > now
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn due(opened: &[&str], now: &str) -> Vec<usize> {
        let age = |(n, opened_at): (usize, &&str)| SegmentAge {
            name: n.to_string(),
            opened_at: format!("2026-11-{opened_at}:00Z").parse().unwrap(),
            live: n + 1 == opened.len(),
        };
        let ages: Vec<_> = opened.iter().enumerate().map(age).collect();
        let now = format!("2026-11-{now}:00Z").parse().unwrap();
        let policy = Policy::try_new(HOUR * 24, HOUR * 24).unwrap();
        plan(&ages, now, policy).into_iter().map(|segment| segment.name.parse().unwrap()).collect()
    }

    #[test]
    fn a_segment_is_due_at_the_moment_its_oldest_event_reaches_the_time() {
        let opened = ["20T10:00", "20T11:00", "20T12:00"];
        assert!(due(&opened, "21T09:59").is_empty());
        assert_eq!(due(&opened, "21T10:00"), [0]);
        assert_eq!(due(&opened, "21T11:59"), [0, 1]);
    }

    #[test]
    fn the_newest_is_due_like_the_others() {
        assert_eq!(due(&["20T10:00"], "21T10:00"), [0]);
        assert!(due(&[], "21T10:00").is_empty());
    }

    #[test]
    fn a_clock_that_was_ahead_keeps_nothing_longer() {
        let opened = ["20T10:00", "29T00:00", "20T11:00", "20T12:00"];
        assert_eq!(due(&opened, "21T10:30"), [0]);
        assert_eq!(due(&opened, "21T11:00"), [0, 1, 2]);
    }

    #[test]
    fn a_clock_that_was_behind_lets_only_its_own_go_early() {
        assert_eq!(due(&["20T10:00", "18T00:00", "20T12:00"], "20T13:00"), [1]);
        assert!(due(&["20T10:00", "20T11:00"], "01T00:00").is_empty());
    }
}
