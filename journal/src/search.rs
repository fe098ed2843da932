//! Searching the lines of all events, newest first, on all processors.
//!
//! Parts of segments are searched at the same time, some more parts than there are threads in one go, and what is found is put
//! in order. Between any two blocks a segment may be sealed, or disposed of but for what is held of it. What was to be searched
//! there is then looked for again in its new form, below the last line that was found.

mod pattern;
mod unit;

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::vec;

use jiff::Timestamp;

pub use self::pattern::{Pattern, PatternError, Syntax};
use self::unit::{Elsewhere, Found, Place, Unit};
use crate::error::Error;
use crate::events::Line;
use crate::sealed::line;
use crate::segment::SegmentName;
use crate::shared::Shared;

/// The most threads of one search. The service has other things to do.
const THREADS_MAX: usize = 8;

/// Parts of segments that each thread searches in one go, so that few wait for the last one.
const UNITS: usize = 4;

/// With more than this found in one go, in bytes, the next one is of one unit a thread: it could be everything that is found.
const FOUND_MUCH: usize = 1024 * 1024;

/// Which events are searched. The default is all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scope {
    /// Those of this time or later.
    pub since: Option<Timestamp>,
    /// Those before this time.
    pub until: Option<Timestamp>,
    /// Those before this sequence number: to go on behind a line that was the last one.
    pub before: Option<u64>,
    /// How many lines are wanted at most.
    pub limit: Option<usize>,
}

/// Lines in which a pattern is found, newest first. See [`Reader::search`](crate::Reader::search).
pub struct Search {
    shared: Arc<Shared>,
    pattern: Pattern,
    scope: Scope,
    /// The segments to search, oldest first.
    segments: Vec<SegmentName>,
    /// How many of them are still to be searched, the last one of those from `place` on.
    ahead: usize,
    /// `None` before the newest part of that segment.
    place: Option<Place>,
    /// Events from this number on are not wanted, or were found already.
    below: u64,
    found: vec::IntoIter<Result<Line, Error>>,
    found_much: bool,
    left: usize,
}

// === impl Scope ===

impl Scope {
    /// Whether something between these times, both included, can be in it.
    fn meets(&self, began_at: Timestamp, ended_at: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= ended_at) && self.until.is_none_or(|until| began_at < until)
    }

    /// Whether the time of the event in `line` is in it.
    fn takes(&self, line: &str) -> bool {
        (self.since.is_none() && self.until.is_none()) || line::at(line).is_some_and(|at| self.meets(at, at))
    }
}

// === impl Search ===

impl Search {
    pub(crate) fn new(shared: Arc<Shared>, pattern: Pattern, scope: Scope) -> Self {
        let head = shared.head();
        let below = scope.before.map_or(head + 1, |before| before.min(head + 1));
        let segments = shared.names();
        let ahead = segments.partition_point(|name| name.first_seq < below);
        let (found, left) = (Vec::new().into_iter(), scope.limit.unwrap_or(usize::MAX));
        Self { shared, pattern, scope, segments, ahead, place: None, below, found, found_much: true, left }
    }

    /// Searches some units.
    fn search_on(&mut self) {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        let (units, mut unreadable) = self.plan(if self.found_much { threads } else { threads * UNITS });
        let mut rows = Vec::new();
        let mut bytes = 0;
        for (unit, searched) in units.iter().zip(self.search_units(&units, threads)) {
            let Ok(Found { lines, errors }) = searched else {
                self.go_back_to(unit.name);
                unreadable = None;
                break;
            };
            rows.extend(errors.into_iter().map(Err));
            for line in lines {
                if line.seq < self.below {
                    self.below = line.seq;
                    bytes += line.text.len();
                    rows.push(Ok(line));
                }
            }
        }
        rows.extend(unreadable.map(Err));
        self.found_much = bytes > FOUND_MUCH;
        self.found = rows.into_iter();
    }

    /// The next units, at most `most`, newest first. Fewer if there are no more, or if a segment comes behind them that cannot be
    /// read, of which the error is.
    fn plan(&mut self, most: usize) -> (Vec<Unit>, Option<Error>) {
        let mut units = Vec::new();
        while let Some(index) = self.ahead.checked_sub(1).filter(|_| units.len() < most) {
            let name = self.segments[index];
            // What a segment holds beyond the beginning of the next one, it holds because a write failed; it stands in the next one.
            let below = self.segments.get(index + 1).map_or(self.below, |next| next.first_seq.min(self.below));
            let place = match self.place {
                Some(place) => Some(place),
                None => match self.shared.segment(name) {
                    Ok(segment) => segment.and_then(|segment| Place::newest(&segment, below, &self.scope)),
                    Err(error) => {
                        self.ahead = index;
                        return (units, Some(error));
                    }
                },
            };
            self.place = place.and_then(Place::older);
            if self.place.is_none() {
                self.ahead = index;
            }
            units.extend(place.map(|place| Unit { name, place, below }));
        }
        (units, None)
    }

    /// Begins again with the newest part of the segment `name`.
    fn go_back_to(&mut self, name: SegmentName) {
        self.ahead = self.segments.partition_point(|other| *other <= name);
        self.place = None;
    }

    /// Searches `units`, each thread one after the other, and returns the results in order.
    fn search_units(&self, units: &[Unit], threads: usize) -> Vec<Result<Found, Elsewhere>> {
        let next = AtomicUsize::new(0);
        let work = || {
            // A regular expression is slower when threads share it.
            let pattern = self.pattern.clone();
            let mut searched = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(unit) = units.get(index) else { return searched };
                searched.push((index, unit.search(&self.shared, &pattern, &self.scope)));
            }
        };
        let mut searched = thread::scope(|scope| {
            // Those that cannot be made are not needed.
            let spawn = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
            let helpers: Vec<_> = (1..threads.min(units.len())).filter_map(spawn).collect();
            let mut searched = work();
            for helper in helpers {
                searched.extend(helper.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
            }
            searched
        });
        searched.sort_unstable_by_key(|(index, _)| *index);
        searched.into_iter().map(|(_, searched)| searched).collect()
    }
}

impl Iterator for Search {
    type Item = Result<Line, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            if let Some(row) = self.found.next() {
                self.left -= usize::from(row.is_ok());
                return Some(row);
            }
            if self.ahead == 0 {
                return None;
            }
            self.search_on();
        }
        None
    }
}
