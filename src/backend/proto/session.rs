//! The life of one `codex proto` process: started for a turn, fed one message, followed to the turn's end, ended with its group.

use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use journal::{EventBody, Frame, Payload, RequestId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout};
use tokio_util::sync::CancellationToken;

use super::events::Follower;
use super::{flatten, settings, turn};
use crate::backend::exec::WorkerExec;
use crate::backend::home::WorkerHome;
use crate::backend::life::{exited, record_stderr};
use crate::backend::lines::LineDecoder;
use crate::backend::locate::Codex;
use crate::backend::process::{self, NoProcess, Pipes, Process, Spawner};
use crate::byte_channel::{self, Receiver, Sender};
use crate::config::Config;
use crate::record::Recorder;
use crate::turn::{TurnEnd, TurnEvent, TurnPlan};

/// How much of a turn's events may wait for their reader, in bytes of the lines they came in.
const EVENTS_MAX: u32 = 128 << 10;

/// What every process is started with.
#[derive(Debug)]
pub struct SessionPlan {
    /// The configuration.
    pub config: Arc<Config>,
    /// The Codex 0.40.0 to run.
    pub codex: Codex,
    /// The folder for workers' homes.
    pub homes: PathBuf,
    /// `codex-proxy` itself, for `worker-exec`.
    pub own_binary: PathBuf,
    /// Starts processes.
    pub spawner: Spawner,
    /// Where everything is recorded.
    pub recorder: Recorder,
}

/// A process that runs a turn.
#[derive(Debug)]
pub(super) struct Session {
    plan: Arc<SessionPlan>,
    name: Arc<str>,
    request: RequestId,
    input: Bytes,
    spawned_at: Instant,
    process: Process,
    pipes: Pipes,
    events: Sender<TurnEvent>,
    stop: CancellationToken,
    _home: WorkerHome,
}

/// How the conversation with a process ended.
enum End {
    /// Its turn is over; this event says how.
    Turn(TurnEvent),
    /// Its output ended before.
    Output,
    /// We want no more of it.
    Stopped,
}

/// Starts the process `name` for a turn of `plan`. It does nothing before [`Session::run`].
pub(super) async fn start(
    plan: &Arc<SessionPlan>,
    name: Arc<str>,
    turn: &TurnPlan,
    request: RequestId,
    stop: CancellationToken,
) -> Result<(Session, Receiver<TurnEvent>), NoProcess> {
    let config = &plan.config;
    let home = WorkerHome::create(&plan.homes, &name, config)?;
    home.write("config.toml", &settings::config_toml(config, turn))?;
    let bounds = WorkerExec::new(&home.writable(config), &plan.codex.binary, &["proto"]).running_only_itself();
    let mut command = process::command(&plan.own_binary);
    // Its log quotes what the model calls and what the upstream answers.
    home.furnish(command.args(bounds.arguments()).env("RUST_LOG", "error"), config);
    let spawned_at = Instant::now();
    let spawned = plan.spawner.spawn(command).await;
    let (process, pipes) = spawned.map_err(|source| NoProcess::Spawn { binary: plan.codex.binary.clone(), source })?;
    let (events, receiver) = byte_channel::channel(EVENTS_MAX);
    let session = Session {
        plan: plan.clone(),
        name,
        request,
        input: flatten::user_input(&turn.items),
        spawned_at,
        process,
        pipes,
        events,
        stop,
        _home: home,
    };
    Ok((session, receiver))
}

// === impl Session ===

impl Session {
    /// Runs the turn to its end, and the process to its own.
    pub(super) async fn run(mut self) {
        let recorder = self.plan.recorder.clone();
        let spawned = EventBody::WorkerSpawned {
            worker: self.name.to_string(),
            pid: self.process.id(),
            version: self.plan.codex.version.to_string(),
        };
        recorder.record(None, spawned).await;
        let Pipes { stdin, mut stdout, stderr } = self.pipes;
        let stderr = tokio::spawn(record_stderr(stderr, self.name.to_string(), recorder.clone(), Arc::default()));
        let conversation =
            Conversation { worker: &self.name, request: self.request, recorder: &recorder, events: &self.events };
        let end = tokio::select! {
            biased;
            () = self.stop.cancelled() => End::Stopped,
            end = conversation.hold(self.input, stdin, &mut stdout) => end,
        };
        let expected = !matches!(end, End::Output);
        // First, so that an answer that is complete waits for no process.
        let after = match end {
            End::Turn(event) => {
                let _ = self.events.send(event, None);
                None
            }
            End::Output => Some(turn::exited()),
            End::Stopped => Some(TurnEvent::Ended(TurnEnd::Interrupted)),
        };
        let status: Option<ExitStatus> = self.process.stop(self.plan.config.worker_shutdown_grace).await.ok();
        if let Some(event) = after {
            // Only now is the upstream's request surely dropped.
            let _ = self.events.send(event, None);
        }
        // The whole group is gone, so that its output ends.
        let _ = stderr.await;
        recorder.record(None, exited(&self.name, status, expected, self.spawned_at)).await;
    }
}

/// What goes to and fro on the pipes.
struct Conversation<'a> {
    worker: &'a str,
    request: RequestId,
    recorder: &'a Recorder,
    events: &'a Sender<TurnEvent>,
}

// === impl Conversation ===

impl Conversation<'_> {
    /// Sends `input` and passes on what the answer means, up to the end of the turn or of the output.
    async fn hold(&self, input: Bytes, stdin: ChildStdin, stdout: &mut ChildStdout) -> End {
        self.recorder.record(Some(self.request), EventBody::RpcSent(self.frame(input.clone()))).await;
        // Beside the reading, so that a process that is busy writing to us cannot block us both.
        let mut writing = pin!(write_line(stdin, input));
        let mut open_stdin = None;
        let mut follower = Follower::default();
        let mut decoder = LineDecoder::default();
        loop {
            while let Some(line) = decoder.next_line() {
                let line = line.into_bytes();
                let received = EventBody::RpcReceived(self.frame(line.clone()));
                self.recorder.record(Some(self.request), received).await;
                match follower.follow(&line) {
                    Some(event @ TurnEvent::Ended(_)) => return End::Turn(event),
                    Some(event) => {
                        // Nobody else shares the pipe. Closed, the turn was dropped, which stops this.
                        let room = self.events.room(line.len()).await.ok();
                        let _ = self.events.send(event, room);
                    }
                    None => {}
                }
            }
            let buffer = decoder.buffer();
            buffer.reserve(64 << 10);
            tokio::select! {
                // Kept: the process ends when its input does.
                stdin = &mut writing, if open_stdin.is_none() => open_stdin = Some(stdin),
                read = stdout.read_buf(buffer) => match read {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return End::Output,
                },
            }
        }
    }

    fn frame(&self, line: Bytes) -> Frame {
        Frame { worker: self.worker.to_owned(), frame: Payload(line) }
    }
}

/// An error means that the process has ended, which its output tells.
async fn write_line(mut stdin: ChildStdin, line: Bytes) -> ChildStdin {
    if stdin.write_all(&line).await.is_ok() {
        let _ = stdin.write_all(b"\n").await;
    }
    stdin
}
