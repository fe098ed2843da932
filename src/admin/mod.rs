//! What people on this machine may ask the running service: to read the journal, which only it can open, and to look after it.
//!
//! [`server`] answers on the control socket, which [`socket`] places, and [`listener`] to keys whose role may ask; [`protocol`] is what both sides say. An [`Operation`] runs
//! the same way in the service and in `codex-trace`, which opens the journal itself while no service runs.

pub mod answers;
mod ask;
mod call;
mod control;
mod erase;
pub mod listener;
pub mod operation;
pub mod protocol;
mod roles;
mod routes;
pub mod server;
pub mod socket;
mod status;
mod switches;

pub use self::ask::Ask;
pub use self::call::Call;
pub use self::erase::Writer;
pub use self::listener::AdminListener;
pub use self::operation::{Begun, Desk, Operation, OperationError};
pub use self::server::ControlServer;
