//! The Recorder: everything that happens goes through here, once, in order.
//!
//! [`Recorder::record`] takes the time, applies the projections and hands the event to a thread that scrubs it and appends it to
//! the journal. So metrics never wait for a disk and requests never serialise for the journal. Nothing is dropped while the
//! service runs: a recorder whose budget of bytes is used up makes the sender wait. Only a service that stops while its journal
//! fails gives events up, and says how many.

mod weight;
mod writer;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use jiff::Timestamp;
use journal::{Draft, EventBody, Journal, RequestId, Scrub};
use scrubbers::Scrubber;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use self::weight::weight;
use self::writer::WriterLoop;
use crate::projections::Projections;

/// Bytes of events that may wait to be written. An event larger than this passes alone.
const BUDGET: usize = 64 << 20;

/// A handle to the recorder. Clones share it.
#[derive(Debug, Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
    /// The last sequence number that readers of the journal can see.
    head: watch::Receiver<u64>,
}

#[derive(Debug)]
struct Shared {
    /// Locked while an event gets its time, so that the order of times is the order of events.
    inbox: Mutex<mpsc::Sender<Message>>,
    projections: Arc<Projections>,
    status: Arc<Status>,
}

/// What the recorder and its thread tell each other.
#[derive(Debug)]
struct Status {
    /// Bytes that may still wait. Closed once nobody waits any more: the journal fails and the service stops, or the thread
    /// has ended.
    budget: Arc<Semaphore>,
    /// Whether the last write worked.
    healthy: watch::Sender<bool>,
    /// Whether the service stops, and nobody is to wait for a journal that fails.
    closing: AtomicBool,
    /// Events that were given up.
    lost: AtomicU64,
}

/// Says that the thread has ended, however it did.
struct EndOfThread(Arc<Status>);

/// The thread that writes. It ends after [`Recorder::close`], or when every [`Recorder`] is gone.
#[derive(Debug)]
pub struct Writer {
    thread: JoinHandle<()>,
    status: Arc<Status>,
}

/// Why an event is not known to be in the journal.
#[derive(Debug, thiserror::Error)]
pub enum NotRecorded {
    /// The journal refused it.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The journal fails, or the recorder has ended.
    #[error("the journal cannot be written; the service's log says why")]
    Unavailable,
}

enum Message {
    Event(Box<Draft>, OwnedSemaphorePermit),
    /// Write it at once, without trying again, and say whether that worked.
    Durable(Box<Draft>, oneshot::Sender<Result<(), journal::Error>>),
    /// Run something with the journal between two events.
    WithJournal(Box<dyn FnOnce(&mut Journal) + Send>),
    /// Write everything and end in order.
    Close(oneshot::Sender<()>),
}

/// Passes every event through the scrubber before it is kept.
#[derive(Debug)]
pub struct ScrubEvents(pub Arc<Scrubber>);

impl Scrub for ScrubEvents {
    fn scrub(&self, json: &mut String) {
        self.0.scrub_json(json);
    }
}

// === impl Recorder ===

impl Recorder {
    /// Starts the thread that writes to `journal`.
    pub fn start(journal: Journal, projections: Projections) -> std::io::Result<(Self, Writer)> {
        let (inbox, messages) = mpsc::channel();
        let (head_seen, head) = watch::channel(journal.reader().head());
        let projections = Arc::new(projections);
        let status = Arc::new(Status {
            budget: Arc::new(Semaphore::new(BUDGET)),
            healthy: watch::Sender::new(true),
            closing: AtomicBool::new(false),
            lost: AtomicU64::new(0),
        });
        let (known, ending) = (projections.clone(), EndOfThread(status.clone()));
        let writer =
            WriterLoop { journal, head: head_seen, projections: known, status: status.clone(), deadline: None };
        let thread = std::thread::Builder::new().name("recorder".into()).spawn(move || {
            let _ending = ending;
            writer.run(&messages);
        })?;
        let shared = Shared { inbox: Mutex::new(inbox), projections, status: status.clone() };
        Ok((Self { shared: Arc::new(shared), head }, Writer { thread, status }))
    }

    /// Records that something happened. Waits only if the journal is its whole budget behind, and never for one that fails
    /// while the service stops: then the event is lost.
    pub async fn record(&self, request: Option<RequestId>, body: EventBody) {
        let status = &self.shared.status;
        let weight = u32::try_from(weight(&body).min(BUDGET)).expect("the budget fits in 32 bits");
        let permit = status.budget.clone().acquire_many_owned(weight).await.ok();
        let inbox = self.shared.inbox.lock().expect("no holder of this lock can panic");
        let draft = Box::new(Draft { at: Timestamp::now(), request, body });
        self.shared.projections.apply(&draft);
        let sent = permit.is_some_and(|permit| inbox.send(Message::Event(draft, permit)).is_ok());
        if !sent {
            status.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records something that must not happen unrecorded. Once this succeeds, the event and everything recorded before it are
    /// durable and can be read. While the journal fails, this fails at once; the event may be recorded nevertheless.
    pub async fn record_durably(&self, request: Option<RequestId>, body: EventBody) -> Result<(), NotRecorded> {
        let mut healthy = self.shared.status.healthy.subscribe();
        let (done, recorded) = oneshot::channel();
        if *healthy.borrow_and_update() {
            let inbox = self.shared.inbox.lock().expect("no holder of this lock can panic");
            let draft = Box::new(Draft { at: Timestamp::now(), request, body });
            inbox.send(Message::Durable(draft, done)).map_err(|_| NotRecorded::Unavailable)?;
        }
        tokio::select! {
            biased;
            recorded = recorded => Ok(recorded.map_err(|_| NotRecorded::Unavailable)??),
            _ = healthy.wait_for(|healthy| !healthy) => Err(NotRecorded::Unavailable),
        }
    }

    /// Runs `job` with the journal, after everything recorded before this call. `None` if the recorder has stopped, or has given
    /// up because the service stops while the journal fails.
    pub async fn with_journal<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Journal) -> T + Send + 'static,
    ) -> Option<T> {
        let (done, result) = oneshot::channel();
        self.send(Message::WithJournal(Box::new(move |journal| {
            let _ = done.send(job(journal));
        })));
        result.await.ok()
    }

    /// Writes everything recorded before this call and closes the journal. What is recorded later is lost.
    pub async fn close(&self) {
        self.stop_waiting();
        let (done, closed) = oneshot::channel();
        self.send(Message::Close(done));
        let _ = closed.await;
    }

    /// From now on nobody waits for a journal that fails: what cannot be written is lost, and how much that was is logged at the
    /// end. To be called when the service begins to stop.
    pub fn stop_waiting(&self) {
        let status = &self.shared.status;
        status.closing.store(true, Ordering::SeqCst);
        if !self.is_healthy() {
            status.budget.close();
        }
    }

    /// The last sequence number that readers of the journal can see, as it moves.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    /// Whether the last write to the journal worked, and there is somebody to do the next one.
    pub fn is_healthy(&self) -> bool {
        *self.shared.status.healthy.borrow()
    }

    /// The projections, which know the present state.
    pub fn projections(&self) -> &Projections {
        &self.shared.projections
    }

    fn send(&self, message: Message) {
        let _ = self.shared.inbox.lock().expect("no holder of this lock can panic").send(message);
    }
}

// === impl Status ===

impl Status {
    /// Notes that a write failed, and returns whether the one before it worked.
    fn set_failed(&self) -> bool {
        let was_healthy = self.healthy.send_replace(false);
        if self.closing.load(Ordering::SeqCst) {
            self.budget.close();
        }
        was_healthy
    }

    /// Whether nobody waits for the journal any more.
    fn gave_up(&self) -> bool {
        self.budget.is_closed()
    }
}

// === impl EndOfThread ===

impl Drop for EndOfThread {
    fn drop(&mut self) {
        self.0.healthy.send_replace(false);
        self.0.budget.close();
    }
}

// === impl Writer ===

impl Writer {
    /// Waits until the thread has ended, after [`Recorder::close`].
    pub fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("the recorder panicked: the last events may be missing from the journal");
        }
        let lost = self.status.lost.load(Ordering::Relaxed);
        if lost > 0 {
            tracing::error!(lost, "the service stopped while the journal could not be written: events are lost");
        }
    }
}

#[cfg(test)]
mod tests;
