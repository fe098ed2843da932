//! OpenAI's API, as pure functions: request JSON in, [`crate::turn::TurnPlan`]s out; [`crate::turn::TurnEvent`]s in, response
//! JSON out. No clock, no randomness, no I/O: ids and times come in as arguments, which is what makes a recorded request replay
//! byte for byte.

pub mod chat;
pub mod error;
pub mod sse;
pub mod tokens;
