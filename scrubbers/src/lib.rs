//! Finds and redacts secrets in JSON and text before anything is kept.
//!
//! A [`Scrubber`] is built once and shared. It replaces what it finds by `[REDACTED:<rule>]` and counts it in a
//! [`Report`]. It knows secrets in three ways:
//! - **by name**: the value of a header such as `authorization` or `cookie`, as an object member, as a pair
//!   `["authorization", "…"]`, or as a line of text (`headers`);
//! - **by pattern**: keys of well-known kinds, one table of rules (`rules`);
//! - **by value**: secrets the caller hands over, in the encodings of `value`.
//!
//! JSON is walked token by token, without building a tree; only the contents of strings change, so the document keeps its
//! shape. A string that holds JSON itself (tool arguments, `data:` lines of an SSE stream) is walked in the same way.
//!
//! Time is linear in the input: one pass of an Aho-Corasick DFA finds where a rule could match, and an expression
//! anchored there decides.

mod detector;
mod error;
mod headers;
mod json;
mod report;
mod rewritten;
mod rules;
mod scrubber;
mod value;

pub use error::Error;
pub use report::Report;
pub use scrubber::{Builder, Scrubber};
