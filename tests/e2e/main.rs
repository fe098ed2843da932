//! End-to-end tests: the real `codex-proxy` on the real Codex app-server, against the scripted model. Only `faults` puts
//! `app-server-stub` in Codex's place, for what the real one does not do on demand.
//!
//! `./check` installs what they need. They find Codex by `CODEX_BIN`, else in `node_modules/.bin` of the checkout, and Codex 0.40.0 by
//! `CODEX_PROTO_BIN`, else in `tools/codex-proto`.

#![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]

mod audit;
mod cancel;
mod concurrency;
mod durability;
mod errors;
mod faults;
mod gateway;
mod golden;
mod health;
mod hostile;
mod instructions;
mod lifecycle;
mod login;
mod proto;
mod raw_files;
mod replay;
mod retention;
mod rules;
mod sdk;
mod startup;
mod support;
mod switch;
mod timeouts;
mod tls;
mod trace;
