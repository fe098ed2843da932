//! One turn on a worker: a thread of its own, the conversation injected, the answer followed.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use journal::RequestId;

use super::connection::{CallError, Thread};
use super::instructions::Instructions;
use super::notifications::TurnFollower;
use super::protocol::{InjectItems, ThreadStart, TurnStart};
use super::supervisor::ReadyWorker;
use crate::turn::{FailureKind, TurnEnd, TurnEvent, TurnFailure, TurnPlan};

/// A turn that runs. Dropping it interrupts it.
#[derive(Debug)]
pub struct Turn {
    worker: Arc<str>,
    instructions: Instructions,
    thread: Thread,
    follower: TurnFollower,
    ended: bool,
}

// === impl Turn ===

impl Turn {
    /// Starts the turn; each call has `limit` to be answered.
    pub(super) async fn start(
        worker: &ReadyWorker,
        plan: &TurnPlan,
        sandbox: &str,
        instructions: Instructions,
        request: RequestId,
        limit: Duration,
    ) -> Result<Self, CallError> {
        let thread =
            worker.connection.start_thread(&thread_start(plan, sandbox, &instructions), request, limit).await?;
        let inject = InjectItems { thread_id: thread.id(), items: &plan.items };
        let _: serde_json::Value = worker.connection.call("thread/inject_items", &inject, Some(request), limit).await?;
        thread.start_turn(&turn_start(plan, thread.id()), request, limit).await?;
        let worker = worker.name.clone();
        Ok(Self { worker, instructions, thread, follower: TurnFollower::default(), ended: false })
    }

    /// The worker it runs on.
    pub fn worker(&self) -> &Arc<str> {
        &self.worker
    }

    /// The base instructions it began with.
    pub fn instructions(&self) -> &Instructions {
        &self.instructions
    }

    /// The next event; pending for ever once the turn is over.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<TurnEvent> {
        while !self.ended {
            let Some(notification) = ready!(self.thread.poll_next(cx)) else {
                self.ended = true;
                return Poll::Ready(TurnEvent::Ended(TurnEnd::Failed(TurnFailure {
                    kind: FailureKind::WorkerExited,
                    message: "app-server worker exited".to_owned(),
                })));
            };
            if let Some(event) = self.follower.follow(&notification.method, &notification.params) {
                // A compaction ends the answer and not the turn, which then waits for its interrupt.
                self.ended = &*notification.method == "turn/completed";
                return Poll::Ready(event);
            }
        }
        Poll::Pending
    }

    /// Asks for the turn's end, which [`Turn::poll_next`] then reports.
    pub fn interrupt(&self) {
        self.thread.interrupt();
    }

    /// Whether the turn is over for the worker, too.
    pub fn has_ended(&self) -> bool {
        self.ended
    }
}

/// The `thread/start` parameters for `plan`.
pub fn thread_start(plan: &TurnPlan, sandbox: &str, instructions: &Instructions) -> ThreadStart {
    ThreadStart {
        ephemeral: true,
        model: plan.model.clone(),
        approval_policy: "never",
        sandbox: sandbox.to_owned(),
        environments: [],
        experimental_raw_events: true,
        base_instructions: instructions.value(),
        dynamic_tools: plan.tools.clone(),
    }
}

/// The `turn/start` parameters for `plan` on the thread `thread_id`.
pub fn turn_start<'a>(plan: &'a TurnPlan, thread_id: &'a str) -> TurnStart<'a> {
    TurnStart {
        thread_id,
        input: [],
        effort: plan.effort.map(crate::turn::Effort::as_str),
        output_schema: plan.output_schema.as_ref(),
    }
}
