//! What proxy and worker said to each other, as a whole.

use journal::{EventBody, Frame};
use serde_json::Value;

use super::recording::Recording;
use crate::describe::Direction;
use crate::failure::Failure;
use crate::ink::Ink;
use crate::output::Output;
use crate::text::plain;

/// Prints every frame below a line that says whose it is.
pub(super) fn print(recording: &Recording, output: &mut Output) -> Result<(), Failure> {
    for step in &recording.steps {
        let (direction, frame) = match step.event.as_ref().map(|event| &event.draft.body) {
            Some(EventBody::RpcSent(frame)) => (Direction::ProxyToWorker, frame),
            Some(EventBody::RpcReceived(frame)) => (Direction::WorkerToProxy, frame),
            _ => continue,
        };
        let offset = recording.offset(step.described.at);
        let title = format!("# {}  {offset:+.1} ms  {}", step.described.seq, direction.as_str());
        output.line(&Ink::Title.paint(&title))?;
        for line in pretty(frame).lines() {
            output.line(&plain(line, usize::MAX))?;
        }
    }
    Ok(())
}

/// A frame as indented JSON, or as it is if it is none.
pub(super) fn pretty(frame: &Frame) -> String {
    let text = String::from_utf8_lossy(&frame.frame.0);
    let value: Option<Value> = serde_json::from_str(&text).ok();
    value.map_or_else(|| text.into_owned(), |value| format!("{value:#}"))
}
