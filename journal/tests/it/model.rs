//! The journal against a map in memory, under random use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::SignedDuration;
use journal::{HoldSelector, Journal, RequestId, Selection};
use proptest::prelude::*;

use crate::support::{HOUR, authority, fast_dir, frame, later, lines, noise, noon, open, seal_all, try_dispose};

/// How many requests there are.
const REQUESTS: usize = 4;

#[derive(Debug, Clone)]
enum Step {
    /// An event of a request, of so many bytes, so many hours after the one before.
    Append {
        request: usize,
        len: usize,
        hours: i32,
    },
    Flush,
    Seal,
    /// Dispose of the oldest segments, but not of the newest.
    Expire {
        count: usize,
    },
    Hold {
        request: usize,
    },
    Lift,
    Close,
    Drop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len = prop_oneof![8 => 0..2000_usize, 2 => 20_000..140_000_usize, 1 => 140_000..400_000_usize];
    let hours = prop_oneof![6 => Just(0), 1 => Just(1)];
    let append = (0..REQUESTS, len, hours).prop_map(|(request, len, hours)| Step::Append { request, len, hours });
    let step = prop_oneof![
        16 => append,
        4 => Just(Step::Flush),
        1 => Just(Step::Seal),
        1 => (1..4_usize).prop_map(|count| Step::Expire { count }),
        1 => (0..REQUESTS).prop_map(|request| Step::Hold { request }),
        1 => Just(Step::Lift),
        1 => Just(Step::Close),
        1 => Just(Step::Drop),
    ];
    prop::collection::vec(step, 1..80)
}

/// What the journal should hold.
#[derive(Default)]
struct Model {
    /// The events that were appended, by number: their request, and a text that no other has.
    events: BTreeMap<u64, (usize, String)>,
    /// Those that only a hold keeps.
    held: BTreeSet<u64>,
    /// The names of holds, by request.
    holds: BTreeMap<usize, String>,
    /// The last event that must survive a crash.
    flushed: u64,
}

struct Bench<'a> {
    dir: &'a Path,
    journal: Option<Journal>,
    ids: Vec<RequestId>,
    model: Model,
    clock: SignedDuration,
}

// === impl Bench ===

impl Bench<'_> {
    fn journal(&mut self) -> &mut Journal {
        self.journal.as_mut().expect("it is open between steps")
    }

    fn run(&mut self, step: &Step, n: u64) {
        match *step {
            Step::Append { request, len, hours } => {
                self.clock += HOUR * hours;
                let text = format!("<{n} {}>", noise(len, n));
                let draft = later(frame(self.ids[request], &text), self.clock);
                let seq = self.journal().append(&draft).unwrap();
                self.model.events.insert(seq, (request, text));
            }
            Step::Flush => {
                self.journal().flush().unwrap();
                self.flushed();
            }
            Step::Seal => seal_all(self.journal()),
            Step::Expire { count } => self.expire(count),
            Step::Hold { request } => {
                let selector = HoldSelector::Request(self.ids[request]);
                let hold = self.journal().place_hold(selector, "a test", "test", noon()).unwrap();
                if let Some(before) = self.model.holds.insert(request, hold) {
                    self.journal().lift_hold(&before, "replaced", "test", noon()).unwrap();
                }
                self.flushed();
            }
            Step::Lift => self.lift(),
            Step::Close => {
                self.journal.take().expect("open").close().unwrap();
                self.journal = Some(open(self.dir));
                self.flushed();
            }
            Step::Drop => {
                drop(self.journal.take());
                self.journal = Some(open(self.dir));
                // Full blocks were written without a flush and are kept; the open one is lost.
                let head = self.journal().reader().head();
                assert!(head >= self.model.flushed);
                self.model.events.retain(|seq, _| *seq <= head);
            }
        }
    }

    fn flushed(&mut self) {
        self.model.flushed = self.model.events.keys().last().copied().unwrap_or(0);
    }

    fn expire(&mut self, count: usize) {
        let segments: Vec<_> = self.journal().segments().unwrap().into_iter().filter(|age| !age.held).collect();
        let first_seqs: Vec<u64> = segments.iter().map(|age| age.name[..20].parse().unwrap()).collect();
        for (segment, range) in segments.iter().zip(first_seqs.windows(2)).take(count) {
            try_dispose(self.journal(), &segment.name, noon()).unwrap();
            let gone: Vec<u64> = self.model.events.range(range[0]..range[1]).map(|(seq, _)| *seq).collect();
            for seq in gone {
                if self.model.holds.contains_key(&self.model.events[&seq].0) {
                    self.model.held.insert(seq);
                } else {
                    self.model.events.remove(&seq);
                }
            }
            self.flushed();
        }
    }

    fn lift(&mut self) {
        if let Some((request, hold)) = self.model.holds.pop_first() {
            self.journal().lift_hold(&hold, "a test", "test", noon()).unwrap();
            let Model { events, held, .. } = &mut self.model;
            held.retain(|seq| events[seq].0 != request || events.remove(seq).is_none());
            self.flushed();
        }
        self.journal().release_holds(&authority(), noon()).unwrap();
    }

    /// Everything that can be read is what it should be.
    fn check(&mut self) {
        let reader = self.journal().reader();
        let head = reader.head();
        let expected: Vec<_> = self.model.events.iter().filter(|(seq, _)| **seq <= head).collect();
        let all =
            |selection| reader.events(selection).map(Result::unwrap).filter(|line| line.text.contains("rpc.received"));
        let kept: Vec<_> = all(Selection::default()).collect();
        assert_eq!(
            kept.iter().map(|line| line.seq).collect::<Vec<_>>(),
            expected.iter().map(|(seq, _)| **seq).collect::<Vec<_>>()
        );
        for (line, (_, (_, text))) in kept.iter().zip(&expected) {
            assert!(line.text.contains(text.as_str()));
        }
        for (request, id) in self.ids.iter().enumerate() {
            let of_request = Selection { request: Some(*id), ..Selection::default() };
            let wanted = expected.iter().filter(|(_, event)| event.0 == request).count();
            assert_eq!(all(of_request).count(), wanted);
        }
        if self.model.held.is_empty() {
            assert!(lines(&reader).len() as u64 <= head);
        }
        assert_eq!(reader.verify(None).unwrap().problems, []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_flushed_and_is_not_past_its_time_is_there_and_nothing_else(steps in steps()) {
        let dir = fast_dir();
        // Ids are of today, and so are the events: the id's time names the segment.
        let clock = jiff::Timestamp::now().duration_since(noon());
        let ids = (0..REQUESTS).map(|_| RequestId::generate()).collect();
        let journal = Some(open(dir.path()));
        let mut bench = Bench { dir: dir.path(), journal, ids, model: Model::default(), clock };
        for (step, n) in steps.iter().zip(1..) {
            bench.run(step, n);
            if !matches!(step, Step::Append { .. } | Step::Flush) {
                bench.check();
            }
        }
        bench.journal().flush().unwrap();
        bench.check();
    }
}
