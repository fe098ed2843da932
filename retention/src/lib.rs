//! How long traces are kept, and the sweep that disposes of them.
//!
//! [`plan`] decides and touches nothing; [`sweep`] does what it says. Whoever owns the journal calls `sweep` as often as it
//! wants to bound how much later than promised something goes.

mod policy;
mod sweep;

pub use policy::{Policy, PolicyError};
pub use sweep::{Disposed, Error, Report, plan, sweep};
