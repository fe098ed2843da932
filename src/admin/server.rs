//! Answers questions on the control socket.

use std::io;
use std::path::Path;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as Params, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use journal::{EventBody, Query, Reader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::protocol::{self, Ask, ErrorLine, EventsParams, SummariesParams};
use super::socket::{BindError, SocketFile};
use crate::record::{NotRecorded, Recorder};

/// Lines go out together up to this many bytes; a longer line goes alone.
const CHUNK: usize = 64 << 10;

/// Chunks read ahead of a client that is slow.
const CHUNKS_AHEAD: usize = 4;

/// The longest time that a question may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long answers may go on once the service was told to stop.
const GRACE: Duration = Duration::from_secs(2);

/// The pause after a failed accept, which is most often a lack of file descriptors that only time mends.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The control socket of a running service.
#[derive(Debug)]
pub struct ControlServer {
    listener: UnixListener,
    file: SocketFile,
}

/// What every answer needs.
#[derive(Clone)]
struct Control {
    recorder: Recorder,
    reader: Reader,
    /// What runs on behalf of clients, connections included.
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Who asks: the user id of the process at the other end.
#[derive(Clone, Copy)]
struct Peer(u32);

/// A question that is not answered.
struct Refusal(StatusCode, String);

type Chunk = io::Result<Bytes>;

// === impl ControlServer ===

impl ControlServer {
    /// Listens below `state_dir`, whose journal the caller owns. Must be called within a tokio runtime.
    pub fn bind(state_dir: &Path) -> Result<Self, BindError> {
        SocketFile::bind(state_dir).map(|(listener, file)| Self { listener, file })
    }

    /// Answers until `stop`, then removes the socket and gives the last answers a short time to end. Once it returns, nothing
    /// of it holds the journal open.
    pub async fn serve(self, recorder: Recorder, reader: Reader, stop: CancellationToken) {
        let Self { listener, file } = self;
        let (tasks, cut) = (TaskTracker::new(), CancellationToken::new());
        let router = router(Control { recorder, reader, tasks: tasks.clone(), stop: stop.clone() });
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((socket, _)) => drop(tasks.spawn(connection(socket, router.clone(), cut.clone()))),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection on the control socket");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                () = stop.cancelled() => break,
            }
        }
        drop((listener, file));
        tasks.close();
        if tokio::time::timeout(GRACE, tasks.wait()).await.is_err() {
            cut.cancel();
            tasks.wait().await;
        }
    }
}

async fn connection(socket: UnixStream, router: Router, cut: CancellationToken) {
    let peer = match socket.peer_cred() {
        Ok(peer) => Peer(peer.uid()),
        Err(error) => return tracing::warn!(%error, "cannot tell who asks on the control socket, so it gets no answer"),
    };
    let service = TowerToHyperService::new(router.layer(Extension(peer)));
    let mut http = http1::Builder::new();
    // One question a connection, so that none stays open for nothing when the service stops.
    http.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    tokio::select! {
        // An error here is a client that left or does not speak HTTP.
        _ = http.serve_connection(TokioIo::new(socket), service) => {}
        () = cut.cancelled() => {}
    }
}

fn router(control: Control) -> Router {
    let nothing_there = || async { Refusal(StatusCode::NOT_FOUND, "there is nothing at this path".to_owned()) };
    let not_so = || async { Refusal(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered".to_owned()) };
    Router::new()
        .route(protocol::SUMMARIES, get(summaries))
        .route(protocol::EVENTS, get(events))
        .fallback(nothing_there)
        .method_not_allowed_fallback(not_so)
        .with_state(control)
}

async fn summaries(
    State(control): State<Control>,
    Extension(peer): Extension<Peer>,
    params: Result<Params<SummariesParams>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Params(params) = params?;
    control.answer(params.into(), peer).await
}

async fn events(
    State(control): State<Control>,
    Extension(peer): Extension<Peer>,
    params: Result<Params<EventsParams>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Params(params) = params?;
    let ask = params.try_into().map_err(|wrong: &str| Refusal(StatusCode::BAD_REQUEST, wrong.to_owned()))?;
    control.answer(ask, peer).await
}

// === impl Control ===

impl Control {
    async fn answer(self, ask: Ask, peer: Peer) -> Result<Response, Refusal> {
        self.audit(&ask.query, peer).await?;
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        self.tasks.clone().spawn(self.feed(ask, sender));
        let chunks = stream::unfold(receiver, |mut receiver: mpsc::Receiver<Chunk>| async {
            receiver.recv().await.map(|chunk| (chunk, receiver))
        });
        Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(chunks)).into_response())
    }

    /// Records the reading before it happens. Afterwards everything that happened before it, and itself, can be read.
    async fn audit(&self, query: &Query, peer: Peer) -> Result<(), Refusal> {
        let read = query.audit(format!("uid:{}", peer.0), "socket");
        let recorded = self.recorder.record_durably(None, EventBody::AuditRead(read)).await;
        recorded.map_err(|error| Refusal::unrecorded(&error))
    }

    /// Reads the answer into `chunks`, and what follows it if that is wanted, until the client leaves.
    async fn feed(self, ask: Ask, chunks: mpsc::Sender<Chunk>) {
        let mut head = self.recorder.head();
        let mut query = ask.query;
        loop {
            head.mark_unchanged();
            let (reader, sender) = (self.reader.clone(), chunks.clone());
            let next_seq = match tokio::task::spawn_blocking(move || send_answer(&query, &reader, &sender)).await {
                Ok(Ok(next_seq)) => next_seq,
                Ok(Err(ClientLeft)) => return,
                Err(panic) => {
                    // Without an error the answer would look complete.
                    let _ = chunks.send(Err(io::Error::other(panic))).await;
                    return;
                }
            };
            if !ask.follow {
                return;
            }
            query = Query::Events { request: query.request(), from_seq: next_seq };
            tokio::select! {
                changed = head.changed() => if changed.is_err() { return },
                () = chunks.closed() => return,
                () = self.stop.cancelled() => return,
            }
        }
    }
}

struct ClientLeft;

/// Runs `query` and hands the lines on, some at a time. Blocks. Returns where a question for what follows starts.
fn send_answer(query: &Query, reader: &Reader, chunks: &mpsc::Sender<Chunk>) -> Result<u64, ClientLeft> {
    let send = |text: String| chunks.blocking_send(Ok(text.into())).map_err(|_| ClientLeft);
    let answer = match query.run(reader) {
        Ok(answer) => answer,
        Err(error) => {
            send(ErrorLine::line(&error))?;
            return Ok(reader.head() + 1);
        }
    };
    let next_seq = answer.next_seq();
    let mut chunk = String::new();
    for row in answer {
        chunk.push_str(&row.map_or_else(|error| ErrorLine::line(&error), |row| row + "\n"));
        if chunk.len() >= CHUNK {
            send(std::mem::take(&mut chunk))?;
        }
    }
    if !chunk.is_empty() {
        send(chunk)?;
    }
    Ok(next_seq)
}

// === impl Refusal ===

impl Refusal {
    fn unrecorded(why: &NotRecorded) -> Self {
        let message = format!("this reading cannot be recorded, so it does not happen: {why}");
        Self(StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self(rejection.status(), rejection.body_text())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, [(CONTENT_TYPE, "application/json")], ErrorLine::line(&self.1)).into_response()
    }
}
