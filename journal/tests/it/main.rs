//! The journal as its users see it, on real files.

#![allow(clippy::unwrap_used, reason = "what helps a test may fail like one")]

mod backup;
mod crash;
mod damage;
mod erasure;
mod full_disk;
mod holds;
mod interrupted;
mod inventory;
mod model;
mod opening;
mod pseudonyms;
mod queries;
mod reading;
mod scrubbing;
mod summaries;
mod support;
mod tamper;
