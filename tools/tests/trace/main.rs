//! `codex-trace` as a user meets it: through the control socket of a service, and on the folder without one.

#![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]

mod backups;
mod failing;
mod filtering;
mod following;
mod holding;
mod keys;
mod ledger;
mod listing;
mod manuals;
mod printing;
mod reading;
mod retention;
mod scrubbing;
mod showing;
mod socket;
mod support;
mod terminals;
mod unknown;
mod verifying;
