//! One turn on a process of its own, as seen from outside.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::byte_channel::Receiver;
use crate::turn::{FailureKind, TurnEnd, TurnEvent, TurnFailure};

/// A turn that runs. Dropping it ends its process.
#[derive(Debug)]
pub struct Turn {
    worker: Arc<str>,
    events: Receiver<TurnEvent>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
    ended: bool,
}

// === impl Turn ===

impl Turn {
    /// The turn on the process called `worker`, which ends when `stop` is cancelled.
    pub(super) fn new(worker: Arc<str>, events: Receiver<TurnEvent>, stop: CancellationToken) -> Self {
        Self { worker, events, _stop_on_drop: stop.clone().drop_guard(), stop, ended: false }
    }

    /// The process it runs on.
    pub fn worker(&self) -> &Arc<str> {
        &self.worker
    }

    /// The next event; pending for ever once the turn is over.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<TurnEvent> {
        if self.ended {
            return Poll::Pending;
        }
        let event = ready!(self.events.poll_recv(cx)).unwrap_or_else(exited);
        self.ended = matches!(event, TurnEvent::Ended(_));
        Poll::Ready(event)
    }

    /// Ends the process, which [`Turn::poll_next`] then reports.
    pub fn interrupt(&self) {
        self.stop.cancel();
    }

    /// Whether the turn is over.
    pub fn has_ended(&self) -> bool {
        self.ended
    }
}

/// The process ended before the turn did.
pub(super) fn exited() -> TurnEvent {
    TurnEvent::Ended(TurnEnd::Failed(TurnFailure {
        kind: FailureKind::WorkerExited,
        message: "the process of the turn exited".to_owned(),
    }))
}
