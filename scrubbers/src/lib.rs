//! Finds and redacts secrets in JSON and text before anything is kept.
//!
//! A [`Scrubber`] is built once and shared. It replaces what it finds by `[KIND:k3f9a2]`, in which the six characters are the
//! secret's [pseudonym](PseudonymKey), and counts it in a [`Report`]. It knows secrets in five ways:
//! - **by form**: keys of well-known kinds, tables of rules (`rules`), and personal data (`pii`);
//! - **by name**: what follows `password=`, `"apiKey":`, `Authorization:` or `Cookie:` (`names`, `assignments`);
//! - **by structure**: members of JSON documents and pairs of a header's name and value (`finder`);
//! - **by value**: secrets the caller hands over, in the encodings of `value`;
//! - **as the operator says**: rules, names, and values that may stay (`custom`).
//!
//! What is wrapped is unwrapped first (`views`): strings of JSON, and JSON in strings; escapes of JSON and of URLs; base64 and hex. Only
//! the place where a secret stands is overwritten, so a document keeps its shape.
//!
//! A text that arrives in pieces goes through [`Deltas`], which finds what is split over several of them.
//!
//! Time is linear in the input: one pass finds where a rule could match (`anchors`), and an expression anchored there
//! decides.

mod anchors;
mod assignments;
mod blocks;
mod candidate;
mod checksums;
mod custom;
mod deltas;
mod detector;
mod error;
mod explain;
mod finder;
mod json;
mod marker;
mod names;
mod pii;
mod pseudonym;
mod report;
mod rules;
mod scrubber;
mod shape;
mod slices;
mod traits;
mod value;
mod views;

pub use deltas::{Deltas, MAX_HELD, SettledPiece};
pub use error::Error;
pub use explain::{Explained, FoundBy, Wrapping};
pub use pii::Addresses;
pub use pseudonym::PseudonymKey;
pub use report::Report;
pub use scrubber::{Builder, Scrubber};
pub use shape::KIND as DROPPED;
