//! The Recorder: everything that happens goes through here, once, in order.
//!
//! [`Recorder::record`] takes the time, applies the projections and hands the event to a thread that scrubs it and appends it to
//! the journal. So metrics never wait for a disk and requests never serialise for the journal. Nothing is dropped while the
//! service runs: a recorder whose budget of bytes is used up makes the sender wait. Only a service that stops while its journal
//! fails gives events up, and says how many.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use journal::{AuditRead, Draft, EventBody, Journal, RequestId, RequestReceived, Scrub};
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

    /// Records that something happened. Waits only if the journal is its whole budget of bytes behind, and never for a journal that fails
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

struct WriterLoop {
    journal: Journal,
    head: watch::Sender<u64>,
    projections: Arc<Projections>,
    status: Arc<Status>,
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

/// Bytes that an event keeps in memory, roughly.
fn weight(body: &EventBody) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let headers = |headers: &[(String, String)]| {
        headers.iter().map(|(name, value)| size_of::<(String, String)>() + name.len() + value.len()).sum::<usize>()
    };
    // Without a rest, so that a new kind of event must be thought of here.
    let bytes = match body {
        EventBody::RequestReceived(received) => {
            let RequestReceived { method, route, target, key, peer, headers: head, body } = received;
            let line = method.len() + route.len() + target.len() + text(key) + peer.len();
            line + headers(head) + body.len()
        }
        EventBody::RequestRejected { code, message, .. } => code.len() + message.len(),
        EventBody::ResponseStarted { headers: head, .. } => headers(head),
        EventBody::ResponseChunk { bytes } => bytes.len(),
        EventBody::ResponseFinished(end) => {
            let reasons = end.finish_reasons.iter().map(|reason| size_of::<String>() + reason.len()).sum::<usize>();
            text(&end.model) + reasons + text(&end.error) + text(&end.worker)
        }
        EventBody::RpcSent(frame) | EventBody::RpcReceived(frame) => frame.worker.len() + frame.frame.len(),
        EventBody::WorkerSpawned { worker, version, .. } => worker.len() + version.len(),
        EventBody::WorkerHandshaken { worker, user_agent, .. } => worker.len() + user_agent.len(),
        EventBody::WorkerReady { worker, .. } | EventBody::WorkerExited { worker, .. } => worker.len(),
        EventBody::WorkerUnhealthy { worker, reason, detail } => worker.len() + reason.len() + detail.len(),
        EventBody::WorkerRestartScheduled { reason, .. } | EventBody::ServiceDraining { reason, .. } => reason.len(),
        EventBody::WorkerStderr { worker, line } => worker.len() + line.len(),
        EventBody::ServiceStarted { version, address, config_digest, .. } => {
            version.len() + address.len() + config_digest.len()
        }
        EventBody::AuditRead(AuditRead { actor, action, filter, via }) => {
            actor.len() + action.len() + filter.len() + via.len()
        }
        EventBody::SegmentDisposed { segment, reason, .. } => segment.len() + reason.len(),
        EventBody::SegmentOpened { segment } => segment.len(),
        EventBody::RequestAdmitted { .. } | EventBody::ServiceStopped { .. } => 0,
    };
    EVENT_OVERHEAD + bytes
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bytes::Bytes;
    use journal::{NoScrub, Options, Payload, Selection};

    use super::*;
    use crate::projections::Metrics;

    /// A recorder on a folder in which `break_journal` keeps the journal from being written.
    struct Bench {
        dir: tempfile::TempDir,
        recorder: Recorder,
        writer: Writer,
    }

    impl Bench {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let journal = Journal::open(dir.path(), Options::default(), Arc::new(NoScrub)).unwrap();
            let (recorder, writer) = Recorder::start(journal, Projections::new(Metrics::new([]).unwrap())).unwrap();
            Self { dir, recorder, writer }
        }

        /// A file where the folder of segments belongs. Only before the first event.
        fn break_journal(&self) {
            fs::write(self.dir.path().join("segments"), "").unwrap();
        }

        fn mend_journal(&self) {
            fs::remove_file(self.dir.path().join("segments")).unwrap();
        }

        async fn until_healthy(&self, wanted: bool) {
            let mut healthy = self.recorder.shared.status.healthy.subscribe();
            healthy.wait_for(|healthy| *healthy == wanted).await.unwrap();
        }

        /// The lines of the journal, after everything was written.
        async fn end(self) -> (Vec<String>, u64) {
            let status = self.recorder.shared.status.clone();
            self.recorder.close().await;
            drop(self.recorder);
            self.writer.join();
            let journal = Journal::open(self.dir.path(), Options::default(), Arc::new(NoScrub)).unwrap();
            let lines = journal.reader().events(Selection::default()).map(|line| line.unwrap().text).collect();
            (lines, status.lost.load(Ordering::Relaxed))
        }
    }

    fn stderr(line: impl Into<String>) -> EventBody {
        EventBody::WorkerStderr { worker: "w1".to_owned(), line: line.into() }
    }

    fn audit() -> EventBody {
        let read = AuditRead { actor: "a".into(), action: "list".into(), filter: String::new(), via: "socket".into() };
        EventBody::AuditRead(read)
    }

    #[tokio::test]
    async fn a_journal_that_works_again_gets_everything_in_order() {
        let bench = Bench::new();
        bench.break_journal();
        for line in ["one", "two", "three"] {
            bench.recorder.record(None, stderr(line)).await;
        }
        bench.until_healthy(false).await;
        assert!(matches!(bench.recorder.record_durably(None, audit()).await, Err(NotRecorded::Unavailable)));
        bench.mend_journal();
        bench.until_healthy(true).await;
        bench.recorder.record_durably(None, audit()).await.unwrap();
        let (lines, lost) = bench.end().await;
        assert_eq!((lines.len(), lost), (5, 0), "{lines:?}");
        for (line, text) in lines.iter().zip(["segment.opened", "one", "two", "three", "audit.read"]) {
            assert!(line.contains(text), "{line}");
        }
    }

    #[tokio::test]
    async fn a_service_that_stops_does_not_wait_for_a_journal_that_fails() {
        let bench = Bench::new();
        bench.break_journal();
        let half = "x".repeat(BUDGET / 2);
        bench.recorder.record(None, stderr(half.clone())).await;
        let waits = tokio::spawn({
            let recorder = bench.recorder.clone();
            async move { recorder.record(None, stderr(half)).await }
        });
        let job = tokio::spawn({
            let recorder = bench.recorder.clone();
            async move { recorder.with_journal(|_| ()).await }
        });
        bench.until_healthy(false).await;
        tokio::task::yield_now().await;
        assert!(!waits.is_finished() && !job.is_finished());

        bench.recorder.stop_waiting();
        waits.await.unwrap();
        assert_eq!(job.await.unwrap(), None);
        bench.recorder.record(None, stderr("late")).await;
        let status = bench.recorder.shared.status.clone();
        bench.recorder.close().await;
        bench.writer.join();
        assert_eq!(status.lost.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_service_that_stops_before_its_journal_fails_does_not_wait_either() {
        let bench = Bench::new();
        bench.break_journal();
        bench.recorder.stop_waiting();
        for _ in 0..3 {
            bench.recorder.record(None, stderr("x".repeat(BUDGET))).await;
        }
        bench.mend_journal();
        assert_eq!(bench.end().await, (vec![], 3));
    }

    #[tokio::test]
    async fn a_recorder_that_panicked_is_not_healthy_and_holds_nobody_up() {
        let bench = Bench::new();
        assert_eq!(bench.recorder.with_journal(|_| panic!("a test")).await, None::<()>);
        bench.until_healthy(false).await;
        assert!(!bench.recorder.is_healthy());
        for _ in 0..3 {
            bench.recorder.record(None, stderr("x".repeat(BUDGET))).await;
        }
        assert!(matches!(bench.recorder.record_durably(None, audit()).await, Err(NotRecorded::Unavailable)));
        assert_eq!(bench.recorder.with_journal(|_| ()).await, None);
        bench.recorder.close().await;
        bench.writer.join();
    }

    #[tokio::test]
    async fn what_was_recorded_durably_can_be_read_at_once() {
        let bench = Bench::new();
        bench.recorder.record(None, stderr("before")).await;
        bench.recorder.record_durably(None, audit()).await.unwrap();
        assert_eq!(*bench.recorder.head().borrow(), 3);
        assert_eq!(bench.end().await.0.len(), 3);
    }

    #[test]
    fn an_event_weighs_what_it_carries() {
        let long = || "x".repeat(10_000);
        let received = RequestReceived {
            method: long(),
            route: long(),
            target: long(),
            key: Some(long()),
            peer: long(),
            headers: vec![(long(), long())],
            body: Payload(Bytes::from(long())),
        };
        assert!(weight(&EventBody::RequestReceived(received)) >= 80_000);
        assert!(weight(&EventBody::ResponseStarted { status: 200, headers: vec![(long(), long()); 3] }) >= 60_000);
        assert!(weight(&EventBody::RequestRejected { status: 400, code: long(), message: long() }) >= 20_000);
        assert!(weight(&EventBody::ServiceStopped { requests_cut: 0 }) >= EVENT_OVERHEAD);
    }
}
