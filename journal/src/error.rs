//! What can go wrong with a journal, told apart by what the operator has to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::keys::KeyError;

/// Why the journal could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder holds no journal, and none was to be created.
    #[error("no journal in {}: the folder has no FORMAT file; check the path, or start the service once to create it", path.display())]
    NotFound {
        /// The folder.
        path: PathBuf,
    },
    /// Another process has the journal open.
    #[error(
        "the journal {} is in use by {}; ask that process, or stop it first",
        path.display(),
        pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    Locked {
        /// The journal's folder.
        path: PathBuf,
        /// The holder's process id; `None` in the instant in which a new holder has not written it yet.
        pid: Option<u32>,
    },
    /// A version of this software that keeps journals otherwise wrote the journal. Nothing was touched.
    #[error("the journal {} has format {found} and this version reads format {supported}; {remedy}", path.display())]
    OtherFormat {
        /// The journal's folder.
        path: PathBuf,
        /// The format on disk.
        found: u32,
        /// The format this version reads.
        supported: u32,
        /// What to do about it.
        remedy: String,
    },
    /// The journal's keys cannot be used. Nothing was touched.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The operating system refused something.
    #[error("cannot {what} {}: {source}{}", path.display(), advice(source))]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// What is on disk is not what was written. Everything else in the journal stays readable.
    #[error(
        "the journal is damaged in {segment}{}: {what}; what lies before and after it can still be read",
        block.map_or_else(String::new, |block| format!(", block {block}"))
    )]
    Damaged {
        /// The segment's name, or the name of the day of summaries, or `FORMAT`.
        segment: String,
        /// The block's number in its segment, if one block is damaged and not the whole.
        block: Option<u32>,
        /// What was found.
        what: String,
    },
    /// After scrubbing, the event is no longer one line of JSON with its envelope. It was not written.
    #[error("the scrubber broke an event, which was not written: {what}")]
    Scrub {
        /// What is wrong with the result, without quoting it.
        what: String,
    },
    /// There is something where something new was to be made.
    #[error("{} exists and is not empty; name another folder, or remove it first", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// There is no segment of that name.
    #[error("there is no segment {segment} in the journal")]
    NoSuchSegment {
        /// The name asked for.
        segment: String,
    },
    /// There is no hold of that name in force.
    #[error("there is no hold {hold} in force; `codex-trace hold list` shows those that are")]
    NoSuchHold {
        /// The name asked for.
        hold: String,
    },
    /// What was to be erased is under a legal hold. Nothing more of it was erased.
    #[error("{what}; nothing that is held is erased: lift the hold first (`codex-trace hold list`)")]
    Held {
        /// What is held, or why that is not known.
        what: String,
    },
    /// Somebody else is erasing.
    #[error("something is being erased this moment; ask again when that is done")]
    Erasing,
    /// The segment is the newest one, which is still written to and holds the journal's position.
    #[error("segment {segment} is the newest one and cannot be disposed of; it can be once the next one has begun")]
    SegmentInUse {
        /// The segment's name.
        segment: String,
    },
}

/// What to do about `error`, if that is known.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "; free space on that file system",
        io::ErrorKind::QuotaExceeded => "; free space there, or have the quota raised",
        io::ErrorKind::FileTooLarge => "; raise the limit on the size of files (ulimit -f) for this service",
        io::ErrorKind::PermissionDenied => "; give the user that runs this the right to write there",
        io::ErrorKind::ReadOnlyFilesystem => "; mount that file system for writing",
        _ => "",
    }
}

// === impl Error ===

impl Error {
    /// For `map_err` on file operations: `what` completes "cannot … PATH".
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }

    /// For `map_err` on database operations. `name` is the database's folder name.
    pub(crate) fn sled(what: &'static str, path: &Path, block: Option<u32>) -> impl FnOnce(sled::Error) -> Self {
        move |error| match error {
            sled::Error::Io(source) => Self::Io { what, path: path.to_owned(), source },
            sled::Error::Corruption { .. } => Self::Damaged {
                segment: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                block,
                what: "the database found a checksum that does not match".to_owned(),
            },
            other => Self::Io { what, path: path.to_owned(), source: io::Error::other(other) },
        }
    }
}
