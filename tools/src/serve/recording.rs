//! What a file says that workers did: turn by turn, what they sent, and how long after what they were sent.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use codex_completions_api::backend::BackendKind;
use jiff::Timestamp;
use journal::{Event, EventBody, Frame, RequestId};
use serde_json::{Value, json};

/// Everything that can be played.
#[derive(Debug, Default)]
pub(super) struct Recording {
    /// In the order in which they were started.
    pub(super) turns: Vec<RecordedTurn>,
}

/// One turn on a thread of its own.
#[derive(Debug)]
pub(super) struct RecordedTurn {
    request: RequestId,
    worker: String,
    /// Whether it ran on the first worker of its request, the second, …, from 0.
    pub(super) rank: usize,
    pub(super) model: Value,
    /// The conversation that was put into its thread.
    pub(super) items: Value,
    /// The worker's name for its thread.
    pub(super) thread: String,
    /// What followed each of the calls, in order.
    pub(super) parts: Vec<Part>,
    /// Whether its worker ended before the turn did.
    pub(super) crashed: bool,
}

/// What followed one call.
#[derive(Debug)]
pub(super) struct Part {
    /// The method that was called.
    pub(super) method: String,
    at: Timestamp,
    pub(super) frames: Vec<RecordedFrame>,
}

/// A frame of the worker.
#[derive(Debug)]
pub(super) struct RecordedFrame {
    /// How long after the call.
    pub(super) after: Duration,
    /// The frame.
    pub(super) text: String,
    /// Whether it is the answer to the call.
    pub(super) answers: bool,
}

/// Where frames belong while the events are read.
#[derive(Default)]
struct Places {
    /// Calls without an answer, by worker and id: the turn.
    calls: HashMap<(String, String), usize>,
    /// Threads, by worker and name: the turn.
    threads: HashMap<(String, String), usize>,
}

// === impl Recording ===

impl Recording {
    /// The turns that `events` tell of.
    pub(super) fn of(events: &[Event]) -> Self {
        let (mut recording, mut places) = (Self::default(), Places::default());
        for event in events {
            let Some(request) = event.draft.request else { continue };
            match &event.draft.body {
                EventBody::RpcSent(frame) => recording.sent(&mut places, request, event.draft.at, frame),
                EventBody::RpcReceived(frame) => recording.received(&mut places, event.draft.at, frame),
                _ => {}
            }
        }
        recording.find_crashes();
        recording
    }

    /// The models of all turns, as `codex debug models` tells them.
    pub(super) fn catalog(&self) -> String {
        let models = self.models().into_iter();
        let models: Vec<_> = models.map(|model| json!({ "slug": model, "display_name": model })).collect();
        json!({ "models": models }).to_string()
    }

    /// The names of those models.
    pub(super) fn models(&self) -> BTreeSet<&str> {
        self.turns.iter().filter_map(|turn| turn.model.as_str()).collect()
    }

    fn sent(&mut self, places: &mut Places, request: RequestId, at: Timestamp, frame: &Frame) {
        if BackendKind::of_worker(&frame.worker) != BackendKind::AppServer {
            return;
        }
        let Ok(call) = serde_json::from_slice::<Value>(&frame.frame.0) else { return };
        let (Some(id), Some(method)) = (call.get("id"), call["method"].as_str()) else { return };
        let thread = call["params"]["threadId"].as_str().unwrap_or_default().to_owned();
        let place = if method == "thread/start" {
            self.begin(request, &frame.worker, &call["params"]["model"])
        } else if let Some(place) = places.threads.get(&(frame.worker.clone(), thread)) {
            *place
        } else {
            return;
        };
        places.calls.insert((frame.worker.clone(), id.to_string()), place);
        if method == "thread/inject_items" {
            self.turns[place].items = call["params"]["items"].clone();
        }
        self.turns[place].parts.push(Part { method: method.to_owned(), at, frames: Vec::new() });
    }

    fn begin(&mut self, request: RequestId, worker: &str, model: &Value) -> usize {
        self.turns.push(RecordedTurn {
            request,
            worker: worker.to_owned(),
            rank: self.rank(request, worker),
            model: model.clone(),
            items: Value::Null,
            thread: String::new(),
            parts: Vec::new(),
            crashed: false,
        });
        self.turns.len() - 1
    }

    fn received(&mut self, places: &mut Places, at: Timestamp, frame: &Frame) {
        let text = String::from_utf8_lossy(&frame.frame.0).into_owned();
        let Ok(told) = serde_json::from_str::<Value>(&text) else { return };
        let answers = told.get("method").is_none();
        let place = if answers {
            let id = told["id"].to_string();
            places.calls.remove(&(frame.worker.clone(), id))
        } else {
            let thread = told["params"]["threadId"].as_str().or(told["params"]["thread"]["id"].as_str());
            places.threads.get(&(frame.worker.clone(), thread.unwrap_or_default().to_owned())).copied()
        };
        let Some(place) = place else { return };
        let turn = &mut self.turns[place];
        if let Some(thread) = told["result"]["thread"]["id"].as_str().filter(|_| answers) {
            thread.clone_into(&mut turn.thread);
            places.threads.insert((frame.worker.clone(), thread.to_owned()), place);
        }
        let Some(part) = turn.parts.last_mut() else { return };
        let after = Duration::try_from(at.duration_since(part.at)).unwrap_or_default();
        part.frames.push(RecordedFrame { after, text, answers });
    }

    /// How many workers the request had before this one.
    fn rank(&self, request: RequestId, worker: &str) -> usize {
        let turns = self.turns.iter().filter(|turn| turn.request == request);
        let mut workers: Vec<&str> = turns.map(|turn| turn.worker.as_str()).collect();
        workers.dedup();
        workers.iter().position(|known| *known == worker).unwrap_or(workers.len())
    }

    /// A turn that did not end, of a request that went to another worker, ended with its own.
    fn find_crashes(&mut self) {
        let last: HashMap<RequestId, usize> = self.turns.iter().map(|turn| (turn.request, turn.rank)).collect();
        for turn in &mut self.turns {
            turn.crashed = !turn.is_complete() && turn.rank < last[&turn.request];
        }
    }
}

// === impl RecordedTurn ===

impl RecordedTurn {
    /// Whether the worker said that it is over.
    fn is_complete(&self) -> bool {
        let frames = self.parts.iter().flat_map(|part| &part.frames);
        frames.into_iter().any(|frame| !frame.answers && frame.text.contains("\"turn/completed\""))
    }
}
