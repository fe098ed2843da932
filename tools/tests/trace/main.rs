//! `codex-trace` as its users see it, from the folder and through the control socket.

mod failing;
mod following;
mod reading;
mod socket;
mod support;
