//! The worker's side of a recorded request: which choice a frame belongs to, and what it means.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::backend::BackendKind;
use crate::backend::app_server::codec::{Incoming, RpcError};
use crate::backend::app_server::notifications::TurnFollower;
use crate::backend::app_server::protocol::{Address, ThreadStarted};
use crate::backend::proto::events::Follower as ProtoFollower;
use crate::turn::TurnEvent;

/// The turns of one request.
#[derive(Debug)]
pub(super) struct Turns {
    choices: usize,
    /// The choices whose next turn was not started yet.
    due: VecDeque<usize>,
    /// Calls of `thread/start` without an answer, by worker and id.
    starting: HashMap<(String, u64), usize>,
    /// Calls that the answer depends on, by worker and id. An interrupt is none: a turn that ended before it is refused it.
    calls: HashSet<(String, u64)>,
    /// Running turns, by worker and thread; one of `codex proto` has no thread.
    running: HashMap<(String, String), Turn>,
}

#[derive(Debug)]
struct Turn {
    choice: usize,
    follower: Follower,
}

#[derive(Debug)]
enum Follower {
    AppServer(TurnFollower),
    Proto(ProtoFollower),
}

// === impl Turns ===

impl Turns {
    pub(super) fn new(choices: usize) -> Self {
        let (starting, calls, running) = (HashMap::new(), HashSet::new(), HashMap::new());
        Self { choices, due: (0..choices).collect(), starting, calls, running }
    }

    /// A frame went to a worker. Returns whether with it all turns start anew: on another worker, or with other instructions.
    pub(super) fn sent(&mut self, worker: &str, frame: &[u8]) -> bool {
        match BackendKind::of_worker(worker) {
            BackendKind::AppServer => {
                let Some(Incoming::Request { id, method, .. }) = Incoming::parse(frame) else { return false };
                let Ok(id) = id.get().parse() else { return false };
                let anew = method == "thread/start" && {
                    let (choice, anew) = self.next_choice();
                    self.starting.insert((worker.to_owned(), id), choice);
                    anew
                };
                if method != "turn/interrupt" {
                    self.calls.insert((worker.to_owned(), id));
                }
                anew
            }
            BackendKind::Proto => {
                let (choice, anew) = self.next_choice();
                let turn = Turn { choice, follower: Follower::Proto(ProtoFollower::default()) };
                self.running.insert((worker.to_owned(), String::new()), turn);
                anew
            }
        }
    }

    /// The error that a frame is, if it answers a call with one.
    pub(super) fn refusal(&mut self, worker: &str, frame: &[u8]) -> Option<RpcError> {
        match Incoming::parse(frame)? {
            Incoming::Response { id, result } if self.calls.remove(&(worker.to_owned(), id)) => result.err(),
            _ => None,
        }
    }

    /// A frame came from a worker: what it means, and for which choice.
    pub(super) fn received(&mut self, worker: &str, frame: &[u8]) -> Option<(usize, TurnEvent)> {
        let thread = match BackendKind::of_worker(worker) {
            BackendKind::Proto => String::new(),
            BackendKind::AppServer => match Incoming::parse(frame)? {
                Incoming::Response { id, result } => {
                    let choice = self.starting.remove(&(worker.to_owned(), id))?;
                    let started: ThreadStarted = serde_json::from_str(result.ok()?.get()).ok()?;
                    // One that starts over takes the place of the turn before.
                    self.running.retain(|_, turn| turn.choice != choice);
                    let turn = Turn { choice, follower: Follower::AppServer(TurnFollower::default()) };
                    self.running.insert((worker.to_owned(), started.thread.id), turn);
                    return None;
                }
                Incoming::Notification { params, .. } => {
                    let address: Address = serde_json::from_str(params?.get()).ok()?;
                    address.thread()?.to_owned()
                }
                Incoming::Request { .. } => return None,
            },
        };
        let Turn { choice, follower } = self.running.get_mut(&(worker.to_owned(), thread))?;
        Some((*choice, follower.follow(frame)?))
    }

    /// The turn of `choice` is started once more.
    pub(super) fn start_over(&mut self, choice: usize) {
        self.due.push_back(choice);
    }

    /// Which choice the turn is for that is started now, and whether all of them start anew.
    fn next_choice(&mut self) -> (usize, bool) {
        let anew = self.due.is_empty();
        if anew {
            *self = Self::new(self.choices);
        }
        (self.due.pop_front().unwrap_or_default(), anew)
    }
}

// === impl Follower ===

impl Follower {
    fn follow(&mut self, frame: &[u8]) -> Option<TurnEvent> {
        match self {
            Self::Proto(follower) => follower.follow(frame),
            Self::AppServer(follower) => match Incoming::parse(frame)? {
                Incoming::Notification { method, params } => follower.follow(&method, params?),
                _ => None,
            },
        }
    }
}
