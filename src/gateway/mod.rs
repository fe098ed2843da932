//! Who may come in.

pub mod keys;
