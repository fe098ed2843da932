//! Exit codes of `codex-proxy`, after BSD's `sysexits.h`, and one of our own. There are no others.

use std::process::ExitCode;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything went well.
    Ok = 0,
    /// The self-test found a secret that was not scrubbed.
    Leak = 4,
    /// The command line is wrong.
    Usage = 64,
    /// Codex is missing or cannot be used.
    Unavailable = 69,
    /// A mistake of ours.
    Internal = 70,
    /// Something is in use or out of reach now and may not be later: port, state folder, disk.
    TemporaryFailure = 75,
    /// The configuration is wrong.
    Configuration = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
