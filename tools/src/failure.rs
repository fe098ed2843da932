//! How a command fails, told apart by exit code.

use std::io;
use std::process::ExitCode;

use codex_completions_api::admin::OperationError;
use codex_completions_api::admin::protocol::Fault;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There is no such thing, or nothing was done.
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
    pub(crate) fn new(fault: Fault, message: String) -> Self {
        match fault {
            Fault::NothingFound => Self::NothingFound(message),
            Fault::Usage => Self::Usage(message),
            Fault::NoAccess => Self::NoAccess(message),
            Fault::Damaged => Self::Damaged(message),
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::NothingFound(_) => 1,
            Self::Usage(_) => 2,
            Self::NoAccess(_) | Self::Output(_) => 3,
            Self::Damaged(_) => 4,
        })
    }
}

impl From<journal::Error> for Failure {
    fn from(error: journal::Error) -> Self {
        Self::new(Fault::from(&error), error.to_string())
    }
}

impl From<OperationError> for Failure {
    fn from(error: OperationError) -> Self {
        Self::new(error.fault(), error.to_string())
    }
}
