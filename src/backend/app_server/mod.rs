//! The `codex app-server` backend: many turns side by side on one supervised worker.
//!
//! [`codec`] frames, [`protocol`] types, [`connection`] converses, [`notifications`] interprets; [`catalog`] and
//! [`settings`] say how a process is brought up, [`worker`] is one that answers, [`supervisor`] keeps it so.

pub mod backoff;
pub mod catalog;
pub mod codec;
pub mod connection;
pub mod instructions;
pub mod login;
pub mod notifications;
pub mod protocol;
pub mod settings;
pub mod supervisor;
pub mod turn;
pub mod worker;

use std::sync::Arc;
use std::time::Duration;

use journal::RequestId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::instructions::Policy;
use self::login::{Login, Logins};
use self::supervisor::Status;
use self::turn::Turn;
use super::TurnStartError;
use crate::config::Config;
use crate::turn::TurnPlan;

/// Takes turns to the worker that is ready.
#[derive(Debug)]
pub struct AppServer {
    status: watch::Receiver<Status>,
    wake: CancellationToken,
    sandbox: String,
    instructions: Policy,
    logins: Logins,
    call_timeout: Duration,
}

// === impl AppServer ===

impl AppServer {
    /// A backend on the worker that `status` tells of, whose threads get base instructions by that policy; the first one is started when
    /// `wake` is cancelled.
    pub fn new(
        config: &Config,
        instructions: Policy,
        status: watch::Receiver<Status>,
        wake: CancellationToken,
    ) -> Self {
        let (sandbox, call_timeout) = (config.sandbox_mode.to_string(), config.worker_request_timeout);
        Self { status, wake, sandbox, instructions, logins: Logins::default(), call_timeout }
    }

    /// Has the worker started, if it never was.
    pub fn wake(&self) {
        self.wake.cancel();
    }

    /// What is known of the worker right now.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Whether turns can be started.
    pub fn is_ready(&self) -> bool {
        self.status.borrow().usable().is_some()
    }

    /// Waits until turns can be started.
    pub async fn until_ready(&self) {
        let mut status = self.status.clone();
        if status.wait_for(|status| status.usable().is_some()).await.is_err() {
            // The supervisor is gone: no worker will ever be ready.
            std::future::pending::<()>().await;
        }
    }

    /// Whether the worker knows a model of that name.
    pub fn knows_model(&self, model: &str) -> bool {
        self.status.borrow().usable().is_some_and(|worker| worker.models.contains(model))
    }

    /// Starts `turns` turns of `plan`, side by side; all of them or none.
    pub async fn start_turns(
        &self,
        plan: &TurnPlan,
        turns: usize,
        request: RequestId,
    ) -> Result<Vec<Turn>, TurnStartError> {
        let worker = self.status.borrow().usable().cloned().ok_or(TurnStartError::NotReady)?;
        let instructions = self.instructions.of(&worker.name);
        let starts = (0..turns)
            .map(|_| Turn::start(&worker, plan, &self.sandbox, instructions.clone(), request, self.call_timeout));
        Ok(futures_util::future::try_join_all(starts).await?)
    }

    /// From now on `worker` gets Codex's own instructions, as its upstream insists on them. Returns whether that is news.
    pub fn insist_on_own_instructions(&self, worker: &Arc<str>) -> bool {
        self.instructions.insist(worker)
    }

    /// Where the worker's Codex can be logged in; `None` if it does not say.
    pub async fn login(&self) -> Option<Login> {
        let worker = self.status.borrow().usable().cloned()?;
        let login = self.logins.at(&worker).await;
        login.inspect_err(|error| tracing::warn!(kind = "backend", %error, "no login could be begun")).ok()
    }

    /// Frames that the worker still sends for `request` belong to no request from here on.
    pub async fn forget(&self, request: RequestId) {
        let worker = self.status.borrow().usable().cloned();
        if let Some(worker) = worker {
            worker.connection.forget(request).await;
        }
    }
}
