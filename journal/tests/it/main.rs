//! The journal as its users see it, on real files.

mod backup;
mod crash;
mod damage;
mod full_disk;
mod holds;
mod model;
mod opening;
mod reading;
mod scrubbing;
mod summaries;
mod support;
mod tamper;
