//! The `codex proto` backend, the fallback: one process of Codex 0.40.0 for each turn, which knows neither histories nor tools.
//!
//! [`flatten`] makes one text of a conversation, [`events`] says what a process's lines mean, [`settings`] how it is brought up;
//! [`session`] runs it, and [`turn`] is a turn as seen from outside.

pub mod events;
pub mod flatten;
pub mod session;
pub mod settings;
pub mod turn;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use journal::RequestId;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::session::SessionPlan;
use self::turn::Turn;
use super::TurnStartError;
use crate::turn::TurnPlan;

/// Starts a process for each turn.
#[derive(Debug)]
pub struct Proto {
    plan: Arc<SessionPlan>,
    /// Processes so far.
    started: AtomicU64,
    tasks: TaskTracker,
    stop: CancellationToken,
}

// === impl Proto ===

impl Proto {
    /// A backend whose processes run on `tasks` and end when `stop` is cancelled.
    pub fn new(plan: SessionPlan, stop: CancellationToken, tasks: TaskTracker) -> Self {
        Self { plan: Arc::new(plan), started: AtomicU64::new(0), tasks, stop }
    }

    /// Starts `turns` turns of `plan`, side by side; all of them or none.
    pub async fn start_turns(
        &self,
        plan: &TurnPlan,
        turns: usize,
        request: RequestId,
    ) -> Result<Vec<Turn>, TurnStartError> {
        let starts = (0..turns).map(|_| self.start_turn(plan, request));
        futures_util::future::try_join_all(starts).await
    }

    async fn start_turn(&self, plan: &TurnPlan, request: RequestId) -> Result<Turn, TurnStartError> {
        let name: Arc<str> = format!("p{}", self.started.fetch_add(1, Ordering::Relaxed) + 1).into();
        let stop = self.stop.child_token();
        let (session, events) = session::start(&self.plan, name.clone(), plan, request, stop.clone())
            .await
            .inspect_err(|error| tracing::error!(%error, "the process of a turn did not start"))
            .map_err(|error| TurnStartError::Process(error.to_string()))?;
        self.tasks.spawn(session.run());
        Ok(Turn::new(name, events, stop))
    }
}

/// The parts of `plan` that `codex proto` has no way to honour, by the names of their fields.
pub fn ignored(plan: &TurnPlan) -> impl Iterator<Item = &'static str> {
    let tools = (!plan.tools.is_empty()).then_some("tools");
    let schema = plan.output_schema.as_ref().map(|_| "response_format");
    tools.into_iter().chain(schema)
}
