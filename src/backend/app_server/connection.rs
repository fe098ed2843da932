//! The conversation with one worker over its stdio: calls out, answers and notifications in, each recorded.
//!
//! One actor reads and decides, one task writes, so that a worker that is busy writing to us can never block us both. A
//! [`Connection`] is a cheap handle to them. When the worker's output ends, every call fails with [`CallError::Exited`] and
//! every thread's channel closes.

use std::collections::HashMap;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use journal::{EventBody, Frame, Payload, RequestId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::codec::{self, Incoming, RpcError};
use super::protocol::{Address, ThreadStart, ThreadStarted, TurnInterrupt, TurnStarted};
use crate::backend::lines::{Line, LineDecoder};
use crate::byte_channel;
use crate::record::Recorder;

/// How much of a turn's notifications may wait for their reader, in bytes.
const NOTIFICATIONS_MAX: u32 = 128 << 10;

/// The longest pause of the worker's output for the sake of one turn.
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// A handle to a worker's stdio. Clones share it.
#[derive(Debug, Clone)]
pub struct Connection {
    commands: mpsc::UnboundedSender<Command>,
}

/// A thread of the worker with the notifications that belong to it. Dropping it interrupts what still runs on it.
#[derive(Debug)]
pub struct Thread {
    id: String,
    connection: Connection,
    notifications: byte_channel::Receiver<Notification>,
}

/// A notification of one thread.
#[derive(Debug)]
pub struct Notification {
    /// The method's name.
    pub method: Box<str>,
    /// The parameters: JSON, a part of the frame it came in.
    pub params: Box<RawValue>,
}

/// Why a call has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// The worker answered with an error.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The worker ended before it answered.
    #[error("the worker exited before it answered {method}")]
    Exited {
        /// The call.
        method: &'static str,
    },
    /// The worker did not answer in time.
    #[error("the worker did not answer {method} within {} ms", limit.as_millis())]
    TimedOut {
        /// The call.
        method: &'static str,
        /// How long it had.
        limit: Duration,
    },
    /// The worker's answer has another shape than this version of Codex should give.
    #[error("the worker's answer to {method} was not understood: {detail}")]
    Malformed {
        /// The call.
        method: &'static str,
        /// The parser's complaint.
        detail: String,
    },
}

#[derive(Debug)]
enum Command {
    Call(Call),
    Notify(&'static str),
    Interrupt { thread: String },
    CloseThread { thread: String },
    Forget { request: RequestId, done: oneshot::Sender<()> },
}

#[derive(Debug)]
struct Call {
    method: &'static str,
    params: Box<RawValue>,
    request: Option<RequestId>,
    effect: Effect,
    reply: oneshot::Sender<Result<Box<RawValue>, CallError>>,
}

/// What the actor itself must do about a call, besides passing the answer on.
#[derive(Debug)]
enum Effect {
    None,
    /// Route the new thread's notifications here, before the next frame is read.
    OpenThread(byte_channel::Sender<Notification>),
    /// Remember the new turn of this thread, so that it can be interrupted.
    StartTurn {
        thread: String,
    },
}

struct Actor<R> {
    worker: String,
    recorder: Recorder,
    commands: mpsc::UnboundedReceiver<Command>,
    stdout: R,
    outgoing: mpsc::UnboundedSender<Bytes>,
    next_id: u64,
    pending: HashMap<u64, Pending>,
    routes: HashMap<String, Route>,
}

struct Pending {
    method: &'static str,
    request: Option<RequestId>,
    effect: Effect,
    reply: oneshot::Sender<Result<Box<RawValue>, CallError>>,
}

/// Where a thread's frames go and what is known of its turn.
struct Route {
    request: Option<RequestId>,
    notifications: byte_channel::Sender<Notification>,
    /// Whether the worker's output still waits for whoever reads them.
    is_waited_for: bool,
    turn: TurnState,
    /// An interrupt was asked for; it is sent as soon as the turn's id is known.
    interrupt_wanted: bool,
}

enum TurnState {
    None,
    Requested,
    Running { id: String },
    Interrupted,
    Over,
}

// === impl Connection ===

impl Connection {
    /// Starts the conversation with the worker called `worker`; its tasks run on `tasks` until `stdout` ends.
    pub fn open<R, W>(worker: &str, stdout: R, stdin: W, recorder: Recorder, tasks: &TaskTracker) -> Self
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (outgoing, lines) = mpsc::unbounded_channel();
        tasks.spawn(write_lines(stdin, lines));
        let actor = Actor {
            worker: worker.to_owned(),
            recorder,
            commands: inbox,
            stdout,
            outgoing,
            next_id: 1,
            pending: HashMap::new(),
            routes: HashMap::new(),
        };
        tasks.spawn(actor.run());
        Self { commands }
    }

    /// Calls `method` and waits for its result, at most `limit`.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &impl Serialize,
        request: Option<RequestId>,
        limit: Duration,
    ) -> Result<T, CallError> {
        self.call_with_effect(method, params, request, Effect::None, limit).await
    }

    /// Sends the notification `method`, which has no parameters.
    pub fn notify(&self, method: &'static str) {
        self.send(Command::Notify(method));
    }

    /// Starts a thread on behalf of `request`.
    pub async fn start_thread(
        &self,
        params: &ThreadStart,
        request: RequestId,
        limit: Duration,
    ) -> Result<Thread, CallError> {
        let (sender, notifications) = byte_channel::channel(NOTIFICATIONS_MAX);
        let effect = Effect::OpenThread(sender);
        let started: ThreadStarted =
            self.call_with_effect("thread/start", params, Some(request), effect, limit).await?;
        Ok(Thread { id: started.thread.id, connection: self.clone(), notifications })
    }

    /// Frames that still come for `request` belong to no request from here on. Called before its end is recorded, so that
    /// nothing of a request is recorded after it.
    pub async fn forget(&self, request: RequestId) {
        let (done, forgotten) = oneshot::channel();
        self.send(Command::Forget { request, done });
        let _ = forgotten.await;
    }

    /// Whether the worker's output has ended.
    pub fn is_closed(&self) -> bool {
        self.commands.is_closed()
    }

    /// Waits until the worker's output has ended.
    pub async fn closed(&self) {
        self.commands.closed().await;
    }

    async fn call_with_effect<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &impl Serialize,
        request: Option<RequestId>,
        effect: Effect,
        limit: Duration,
    ) -> Result<T, CallError> {
        let params = serde_json::value::to_raw_value(params).expect("parameters have string keys");
        let (reply, answer) = oneshot::channel();
        self.send(Command::Call(Call { method, params, request, effect, reply }));
        let result = timeout(limit, answer)
            .await
            .map_err(|_| CallError::TimedOut { method, limit })?
            .map_err(|_| CallError::Exited { method })??;
        serde_json::from_str(result.get()).map_err(|error| CallError::Malformed { method, detail: error.to_string() })
    }

    /// A command to an actor that has ended is dropped, and with it the reply channel, which tells the caller.
    fn send(&self, command: Command) {
        let _ = self.commands.send(command);
    }
}

// === impl Thread ===

impl Thread {
    /// The worker's id for it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Calls `method`, which starts a turn on this thread.
    pub async fn start_turn(
        &self,
        params: &impl Serialize,
        request: RequestId,
        limit: Duration,
    ) -> Result<TurnStarted, CallError> {
        let effect = Effect::StartTurn { thread: self.id.clone() };
        self.connection.call_with_effect("turn/start", params, Some(request), effect, limit).await
    }

    /// The next notification; `None` when the worker has ended.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Notification>> {
        self.notifications.poll_recv(cx)
    }

    /// Asks the worker to end the running turn; `turn/completed` tells when it did.
    pub fn interrupt(&self) {
        self.connection.send(Command::Interrupt { thread: self.id.clone() });
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.connection.send(Command::CloseThread { thread: std::mem::take(&mut self.id) });
    }
}

// === impl Actor ===

impl<R: AsyncRead + Unpin> Actor<R> {
    async fn run(mut self) {
        let mut decoder = LineDecoder::default();
        let mut commands_open = true;
        loop {
            while let Some(line) = decoder.next_line() {
                self.on_line(line).await;
            }
            let buffer = decoder.buffer();
            buffer.reserve(64 << 10);
            tokio::select! {
                read = self.stdout.read_buf(buffer) => match read {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => break,
                },
                command = self.commands.recv(), if commands_open => match command {
                    Some(command) => self.on_command(command).await,
                    None => commands_open = false,
                },
            }
        }
        // First of all, so that nobody who learns of the end below takes this worker for ready.
        self.commands.close();
        for (_, pending) in self.pending.drain() {
            let _ = pending.reply.send(Err(CallError::Exited { method: pending.method }));
        }
    }

    async fn on_command(&mut self, command: Command) {
        match command {
            Command::Call(call) => self.call(call).await,
            Command::Notify(method) => self.write(None, codec::notification(method)).await,
            Command::Interrupt { thread } => {
                if let Some(route) = self.routes.get_mut(&thread) {
                    route.interrupt_wanted = true;
                    self.interrupt_if_running(&thread).await;
                }
            }
            Command::CloseThread { thread } => {
                let Some(route) = self.routes.get_mut(&thread) else { return };
                match route.turn {
                    TurnState::None | TurnState::Over => drop(self.routes.remove(&thread)),
                    TurnState::Interrupted => {}
                    TurnState::Requested | TurnState::Running { .. } => {
                        route.interrupt_wanted = true;
                        self.interrupt_if_running(&thread).await;
                    }
                }
            }
            Command::Forget { request, done } => {
                let routes = self.routes.values_mut().map(|route| &mut route.request);
                let pending = self.pending.values_mut().map(|pending| &mut pending.request);
                routes.chain(pending).filter(|owner| **owner == Some(request)).for_each(|owner| *owner = None);
                let _ = done.send(());
            }
        }
    }

    async fn call(&mut self, call: Call) {
        if let Effect::StartTurn { thread } = &call.effect
            && let Some(route) = self.routes.get_mut(thread)
        {
            route.turn = TurnState::Requested;
        }
        let id = self.next_id;
        self.next_id += 1;
        let frame = codec::request(id, call.method, &call.params);
        let Call { method, request, effect, reply, .. } = call;
        self.pending.insert(id, Pending { method, request, effect, reply });
        self.write(request, frame).await;
    }

    /// An interrupt that was asked for before the turn's id was known is sent as soon as it is.
    async fn interrupt_if_running(&mut self, thread: &str) {
        let Some(route) = self.routes.get_mut(thread) else { return };
        let TurnState::Running { id } = &route.turn else { return };
        if !route.interrupt_wanted {
            return;
        }
        let params = serde_json::value::to_raw_value(&TurnInterrupt { thread_id: thread, turn_id: id })
            .expect("parameters have string keys");
        let request = route.request;
        route.turn = TurnState::Interrupted;
        let (reply, _) = oneshot::channel();
        self.call(Call { method: "turn/interrupt", params, request, effect: Effect::None, reply }).await;
    }

    async fn write(&mut self, request: Option<RequestId>, frame: Bytes) {
        let body = Frame { worker: self.worker.clone(), frame: Payload(frame.clone()) };
        self.recorder.record(request, EventBody::RpcSent(body)).await;
        // A writer that has ended means a worker that is about to: its output will tell.
        let _ = self.outgoing.send(frame);
    }

    async fn on_line(&mut self, line: Line) {
        let line = line.into_bytes();
        match Incoming::parse(&line) {
            Some(Incoming::Response { id, result }) => {
                let result = result.map(RawValue::to_owned);
                self.on_response(id, result, line.clone()).await;
            }
            Some(Incoming::Request { id, method, params }) => {
                let refusal = codec::refusal(id, "codex-proxy answers no requests");
                let (request, _) = self.owner(params);
                // Left open: the turn is interrupted as soon as its calls are with the client.
                let refuse = method != "item/tool/call";
                self.record_received(request, line.clone()).await;
                if refuse {
                    self.write(request, refusal).await;
                }
            }
            Some(Incoming::Notification { method, params }) => {
                let (request, address) = self.owner(params);
                self.record_received(request, line.clone()).await;
                if let (Some(address), Some(params)) = (address, params) {
                    self.on_notification(&method, &address, params).await;
                }
            }
            None => self.record_received(None, line).await,
        }
    }

    async fn on_response(&mut self, id: u64, result: Result<Box<RawValue>, RpcError>, line: Bytes) {
        let Some(pending) = self.pending.remove(&id) else {
            return self.record_received(None, line).await;
        };
        self.record_received(pending.request, line).await;
        match (pending.effect, &result) {
            (Effect::OpenThread(notifications), Ok(result)) => {
                if let Ok(started) = serde_json::from_str::<ThreadStarted>(result.get()) {
                    let route = Route {
                        request: pending.request,
                        notifications,
                        is_waited_for: true,
                        turn: TurnState::None,
                        interrupt_wanted: false,
                    };
                    // A caller that gave up before its answer came never closes its thread.
                    self.routes.retain(|_, route| !route.is_abandoned());
                    self.routes.insert(started.thread.id, route);
                }
            }
            (Effect::StartTurn { thread }, Ok(result)) => {
                if let Ok(started) = serde_json::from_str::<TurnStarted>(result.get()) {
                    self.turn_is_running(&thread, started.turn.id).await;
                }
            }
            (Effect::StartTurn { thread }, Err(_)) => {
                if let Some(route) = self.routes.get_mut(&thread) {
                    route.turn = TurnState::Over;
                }
            }
            _ => {}
        }
        let _ = pending.reply.send(result.map_err(CallError::Rpc));
    }

    async fn on_notification(&mut self, method: &str, address: &Address, params: &RawValue) {
        let Some(thread) = address.thread() else { return };
        if method == "turn/started"
            && let Some(turn) = address.turn()
        {
            self.turn_is_running(thread, turn.to_owned()).await;
        }
        let Some(route) = self.routes.get_mut(thread) else { return };
        route.deliver(Notification { method: method.into(), params: params.to_owned() }).await;
        if method == "turn/completed" {
            route.turn = TurnState::Over;
            if route.is_abandoned() {
                self.routes.remove(thread);
            }
        }
    }

    async fn turn_is_running(&mut self, thread: &str, id: String) {
        if let Some(route) = self.routes.get_mut(thread)
            && matches!(route.turn, TurnState::Requested)
        {
            route.turn = TurnState::Running { id };
            self.interrupt_if_running(thread).await;
        }
    }

    /// The HTTP request that a frame with these parameters belongs to.
    fn owner(&self, params: Option<&RawValue>) -> (Option<RequestId>, Option<Address>) {
        let address = params.and_then(|params| serde_json::from_str::<Address>(params.get()).ok());
        let route = address.as_ref().and_then(Address::thread).and_then(|thread| self.routes.get(thread));
        (route.and_then(|route| route.request), address)
    }

    async fn record_received(&mut self, request: Option<RequestId>, line: Bytes) {
        let body = Frame { worker: self.worker.clone(), frame: Payload(line) };
        self.recorder.record(request, EventBody::RpcReceived(body)).await;
    }
}

// === impl Route ===

impl Route {
    /// Hands a notification over. All turns of the worker wait while there is no room for it, so they do not wait for long: a
    /// client that is this slow is given up meanwhile, and whatever else may keep its reader is no fault of the others.
    async fn deliver(&mut self, notification: Notification) {
        let bytes = notification.params.get().len();
        let room = if self.is_waited_for {
            let room = timeout(PAUSE_MAX, self.notifications.room(bytes)).await;
            self.is_waited_for = room.is_ok();
            room.ok().and_then(Result::ok)
        } else {
            None
        };
        // Nobody listens any more: the thread is about to be closed.
        let _ = self.notifications.send(notification, room);
    }

    /// Whether nobody listens and nothing runs.
    fn is_abandoned(&self) -> bool {
        self.notifications.is_closed() && matches!(self.turn, TurnState::None | TurnState::Over)
    }
}

/// Writes lines until the connection or the worker's input closes.
async fn write_lines(mut stdin: impl AsyncWrite + Unpin, mut lines: mpsc::UnboundedReceiver<Bytes>) {
    while let Some(line) = lines.recv().await {
        let written = async {
            stdin.write_all(&line).await?;
            stdin.write_all(b"\n").await?;
            stdin.flush().await
        };
        if written.await.is_err() {
            return;
        }
    }
}
