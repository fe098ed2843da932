//! How a command fails, told apart by exit code.

use std::io;
use std::process::ExitCode;

use journal::Error;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There is no such thing.
    #[error("{0}")]
    NothingFound(String),
    /// The question is wrong.
    #[error("{0}")]
    Usage(String),
    /// The journal is there and cannot be read by us, now.
    #[error("{0}")]
    NoAccess(String),
    /// The journal, or a part of it, is not what was written, or not for this version.
    #[error("{0}")]
    Damaged(String),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

// === impl Failure ===

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::NothingFound(_) => 1,
            Self::Usage(_) => 2,
            Self::NoAccess(_) | Self::Output(_) => 3,
            Self::Damaged(_) => 4,
        })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::NotFound { .. } => Self::NothingFound(message),
            Error::Damaged { .. } | Error::OtherFormat { .. } => Self::Damaged(message),
            _ => Self::NoAccess(message),
        }
    }
}
