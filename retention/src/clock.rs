//! Whether the wall clock can be trusted with destroying things.
//!
//! A wall clock that is ahead makes traces look older than they are, and what was disposed of does not come back. One that
//! is behind keeps them for longer, which mends itself.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// How many sweep intervals the journal may have stood still before the first sweep waits.
const GAP_INTERVALS: u32 = 10;

/// How long the first sweep waits then, by the monotonic clock: long enough to see an alarm and set the clock.
const GAP_WAIT: Duration = Duration::from_secs(60 * 60);

/// How many sweeps in a row must agree with the monotonic clock after a jump.
const AGREEMENTS: i32 = 2;

/// A moment by both clocks, read one right after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The time of day.
    pub wall: Timestamp,
    /// The time since any moment that stays the same for the life of a [`Sweeper`](crate::Sweeper).
    pub monotonic: Duration,
}

/// Sweeps dispose of nothing because the wall clock may be wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClockWait {
    /// When it began, by the wall clock.
    pub since: Timestamp,
    /// When a sweep may dispose again at the earliest, by the wall clock, unless the clock is confirmed before.
    pub until: Timestamp,
    /// Why.
    pub doubt: Doubt,
}

/// Why the wall clock may be wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Between two sweeps it went further than the monotonic clock, by more than a sweep interval. Two sweeps in a row
    /// must agree with that clock.
    Jump {
        /// How much further.
        ahead: SignedDuration,
    },
    /// At start it was further past the last time known to the journal than ten sweep intervals. Either the service was
    /// away, or the clock is wrong; an hour must pass.
    Gap {
        /// The last time known to the journal.
        last_known: Timestamp,
        /// How far past it.
        past: SignedDuration,
    },
}

/// Compares the clocks at each sweep.
#[derive(Debug)]
pub(crate) struct Clock {
    sweep_interval: SignedDuration,
    /// The sweep before, or the start; `None` if the next one is to be believed.
    last: Option<Now>,
    jump: Option<Jump>,
    gap: Option<Gap>,
}

#[derive(Debug)]
struct Jump {
    since: Timestamp,
    ahead: SignedDuration,
    /// Sweeps in a row that agreed since.
    agreed: i32,
}

#[derive(Debug)]
struct Gap {
    since: Timestamp,
    last_known: Timestamp,
    past: SignedDuration,
    /// By the monotonic clock.
    ends: Duration,
}

fn signed(time: Duration) -> SignedDuration {
    SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
}

fn after(at: Timestamp, time: SignedDuration) -> Timestamp {
    at.checked_add(time).unwrap_or(Timestamp::MAX)
}

// === impl Now ===

impl Now {
    /// How much further the wall clock went since `last` than the monotonic clock.
    fn ahead_since(&self, last: &Self) -> SignedDuration {
        let elapsed = signed(self.monotonic.saturating_sub(last.monotonic));
        self.wall.duration_since(last.wall).saturating_sub(elapsed)
    }
}

// === impl Clock ===

impl Clock {
    /// `last_known` is the last time known to the journal; `None` if it is empty, so that nothing can be lost.
    pub(crate) fn new(sweep_interval: Duration, last_known: Option<Timestamp>, now: Now) -> Self {
        let limit = signed(sweep_interval.saturating_mul(GAP_INTERVALS));
        let gap = last_known.and_then(|last_known| {
            let past = now.wall.duration_since(last_known);
            let ends = now.monotonic.saturating_add(GAP_WAIT);
            (past > limit).then_some(Gap { since: now.wall, last_known, past, ends })
        });
        Self { sweep_interval: signed(sweep_interval), last: Some(now), jump: None, gap }
    }

    /// Somebody vouches for the wall clock as it is.
    pub(crate) fn confirm(&mut self) {
        *self = Self { sweep_interval: self.sweep_interval, last: None, jump: None, gap: None };
    }

    /// Takes a sweep's time into account and says why that sweep must wait, if it must.
    pub(crate) fn check(&mut self, now: Now) -> Option<ClockWait> {
        if let Some(last) = self.last.replace(now) {
            self.compare(last, now);
        }
        self.gap = self.gap.take().filter(|gap| now.monotonic < gap.ends);
        self.wait(now)
    }

    /// Why a sweep at `now` must wait, as far as is known.
    pub(crate) fn wait(&self, now: Now) -> Option<ClockWait> {
        let jump = self.jump.as_ref().map(|jump| ClockWait {
            since: jump.since,
            until: after(now.wall, self.sweep_interval.saturating_mul(AGREEMENTS - jump.agreed)),
            doubt: Doubt::Jump { ahead: jump.ahead },
        });
        let gap = self.gap.as_ref().map(|gap| ClockWait {
            since: gap.since,
            until: after(now.wall, signed(gap.ends.saturating_sub(now.monotonic))),
            doubt: Doubt::Gap { last_known: gap.last_known, past: gap.past },
        });
        gap.or(jump)
    }

    fn compare(&mut self, last: Now, now: Now) {
        let ahead = now.ahead_since(&last);
        if ahead > self.sweep_interval {
            self.jump = Some(Jump { since: now.wall, ahead, agreed: 0 });
        } else if let Some(jump) = &mut self.jump {
            // Back is no danger, but a clock that does it has not settled.
            jump.agreed = if ahead < -self.sweep_interval { 0 } else { jump.agreed + 1 };
            if jump.agreed == AGREEMENTS {
                self.jump = None;
            }
        }
    }
}

// === impl ClockWait ===

impl fmt::Display for ClockWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { until, doubt, .. } = self;
        write!(f, "{doubt}; nothing is disposed of before {until:.0}, unless somebody confirms the clock")
    }
}

// === impl Doubt ===

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |time: &SignedDuration| SignedDuration::from_secs(time.as_secs());
        match self {
            Self::Jump { ahead } => {
                write!(f, "the wall clock jumped ahead of the monotonic clock by {:#}", whole(ahead))?;
                f.write_str(" and two sweeps in a row have to agree with that first")
            }
            Self::Gap { last_known, past } => {
                write!(
                    f,
                    "at start the wall clock was {:#} past the last time in the journal, {last_known:.0}",
                    whole(past)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests;
