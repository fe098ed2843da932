//! Keeps one worker running: starts it, watches it, starts the next one when it ends.
//!
//! One task owns the worker. Everyone else sees [`Status`] through a watch channel, and through it the connection to
//! the worker that is ready.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use journal::EventBody;
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backoff::Backoff;
use super::connection::Connection;
use super::worker::{Worker, WorkerPlan};
use crate::backend::life::exited;

/// What is known of the worker right now.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// What it is doing.
    pub state: WorkerState,
    /// The worker that takes turns; only in [`WorkerState::Ready`].
    pub ready: Option<ReadyWorker>,
    /// The process id of the worker that runs.
    pub pid: Option<u32>,
    /// Starts after the first one.
    pub restarts_total: u64,
    /// Failures since a worker was last ready.
    pub consecutive_failures: u32,
    /// Wait before the next start; 0 when none is due.
    pub next_restart_delay_ms: u64,
    /// How the last worker ended.
    pub last_exit: Option<LastExit>,
    /// When a worker last became ready.
    pub last_ready_at: Option<Timestamp>,
    /// Spawn to ready of the worker that was ready last.
    pub startup_latency_ms: Option<u64>,
}

/// The worker that takes turns.
#[derive(Debug, Clone)]
pub struct ReadyWorker {
    /// Its name.
    pub name: Arc<str>,
    /// The conversation with it.
    pub connection: Connection,
    /// The models it knows.
    pub models: Arc<BTreeSet<String>>,
}

/// Stages of a worker's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WorkerState {
    /// No start was tried yet.
    #[default]
    NotStarted,
    /// The process is being started and shaken hands with.
    Starting,
    /// It takes turns.
    Ready,
    /// It ended; the next start is due.
    Exited,
    /// It did not come up, or not through the handshake; the next start is due.
    StartFailed,
    /// The service is stopping.
    Stopped,
}

/// How a worker ended.
#[derive(Debug, Clone, Serialize)]
pub struct LastExit {
    /// When.
    pub at: Timestamp,
    /// Its exit code, if it exited by itself.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
}

/// Keeps a worker running until it is told to stop.
#[derive(Debug)]
pub struct Supervisor {
    plan: WorkerPlan,
    backoff: Backoff,
    status: watch::Sender<Status>,
    wake: CancellationToken,
    stop: CancellationToken,
    started: u64,
    /// Failures since a worker last stayed up; [`Status`] shows none as soon as one is ready.
    failures: u32,
}

// === impl Status ===

impl Status {
    /// The worker that takes turns. A worker whose output has ended is none, even before its exit was noticed.
    pub fn usable(&self) -> Option<&ReadyWorker> {
        self.ready.as_ref().filter(|worker| !worker.connection.is_closed())
    }

    /// When a worker can be expected to be ready, as far as the last start tells.
    pub fn expected_in(&self) -> Option<Duration> {
        let start = self.startup_latency_ms?;
        Some(Duration::from_millis(self.next_restart_delay_ms + start))
    }
}

// === impl Supervisor ===

impl Supervisor {
    /// Starts supervising on `tasks`, from when `wake` is cancelled until `stop` is.
    pub fn start(
        plan: WorkerPlan,
        wake: CancellationToken,
        stop: CancellationToken,
        tasks: &TaskTracker,
    ) -> watch::Receiver<Status> {
        let config = &plan.config;
        let backoff = Backoff::new(config.worker_backoff_initial, config.worker_backoff_max, config.worker_restart_max);
        let (status, watcher) = watch::channel(Status::default());
        tasks.spawn(Self { plan, backoff, status, wake, stop, started: 0, failures: 0 }.run());
        watcher
    }

    async fn run(mut self) {
        tokio::select! {
            () = self.wake.cancelled() => {}
            () = self.stop.cancelled() => {}
        }
        while !self.stop.is_cancelled() {
            self.status.send_modify(|status| {
                status.state = WorkerState::Starting;
                status.next_restart_delay_ms = 0;
                status.restarts_total = self.started;
            });
            self.started += 1;
            let name: Arc<str> = format!("w{}", self.started).into();
            let failed_as = match Worker::start(&self.plan, name, &self.stop).await {
                Ok(Some(worker)) => self.watch_over(worker).await,
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(%error, "the worker did not start");
                    WorkerState::StartFailed
                }
            };
            if self.stop.is_cancelled() {
                break;
            }
            self.wait_before_restart(failed_as).await;
        }
        self.status.send_modify(|status| {
            status.state = WorkerState::Stopped;
            status.ready = None;
            status.pid = None;
        });
    }

    /// Offers the worker for turns until it ends or the service stops.
    async fn watch_over(&mut self, mut worker: Worker) -> WorkerState {
        self.status.send_modify(|status| {
            status.state = WorkerState::Ready;
            status.pid = Some(worker.pid());
            status.consecutive_failures = 0;
            status.last_ready_at = Some(Timestamp::now());
            status.startup_latency_ms = Some(millis(worker.spawned_at));
            status.ready = Some(ReadyWorker {
                name: worker.name.clone(),
                connection: worker.connection.clone(),
                models: worker.models.clone(),
            });
        });
        let ready_at = Instant::now();
        let (name, spawned_at) = (worker.name.clone(), worker.spawned_at);
        let grace = self.plan.config.worker_shutdown_grace;
        let exit = tokio::select! {
            exit = worker.exit(grace) => Some(exit),
            () = self.stop.cancelled() => None,
        };
        if ready_at.elapsed() > self.plan.config.worker_backoff_max {
            self.failures = 0;
        }
        let expected = exit.is_none();
        let exit = match exit {
            Some(exit) => exit,
            None => worker.stop(grace).await.ok(),
        };
        let event = exited(&name, exit, expected, spawned_at);
        let last_exit = match &event {
            EventBody::WorkerExited { code, signal, .. } => {
                Some(LastExit { at: Timestamp::now(), code: *code, signal: *signal })
            }
            _ => None,
        };
        self.status.send_modify(|status| {
            status.state = WorkerState::Exited;
            status.ready = None;
            status.pid = None;
            status.last_exit = last_exit;
        });
        self.plan.recorder.record(None, event).await;
        WorkerState::Exited
    }

    async fn wait_before_restart(&mut self, failed_as: WorkerState) {
        self.failures += 1;
        let failures = self.failures;
        let delay = self.backoff.delay(failures, rand::random());
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.status.send_modify(|status| {
            status.state = failed_as;
            status.consecutive_failures = failures;
            status.next_restart_delay_ms = delay_ms;
        });
        let reason = if failed_as == WorkerState::Exited { "exit" } else { "start" }.to_owned();
        let scheduled = EventBody::WorkerRestartScheduled { delay_ms, consecutive_failures: failures, reason };
        self.plan.recorder.record(None, scheduled).await;
        if self.backoff.is_exhausted(failures) {
            tracing::error!(failures, "the worker keeps failing; from now on it is started once a minute");
        }
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = self.stop.cancelled() => {}
        }
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
