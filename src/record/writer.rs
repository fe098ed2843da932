//! The thread that scrubs, appends and flushes.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use journal::{Draft, EventBody, Journal};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::Message;
use super::settler::{Settled, Settler};
use super::status::Status;
use crate::projections::Projections;

/// How long an event may wait for more before its block is written. With the flush that follows, below 40 ms together, it
/// bounds what a power loss can take.
pub(super) const LINGER: Duration = Duration::from_millis(20);

/// How long somebody who waits for a flush may wait for others who want the same one.
const GATHER: Duration = Duration::from_millis(2);

/// The pause before a journal that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// When the open block must be written.
#[derive(Debug, Clone, Copy)]
struct Due {
    /// As soon as nothing waits to be appended, from then on. What waits shares the flush: were one made for each event that is
    /// late, all that come behind it would be late too.
    when_idle: Instant,
    /// In any case.
    at_the_latest: Instant,
}

/// So much room in the budget is given back at once while there is more to do.
const GIVEN_BACK: usize = super::BUDGET / 4;

/// The state of the thread.
pub(super) struct WriterLoop {
    journal: Journal,
    settler: Settler,
    /// Where the last sequence number that readers can see is told.
    head: watch::Sender<u64>,
    projections: Arc<Projections>,
    status: Arc<Status>,
    /// When the open block must be written; `None` while there is nothing to write.
    due: Option<Due>,
    /// Room in the budget that is to be given back: in large parts, because each may wake somebody who waits for it.
    spent: Option<OwnedSemaphorePermit>,
    /// Events taken so far, those held back excepted.
    taken: u64,
    /// Who waits for the next flush.
    settling: Vec<oneshot::Sender<()>>,
    /// Whether the log tells why the journal fails.
    told: bool,
}

// === impl WriterLoop ===

impl WriterLoop {
    pub(super) fn new(
        journal: Journal,
        settler: Settler,
        head: watch::Sender<u64>,
        projections: Arc<Projections>,
        status: Arc<Status>,
    ) -> Self {
        let (due, spent, settling) = (None, None, Vec::new());
        Self { journal, settler, head, projections, status, due, spent, taken: 0, settling, told: false }
    }

    /// Runs until the recorder closes or every handle to it is gone.
    pub(super) fn run(mut self, messages: &mpsc::Receiver<Message>) {
        self.project_told();
        let closed = loop {
            let message = self.next(messages);
            let is_idle = matches!(message, Err(RecvTimeoutError::Timeout));
            match message {
                Ok(Message::Event(draft, permit)) => {
                    // What it holds back counts no longer against the budget, or that would be used up by it.
                    self.settler.take(draft, &self.journal);
                    self.append_settled();
                    self.give_back(permit);
                }
                Ok(Message::Durable(draft, done)) => {
                    if draft.request.is_some() {
                        self.settler.settle(draft.request);
                        self.append_settled();
                    }
                    let _ = done.send(self.append_durably(&draft));
                }
                Ok(Message::Settle(done)) => self.settle(done),
                // Whoever waits is told by the job being dropped.
                Ok(Message::WithJournal(job)) => {
                    if !self.status.gave_up() {
                        self.call(None, job);
                        // What it may have appended is to be seen as soon as anything else.
                        self.expect_flush(Duration::ZERO);
                        self.project_told();
                    }
                }
                Ok(Message::Close(done)) => break Some(done),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break None,
            }
            // A steady stream of events leaves no time to be idle.
            if is_idle || self.due.is_some_and(|due| due.at_the_latest <= Instant::now()) {
                // An error has been noted, and is met again.
                let _ = self.flush();
            }
        };
        self.settler.settle_all();
        self.append_settled();
        self.status.enter(None);
        if let Err(error) = self.journal.close() {
            tracing::error!(%error, "the journal could not be closed: the last events may be missing");
        }
        self.status.leave();
        if let Some(closed) = closed {
            let _ = closed.send(());
        }
    }

    /// The next message, or that none came before a flush is due.
    fn next(&mut self, messages: &mpsc::Receiver<Message>) -> Result<Message, RecvTimeoutError> {
        if let Ok(message) = messages.try_recv() {
            return Ok(message);
        }
        self.spent = None;
        match self.due {
            None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(due) => messages.recv_timeout(due.when_idle.saturating_duration_since(Instant::now())),
        }
    }

    fn give_back(&mut self, permit: OwnedSemaphorePermit) {
        match &mut self.spent {
            Some(spent) => spent.merge(permit),
            None => self.spent = Some(permit),
        }
        if self.spent.as_ref().is_some_and(|spent| spent.num_permits() >= GIVEN_BACK) {
            self.spent = None;
        }
    }

    /// Appends what need not wait for the rest of a stream.
    fn append_settled(&mut self) {
        self.status.hold(self.settler.held());
        while let Some(event) = self.settler.next() {
            self.append(event);
        }
    }

    /// Appends, however long it takes: what comes after waits, and with it, in the end, whoever records.
    fn append(&mut self, event: Settled) {
        self.taken += 1;
        // The time in which it was held back is not the journal's.
        let since = if event.was_held { Timestamp::now() } else { event.draft.at };
        self.expect_flush(age(since));
        let entry = match self.until_it_works(since, |journal| event.entry(journal)) {
            Some(Ok(entry)) => entry,
            Some(Err(error)) => {
                self.status.withhold();
                return tracing::error!(%error, "an event was withheld from the journal");
            }
            None => return self.status.give_up(),
        };
        // What it carries can be as large as a body, and lies in the entry now.
        drop(event);
        if self.until_it_works(since, |journal| journal.append_entry(&entry)).is_none() {
            return self.status.give_up();
        }
        self.projections.metrics().on_scrubbed(entry.scrubbed());
    }

    /// Tries again for as long as the journal fails; `None` if it was given up. What the scrubber withholds says nothing of the
    /// journal, and is the one error that comes back.
    fn until_it_works<T>(
        &mut self,
        since: Timestamp,
        mut attempt: impl FnMut(&mut Journal) -> Result<T, journal::Error>,
    ) -> Option<Result<T, journal::Error>> {
        while !self.status.gave_up() {
            match self.call(Some(since), &mut attempt) {
                Err(error) if !matches!(error, journal::Error::Scrub { .. }) => self.failed(&error),
                result => return Some(result),
            }
            if !self.status.gave_up() {
                std::thread::sleep(RETRY_PAUSE);
            }
        }
        None
    }

    /// Appends and flushes. The projections learn of the event only if that worked.
    fn append_durably(&mut self, draft: &Draft) -> Result<(), journal::Error> {
        self.taken += 1;
        let appended = self.call(Some(draft.at), |journal| {
            let entry = journal.entry(draft)?;
            journal.append_entry(&entry)?;
            Ok(entry)
        });
        match appended {
            Ok(entry) => {
                self.projections.metrics().on_scrubbed(entry.scrubbed());
                self.flush()?;
            }
            Err(error) => {
                // What the scrubber withholds says nothing of the journal.
                if matches!(error, journal::Error::Scrub { .. }) {
                    self.expect_flush(Duration::ZERO);
                } else {
                    self.failed(&error);
                }
                return Err(error);
            }
        }
        self.projections.apply(draft);
        Ok(())
    }

    /// Tells `done` once everything appended so far is durable; drops it if that fails. Many who finish at the same time share
    /// a flush.
    fn settle(&mut self, done: oneshot::Sender<()>) {
        if !self.status.is_working() {
            return;
        }
        let Some(due) = &mut self.due else {
            let _ = done.send(());
            return;
        };
        due.bring_forward_to(Instant::now() + GATHER);
        self.settling.push(done);
    }

    /// Has a block written in time that holds what was taken just now and happened `age` ago.
    fn expect_flush(&mut self, age: Duration) {
        let now = Instant::now();
        // Time in the queue counts.
        let when_idle = now + LINGER.saturating_sub(age);
        self.due.get_or_insert(Due { when_idle, at_the_latest: now + LINGER });
    }

    fn flush(&mut self) -> Result<(), journal::Error> {
        let since = Instant::now();
        let flushed = self.call(None, Journal::flush);
        match &flushed {
            Ok(()) => {
                self.due = None;
                self.told = false;
                self.projections.metrics().on_journal_flush(since.elapsed());
                if self.status.set_working(self.taken) {
                    tracing::info!(kind = "journal", "the journal can be written again");
                }
            }
            Err(error) => self.failed(error),
        }
        self.head.send_replace(self.journal.reader().head());
        if flushed.is_ok() {
            for done in self.settling.drain(..) {
                let _ = done.send(());
            }
            self.report_unrecorded();
        }
        flushed
    }

    /// Nothing new is admitted until a flush works again, which is tried from time to time, unless requests are served anyway.
    fn failed(&mut self, error: &journal::Error) {
        self.due = Some(Due::at(Instant::now() + RETRY_PAUSE));
        self.projections.metrics().on_journal_error();
        self.status.set_failing();
        self.settling.clear();
        if !std::mem::replace(&mut self.told, true) {
            tracing::error!(kind = "journal", %error, "the journal cannot be written: {}", self.status.consequence());
        }
    }

    /// Records how many events were given up while the journal did not work, once it does.
    fn report_unrecorded(&mut self) {
        let unrecorded = self.status.unrecorded();
        // One that stops goes on giving up, and says how many those were at its end.
        if unrecorded == 0 || self.status.gave_up() {
            return;
        }
        let draft = Draft { at: Timestamp::now(), request: None, body: EventBody::JournalResumed { unrecorded } };
        match self.call(Some(draft.at), |journal| journal.append(&draft)) {
            Ok(_) => {
                self.expect_flush(Duration::ZERO);
                self.status.reported(unrecorded);
                self.projections.apply(&draft);
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Lets the projections know what the journal said of itself.
    fn project_told(&mut self) {
        for draft in self.journal.take_told() {
            self.projections.apply(&draft);
        }
    }

    /// Calls the journal where the watchdog sees it, with an event of the time `event` if with any. After a call that took too
    /// long, the next flush shows whether the journal works.
    fn call<T>(&mut self, event: Option<Timestamp>, call: impl FnOnce(&mut Journal) -> T) -> T {
        self.status.enter(event);
        let result = call(&mut self.journal);
        if self.status.leave() {
            self.due = Some(Due::at(Instant::now()));
        }
        result
    }
}

// === impl Due ===

impl Due {
    fn at(instant: Instant) -> Self {
        Self { when_idle: instant, at_the_latest: instant }
    }

    fn bring_forward_to(&mut self, instant: Instant) {
        self.when_idle = self.when_idle.min(instant);
        self.at_the_latest = self.at_the_latest.min(instant);
    }
}

/// How long ago that was.
fn age(at: Timestamp) -> Duration {
    Duration::try_from(Timestamp::now().duration_since(at)).unwrap_or_default()
}
