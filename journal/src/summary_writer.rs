//! Storing summaries on a thread of its own, so that appending goes on meanwhile.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::civil::Date;

use crate::error::Error;
use crate::shared::Shared;
use crate::summaries::Day;
use crate::summary::Summary;

/// How often summaries are synced. Those of the time in between are folded again after a crash.
const PERIOD: Duration = Duration::from_secs(1);

/// The journal's end of the thread.
pub(crate) struct SummaryWriter {
    /// `None` once it ends.
    jobs: Option<mpsc::Sender<Job>>,
    under_way: Arc<UnderWay>,
    thread: Option<JoinHandle<()>>,
}

/// What is handed over and not stored yet, for readers to wait for.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    jobs: usize,
    /// Whether the last attempt to store failed.
    failing: bool,
}

enum Job {
    /// Store these, the summaries of what was finished up to the event `up_to`.
    Store { summaries: Vec<Summary>, up_to: u64 },
    /// Store and sync everything, and say whether that worked.
    Sync(mpsc::SyncSender<Result<(), Error>>),
}

/// The state of the thread.
struct Worker {
    shared: Arc<Shared>,
    /// Not stored, because they just came or because a day could not be written.
    new: Vec<Summary>,
    /// Stored, for readers to see, and not durable.
    stored: Vec<Summary>,
    /// The event up to which all are in one or the other.
    up_to: u64,
}

// === impl SummaryWriter ===

impl SummaryWriter {
    pub(crate) fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::channel();
        let under_way = Arc::clone(&shared.summaries_under_way);
        let worker = Worker { shared, new: Vec::new(), stored: Vec::new(), up_to: 0 };
        let thread = std::thread::Builder::new().name("summaries".to_owned()).spawn(move || worker.run(&inbox))?;
        Ok(Self { jobs: Some(jobs), under_way, thread: Some(thread) })
    }

    /// Hands over the summaries of what was finished up to the event `up_to`, which is durable. Readers see them from now on. While
    /// storing fails, this waits for another attempt, and fails if that does.
    pub(crate) fn store(&self, summaries: Vec<Summary>, up_to: u64) -> Result<(), Error> {
        if !summaries.is_empty() {
            self.send(Job::Store { summaries, up_to });
        }
        if self.under_way.is_failing() { self.sync() } else { Ok(()) }
    }

    /// Makes everything handed over durable.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        let (done, synced) = mpsc::sync_channel(1);
        self.send(Job::Sync(done));
        synced.recv().expect("the thread ends only with this")
    }

    fn send(&self, job: Job) {
        self.under_way.begin();
        let jobs = self.jobs.as_ref().expect("it ends only when it is dropped");
        jobs.send(job).expect("the thread ends only with this");
    }
}

impl Drop for SummaryWriter {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

// === impl UnderWay ===

impl UnderWay {
    /// Waits until everything handed over so far is stored, or failed to be.
    pub(crate) fn wait(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(state, |state| state.jobs > 0));
    }

    fn is_failing(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failing
    }

    fn begin(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).jobs += 1;
    }

    fn end(&self, failing: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.jobs -= 1;
        state.failing = failing;
        self.changed.notify_all();
    }
}

// === impl Worker ===

impl Worker {
    fn run(mut self, inbox: &mpsc::Receiver<Job>) {
        let under_way = Arc::clone(&self.shared.summaries_under_way);
        let mut due = Instant::now() + PERIOD;
        loop {
            let job = if self.new.is_empty() && self.stored.is_empty() {
                inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                inbox.recv_timeout(due.saturating_duration_since(Instant::now()))
            };
            match job {
                Ok(Job::Store { summaries, up_to }) => {
                    self.new.extend(summaries);
                    self.up_to = up_to;
                    let stored = self.store();
                    under_way.end(stored.is_err());
                }
                Ok(Job::Sync(done)) => {
                    let synced = self.store().and_then(|()| self.sync());
                    under_way.end(synced.is_err());
                    let _ = done.send(synced);
                }
                Err(RecvTimeoutError::Timeout) => {}
                // What is not stored now is folded again by the next opening.
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if due <= Instant::now() {
                due = Instant::now() + PERIOD;
                // Whoever hands over the next ones is told.
                if let Err(error) = self.store().and_then(|()| self.sync()) {
                    tracing::debug!(%error, "summaries cannot be stored");
                }
            }
        }
    }

    fn store(&mut self) -> Result<(), Error> {
        let mut days = BTreeMap::<Date, Vec<&Summary>>::new();
        for summary in &self.new {
            days.entry(summary.day()).or_default().push(summary);
        }
        let mut stored = days.iter();
        let stored = stored.try_for_each(|(date, summaries)| self.shared.write_day(*date, |day| day.insert(summaries)));
        self.unless_failed(stored)?;
        self.stored.append(&mut self.new);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Error> {
        let mut days: Vec<Date> = self.stored.iter().map(Summary::day).collect();
        days.sort_unstable();
        days.dedup();
        if days.is_empty() {
            return Ok(());
        }
        let synced = days.into_iter().try_for_each(|date| self.shared.write_day(date, Day::sync));
        self.unless_failed(synced)?;
        self.stored.clear();
        self.shared.set_summarised(self.up_to)
    }

    /// After a day could not be written, what was stored in it and not synced is gone with its database: it is new again.
    fn unless_failed(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        if result.is_err() {
            self.new.append(&mut self.stored);
        }
        result
    }
}
