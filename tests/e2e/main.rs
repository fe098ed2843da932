//! End-to-end tests: the real `codex-proxy` on the real Codex app-server, against the scripted model. `faults`, `refusals`,
//! `http_bodies` and `http_raw` put `app-server-stub` in Codex's place, which is fast, and does what the real one does not do on demand.
//!
//! `./check` installs what they need. They find Codex by `CODEX_BIN`, else in `node_modules/.bin` of the checkout, and Codex 0.40.0 by
//! `CODEX_PROTO_BIN`, else in `tools/codex-proto`.

#![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]

mod admin;
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
mod http_bodies;
mod http_raw;
mod instructions;
mod lifecycle;
mod login;
mod proto;
mod raw;
mod raw_files;
mod refusals;
mod replay;
mod retention;
mod rules;
mod runbooks;
mod sdk;
mod startup;
mod support;
mod switch;
mod timeouts;
mod tls;
mod trace;
mod triage;
