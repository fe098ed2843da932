//! `codex app-server` on stdio, out of a recording.

use std::collections::HashMap;
use std::io::{BufRead as _, Write as _};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime;
use tokio::sync::mpsc;

use super::Pace;
use super::recording::{RecordedTurn, Recording};
use super::turn::{Call, PlayedTurn};

/// What Codex answers to almost everything that it does not like.
const INVALID_REQUEST: i64 = -32600;

struct Worker {
    recording: Vec<Arc<RecordedTurn>>,
    /// The turns that were not played yet, by their places.
    unplayed: Vec<usize>,
    models: Vec<String>,
    /// Which worker of the service this is, from 0.
    rank: usize,
    pace: Pace,
    threads: HashMap<String, Thread>,
}

struct Thread {
    /// The place of the turn that it plays.
    place: usize,
    calls: mpsc::UnboundedSender<Call>,
}

#[derive(Deserialize)]
struct Frame {
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
}

/// Serves until stdin ends.
pub(super) fn run(recording: Recording, pace: Pace) -> std::io::Result<()> {
    let models = recording.models().into_iter().map(str::to_owned).collect();
    let recording: Vec<_> = recording.turns.into_iter().map(Arc::new).collect();
    let mut worker = Worker {
        unplayed: (0..recording.len()).collect(),
        recording,
        models,
        rank: rank(),
        pace,
        threads: HashMap::new(),
    };
    let (sender, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lock().split(b'\n').map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
        while let Some(line) = lines.recv().await {
            worker.on_line(&line);
        }
    });
    Ok(())
}

/// Writes a line to stdout.
pub(super) fn send(line: &str) {
    let mut stdout = std::io::stdout().lock();
    if writeln!(stdout, "{line}").and_then(|()| stdout.flush()).is_err() {
        // Nobody reads any more.
        std::process::exit(0);
    }
}

/// codex-proxy gives each worker a home that ends with its name: `…-w2/home`.
fn rank() -> usize {
    let home = std::env::var("CODEX_HOME").unwrap_or_default();
    let name = home.trim_end_matches("/home").rsplit_once("-w").map(|(_, number)| number.parse::<usize>());
    name.and_then(Result::ok).unwrap_or(1).saturating_sub(1)
}

// === impl Worker ===

impl Worker {
    fn on_line(&mut self, line: &[u8]) {
        let Ok(Frame { id: Some(id), method: Some(method), params }) = serde_json::from_slice(line) else { return };
        match &*method {
            "initialize" => respond(&id, &json!({ "userAgent": "codex-proxy/0.169.0 (recording)" })),
            "model/list" => {
                let models = self.models.iter().map(|model| json!({ "id": model, "model": model, "hidden": false }));
                respond(&id, &json!({ "data": models.collect::<Vec<_>>(), "nextCursor": null }));
            }
            "thread/start" => self.start_thread(id, &params),
            _ => self.call(id, method, &params),
        }
    }

    fn start_thread(&mut self, id: Value, params: &Value) {
        let Some(place) = self.next(&params["model"]) else {
            return refuse(&id, "the recording has no turn of this model");
        };
        let thread = format!("01a00000-0000-7000-8000-{:012}", self.threads.len() + 1);
        let (calls, receiver) = mpsc::unbounded_channel();
        let turn = self.recording[place].clone();
        tokio::spawn(PlayedTurn { turn, thread: thread.clone(), pace: self.pace }.play(receiver));
        let _ = calls.send(Call { id, method: "thread/start".to_owned(), turn: None });
        self.threads.insert(thread, Thread { place, calls });
    }

    fn call(&mut self, id: Value, method: String, params: &Value) {
        let name = params["threadId"].as_str().unwrap_or_default().to_owned();
        let turn = if method == "thread/inject_items" { self.better(&name, &params["items"]) } else { None };
        match self.threads.get(&name) {
            // It can only have ended with this process.
            Some(thread) => drop(thread.calls.send(Call { id, method, turn })),
            None => refuse(&id, "thread not found"),
        }
    }

    /// The next turn to be played for this model: one of such a worker, if there is one. When all are played, they begin anew.
    fn next(&mut self, model: &Value) -> Option<usize> {
        if !self.unplayed.iter().any(|place| self.recording[*place].model == *model) {
            self.unplayed = (0..self.recording.len()).collect();
        }
        let fits = |place: &&usize| self.recording[**place].model == *model;
        let ranked = self.unplayed.iter().filter(fits).find(|place| self.recording[**place].rank == self.rank);
        let place = *ranked.or_else(|| self.unplayed.iter().find(fits))?;
        self.unplayed.retain(|unplayed| *unplayed != place);
        Some(place)
    }

    /// The turn that had just this conversation, in exchange for the one that the thread began with.
    fn better(&mut self, thread: &str, items: &Value) -> Option<Arc<RecordedTurn>> {
        let thread = self.threads.get_mut(thread)?;
        let begun = &self.recording[thread.place];
        let is_it = |place: &&usize| {
            let turn = &self.recording[**place];
            turn.items == *items && turn.rank == begun.rank
        };
        if begun.items == *items {
            return None;
        }
        let better = *self.unplayed.iter().find(is_it)?;
        let place = std::mem::replace(&mut thread.place, better);
        self.unplayed.retain(|unplayed| *unplayed != better);
        self.unplayed.push(place);
        self.unplayed.sort_unstable();
        Some(self.recording[better].clone())
    }
}

fn respond(id: &Value, result: &Value) {
    send(&json!({ "id": id, "result": result }).to_string());
}

fn refuse(id: &Value, message: &str) {
    send(&json!({ "id": id, "error": { "code": INVALID_REQUEST, "message": message } }).to_string());
}
