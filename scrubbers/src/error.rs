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
    /// A rule's expression does not compile.
    #[error("rule {name:?} does not compile: {source}")]
    Rule {
        /// The rule.
        name: String,
        /// What the expression's compiler says.
        source: Box<regex::Error>,
    },
    /// The search automaton became too large.
    #[error("the search automaton cannot be built, give fewer secrets: {0}")]
    Automaton(#[from] aho_corasick::BuildError),
}
