//! The thread that scrubs, appends and flushes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use journal::{Draft, Journal};
use tokio::sync::watch;

use super::{Message, Status};
use crate::projections::Projections;

/// How long an event may wait for more before its block is written. With the flush that follows it bounds what a power loss
/// can take.
const LINGER: Duration = Duration::from_millis(25);

/// The pause before a journal that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// The state of the thread.
pub(super) struct WriterLoop {
    pub(super) journal: Journal,
    /// Where the last sequence number that readers can see is told.
    pub(super) head: watch::Sender<u64>,
    pub(super) projections: Arc<Projections>,
    pub(super) status: Arc<Status>,
    /// When the open block must be written; `None` while there is nothing to write.
    pub(super) deadline: Option<Instant>,
}

// === impl WriterLoop ===

impl WriterLoop {
    /// Runs until the recorder closes or every handle to it is gone.
    pub(super) fn run(mut self, messages: &mpsc::Receiver<Message>) {
        let closed = loop {
            let message = match self.deadline {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(deadline) => messages.recv_timeout(deadline.saturating_duration_since(Instant::now())),
            };
            match message {
                Ok(Message::Event(draft, _permit)) => self.append(&draft),
                Ok(Message::Durable(draft, done)) => drop(done.send(self.append_durably(&draft))),
                // Whoever waits is told by the job being dropped.
                Ok(Message::WithJournal(job)) => {
                    if !self.status.gave_up() {
                        job(&mut self.journal);
                    }
                }
                Ok(Message::Close(done)) => break Some(done),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break None,
            }
            // A steady stream of events never times out, so the deadline is looked at after each.
            if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                // An error has been noted, and is met again.
                let _ = self.flush();
            }
        };
        if let Err(error) = self.journal.close() {
            tracing::error!(%error, "the journal could not be closed: the last events may be missing");
        }
        if let Some(closed) = closed {
            let _ = closed.send(());
        }
    }

    /// Appends, however long it takes: what comes after waits, and with it, in the end, whoever records.
    fn append(&mut self, draft: &Draft) {
        self.deadline.get_or_insert_with(|| Instant::now() + LINGER);
        while !self.status.gave_up() {
            match self.journal.append(draft) {
                Ok(_) => return,
                Err(error @ journal::Error::Scrub { .. }) => {
                    return tracing::error!(%error, "an event was withheld from the journal");
                }
                Err(error) => self.failed(&error),
            }
            if !self.status.gave_up() {
                std::thread::sleep(RETRY_PAUSE);
            }
        }
        self.status.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Appends and flushes. The projections learn of the event only if that worked.
    fn append_durably(&mut self, draft: &Draft) -> Result<(), journal::Error> {
        match self.journal.append(draft) {
            Ok(_) => self.flush()?,
            Err(error) => {
                // What the scrubber withholds says nothing of the journal.
                if !matches!(error, journal::Error::Scrub { .. }) {
                    self.failed(&error);
                }
                return Err(error);
            }
        }
        self.projections.apply(draft);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), journal::Error> {
        let flushed = self.journal.flush();
        match &flushed {
            Ok(()) => {
                self.deadline = None;
                if !self.status.healthy.send_replace(true) {
                    tracing::info!(kind = "journal", "the journal can be written again");
                }
            }
            Err(error) => self.failed(error),
        }
        self.head.send_replace(self.journal.reader().head());
        flushed
    }

    /// Nothing new is admitted until a flush works again, which is tried from time to time.
    fn failed(&mut self, error: &journal::Error) {
        self.deadline = Some(Instant::now() + RETRY_PAUSE);
        if self.status.set_failed() {
            tracing::error!(%error, "the journal cannot be written; new requests are refused until it can");
        }
    }
}
