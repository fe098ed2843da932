//! Where a request's time went, as bars.

use std::collections::HashMap;

use journal::EventBody;
use serde_json::Value;

use super::recording::Recording;
use crate::describe::Direction;
use crate::text::plain;

/// The longest name that is shown whole, in characters: there is no room for more beside the bars.
const NAME_MAX: usize = 26;

/// A stretch of time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) class: &'static str,
    /// Since the first event, in milliseconds.
    pub(super) from: f64,
    pub(super) to: f64,
}

/// A call that is not yet answered: who called, and its id.
type Open = (Direction, String);

/// The bars, in the order in which they begin, and when the last one ends.
pub(super) fn bars(recording: &Recording) -> (Vec<Bar>, f64) {
    let end = recording.steps.last().map_or(0.0, |step| recording.offset(step.described.at));
    let mut bars = vec![Bar::new("request", "whole", 0.0, end)];
    let mut calls: HashMap<Open, usize> = HashMap::new();
    for step in &recording.steps {
        let at = recording.offset(step.described.at);
        match step.event.as_ref().map(|event| &event.draft.body) {
            Some(EventBody::RequestAdmitted { .. }) => bars.push(Bar::new("waiting for a place", "waiting", 0.0, at)),
            Some(EventBody::ResponseStarted { .. }) => bars.push(Bar::new("response", "answer", at, end)),
            Some(EventBody::RpcSent(frame)) => {
                call(&mut bars, &mut calls, Direction::ProxyToWorker, &frame.frame.0, at);
            }
            Some(EventBody::RpcReceived(frame)) => {
                call(&mut bars, &mut calls, Direction::WorkerToProxy, &frame.frame.0, at);
            }
            _ => {}
        }
    }
    // A call without an answer lasts until the end.
    for index in calls.into_values() {
        bars[index].to = end;
    }
    bars.sort_by(|a, b| a.from.total_cmp(&b.from));
    (bars, end)
}

/// Begins a bar for a call, or ends that of the call that a frame answers.
fn call(bars: &mut Vec<Bar>, calls: &mut HashMap<Open, usize>, direction: Direction, frame: &[u8], at: f64) {
    let Ok(frame) = serde_json::from_slice::<Value>(frame) else { return };
    let Some(id) = frame.get("id").map(Value::to_string) else { return };
    if let Some(method) = frame["method"].as_str() {
        calls.insert((direction, id), bars.len());
        bars.push(Bar::new(method, if direction == Direction::ProxyToWorker { "call" } else { "tool" }, at, at));
        return;
    }
    let caller = match direction {
        Direction::ProxyToWorker => Direction::WorkerToProxy,
        _ => Direction::ProxyToWorker,
    };
    if let Some(index) = calls.remove(&(caller, id)) {
        bars[index].to = at;
    }
}

// === impl Bar ===

impl Bar {
    fn new(name: &str, class: &'static str, from: f64, to: f64) -> Self {
        Self { name: plain(name, NAME_MAX), class, from, to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_lasts_until_its_own_answer() {
        let (mut bars, mut calls) = (Vec::new(), HashMap::new());
        for (direction, frame, at) in [
            (Direction::ProxyToWorker, r#"{"method":"turn/start","id":0}"#, 1.0),
            (Direction::WorkerToProxy, r#"{"method":"item/tool/call","id":0}"#, 2.0),
            (Direction::WorkerToProxy, r#"{"method":"turn/started"}"#, 2.5),
            (Direction::WorkerToProxy, r#"{"id":0,"result":{}}"#, 3.0),
            (Direction::ProxyToWorker, r#"{"id":0,"result":{}}"#, 4.0),
        ] {
            call(&mut bars, &mut calls, direction, frame.as_bytes(), at);
        }
        assert_eq!(bars, [Bar::new("turn/start", "call", 1.0, 3.0), Bar::new("item/tool/call", "tool", 2.0, 4.0)]);
        assert!(calls.is_empty());
    }
}
