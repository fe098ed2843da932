//! One worker: a `codex app-server` process that was started, shaken hands with, and takes turns until it ends.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use journal::EventBody;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{CallError, Connection};
use super::protocol::{Initialize, Initialized, ModelList, ModelPage};
use super::settings;
use crate::backend::exec::WorkerExec;
use crate::backend::home::WorkerHome;
use crate::backend::life::{exited, record_stderr};
use crate::backend::locate::Codex;
use crate::backend::process::{self, NoProcess, Process, Spawner};
use crate::config::Config;
use crate::record::Recorder;

/// So many pages of `model/list` are read at most.
const MAX_MODEL_PAGES: usize = 100;

/// What every worker is started with.
#[derive(Debug)]
pub struct WorkerPlan {
    /// The configuration.
    pub config: Arc<Config>,
    /// The Codex to run.
    pub codex: Codex,
    /// The sanitized model catalog.
    pub catalog: String,
    /// The folder for workers' homes.
    pub homes: PathBuf,
    /// `codex-proxy` itself, for `worker-exec`.
    pub own_binary: PathBuf,
    /// Starts processes.
    pub spawner: Spawner,
    /// Where everything is recorded.
    pub recorder: Recorder,
}

/// A worker that answers.
#[derive(Debug)]
pub struct Worker {
    /// Its name, unique within one run of the service.
    pub name: Arc<str>,
    /// The conversation with it.
    pub connection: Connection,
    /// The models it knows.
    pub models: Arc<BTreeSet<String>>,
    /// When it was started.
    pub spawned_at: Instant,
    process: Process,
    /// Its pipes' tasks; done when its output has ended.
    tasks: TaskTracker,
    _home: WorkerHome,
}

/// Why a worker did not come up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no process.
    #[error(transparent)]
    Process(#[from] NoProcess),
    /// It runs, or ran, and did not get through the handshake.
    #[error("handshake failed: {error}{}{last_words}", if last_words.is_empty() { "" } else { "; the last it wrote on stderr: " })]
    Handshake {
        /// What went wrong.
        error: CallError,
        /// The last line it wrote on stderr.
        last_words: String,
    },
    /// It answered, but was not ready in time.
    #[error("not ready within {} ms (WORKER_STARTUP_TIMEOUT_MS)", limit.as_millis())]
    TimedOut {
        /// How long it had.
        limit: Duration,
    },
}

// === impl Worker ===

impl Worker {
    /// Starts the process, shakes hands, and asks for its models. `None` if `stop` was cancelled meanwhile; like every
    /// worker that does not come up, this one is gone then.
    pub async fn start(
        plan: &WorkerPlan,
        name: Arc<str>,
        stop: &CancellationToken,
    ) -> Result<Option<Self>, StartError> {
        let limit = plan.config.worker_startup_timeout;
        let deadline = tokio::time::Instant::now() + limit;
        let (mut worker, last_words) = match Self::spawn(plan, name.clone()).await {
            Ok(spawned) => spawned,
            Err(error) => {
                let error = error.into();
                plan.recorder.record(None, unhealthy(&name, &error)).await;
                return Err(error);
            }
        };
        let handshake = tokio::select! {
            result = tokio::time::timeout_at(deadline, worker.handshake(plan)) => Some(result),
            () = stop.cancelled() => None,
        };
        if matches!(handshake, Some(Ok(Ok(())))) {
            return Ok(Some(worker));
        }
        let spawned_at = worker.spawned_at;
        let grace = if handshake.is_none() { plan.config.worker_shutdown_grace } else { Duration::ZERO };
        let status = worker.stop(grace).await.ok();
        // Only now is everything read that it had to say.
        let last_words = last_words.lock().expect("no holder of this lock can panic").clone();
        let failure = handshake.map(|result| match result {
            Ok(Err(error)) => StartError::Handshake { error, last_words },
            _ => StartError::TimedOut { limit },
        });
        if let Some(error) = &failure {
            plan.recorder.record(None, unhealthy(&name, error)).await;
        }
        plan.recorder.record(None, exited(&name, status, failure.is_none(), spawned_at)).await;
        failure.map_or(Ok(None), Err)
    }

    /// Starts the process and listens to it.
    async fn spawn(plan: &WorkerPlan, name: Arc<str>) -> Result<(Self, Arc<Mutex<String>>), NoProcess> {
        let home = WorkerHome::create(&plan.homes, &name, &plan.config)?;
        let catalog = home.write("catalog.json", &plan.catalog)?;
        home.write("config.toml", &settings::config_toml(&plan.config, &catalog))?;
        let spawned_at = Instant::now();
        let (process, pipes) = plan
            .spawner
            .spawn(command(plan, &home))
            .await
            .map_err(|source| NoProcess::Spawn { binary: plan.codex.binary.clone(), source })?;
        let spawned = EventBody::WorkerSpawned {
            worker: name.to_string(),
            pid: process.id(),
            version: plan.codex.version.to_string(),
        };
        plan.recorder.record(None, spawned).await;
        let tasks = TaskTracker::new();
        let last_words = Arc::new(Mutex::new(String::new()));
        tasks.spawn(record_stderr(pipes.stderr, name.to_string(), plan.recorder.clone(), last_words.clone()));
        let connection = Connection::open(&name, pipes.stdout, pipes.stdin, plan.recorder.clone(), &tasks);
        tasks.close();
        let worker = Self { name, connection, models: Arc::default(), spawned_at, process, tasks, _home: home };
        Ok((worker, last_words))
    }

    /// Waits until the process ends and everything it wrote is read. One that closes its output and lives on is of no use: it
    /// is ended, by force after `grace`.
    pub async fn exit(&mut self, grace: Duration) -> Option<ExitStatus> {
        let status = tokio::select! {
            status = self.process.wait() => status,
            () = self.connection.closed() => self.process.stop(grace).await,
        };
        self.tasks.wait().await;
        status.ok()
    }

    /// Ends the process, by force after `grace`.
    pub async fn stop(mut self, grace: Duration) -> std::io::Result<ExitStatus> {
        let status = self.process.stop(grace).await;
        self.tasks.wait().await;
        status
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    async fn handshake(&mut self, plan: &WorkerPlan) -> Result<(), CallError> {
        let config = &plan.config;
        let limit = config.worker_handshake_timeout;
        let initialized: Initialized = self.connection.call("initialize", &Initialize::default(), None, limit).await?;
        self.connection.notify("initialized");
        let handshaken = EventBody::WorkerHandshaken {
            worker: self.name.to_string(),
            user_agent: initialized.user_agent,
            after_ms: self.spawned_at.elapsed().as_secs_f64() * 1e3,
        };
        plan.recorder.record(None, handshaken).await;
        self.models = Arc::new(self.list_models(config.worker_startup_timeout).await?);
        let ready = EventBody::WorkerReady {
            worker: self.name.to_string(),
            after_ms: self.spawned_at.elapsed().as_secs_f64() * 1e3,
            models: self.models.len(),
        };
        plan.recorder.record(None, ready).await;
        Ok(())
    }

    async fn list_models(&self, limit: Duration) -> Result<BTreeSet<String>, CallError> {
        const METHOD: &str = "model/list";
        let mut models = BTreeSet::new();
        let mut cursor = None;
        for _ in 0..MAX_MODEL_PAGES {
            let params = ModelList { include_hidden: true, cursor };
            let page: ModelPage = self.connection.call(METHOD, &params, None, limit).await?;
            models.extend(page.data.into_iter().map(|model| model.model));
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(models);
            }
        }
        let detail = format!("it has no end within {MAX_MODEL_PAGES} pages");
        Err(CallError::Malformed { method: METHOD, detail })
    }
}

fn unhealthy(worker: &str, error: &StartError) -> EventBody {
    let reason = match error {
        StartError::Process(_) => "start_failed",
        StartError::Handshake { error: CallError::TimedOut { .. }, .. } | StartError::TimedOut { .. } => {
            "handshake_timeout"
        }
        StartError::Handshake { .. } => "handshake_failed",
    };
    EventBody::WorkerUnhealthy { worker: worker.to_owned(), reason: reason.to_owned(), detail: error.to_string() }
}

fn command(plan: &WorkerPlan, home: &WorkerHome) -> Command {
    let arguments = WorkerExec::new(&home.writable(&plan.config), &plan.codex.binary, &["app-server"]).arguments();
    let mut command = process::command(&plan.own_binary);
    home.furnish(command.args(arguments), &plan.config);
    command
}
