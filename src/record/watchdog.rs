//! Notices a journal that does not come back, and goes on saying that events are not recorded.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::status::Status;

/// The longest pause between two looks.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Looks within one deadline, so that what hangs is noticed soon after it.
const LOOKS: u32 = 8;

/// The pause between two alarms.
const ALARM_PAUSE: Duration = Duration::from_secs(60);

/// The state of the thread that watches.
pub(super) struct Watchdog {
    status: Arc<Status>,
    /// When the last alarm was raised, while the journal does not work.
    alarmed: Option<Instant>,
}

// === impl Watchdog ===

impl Watchdog {
    pub(super) fn new(status: Arc<Status>) -> Self {
        Self { status, alarmed: None }
    }

    /// Runs until the other end of `stop` is gone.
    pub(super) fn run(mut self, stop: &Receiver<()>) {
        let pause = (self.status.guarantee.deadline / LOOKS).clamp(Duration::from_millis(1), PAUSE_MAX);
        while stop.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            self.look();
        }
    }

    fn look(&mut self) {
        if let Some(since) = self.status.check_call() {
            tracing::error!(
                kind = "journal",
                ?since,
                "a write to the journal does not come back: {}",
                self.status.consequence()
            );
        }
        if self.status.is_working() {
            self.alarmed = None;
        } else if self.status.serves_anyway() && self.alarmed.get_or_insert_with(Instant::now).elapsed() >= ALARM_PAUSE
        {
            self.alarmed = Some(Instant::now());
            let unrecorded = self.status.unrecorded();
            tracing::error!(
                kind = "journal",
                unrecorded,
                "the journal still cannot be written: {}",
                self.status.consequence()
            );
        }
    }
}
