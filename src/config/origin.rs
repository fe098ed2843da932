//! Where a value came from.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A value and where it came from.
pub(super) struct Valued<T> {
    /// What is in force.
    pub(super) value: T,
    /// Who said so.
    pub(super) origin: Origin,
}

/// Which source set a value. Displayed as `config show` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody.
    Default,
    /// A line of the configuration file.
    File {
        /// The file, as it was named.
        path: Arc<Path>,
        /// Counted from 1.
        line: usize,
        /// The key with its section, `server.port`.
        key: String,
    },
    /// An environment variable, by its name.
    Environment(&'static str),
    /// A flag of the command line, by its name without dashes.
    Flag(&'static str),
}

// === impl Origin ===

impl Origin {
    /// The origin without its key, as mistakes name it.
    pub fn place(&self) -> String {
        match self {
            Self::File { path, line, .. } => format!("{}:{line}", path.display()),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, key } => write!(f, "{}:{line} {key}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag --{name}"),
        }
    }
}
