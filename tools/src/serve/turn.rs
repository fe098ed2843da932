//! Plays one recorded turn: after each call that comes, what followed it then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;

use super::Pace;
use super::recording::{RecordedFrame, RecordedTurn};
use super::worker::send;

/// A call to the thread.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: Value,
    pub(super) method: String,
    /// The recording to go on with, if it is not the one that was begun with.
    pub(super) turn: Option<Arc<RecordedTurn>>,
}

/// A turn that is played.
pub(super) struct PlayedTurn {
    pub(super) turn: Arc<RecordedTurn>,
    /// The thread's name here.
    pub(super) thread: String,
    pub(super) pace: Pace,
}

// === impl PlayedTurn ===

impl PlayedTurn {
    /// Plays it to its end, or until nobody calls any more.
    pub(super) async fn play(mut self, mut calls: UnboundedReceiver<Call>) {
        let mut waiting = None;
        let mut part = 0;
        loop {
            let call = match waiting.take() {
                Some(call) => call,
                None => match calls.recv().await {
                    Some(call) => call,
                    None => return,
                },
            };
            let Call { id, method, turn } = call;
            if let Some(turn) = turn {
                self.turn = turn;
            }
            let recorded = self.turn.parts.iter().skip(part).position(|recorded| recorded.method == method);
            match recorded {
                Some(skipped) => {
                    part += skipped;
                    waiting = self.play_part(part, &id, &mut calls).await;
                    part += 1;
                }
                None => self.improvise(&id, &method),
            }
            if self.turn.crashed && part >= self.turn.parts.len() && waiting.is_none() {
                std::process::exit(1);
            }
        }
    }

    /// Sends what followed the call. A call that ends the turn ends this too, and is given back.
    async fn play_part(&self, part: usize, id: &Value, calls: &mut UnboundedReceiver<Call>) -> Option<Call> {
        let began = Instant::now();
        let mut early = None;
        for frame in &self.turn.parts[part].frames {
            let due = self.due(frame).saturating_sub(began.elapsed());
            if !due.is_zero() && early.is_none() {
                tokio::select! {
                    () = sleep(due) => {}
                    call = calls.recv() => early = call,
                }
            }
            if early.as_ref().is_some_and(|call: &Call| call.method == "turn/interrupt") {
                return early;
            }
            send(&self.line(frame, id));
        }
        early
    }

    fn due(&self, frame: &RecordedFrame) -> Duration {
        if self.pace.speed > 0.0 { frame.after.div_f64(self.pace.speed) } else { Duration::ZERO }
    }

    /// The frame with the names of this conversation.
    fn line(&self, frame: &RecordedFrame, id: &Value) -> String {
        let text = if self.turn.thread.is_empty() {
            frame.text.clone()
        } else {
            frame.text.replace(&self.turn.thread, &self.thread)
        };
        if !frame.answers {
            return text;
        }
        let mut answer: Value = serde_json::from_str(&text).unwrap_or_default();
        answer["id"] = id.clone();
        answer.to_string()
    }

    /// Answers a call that the recording does not have: a client that leaves now and did not then.
    fn improvise(&self, id: &Value, method: &str) {
        send(&json!({ "id": id, "result": {} }).to_string());
        if method == "turn/interrupt" {
            let turn = json!({ "id": self.turn_id(), "items": [], "status": "interrupted", "error": null });
            let params = json!({ "threadId": self.thread, "turn": turn });
            send(&json!({ "method": "turn/completed", "params": params }).to_string());
        }
    }

    /// The turn's name, as the recording tells it.
    fn turn_id(&self) -> Value {
        let frames = self.turn.parts.iter().flat_map(|part| &part.frames).filter(|frame| frame.answers);
        let answers = frames.filter_map(|frame| serde_json::from_str::<Value>(&frame.text).ok());
        answers.map(|answer| answer["result"]["turn"]["id"].clone()).find(Value::is_string).unwrap_or_default()
    }
}
