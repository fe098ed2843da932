//! What is due.

use std::fmt;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use journal::SegmentAge;
use serde::{Serialize, Serializer};

use crate::policy::{Policy, Terms};
use crate::written;

/// What is due at a moment, and what stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The moment.
    pub at: Timestamp,
    /// The digest of the policy.
    pub policy: String,
    /// The segments that go, oldest first.
    pub segments: Vec<Due>,
    /// The newest segment if it must not be written to any longer: its own time is up, or it was opened while the clock was
    /// ahead, so that neither its period nor its time would be over before the clock gets there again.
    pub end_first: Option<String>,
    /// The first UTC day whose summaries are kept; `None` if that lies before all time.
    pub summaries_before: Option<Date>,
    /// The first UTC day whose pseudonyms keep their key; `None` if that lies before all time.
    pub pseudonyms_before: Option<Date>,
    /// The first day of the first UTC month whose ledger is kept; `None` if that lies before all time.
    pub ledger_before: Option<Date>,
    /// What all segments take up now, in bytes on disk.
    pub bytes: u64,
    /// What those that stay take up.
    pub bytes_kept: u64,
    /// Whether there was more than `max_bytes`, so that content goes before its time or, where only the newest segment and
    /// held ones are left to go, takes up more than it may.
    pub max_bytes_struck: bool,
    /// When the next of those that stay reaches its time, as far as is known at `at`. What is held has none.
    pub next_due: Option<Timestamp>,
}

/// A segment that is to go, or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    /// Its name.
    pub segment: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// What it takes up on disk.
    pub bytes: u64,
    /// Why it goes.
    pub reason: Reason,
}

/// Why something goes. Displayed and serialised in words for an auditor: `content_ttl 72h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The oldest event of a segment reached this age.
    ContentTtl(Duration),
    /// All segments together took up more than this many bytes, and it was the oldest that could go.
    MaxBytes(u64),
    /// The last moment of a day of summaries reached this age.
    SummaryTtl(Duration),
    /// The last moment of a month of the ledger reached this age.
    LedgerTtl(Duration),
}

/// Says which of `segments`, all there are in order, are due at `now`, and which summaries, pseudonyms and ledger months.
///
/// A segment is due when its oldest event, by when it was opened, reaches the policy's time for content. One that was opened
/// after `now`, while the clock was ahead, counts as opened when its successor was; one that was opened ahead of its
/// successor and not of `now` counts by itself, so that it may stay for longer by as much as the clock was ahead, because
/// nothing tells it from one whose successor was opened while the clock was behind. The newest one can be due as well, once
/// another was begun. Then, while the rest takes up more than `max_bytes`, so is the oldest of them, but for the newest one.
/// What is held is never due.
pub fn plan(segments: &[SegmentAge], now: Timestamp, policy: &Policy) -> Plan {
    let terms = policy.terms();
    let due_at = due_times(segments, now, terms.content_ttl);
    let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
    let bytes = segments.iter().fold(0, |sum: u64, segment| sum.saturating_add(segment.bytes));
    let expired = segments.iter().zip(&due_at).filter(|(_, at)| is_due(**at));
    let mut bytes_kept = expired.fold(bytes, |sum, (segment, _)| sum.saturating_sub(segment.bytes));
    let max_bytes_struck = bytes_kept > terms.max_bytes;

    let mut due = Vec::new();
    let mut next_due: Option<Timestamp> = None;
    for (segment, at) in segments.iter().zip(due_at) {
        let reason = if is_due(at) {
            Reason::ContentTtl(terms.content_ttl)
        } else if bytes_kept > terms.max_bytes && !segment.live && !segment.held {
            bytes_kept = bytes_kept.saturating_sub(segment.bytes);
            Reason::MaxBytes(terms.max_bytes)
        } else {
            next_due = next_due.into_iter().chain(at).min();
            continue;
        };
        due.push(Due { segment: segment.name.clone(), opened_at: segment.opened_at, bytes: segment.bytes, reason });
    }
    Plan {
        at: now,
        policy: policy.digest(),
        end_first: end_first(segments, &due, now),
        segments: due,
        summaries_before: first_day_kept(terms, now),
        pseudonyms_before: first_key_kept(terms, now),
        ledger_before: first_month_kept(terms, now),
        bytes,
        bytes_kept,
        max_bytes_struck,
        next_due,
    }
}

/// When each segment reaches its time; `None` for never.
fn due_times(segments: &[SegmentAge], now: Timestamp, ttl: Duration) -> Vec<Option<Timestamp>> {
    let ttl = SignedDuration::try_from(ttl).ok();
    let mut opened_at = now;
    let newest_first = segments.iter().rev().map(|segment| {
        if segment.opened_at <= now {
            opened_at = segment.opened_at;
        }
        if segment.held { None } else { opened_at.checked_add(ttl?).ok() }
    });
    let mut times: Vec<_> = newest_first.collect();
    times.reverse();
    times
}

fn end_first(segments: &[SegmentAge], due: &[Due], now: Timestamp) -> Option<String> {
    let newest = segments.iter().rfind(|segment| segment.live)?;
    let is_due = due.iter().any(|due| due.segment == newest.name);
    (is_due || newest.opened_at > now).then(|| newest.name.clone())
}

fn day_before(now: Timestamp, ttl: Duration) -> Option<Date> {
    let oldest = now.checked_sub(SignedDuration::try_from(ttl).ok()?).ok()?;
    Some(TimeZone::UTC.to_datetime(oldest).date())
}

fn first_day_kept(terms: &Terms, now: Timestamp) -> Option<Date> {
    day_before(now, terms.summary_ttl)
}

/// What was received on a day lies in segments that were opened before the day's end or, for requests that went on over it, within
/// the period after it.
fn first_key_kept(terms: &Terms, now: Timestamp) -> Option<Date> {
    day_before(now, terms.content_ttl.checked_add(terms.segment_period)?)
}

fn first_month_kept(terms: &Terms, now: Timestamp) -> Option<Date> {
    Some(day_before(now, terms.ledger_ttl)?.first_of_month())
}

// === impl Plan ===

impl Plan {
    /// The first moment whose ledger is kept.
    pub(crate) fn ledger_cut(&self) -> Option<Timestamp> {
        let midnight = self.ledger_before?.at(0, 0, 0, 0);
        TimeZone::UTC.to_timestamp(midnight).ok()
    }
}

// === impl Reason ===

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContentTtl(ttl) => write!(f, "content_ttl {}", written::time(*ttl)),
            Self::MaxBytes(bytes) => write!(f, "max_bytes {}", written::size(*bytes)),
            Self::SummaryTtl(ttl) => write!(f, "summary_ttl {}", written::time(*ttl)),
            Self::LedgerTtl(ttl) => write!(f, "ledger_ttl {}", written::time(*ttl)),
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests;
