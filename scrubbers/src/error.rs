//! What can go wrong while a scrubber is built. Scrubbing itself cannot fail.

/// Why a [`Scrubber`](crate::Scrubber) could not be built. No message holds a secret's value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name would not make a readable marker.
    #[error("secret name {0:?} cannot be used in a marker: use 1 to 64 of a-z, 0-9 and '-'")]
    Name(String),
    /// There is nothing to look for.
    #[error("secret {0:?} is empty: give its value, or leave it out")]
    Empty(String),
    /// A rule's name would not make a readable marker.
    #[error("rule name {0:?} cannot be used in a marker: use 1 to 64 of a-z, 0-9 and '-'")]
    RuleName(String),
    /// A rule's expression cannot be used.
    #[error("rule {name:?} cannot be used: {reason}")]
    Rule {
        /// The rule.
        name: String,
        /// What is wrong with its expression.
        reason: String,
    },
    /// An expression for values that may stay cannot be used.
    #[error("the allowed value {pattern:?} cannot be used: {reason}")]
    Allow {
        /// The expression.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What should be the name of a member, header or variable is none.
    #[error("{0:?} is no name: use 2 to 64 letters, digits, '-', '_' and '.', one of them a letter")]
    MemberName(String),
    /// The names together are too much.
    #[error("the names of secrets cannot be used together, give fewer: {0}")]
    Names(String),
}
