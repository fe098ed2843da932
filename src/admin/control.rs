//! Answers questions and runs operations for whoever is at the other end of the control socket.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use journal::{AuditRead, EventBody, Journal, Query, Reader};
use retention::Sweeper;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ask::Ask;
use super::erase::Service;
use super::operation::{Begun, Desk, Operation, OperationError};
use super::protocol::{ErrorLine, Fault};
use crate::record::{NotRecorded, Recorder};
use crate::upkeep::Upkeep;

/// Lines go out together up to this many bytes; a longer line goes alone.
const CHUNK: usize = 64 << 10;

/// Chunks read ahead of a client that is slow.
const CHUNKS_AHEAD: usize = 4;

/// What every answer needs.
#[derive(Clone)]
pub(super) struct Control {
    pub(super) recorder: Recorder,
    pub(super) reader: Reader,
    pub(super) upkeep: Upkeep,
    /// What runs on behalf of clients, connections included.
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// Who asks.
#[derive(Clone)]
pub(super) enum Peer {
    /// The user of the process at the other end of the control socket.
    User(u32),
    /// A key on the admin listener, by its id.
    Key(Arc<str>),
}

/// A question that is not answered.
pub(super) struct Refusal {
    status: StatusCode,
    why: String,
    fault: Fault,
}

type Chunk = io::Result<Bytes>;

struct ClientLeft;

// === impl Control ===

impl Control {
    /// Answers `ask`.
    pub(super) async fn answer(self, ask: Ask, peer: Peer) -> Result<Response, Refusal> {
        self.audit(ask.query.audit(peer.actor(), peer.via())).await?;
        Ok(self.respond(|control, chunks| control.feed(ask, chunks)))
    }

    /// Runs `operation` and answers with what comes of it.
    pub(super) async fn operate(self, operation: Operation, peer: Peer) -> Result<Response, Refusal> {
        operation.check()?;
        let actor = peer.actor();
        if let Some(read) = operation.audit(&actor, peer.via()) {
            self.audit(read).await?;
        }
        Ok(self.respond(|control, chunks| control.perform(operation, actor, chunks)))
    }

    /// Records the reading before it happens. Afterwards everything that happened before it, and itself, can be read.
    async fn audit(&self, read: AuditRead) -> Result<(), Refusal> {
        let recorded = self.recorder.record_durably(None, EventBody::AuditRead(read)).await;
        recorded.map_err(|error| Refusal::unrecorded(&error))
    }

    /// An answer that is made of what `make` sends.
    fn respond<F: Future<Output = ()> + Send + 'static>(
        self,
        make: impl FnOnce(Self, mpsc::Sender<Chunk>) -> F,
    ) -> Response {
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        self.tasks.clone().spawn(make(self, sender));
        let chunks = stream::unfold(receiver, |mut receiver: mpsc::Receiver<Chunk>| async {
            receiver.recv().await.map(|chunk| (chunk, receiver))
        });
        ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(chunks)).into_response()
    }

    /// Reads the answer into `chunks`, and what follows it if that is wanted, until the client leaves.
    async fn feed(self, ask: Ask, chunks: mpsc::Sender<Chunk>) {
        let mut head = self.recorder.head();
        let mut query = ask.query;
        loop {
            head.mark_unchanged();
            let (reader, sender, request) = (self.reader.clone(), chunks.clone(), query.request());
            let next_seq = match tokio::task::spawn_blocking(move || send_answer(&query, &reader, &sender)).await {
                Ok(Ok(next_seq)) => next_seq,
                Ok(Err(ClientLeft)) => return,
                Err(panic) => return break_off(&chunks, panic).await,
            };
            if !ask.follow {
                return;
            }
            query = Query::Events { request, from_seq: next_seq };
            tokio::select! {
                changed = head.changed() => if changed.is_err() { return },
                () = chunks.closed() => return,
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Runs an operation and sends what comes of it, until the client leaves.
    async fn perform(self, operation: Operation, actor: String, chunks: mpsc::Sender<Chunk>) {
        let job = move |journal: &mut Journal, sweeper: &mut Sweeper, now| {
            operation.begin(Desk { journal, sweeper: Ok(sweeper), now, actor: &actor })
        };
        let begun = match self.upkeep.with_journal(job).await.unwrap_or(Err(OperationError::Stopping)) {
            Ok(begun) => begun,
            Err(error) => {
                let _ = chunks.send(Ok(ErrorLine::line(&error, error.fault()).into())).await;
                return;
            }
        };
        // A thread of its own, because a check of a large journal takes minutes and must not keep the service from stopping.
        let (done, finished) = oneshot::channel();
        let sender = chunks.clone();
        let writer = Service { upkeep: self.upkeep, runtime: Handle::current(), stop: self.stop };
        let rest = move || {
            // Whoever waits for an answer to a request comes first.
            let _ = rustix::process::nice(10);
            let _ = done.send(send_rest(begun, writer, &sender).is_ok());
        };
        if let Err(error) = std::thread::Builder::new().name("control".to_owned()).spawn(rest) {
            return break_off(&chunks, error).await;
        }
        tokio::select! {
            finished = finished => if let Err(panicked) = finished { break_off(&chunks, panicked).await },
            () = chunks.closed() => {}
        }
    }
}

/// Ends an answer so that it does not look complete.
async fn break_off(chunks: &mpsc::Sender<Chunk>, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) {
    let _ = chunks.send(Err(io::Error::other(why))).await;
}

/// Runs `query` and hands the lines on. Blocks. Returns where a question for what follows starts.
fn send_answer(query: &Query, reader: &Reader, chunks: &mpsc::Sender<Chunk>) -> Result<u64, ClientLeft> {
    // What cannot be read once the journal is open is damaged, whatever the system calls it.
    let damaged = |error: &journal::Error| ErrorLine::line(error, Fault::Damaged);
    let answer = match query.run(reader) {
        Ok(answer) => answer,
        Err(error) => {
            send(damaged(&error), chunks)?;
            return Ok(reader.head() + 1);
        }
    };
    let next_seq = answer.next_seq();
    send_lines(answer.map(|row| row.map_or_else(|error| damaged(&error), |row| row + "\n")), chunks)?;
    Ok(next_seq)
}

/// Finishes an operation and hands its rows on. Blocks.
fn send_rest(begun: Begun, writer: Service, chunks: &mpsc::Sender<Chunk>) -> Result<(), ClientLeft> {
    match begun.finish(writer) {
        Ok(rows) => {
            let line = |error: journal::Error| ErrorLine::line(&error, Fault::from(&error));
            send_lines(rows.map(|row| row.map_or_else(line, |row| row + "\n")), chunks)
        }
        Err(error) => send(ErrorLine::line(&error, error.fault()), chunks),
    }
}

/// Hands `lines` on, some at a time. Blocks.
fn send_lines(lines: impl Iterator<Item = String>, chunks: &mpsc::Sender<Chunk>) -> Result<(), ClientLeft> {
    let mut chunk = String::new();
    for line in lines {
        chunk.push_str(&line);
        if chunk.len() >= CHUNK {
            send(std::mem::take(&mut chunk), chunks)?;
        }
    }
    if chunk.is_empty() { Ok(()) } else { send(chunk, chunks) }
}

fn send(text: String, chunks: &mpsc::Sender<Chunk>) -> Result<(), ClientLeft> {
    chunks.blocking_send(Ok(text.into())).map_err(|_| ClientLeft)
}

// === impl Peer ===

impl Peer {
    pub(super) fn actor(&self) -> String {
        match self {
            Self::User(uid) => format!("uid:{uid}"),
            Self::Key(id) => format!("key:{id}"),
        }
    }

    /// The way it came.
    fn via(&self) -> &'static str {
        match self {
            Self::User(_) => "socket",
            Self::Key(_) => "admin",
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// Because of `why`, which is in how it was asked.
    pub(super) fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into(), fault: Fault::Usage }
    }

    /// Because of who asks.
    pub(super) fn denied(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into(), fault: Fault::NoAccess }
    }

    fn unrecorded(error: &NotRecorded) -> Self {
        let why = format!("this reading cannot be recorded, so it does not happen: {error}");
        Self { status: StatusCode::SERVICE_UNAVAILABLE, why, fault: Fault::NoAccess }
    }
}

impl From<OperationError> for Refusal {
    fn from(error: OperationError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let line = ErrorLine::line(&self.why, self.fault);
        (self.status, [(CONTENT_TYPE, "application/json")], line).into_response()
    }
}
