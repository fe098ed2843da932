//! The Recorder: everything that happens goes through here, once, in order.
//!
//! [`Recorder::record`] takes the time, applies the projections and hands the event to a thread that scrubs it and appends it to
//! the journal. So metrics never wait for a disk and requests never serialise for the journal. Nothing is dropped: a recorder
//! whose budget of bytes is used up makes the sender wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use journal::{Draft, EventBody, Journal, RequestId, Scrub};
use scrubbers::Scrubber;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use crate::projections::Projections;

/// Bytes of events that may wait to be written. An event larger than this passes alone.
const BUDGET: usize = 64 << 20;

/// What an event counts beyond the bytes it carries.
const EVENT_OVERHEAD: usize = 256;

/// How long an event may wait for more before its block is written. With the flush that follows it bounds what a power loss
/// can take.
const LINGER: Duration = Duration::from_millis(25);

/// The pause before a journal that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

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
    budget: Arc<Semaphore>,
    projections: Projections,
    healthy: Arc<AtomicBool>,
    /// Set when the service stops: from then on nobody waits for a journal that fails.
    closing: Arc<AtomicBool>,
}

/// The thread that writes. It ends after [`Recorder::close`], or when every [`Recorder`] is gone.
#[derive(Debug)]
pub struct Writer {
    thread: JoinHandle<()>,
}

enum Message {
    Event(Box<Draft>, OwnedSemaphorePermit),
    /// Write what is open and say when readers can see it.
    Settle(oneshot::Sender<()>),
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
        let healthy = Arc::new(AtomicBool::new(true));
        let closing = Arc::new(AtomicBool::new(false));
        let (wrote, closes) = (healthy.clone(), closing.clone());
        let writer = WriterLoop { journal, head: head_seen, healthy: wrote, closing: closes, deadline: None };
        let thread = std::thread::Builder::new().name("recorder".into()).spawn(move || writer.run(&messages))?;
        let shared = Shared {
            inbox: Mutex::new(inbox),
            budget: Arc::new(Semaphore::new(BUDGET)),
            projections,
            healthy,
            closing,
        };
        Ok((Self { shared: Arc::new(shared), head }, Writer { thread }))
    }

    /// Records that something happened. Waits only if the journal is [`BUDGET`] bytes behind.
    pub async fn record(&self, request: Option<RequestId>, body: EventBody) {
        let weight = u32::try_from(weight(&body).min(BUDGET)).expect("the budget fits in 32 bits");
        let permit = self.shared.budget.clone().acquire_many_owned(weight).await;
        let permit = permit.expect("the budget is never closed");
        let inbox = self.shared.inbox.lock().expect("no holder of this lock can panic");
        let draft = Box::new(Draft { at: Timestamp::now(), request, body });
        self.shared.projections.apply(&draft);
        // The writer ends only after the last recorder is gone, unless it panicked: then `is_healthy` says so.
        let _ = inbox.send(Message::Event(draft, permit));
    }

    /// Waits until everything recorded before this call can be read from the journal.
    pub async fn settle(&self) {
        let (done, settled) = oneshot::channel();
        self.send(Message::Settle(done));
        let _ = settled.await;
    }

    /// Runs `job` with the journal, after everything recorded before this call. `None` if the recorder has stopped.
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
        self.shared.closing.store(true, Ordering::Relaxed);
        let (done, closed) = oneshot::channel();
        self.send(Message::Close(done));
        let _ = closed.await;
    }

    /// The last sequence number that readers of the journal can see, as it moves.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    /// Whether the last write to the journal worked.
    pub fn is_healthy(&self) -> bool {
        self.shared.healthy.load(Ordering::Relaxed)
    }

    /// The projections, which know the present state.
    pub fn projections(&self) -> &Projections {
        &self.shared.projections
    }

    fn send(&self, message: Message) {
        let _ = self.shared.inbox.lock().expect("no holder of this lock can panic").send(message);
    }
}

// === impl Writer ===

impl Writer {
    /// Waits until the thread has ended, after [`Recorder::close`].
    pub fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("the recorder panicked: the last events may be missing from the journal");
        }
    }
}

struct WriterLoop {
    journal: Journal,
    head: watch::Sender<u64>,
    healthy: Arc<AtomicBool>,
    closing: Arc<AtomicBool>,
    /// When the open block must be written; `None` while there is nothing to write.
    deadline: Option<Instant>,
}

// === impl WriterLoop ===

impl WriterLoop {
    fn run(mut self, messages: &mpsc::Receiver<Message>) {
        let closed = loop {
            let message = match self.deadline {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(deadline) => messages.recv_timeout(deadline.saturating_duration_since(Instant::now())),
            };
            match message {
                Ok(Message::Event(draft, _permit)) => self.append(&draft),
                Ok(Message::Settle(done)) => {
                    self.flush();
                    let _ = done.send(());
                }
                Ok(Message::WithJournal(job)) => job(&mut self.journal),
                Ok(Message::Close(done)) => break Some(done),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break None,
            }
            // A steady stream of events never times out, so the deadline is looked at after each.
            if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                self.flush();
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
        loop {
            match self.journal.append(draft) {
                Ok(_) => return,
                Err(error @ journal::Error::Scrub { .. }) => {
                    return tracing::error!(%error, "an event was withheld from the journal");
                }
                Err(error) => self.failed(&error),
            }
            if self.closing.load(Ordering::Relaxed) {
                return tracing::error!("the service stops while the journal cannot be written: an event is lost");
            }
            std::thread::sleep(RETRY_PAUSE);
        }
    }

    fn flush(&mut self) {
        match self.journal.flush() {
            Ok(()) => {
                self.deadline = None;
                self.healthy.store(true, Ordering::Relaxed);
            }
            Err(error) => self.failed(&error),
        }
        self.head.send_replace(self.journal.reader().head());
    }

    /// Nothing new is admitted until a flush works again, which is tried from time to time.
    fn failed(&mut self, error: &journal::Error) {
        self.deadline = Some(Instant::now() + RETRY_PAUSE);
        if self.healthy.swap(false, Ordering::Relaxed) {
            tracing::error!(%error, "the journal cannot be written; new requests are refused until it can");
        }
    }
}

/// Bytes that an event keeps in memory, roughly.
fn weight(body: &EventBody) -> usize {
    EVENT_OVERHEAD
        + match body {
            EventBody::RequestReceived(received) => received.body.len() + received.target.len(),
            EventBody::ResponseChunk { bytes } => bytes.len(),
            EventBody::RpcSent(frame) | EventBody::RpcReceived(frame) => frame.frame.len(),
            EventBody::WorkerStderr { line, .. } => line.len(),
            _ => 0,
        }
}
