//! The Recorder: everything that happens goes through here, once, in order.
//!
//! [`Recorder::record`] takes the time, applies the projections and hands the event to a thread that scrubs it and appends it to
//! the journal. So metrics never wait for a disk and requests never serialise for the journal. Nothing is dropped while the
//! service runs: a recorder whose budget of bytes is used up makes the sender wait. Events are given up, and counted, only by a
//! service that stops while its journal fails, and by one that was told to go on without it ([`OnFailure::Continue`]).
//!
//! An event with a piece of a streamed text is held back in that thread until it is known to be no part of a secret.

mod deltas;
mod dropping;
mod settler;
mod status;
mod watchdog;
mod weight;
mod writer;

use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use journal::{Counts, DayKey, Draft, EventBody, Journal, RequestId, Scrub};
use scrubbers::{PseudonymKey, Scrubber};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use self::dropping::Dropping;
use self::settler::Settler;
use self::status::{EndOfThread, Health, Status};
use self::watchdog::Watchdog;
use self::weight::weight;
use self::writer::WriterLoop;
use crate::config::{Durability, OnFailure};
use crate::projections::Projections;

/// Bytes of events that may wait to be written. An event larger than this passes alone. What waits is what a kill takes, so this is
/// what the recorder gets through in some 10 ms.
const BUDGET: usize = 256 << 10;

/// What stands before the data of an event.
const DATA: &str = r#""data":"#;

/// The types of events that carry what clients, models and tools say.
const WITH_CONTENT: &[&str] = &[
    r#""type":"request."#,
    r#""type":"response."#,
    r#""type":"rpc."#,
    r#""type":"worker.stderr"#,
    r#""type":"worker.unhealthy"#,
];

/// A handle to the recorder. Clones share it.
#[derive(Debug, Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
    /// The last sequence number that readers of the journal can see.
    head: watch::Receiver<u64>,
    /// Requests of which no content is kept.
    dropping: Dropping,
}

/// What requests can rely on.
#[derive(Debug, Clone, Copy)]
pub struct Guarantee {
    /// When what happened is on disk.
    pub durability: Durability,
    /// What happens while that cannot be.
    pub on_failure: OnFailure,
    /// How long a call of the journal may take before it counts as one that fails.
    pub deadline: Duration,
}

#[derive(Debug)]
struct Shared {
    /// Locked while an event gets its time, so that the order of times is the order of events.
    inbox: Mutex<mpsc::Sender<Message>>,
    projections: Arc<Projections>,
    status: Arc<Status>,
}

/// The threads of the recorder: one writes, and ends after [`Recorder::close`] or when every [`Recorder`] is gone; the other
/// watches it.
#[derive(Debug)]
pub struct Writer {
    thread: JoinHandle<()>,
    watchdog: JoinHandle<()>,
    /// Ends the watchdog when it goes.
    watching: mpsc::Sender<()>,
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
    /// Say when everything before is durable.
    Settle(oneshot::Sender<()>),
    /// Run something with the journal between two events.
    WithJournal(Box<dyn FnOnce(&mut Journal) + Send>),
    /// Write everything and end in order.
    Close(oneshot::Sender<()>),
}

/// Passes every event through the scrubber before it is kept. Clones share what is known of requests.
#[derive(Debug, Clone)]
pub struct ScrubEvents {
    scrubber: Arc<Scrubber>,
    dropping: Dropping,
}

// === impl ScrubEvents ===

impl ScrubEvents {
    /// Scrubs with `scrubber`.
    pub fn new(scrubber: Arc<Scrubber>) -> Self {
        Self { scrubber, dropping: Dropping::default() }
    }

    /// Whether nothing of the content of a request's events is kept.
    fn drops_content_of(&self, request: Option<RequestId>) -> bool {
        self.scrubber.drops_content() || request.is_some_and(|id| self.dropping.contains(id))
    }
}

impl Scrub for ScrubEvents {
    fn scrub(&self, key: &DayKey, json: &mut String) -> Counts {
        // What stands before the data is no text of anybody's, and an operator's rule might take it for one.
        let data = json.find(DATA).map_or(0, |at| at + DATA.len());
        // Moved within its memory: an event can be as large as a body, and a second of that size would lie beside it.
        let envelope: String = json.drain(..data).collect();
        let end = if envelope.is_empty() { None } else { json.pop() };
        let key = PseudonymKey::new(key.as_bytes());
        let is_message = WITH_CONTENT.iter().any(|kind| envelope.contains(kind));
        let drops = is_message && (self.scrubber.drops_content() || self.dropping.covers(&envelope));
        let report = if drops { self.scrubber.drop_content(json, &key) } else { self.scrubber.scrub_json(json, &key) };
        json.insert_str(0, &envelope);
        json.extend(end);
        report.iter().map(|(kind, count)| (kind, count as u64)).collect()
    }
}

// === impl Recorder ===

impl Recorder {
    /// Starts the thread that writes to `journal`. `scrub`, which that has too, finds the secrets that are split over several events.
    pub fn start(
        journal: Journal,
        scrub: ScrubEvents,
        projections: Projections,
        guarantee: Guarantee,
    ) -> std::io::Result<(Self, Writer)> {
        let (inbox, messages) = mpsc::channel();
        let (watching, stop) = mpsc::channel();
        let (head_seen, head) = watch::channel(journal.reader().head());
        let projections = Arc::new(projections);
        let status = Arc::new(Status::new(guarantee, BUDGET));
        let watchdog = Watchdog::new(status.clone());
        let watchdog = std::thread::Builder::new().name("recorder-watch".into()).spawn(move || watchdog.run(&stop))?;
        let dropping = scrub.dropping.clone();
        let writer = WriterLoop::new(journal, Settler::new(scrub), head_seen, projections.clone(), status.clone());
        let ending = EndOfThread(status.clone());
        let thread = std::thread::Builder::new().name("recorder".into()).spawn(move || {
            let _ending = ending;
            writer.run(&messages);
        })?;
        let shared = Shared { inbox: Mutex::new(inbox), projections, status: status.clone() };
        Ok((Self { shared: Arc::new(shared), head, dropping }, Writer { thread, watchdog, watching, status }))
    }

    /// Records that something happened. Waits only if the journal is its whole budget behind, and never for one that fails
    /// while the service stops or goes on without it: then the event is given up.
    pub async fn record(&self, request: Option<RequestId>, body: EventBody) {
        let status = &self.shared.status;
        let weight = u32::try_from(weight(&body).min(BUDGET)).expect("the budget fits in 32 bits");
        let permit = status.room_for(weight).await;
        let inbox = self.shared.inbox.lock().expect("no holder of this lock can panic");
        let draft = Box::new(Draft { at: now(), request, body });
        self.shared.projections.apply(&draft);
        if permit.is_some_and(|permit| inbox.send(Message::Event(draft, permit)).is_ok()) {
            status.accept();
        } else {
            status.give_up();
        }
    }

    /// Keeps no content of this request from its next event on, but shapes, sizes and digests.
    pub fn drop_content_of(&self, request: RequestId) {
        self.dropping.add(request);
    }

    /// Records something that must not happen unrecorded. Once this succeeds, the event and everything recorded before it are
    /// durable and can be read. While the journal fails, this fails at once; the event may be recorded nevertheless.
    pub async fn record_durably(&self, request: Option<RequestId>, body: EventBody) -> Result<(), NotRecorded> {
        let recorded = self.unless_failing(|done| {
            self.shared.status.accept();
            Message::Durable(Box::new(Draft { at: now(), request, body }), done)
        });
        Ok(recorded.await??)
    }

    /// Waits until everything recorded before is durable, except what is held back until its stream goes on. Nothing is of a
    /// request that is finished. Those who wait at the same time share a flush. While the journal fails, this fails at once.
    pub async fn settle(&self) -> Result<(), NotRecorded> {
        self.unless_failing(Message::Settle).await
    }

    /// What an answer whose end is recorded waits for before its last byte: that everything recorded is durable, if that is
    /// [guaranteed](Durability::BeforeFinalByte), else nothing. Fails if that byte must not leave.
    pub async fn before_final_byte(&self) -> Result<(), NotRecorded> {
        match self.shared.status.guarantee.durability {
            Durability::Interval => Ok(()),
            Durability::BeforeFinalByte if self.shared.status.serves_anyway() => {
                // The alarm has been raised where the journal failed.
                let _ = self.settle().await;
                Ok(())
            }
            Durability::BeforeFinalByte => self.settle().await,
        }
    }

    /// Whether it is known that [`before_final_byte`](Self::before_final_byte) would fail.
    pub fn withholds_answers(&self) -> bool {
        let waits = self.shared.status.guarantee.durability == Durability::BeforeFinalByte;
        waits && !self.admits()
    }

    /// Whether requests may begin: the journal works, or they are served without it.
    pub fn admits(&self) -> bool {
        self.is_healthy() || self.shared.status.serves_anyway()
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
        tokio::select! {
            biased;
            result = result => result.ok(),
            () = self.shared.status.abandoned() => None,
        }
    }

    /// Writes everything recorded before this call and closes the journal, unless it hangs. What is recorded later is lost.
    pub async fn close(&self) {
        self.stop_waiting();
        let (done, closed) = oneshot::channel();
        self.send(Message::Close(done));
        tokio::select! {
            _ = closed => {}
            () = self.shared.status.abandoned() => {}
        }
    }

    /// From now on nobody waits for a journal that fails: what cannot be written is lost, and how much that was is logged at the
    /// end. To be called when the service begins to stop.
    pub fn stop_waiting(&self) {
        self.shared.status.stop_waiting();
    }

    /// The last sequence number that readers of the journal can see, as it moves.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    /// Whether the last write to the journal worked, and there is somebody to do the next one who comes back in time.
    pub fn is_healthy(&self) -> bool {
        self.shared.status.is_working()
    }

    /// The projections, which know the present state.
    pub fn projections(&self) -> &Projections {
        &self.shared.projections
    }

    /// The events that were given up since the journal last worked.
    pub fn unrecorded(&self) -> u64 {
        self.shared.status.unrecorded()
    }

    /// The metrics as Prometheus text, with the journal's measures of this moment.
    pub fn render_metrics(&self) -> String {
        let metrics = self.shared.projections.metrics();
        metrics.set_journal(&self.shared.status.measures());
        metrics.render()
    }

    /// Asks the thread for something, and waits for the answer while the journal works.
    async fn unless_failing<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Result<T, NotRecorded> {
        let mut health = self.shared.status.health.subscribe();
        let (done, answer) = oneshot::channel();
        if *health.borrow_and_update() == Health::Working {
            let inbox = self.shared.inbox.lock().expect("no holder of this lock can panic");
            inbox.send(message(done)).map_err(|_| NotRecorded::Unavailable)?;
        }
        tokio::select! {
            biased;
            answer = answer => answer.map_err(|_| NotRecorded::Unavailable),
            _ = health.wait_for(|health| *health != Health::Working) => Err(NotRecorded::Unavailable),
        }
    }

    fn send(&self, message: Message) {
        let _ = self.shared.inbox.lock().expect("no holder of this lock can panic").send(message);
    }
}

// === impl Guarantee ===

impl Default for Guarantee {
    fn default() -> Self {
        let (durability, on_failure) = (Durability::Interval, OnFailure::Refuse);
        Self { durability, on_failure, deadline: Duration::from_secs(5) }
    }
}

// === impl Writer ===

impl Writer {
    /// Waits until the threads have ended, after [`Recorder::close`]. Nobody waits for one that hangs: it ends with the process.
    pub fn join(self) {
        if *self.status.health.borrow() == Health::Hanging {
            tracing::error!("the journal hangs: the last events may be missing from it");
        } else if self.thread.join().is_err() {
            tracing::error!("the recorder panicked: the last events may be missing from the journal");
        }
        drop(self.watching);
        self.watchdog.join().expect("the watchdog does not panic");
        let lost = self.status.unrecorded();
        if lost > 0 {
            tracing::error!(lost, "the service stopped while the journal could not be written: events are lost");
        }
    }
}

/// The present time to the microsecond: finer digits are noise, and noise does not compress.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

#[cfg(test)]
mod tests;
