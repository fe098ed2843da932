//! How long traces are kept, and the sweep that disposes of them: policy → plan → sweep.
//!
//! - A [`Policy`] is made of [`Terms`] that were checked against each other. Its digest is on record in the journal's ledger
//!   before anything is disposed of by it.
//! - [`plan`] says what is due at a moment and why. It touches nothing.
//! - A [`Sweeper`] does what the plan says, unless the wall clock cannot be trusted, and [reports](Report) it. Its owner
//!   calls it every [`Terms::sweep_interval`], which bounds how much later than promised something goes.
//!
//! Nothing in here reads a clock: whoever calls passes [`Now`].

mod clock;
mod plan;
mod policy;
mod report;
mod sweep;
mod written;

pub use clock::{ClockWait, Doubt, Now};
pub use plan::{Due, Plan, Reason, plan};
pub use policy::{Policy, PolicyError, Terms};
pub use report::{Error, Report, State};
pub use sweep::Sweeper;
