//! The disposal of what is due.

use std::slice;

use jiff::Timestamp;
use journal::{Authority, Disposal, EventBody, Journal, SegmentAge};

use crate::clock::{Clock, Now};
use crate::plan::{Due, Plan, Reason, plan};
use crate::policy::Policy;
use crate::report::{Error, Report, State};

/// Sweeps a journal again and again, and remembers what it needs to know whether the clock can be trusted.
#[derive(Debug)]
pub struct Sweeper {
    policy: Policy,
    clock: Clock,
    state: State,
}

/// One sweep under way.
struct Sweep<'a> {
    journal: &'a mut Journal,
    policy: &'a Policy,
    authority: Authority,
    at: Timestamp,
    report: Report,
    /// What failed and why, in order.
    failures: Vec<(String, journal::Error)>,
}

fn disposal(due: &Due) -> Disposal {
    Disposal { segment: due.segment.clone(), reason: due.reason.to_string() }
}

// === impl Sweeper ===

impl Sweeper {
    /// `last_known` is [`Journal::last_known_time`] before anything of this run was appended; `None` for a journal that is
    /// empty. If `now` is past it by more than ten sweep intervals, sweeps wait for an hour or for
    /// [`confirm_clock`](Self::confirm_clock).
    pub fn new(policy: Policy, last_known: Option<Timestamp>, now: Now) -> Self {
        let clock = Clock::new(policy.terms().sweep_interval, last_known, now);
        let waiting = clock.wait(now);
        let state = State { policy: policy.digest(), waiting, last_sweep: None, last_error: None };
        Self { policy, clock, state }
    }

    /// What it sweeps by.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// How it is getting on.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Somebody looked at the wall clock and says that it is right, so that no sweep waits for it until it jumps again.
    pub fn confirm_clock(&mut self) {
        self.clock.confirm();
        self.state.waiting = None;
    }

    /// Puts the policy on record if it is another than before, and disposes of what is due at `now` in the name of `actor`:
    /// segments, what is no longer held, summaries, keys of pseudonyms and months of the ledger. What fails does not keep the rest from going.
    ///
    /// If the wall clock jumped ahead, or may be wrong since the start, this does nothing at all, so that no record
    /// bears a wrong time, and [says so](Report::skipped).
    pub fn sweep(&mut self, journal: &mut Journal, now: Now, actor: &str) -> Result<Report, Error> {
        self.state.waiting = self.clock.check(now);
        if let Some(wait) = &self.state.waiting {
            return Ok(Report { skipped: Some(wait.clone()), ..Report::new(now.wall) });
        }
        let authority = Authority { actor: actor.to_owned(), policy: self.state.policy.clone() };
        let policy = &self.policy;
        let sweep =
            Sweep { journal, policy, authority, at: now.wall, report: Report::new(now.wall), failures: Vec::new() };
        let swept = sweep.run();
        self.state.last_sweep = Some(swept.as_ref().unwrap_or_else(|error| &*error.report).clone());
        self.state.last_error = swept.as_ref().err().map(ToString::to_string);
        swept
    }
}

// === impl Sweep ===

impl Sweep<'_> {
    fn run(mut self) -> Result<Report, Error> {
        // First of all: what disposals name must be on record.
        self.record_policy();
        let segments = self.segments();
        let plan = plan(&segments, self.at, self.policy);
        self.report.max_bytes_struck = plan.max_bytes_struck;
        self.dispose_of_segments(&plan);
        self.dispose_of_the_rest(&plan);

        let Self { report, failures, .. } = self;
        let count = failures.len();
        match failures.into_iter().next() {
            None => Ok(report),
            Some((what, source)) => {
                Err(Error { report: Box::new(report), failures: count, what, source: Box::new(source) })
            }
        }
    }

    fn record_policy(&mut self) {
        let digest = &self.authority.policy;
        if self.journal.policy_digest().as_ref() == Some(digest) {
            return;
        }
        let body = EventBody::PolicyChanged { digest: digest.clone(), policy: self.policy.to_json() };
        match self.journal.tell(self.at, body) {
            Ok(_) => self.report.policy_changed = true,
            Err(error) => self.failed("policy record", error),
        }
    }

    /// All there are; none if that cannot be known, so that none is due.
    fn segments(&mut self) -> Vec<SegmentAge> {
        self.journal.segments().unwrap_or_else(|error| {
            self.failed("segments", error);
            Vec::new()
        })
    }

    fn dispose_of_segments(&mut self, plan: &Plan) {
        let mut due = plan.segments.clone();
        // Before the disposals, so that they are told in a segment that stays.
        if let Some(newest) = &plan.end_first
            && let Err(error) = self.journal.begin_segment(self.at)
        {
            due.retain(|due| due.segment != *newest);
            self.failed(&format!("segment {newest}"), error);
        }
        if due.is_empty() {
            return;
        }
        let disposals: Vec<_> = due.iter().map(disposal).collect();
        match self.journal.dispose(&disposals, &self.authority, self.at) {
            Ok(gone) => {
                due.retain(|due| gone.iter().any(|gone| gone.segment == due.segment));
                self.report.segments = due;
            }
            Err(error) => self.dispose_one_by_one(due, error),
        }
    }

    /// After all of `due` at once broke off because of one of them.
    fn dispose_one_by_one(&mut self, due: Vec<Due>, error: journal::Error) {
        let failures_before = self.failures.len();
        let left = self.segments();
        for due in due {
            // What was on its way out already goes on from there.
            if !left.iter().any(|segment| segment.name == due.segment && !segment.held) {
                continue;
            }
            match self.journal.dispose(slice::from_ref(&disposal(&due)), &self.authority, self.at) {
                Ok(_) => self.report.segments.push(due),
                Err(error) => self.failed(&format!("segment {}", due.segment), error),
            }
        }
        let is_told = self.failures.len() > failures_before;
        // Of one that is gone meanwhile nobody has to hear.
        if !is_told && !matches!(error, journal::Error::NoSuchSegment { .. }) {
            self.failed("segments", error);
        }
    }

    fn dispose_of_the_rest(&mut self, plan: &Plan) {
        match self.journal.release_holds(&self.authority, self.at) {
            Ok(holds) => self.report.holds_released = holds,
            Err(error) => self.failed("holds", error),
        }
        let terms = self.policy.terms();
        if let Some(date) = plan.summaries_before {
            let reason = Reason::SummaryTtl(terms.summary_ttl).to_string();
            match self.journal.dispose_summaries_before(date, &reason, &self.authority, self.at) {
                Ok(days) => self.report.summary_days = days,
                Err(error) => self.failed("summaries", error),
            }
        }
        if let Some(date) = plan.pseudonyms_before {
            let reason = Reason::ContentTtl(terms.content_ttl).to_string();
            match self.journal.dispose_pseudonyms_before(date, &reason, &self.authority, self.at) {
                Ok(days) => self.report.pseudonym_days = days,
                Err(error) => self.failed("pseudonyms", error),
            }
        }
        if let Some(cut) = plan.ledger_cut() {
            let reason = Reason::LedgerTtl(terms.ledger_ttl).to_string();
            match self.journal.dispose_ledger_before(cut, &reason, &self.authority, self.at) {
                Ok(months) => self.report.ledger_months = months,
                Err(error) => self.failed("ledger", error),
            }
        }
    }

    fn failed(&mut self, what: &str, error: journal::Error) {
        self.failures.push((what.to_owned(), error));
    }
}
