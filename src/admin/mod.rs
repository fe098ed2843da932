//! What people on this machine may ask the running service: to read the journal, which only it can open.
//!
//! [`server`] answers on the control socket, which [`socket`] places; [`protocol`] is what both sides say.

pub mod protocol;
pub mod server;
pub mod socket;

pub use self::protocol::Ask;
pub use self::server::ControlServer;
