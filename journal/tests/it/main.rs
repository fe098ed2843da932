//! The journal as its users see it, on real files.

mod crash;
mod damage;
mod model;
mod opening;
mod reading;
mod scrubbing;
mod summaries;
mod support;
