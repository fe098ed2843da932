//! Why nothing is known of a request: its id names its time, and the ledger knows what became of that.

use codex_completions_api::admin::Operation;
use codex_completions_api::admin::answers::Segment;
use jiff::{SignedDuration, Timestamp};
use journal::{Filter, Query, RequestId, SegmentDisposed};
use serde::Deserialize;

use crate::failure::Failure;
use crate::list;
use crate::source::{Lines, Source};
use crate::text::{moment, plain};

/// How far a request's summary may be from the time of its id.
const APART: SignedDuration = SignedDuration::from_mins(5);

/// As much of a policy's digest as tells it from others.
const DIGEST: usize = 12;

/// The longest text of the ledger that is shown whole, in characters.
const TEXT_MAX: usize = 200;

/// A time of which events are kept, without a break; up to now if it has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    from: Timestamp,
    until: Option<Timestamp>,
}

/// An entry of the ledger, if it is of a disposal.
#[derive(Deserialize)]
struct Entry {
    n: u64,
    at: Timestamp,
    data: SegmentDisposed,
}

/// `failure`, and if it is that nothing was found of `request`, why.
pub(crate) fn explained(source: &Source, request: RequestId, failure: Failure) -> Failure {
    let Failure::NothingFound(what) = failure else { return failure };
    let why = match request.time() {
        None => Ok("an id of this service names the time at which it was made, and this one does not".to_owned()),
        Some(time) => explain(source, request, time),
    };
    // That it is not known why does not change that nothing is there.
    Failure::NothingFound(why.map_or(what.clone(), |why| format!("{what}\n{why}")))
}

fn explain(source: &Source, request: RequestId, time: Timestamp) -> Result<String, Failure> {
    let made = format!("its id was made at {}", moment(time));
    if let Some(entry) = disposal(source, time)? {
        let Entry { n, at, data } = entry;
        let (from, to) = (moment(data.opened_at), moment(data.ended_at.unwrap_or(at)));
        let (reason, actor) = (plain(&data.reason, TEXT_MAX), plain(&data.actor, TEXT_MAX));
        let policy = plain(&data.policy, DIGEST);
        let rest = if is_summarised(source, request, time)? {
            "its summary is kept: `codex-trace list` shows it"
        } else {
            "no summary of it is kept, so nothing says whether it was among them"
        };
        return Ok(format!(
            "{made}; the events from {from} to {to} were disposed of at {}: {reason}, by {actor}, under the policy {policy} (entry {n} of \
             the ledger); {rest}",
            moment(at)
        ));
    }
    let windows = windows(source)?;
    if let Some(window) = windows.iter().find(|window| window.holds(time)) {
        return Ok(format!(
            "{made}; events are kept {}, and none is of it: it is of another service, or of a time when this one did not run",
            window.in_words()
        ));
    }
    let nearest = windows.iter().min_by_key(|window| window.distance(time));
    let nearest = nearest.map_or_else(
        || "nothing is kept".to_owned(),
        |window| format!("the nearest time that is kept is {}", window.in_words()),
    );
    Ok(format!("{made}; nothing was recorded then, and nothing disposed of; {nearest}"))
}

/// The disposal of the events of `time`.
fn disposal(source: &Source, time: Timestamp) -> Result<Option<Entry>, Failure> {
    let mut found = None;
    each(source.operate(&Operation::Ledger)?, |line| {
        // Entries of other types have other data.
        let entry = Some(line).filter(|line| line.contains(r#""type":"segment.disposed""#));
        if let Some(entry) = entry.and_then(|line| serde_json::from_str::<Entry>(line).ok())
            && (entry.data.opened_at..=entry.data.ended_at.unwrap_or(entry.at)).contains(&time)
        {
            found = Some(entry);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Whether the summaries around `time` have one of `request`.
fn is_summarised(source: &Source, request: RequestId, time: Timestamp) -> Result<bool, Failure> {
    let (since, until) = (time.checked_sub(APART).ok(), time.checked_add(APART).ok());
    let filter = Filter { since, until, ..Filter::default() };
    let mut found = false;
    each(source.read(Query::List { filter, limit: None, before: None })?, |line| {
        found |= list::summary(line)?.id == request;
        Ok(())
    })?;
    Ok(found)
}

/// The times of which all events are kept, oldest first.
fn windows(source: &Source) -> Result<Vec<Window>, Failure> {
    let mut windows: Vec<Window> = Vec::new();
    each(source.operate(&Operation::Segments)?, |line| {
        let segment: Option<Segment> = serde_json::from_str(line).ok();
        if let Some(Segment { opened_at, until, .. }) = segment.filter(|segment| !segment.held) {
            match windows.last_mut().filter(|window| window.until == Some(opened_at)) {
                Some(window) => window.until = until,
                None => windows.push(Window { from: opened_at, until }),
            }
        }
        Ok(())
    })?;
    Ok(windows)
}

/// Takes an answer that may be empty.
fn each(lines: Lines, take: impl FnMut(&str) -> Result<(), Failure>) -> Result<(), Failure> {
    match lines.each(take) {
        Err(Failure::NothingFound(_)) => Ok(()),
        end => end,
    }
}

// === impl Window ===

impl Window {
    fn holds(self, time: Timestamp) -> bool {
        self.distance(time) == SignedDuration::ZERO
    }

    /// How far `time` is from it.
    fn distance(self, time: Timestamp) -> SignedDuration {
        let end = self.until.unwrap_or_else(Timestamp::now);
        match (time < self.from, end < time) {
            (true, _) => self.from.duration_since(time),
            (false, true) => time.duration_since(end),
            (false, false) => SignedDuration::ZERO,
        }
    }

    fn in_words(self) -> String {
        let until = self.until.map_or_else(|| "now".to_owned(), moment);
        format!("from {} to {until}", moment(self.from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_to_the_nearer_end() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let window = Window { from: time("2026-01-01T10:00:00Z"), until: Some(time("2026-01-01T12:00:00Z")) };
        assert_eq!(window.distance(time("2026-01-01T09:00:00Z")), SignedDuration::from_hours(1));
        assert_eq!(window.distance(time("2026-01-01T15:00:00Z")), SignedDuration::from_hours(3));
        assert!(window.holds(time("2026-01-01T11:00:00Z")));
        assert!(!Window { until: None, ..window }.holds(time("2999-01-01T00:00:00Z")));
        assert_eq!(Window { until: None, ..window }.in_words(), "from 2026-01-01T10:00:00Z to now");
    }
}
