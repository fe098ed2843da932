//! A scripted OpenAI Responses API upstream on loopback.
//!
//! It answers `POST /v1/responses` as a model would, except that the last user text of the request says how: `say:…`
//! streams that text, `tool:…` calls a tool, `err:503` fails, `cut` breaks off. [`SCRIPTS`] lists them all. So a test, or
//! somebody without an account, decides what the model does by what is put into the prompt.
//!
//! What came in can be read back, in process by [`RunningStub::requests`] and over HTTP by `GET /stub/requests`
//! (`DELETE` clears it), together with whether the client stayed until the end.

mod body;
mod events;
mod log;
mod record;
mod script;
mod server;
mod service;

pub use log::RequestLog;
pub use record::{Outcome, RecordedRequest};
pub use script::SCRIPTS;
pub use server::{ModelStub, RunningStub, StubError};
