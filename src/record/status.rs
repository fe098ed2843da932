//! What the recorder, its thread and its watchdog tell each other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::Guarantee;
use crate::config::OnFailure;
use crate::projections::JournalMeasures;

/// How the journal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// The last write worked.
    Working,
    /// The last write failed, or there is nobody to do the next one.
    Failing,
    /// A call has not come back within its deadline.
    Hanging,
}

/// The state that they share.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) guarantee: Guarantee,
    pub(super) health: watch::Sender<Health>,
    /// Bytes that may still wait. Closed once nobody waits any more: the journal fails and the service stops, or the thread
    /// has ended.
    budget: Arc<Semaphore>,
    /// Whether the service stops, and nobody is to wait for a journal that fails.
    closing: AtomicBool,
    /// Events that the thread got to write.
    accepted: AtomicU64,
    /// How many of those it is done with.
    settled: AtomicU64,
    /// Events that wait for the rest of a stream.
    held: AtomicU64,
    /// Events that were given up.
    dropped: AtomicU64,
    /// How many of those are on record as such.
    reported: AtomicU64,
    /// Events that the scrubber withheld.
    withheld: AtomicU64,
    /// Time that senders waited for the budget, in microseconds.
    waited: AtomicU64,
    progress: Mutex<Progress>,
}

/// Where the thread is.
#[derive(Debug, Default)]
struct Progress {
    /// When it entered the journal, while it is there.
    call: Option<Instant>,
    /// The time of the oldest event that it took and that is not durable.
    oldest: Option<Timestamp>,
}

/// Says that the thread has ended, however it did.
pub(super) struct EndOfThread(pub(super) Arc<Status>);

// === impl Status ===

impl Status {
    pub(super) fn new(guarantee: Guarantee, budget: usize) -> Self {
        Self {
            guarantee,
            health: watch::Sender::new(Health::Working),
            budget: Arc::new(Semaphore::new(budget)),
            closing: AtomicBool::new(false),
            accepted: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            held: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            reported: AtomicU64::new(0),
            withheld: AtomicU64::new(0),
            waited: AtomicU64::new(0),
            progress: Mutex::default(),
        }
    }

    pub(super) fn is_working(&self) -> bool {
        *self.health.borrow() == Health::Working
    }

    /// Whether requests are served whatever the journal does.
    pub(super) fn serves_anyway(&self) -> bool {
        self.guarantee.on_failure == OnFailure::Continue
    }

    /// What a journal that does not work means, for the log.
    pub(super) fn consequence(&self) -> &'static str {
        match self.guarantee.on_failure {
            OnFailure::Refuse => "new requests are refused until it can be written again",
            OnFailure::Continue => "requests are served, and what finds no room in memory is not recorded",
        }
    }

    /// Room for an event of this weight; `None` if it must be given up.
    pub(super) async fn room_for(&self, weight: u32) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = self.budget.clone().try_acquire_many_owned(weight) {
            return Some(permit);
        }
        let since = Instant::now();
        let mut health = self.health.subscribe();
        let permit = tokio::select! {
            biased;
            permit = self.budget.clone().acquire_many_owned(weight) => permit.ok(),
            _ = health.wait_for(|health| *health != Health::Working), if self.serves_anyway() => None,
        };
        let waited = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.waited.fetch_add(waited, Ordering::Relaxed);
        permit
    }

    /// Notes that the thread has an event to write.
    pub(super) fn accept(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes how many events wait for the rest of a stream.
    pub(super) fn hold(&self, events: usize) {
        self.held.store(events as u64, Ordering::Relaxed);
    }

    /// Notes that an event will not be written.
    pub(super) fn give_up(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that the scrubber withheld an event.
    pub(super) fn withhold(&self) {
        self.withheld.fetch_add(1, Ordering::Relaxed);
    }

    /// Events that were given up and are not on record as such.
    pub(super) fn unrecorded(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed).saturating_sub(self.reported.load(Ordering::Relaxed))
    }

    /// Notes that it is on record that so many were given up.
    pub(super) fn reported(&self, unrecorded: u64) {
        self.reported.fetch_add(unrecorded, Ordering::Relaxed);
    }

    /// Notes that the thread enters the journal, with an event of this time if with any.
    pub(super) fn enter(&self, event: Option<Timestamp>) {
        let mut progress = self.progress();
        progress.call = Some(Instant::now());
        progress.oldest = progress.oldest.or(event);
    }

    /// Notes that the thread came back from the journal, and returns whether that was too late. What it does next shows
    /// whether the journal works.
    pub(super) fn leave(&self) -> bool {
        let mut progress = self.progress();
        progress.call = None;
        self.health.send_if_modified(|health| {
            let hung = *health == Health::Hanging;
            if hung {
                *health = Health::Failing;
            }
            hung
        })
    }

    /// Notes that the thread is done with its first `events` events, and returns whether the journal did not work before.
    pub(super) fn set_working(&self, events: u64) -> bool {
        self.settled.store(events, Ordering::Relaxed);
        self.progress().oldest = None;
        self.health.send_replace(Health::Working) != Health::Working
    }

    /// Notes that a write failed.
    pub(super) fn set_failing(&self) {
        self.set_health(Health::Failing);
    }

    /// Looks whether the thread is back in time, and returns for how long it has not been if this is news.
    pub(super) fn check_call(&self) -> Option<Duration> {
        // Held to the end, so that the thread cannot come back in between and be taken for hanging ever after.
        let progress = self.progress();
        let since = progress.call?.elapsed();
        if since <= self.guarantee.deadline || *self.health.borrow() == Health::Hanging {
            return None;
        }
        self.set_health(Health::Hanging);
        Some(since)
    }

    /// From now on nobody waits for a journal that fails.
    pub(super) fn stop_waiting(&self) {
        self.closing.store(true, Ordering::SeqCst);
        if !self.is_working() {
            self.budget.close();
        }
        // Who waits for the journal looks again.
        self.health.send_modify(|_| {});
    }

    /// Whether nobody waits for the journal any more.
    pub(super) fn gave_up(&self) -> bool {
        self.budget.is_closed()
    }

    /// Completes when the service stops while the journal hangs, so that nothing that is asked of the thread may ever come.
    pub(super) async fn abandoned(&self) {
        let is_lost = |health: &Health| *health == Health::Hanging && self.closing.load(Ordering::SeqCst);
        let _ = self.health.subscribe().wait_for(is_lost).await;
    }

    /// The journal's measures of itself.
    pub(super) fn measures(&self) -> JournalMeasures {
        // Neither the journal nor a full queue is why those wait.
        let done = self.settled.load(Ordering::Relaxed) + self.held.load(Ordering::Relaxed);
        let age = |at: Timestamp| Duration::try_from(Timestamp::now().duration_since(at)).unwrap_or_default();
        JournalMeasures {
            pending: self.accepted.load(Ordering::Relaxed).saturating_sub(done),
            lag: self.progress().oldest.map_or(Duration::ZERO, age),
            dropped: self.dropped.load(Ordering::Relaxed),
            withheld: self.withheld.load(Ordering::Relaxed),
            backpressure: Duration::from_micros(self.waited.load(Ordering::Relaxed)),
        }
    }

    fn set_health(&self, health: Health) {
        self.health.send_replace(health);
        if self.closing.load(Ordering::SeqCst) {
            self.budget.close();
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().expect("no holder of this lock can panic")
    }
}

// === impl EndOfThread ===

impl Drop for EndOfThread {
    fn drop(&mut self) {
        // A panic within a call must not look as if it hung.
        self.0.progress().call = None;
        self.0.set_failing();
        self.0.budget.close();
    }
}
