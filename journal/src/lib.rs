//! The trace journal: what happened, kept in order, on disk.

mod event;
mod payload;

pub use event::{
    AuditRead, Draft, Event, EventBody, Frame, Outcome, RequestId, RequestReceived, ResponseFinished, Tokens,
};
pub use payload::Payload;
