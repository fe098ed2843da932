//! How long sweeps have waited for a clock that may be wrong, when no service is there to wait: each `retention run` of a cron
//! job is a process of its own, so the first one that waits leaves a note for those that follow.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use retention::{Doubt, Now, State};
use serde::{Deserialize, Serialize};

/// The note, in the state folder.
const FILE: &str = "sweep-waits";

/// Where Linux says which start of the machine this is, and how long ago that was.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
const UPTIME: &str = "/proc/uptime";

/// When sweeps began to wait, as far as that is known.
pub(crate) struct Waited {
    path: PathBuf,
    note: Note,
    now: Now,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// Which start of the machine the monotonic clock counts from.
    boot: String,
    /// The last time known to the journal. If it is another by now, somebody was there meanwhile.
    last_known: Option<Timestamp>,
    /// When the first sweep waited, by both clocks.
    wall: Timestamp,
    uptime_ms: u64,
}

/// The present moment. The monotonic clock counts from the start of the machine, so that processes can compare it.
pub(crate) fn now() -> Now {
    let uptime = fs::read_to_string(UPTIME).ok().and_then(|text| text.split_whitespace().next()?.parse().ok());
    let monotonic = uptime.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default();
    Now { wall: Timestamp::now(), monotonic }
}

// === impl Waited ===

impl Waited {
    /// Reads the note in `state_dir`, if there is one for this wait.
    pub(crate) fn find(state_dir: &Path, last_known: Option<Timestamp>, now: Now) -> Self {
        let boot = fs::read_to_string(BOOT).unwrap_or_default().trim().to_owned();
        Self::find_since(state_dir.join(FILE), boot, last_known, now)
    }

    fn find_since(path: PathBuf, boot: String, last_known: Option<Timestamp>, now: Now) -> Self {
        let uptime_ms = u64::try_from(now.monotonic.as_millis()).unwrap_or(u64::MAX);
        let fresh = Note { boot, last_known, wall: now.wall, uptime_ms };
        let is_of_this = |note: &Note| {
            !note.boot.is_empty()
                && (&note.boot, note.last_known) == (&fresh.boot, fresh.last_known)
                && note.uptime_ms <= fresh.uptime_ms
        };
        let found = fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let note = found.filter(is_of_this).unwrap_or(fresh);
        Self { path, note, now }
    }

    /// The moment at which sweeps began to wait: now, unless there is a note.
    pub(crate) fn began(&self) -> Now {
        Now { wall: self.note.wall, monotonic: Duration::from_millis(self.note.uptime_ms) }
    }

    /// After a sweep: notes that it waits, or that nobody does any longer. Without the note the next one begins to wait anew.
    pub(crate) fn note(mut self, state: &State) {
        let Some(wait) = &state.waiting else {
            let _ = fs::remove_file(self.path);
            return;
        };
        if matches!(wait.doubt, Doubt::Jump { .. }) {
            // Two sweeps of one process would have to agree; here the wait begins again under the clock as it is now.
            self.note.wall = self.now.wall;
            self.note.uptime_ms = u64::try_from(self.now.monotonic.as_millis()).unwrap_or(u64::MAX);
        }
        let _ = fs::write(&self.path, serde_json::to_vec(&self.note).expect("texts and numbers serialise"));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::SignedDuration;
    use retention::ClockWait;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn noon() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn at(hours: u32) -> Now {
        Now { wall: noon() + HOUR * hours, monotonic: HOUR * (10 + hours) }
    }

    fn state(doubt: Option<Doubt>) -> State {
        let waiting = doubt.map(|doubt| ClockWait { since: noon(), until: noon(), doubt });
        State { policy: String::new(), waiting, last_sweep: None, last_error: None }
    }

    #[test]
    fn a_wait_goes_on_over_processes_until_somebody_was_there_or_the_machine_was_started_again() {
        let dir = tempfile::tempdir().unwrap();
        let find = |boot: &str, last_known, now| {
            Waited::find_since(dir.path().join(FILE), boot.to_owned(), Some(last_known), now)
        };
        let gap = || Doubt::Gap { last_known: noon(), past: SignedDuration::from_hours(9) };
        let first = find("one", noon(), at(0));
        assert_eq!(first.began(), at(0));
        first.note(&state(Some(gap())));
        let second = find("one", noon(), at(1));
        assert_eq!(second.began(), at(0));
        second.note(&state(Some(gap())));
        assert_eq!(find("one", noon(), at(2)).began(), at(0));
        assert_eq!(find("two", noon(), at(2)).began(), at(2), "another start of the machine");
        assert_eq!(find("one", noon() + HOUR, at(2)).began(), at(2), "a service ran meanwhile");

        find("one", noon(), at(3)).note(&state(Some(Doubt::Jump { ahead: SignedDuration::from_hours(9) })));
        assert_eq!(find("one", noon(), at(4)).began(), at(3), "the clock was set meanwhile");
        find("one", noon(), at(4)).note(&state(None));
        assert_eq!(find("one", noon(), at(5)).began(), at(5), "it is over");
    }
}
