//! What is kept for how long.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// How long traces are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    content_ttl: Duration,
    summary_ttl: Duration,
}

/// Why two durations make no policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Everything would go at once, events of requests under way among it.
    #[error("{name} is zero, which would keep nothing at all; give a time above zero, such as {example}")]
    Zero {
        /// `content_ttl` or `summary_ttl`.
        name: &'static str,
        /// A value that would do.
        example: &'static str,
    },
}

// === impl Policy ===

impl Policy {
    /// Keeps events for `content_ttl` and the summaries of requests for `summary_ttl`.
    ///
    /// Events go by whole segments, once the oldest event of a segment reaches `content_ttl`, so none is kept for longer
    /// and some go earlier, by up to the period of a segment. Summaries go by whole UTC days, once the last moment of a day
    /// reaches `summary_ttl`, so some are kept for up to a day longer.
    pub fn try_new(content_ttl: Duration, summary_ttl: Duration) -> Result<Self, PolicyError> {
        for (name, ttl, example) in [("content_ttl", content_ttl, "72h"), ("summary_ttl", summary_ttl, "90d")] {
            if ttl.is_zero() {
                return Err(PolicyError::Zero { name, example });
            }
        }
        Ok(Self { content_ttl, summary_ttl })
    }

    /// Whether what began at `since` has been kept for as long as events are kept.
    pub(crate) fn ends_content_of(&self, since: Timestamp, now: Timestamp) -> bool {
        Duration::try_from(now.duration_since(since)).is_ok_and(|age| age >= self.content_ttl)
    }

    /// The first UTC day whose summaries are kept; `None` if that lies before all time.
    pub(crate) fn first_day_kept(&self, now: Timestamp) -> Option<Date> {
        let ttl = SignedDuration::try_from(self.summary_ttl).ok()?;
        let oldest = now.checked_sub(ttl).ok()?;
        Some(TimeZone::UTC.to_datetime(oldest).date())
    }

    /// Why a segment goes, in words for an auditor: `content_ttl 72h`.
    pub(crate) fn reason(&self) -> String {
        format!("content_ttl {}", in_words(self.content_ttl))
    }
}

/// In the largest unit, up to hours, that says it exactly to the millisecond.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    match time.subsec_millis() {
        0 if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        0 if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        0 => format!("{seconds}s"),
        _ => format!("{}ms", time.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn zero_is_refused_by_name() {
        let error = Policy::try_new(Duration::ZERO, HOUR).unwrap_err();
        assert_eq!(
            error.to_string(),
            "content_ttl is zero, which would keep nothing at all; give a time above zero, such as 72h"
        );
        let error = Policy::try_new(HOUR, Duration::ZERO).unwrap_err();
        assert!(error.to_string().starts_with("summary_ttl is zero"), "{error}");
    }

    #[test]
    fn the_reason_gives_the_time_as_people_write_it() {
        for (time, text) in [
            (HOUR * 72, "content_ttl 72h"),
            (HOUR * 3 / 2, "content_ttl 90m"),
            (Duration::from_secs(61), "content_ttl 61s"),
            (Duration::from_millis(1500), "content_ttl 1500ms"),
        ] {
            assert_eq!(Policy::try_new(time, HOUR).unwrap().reason(), text);
        }
    }

    #[test]
    fn no_time_is_too_long() {
        let policy = Policy::try_new(Duration::MAX, Duration::MAX).unwrap();
        assert!(!policy.ends_content_of(Timestamp::MIN, Timestamp::MAX));
        assert_eq!(policy.first_day_kept(Timestamp::MAX), None);
    }

    #[test]
    fn a_day_is_kept_until_its_last_moment_is_too_old() {
        let policy = Policy::try_new(HOUR, HOUR * 48).unwrap();
        let first = |now: &str| policy.first_day_kept(now.parse().unwrap()).unwrap().to_string();
        assert_eq!(first("2026-11-23T23:59:59.9Z"), "2026-11-21");
        assert_eq!(first("2026-11-24T00:00:00Z"), "2026-11-22");
    }
}
