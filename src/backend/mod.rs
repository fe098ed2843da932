//! What runs the turns: one of several backends, chosen at run time.
//!
//! [`Backend`] sends new requests to the one that is active. A request keeps the backend that it was admitted to until it ends,
//! so that a switch disturbs nothing that runs.

pub mod app_server;
pub mod exec;
pub mod home;
pub mod life;
pub mod lines;
pub mod locate;
pub mod process;
pub mod proto;
pub mod provider;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use journal::RequestId;
use tokio::sync::watch;

use self::app_server::AppServer;
use self::app_server::connection::CallError;
use self::app_server::instructions::Instructions;
use self::proto::Proto;
use crate::turn::{TurnEvent, TurnPlan};

/// What a switch is called in the journal (`flag.changed`).
pub const BACKEND_FLAG: &str = "codex.backend";

/// The kinds of backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendKind {
    /// `codex app-server`: many turns on one supervised worker.
    AppServer,
    /// `codex proto`, the fallback: a process for each turn.
    Proto,
}

/// The backends that are there, and which of them gets new requests.
#[derive(Debug)]
pub struct Backend {
    app_server: Option<AppServer>,
    proto: Option<Proto>,
    /// `None`: the backend is disabled.
    active: watch::Sender<Option<BackendKind>>,
}

/// A turn that runs. Dropping it interrupts it.
#[derive(Debug)]
pub enum Turn {
    /// On the app-server.
    AppServer(app_server::turn::Turn),
    /// On a process of its own.
    Proto(proto::turn::Turn),
}

/// Why a turn did not start.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TurnStartError {
    /// No worker is ready.
    #[error("app-server worker is not ready")]
    NotReady,
    /// The worker said no, or nothing.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Its process could not be started.
    #[error("{0}")]
    Process(String),
}

/// Why new requests stay where they went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SwitchError {
    /// The service was started without that backend.
    #[error("the backend {0} is not there: the service was started without it")]
    NotThere(BackendKind),
    /// It did not become ready in time.
    #[error("the backend {kind} did not become ready within {} ms", limit.as_millis())]
    NotReady {
        /// The backend.
        kind: BackendKind,
        /// How long it had.
        limit: Duration,
    },
}

// === impl BackendKind ===

impl BackendKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::AppServer, Self::Proto];

    /// Its name for people and in `/healthz`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AppServer => "app-server",
            Self::Proto => "proto",
        }
    }

    /// The kind of the worker called `worker`: `w1`, `w2`, … are app-servers, `p1`, `p2`, … processes of `codex proto`.
    pub fn of_worker(worker: &str) -> Self {
        if worker.starts_with('p') { Self::Proto } else { Self::AppServer }
    }

    /// The parts of `plan` that this backend has no way to honour, by the names of their fields.
    pub fn ignored(self, plan: &TurnPlan) -> Vec<&'static str> {
        match self {
            Self::AppServer => Vec::new(),
            Self::Proto => proto::ignored(plan).collect(),
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Backend ===

impl Backend {
    /// The backends that are there. New requests go to `active`, which must be one of them; `None` refuses them all.
    pub fn new(app_server: Option<AppServer>, proto: Option<Proto>, active: Option<BackendKind>) -> Self {
        Self { app_server, proto, active: watch::Sender::new(active) }
    }

    /// Where new requests go; `None` while the backend is disabled.
    pub fn active(&self) -> Option<BackendKind> {
        *self.active.borrow()
    }

    /// Sends new requests to `kind` as soon as that is ready, for which it has `limit`, and says where they went before. Requests
    /// that run end where they began. On an error everything stays as it was.
    pub async fn set_active(&self, kind: BackendKind, limit: Duration) -> Result<Option<BackendKind>, SwitchError> {
        if !self.has(kind) {
            return Err(SwitchError::NotThere(kind));
        }
        if let (BackendKind::AppServer, Some(app_server)) = (kind, &self.app_server) {
            app_server.wake();
        }
        let ready = tokio::time::timeout(limit, self.until_ready(kind)).await;
        ready.map_err(|_| SwitchError::NotReady { kind, limit })?;
        Ok(self.active.send_replace(Some(kind)))
    }

    /// The app-server, if it is there; active or not.
    pub fn app_server(&self) -> Option<&AppServer> {
        self.app_server.as_ref()
    }

    /// Whether turns of new requests can be started.
    pub fn is_ready(&self) -> bool {
        match self.active() {
            Some(BackendKind::AppServer) => self.app_server.as_ref().is_some_and(AppServer::is_ready),
            // Its processes are started when they are needed.
            Some(BackendKind::Proto) => self.proto.is_some(),
            None => false,
        }
    }

    /// Waits until turns can be started on `kind`; for ever, if it is not there.
    pub async fn until_ready(&self, kind: BackendKind) {
        match (kind, &self.app_server, &self.proto) {
            (BackendKind::AppServer, Some(app_server), _) => app_server.until_ready().await,
            (BackendKind::Proto, _, Some(_)) => {}
            _ => std::future::pending().await,
        }
    }

    /// Whether a worker knows a model of that name: the app-server's, even while it is not active, for `codex proto` passes on any
    /// name and tells of none.
    pub fn knows_model(&self, model: &str) -> bool {
        self.app_server.as_ref().is_some_and(|app_server| app_server.knows_model(model))
    }

    /// Starts `turns` turns of `plan` on `kind`, side by side; all of them or none.
    pub async fn start_turns(
        &self,
        kind: BackendKind,
        plan: &TurnPlan,
        turns: usize,
        request: RequestId,
    ) -> Result<Vec<Turn>, TurnStartError> {
        match kind {
            BackendKind::AppServer => {
                let app_server = self.app_server.as_ref().ok_or(TurnStartError::NotReady)?;
                let turns = app_server.start_turns(plan, turns, request).await?;
                Ok(turns.into_iter().map(Turn::AppServer).collect())
            }
            BackendKind::Proto => {
                let proto = self.proto.as_ref().ok_or(TurnStartError::NotReady)?;
                let turns = proto.start_turns(plan, turns, request).await?;
                Ok(turns.into_iter().map(Turn::Proto).collect())
            }
        }
    }

    /// From now on `worker` gets Codex's own instructions, as its upstream insists on them. Returns whether that is news.
    pub fn insist_on_own_instructions(&self, worker: &Arc<str>) -> bool {
        self.app_server.as_ref().is_some_and(|app_server| app_server.insist_on_own_instructions(worker))
    }

    /// Frames that workers still send for `request` belong to no request from here on. (A process of `codex proto` is not listened
    /// to once its turn is over.)
    pub async fn forget(&self, request: RequestId) {
        if let Some(app_server) = &self.app_server {
            app_server.forget(request).await;
        }
    }

    fn has(&self, kind: BackendKind) -> bool {
        match kind {
            BackendKind::AppServer => self.app_server.is_some(),
            BackendKind::Proto => self.proto.is_some(),
        }
    }
}

// === impl Turn ===

impl Turn {
    /// The worker it runs on.
    pub fn worker(&self) -> &Arc<str> {
        match self {
            Self::AppServer(turn) => turn.worker(),
            Self::Proto(turn) => turn.worker(),
        }
    }

    /// What stands before its conversation, where that can be chosen.
    pub fn instructions(&self) -> Option<&Instructions> {
        match self {
            Self::AppServer(turn) => Some(turn.instructions()),
            Self::Proto(_) => None,
        }
    }

    /// The next event; pending for ever once the turn is over.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<TurnEvent> {
        match self {
            Self::AppServer(turn) => turn.poll_next(cx),
            Self::Proto(turn) => turn.poll_next(cx),
        }
    }

    /// Asks for the turn's end, which [`Turn::poll_next`] then reports.
    pub fn interrupt(&self) {
        match self {
            Self::AppServer(turn) => turn.interrupt(),
            Self::Proto(turn) => turn.interrupt(),
        }
    }

    /// Whether the turn is over for the worker, too.
    pub fn has_ended(&self) -> bool {
        match self {
            Self::AppServer(turn) => turn.has_ended(),
            Self::Proto(turn) => turn.has_ended(),
        }
    }
}
