//! What an operator can ask for beside reading events. It is run by whoever has the journal open: the service, or `codex-trace`
//! on the folder.

use std::path::PathBuf;

use journal::{AuditRead, Erasure, HoldSelector, Journal, Reader};
use retention::{Now, Sweeper};
use serde::Serialize;

use super::answers::{self, Backed, Plan, Segment, Status, Sweep};
use super::erase::{self, Writer};
use super::protocol::Fault;

/// Something to be done, or to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// How retention is getting on: a [`Status`].
    RetentionStatus,
    /// What is due at this moment: a [`Plan`].
    RetentionPlan,
    /// Dispose of what is due: a [`Sweep`].
    RetentionRun {
        /// Whether whoever asks vouches for the wall clock.
        confirm_clock: bool,
    },
    /// The holds in force, oldest first: one [`Hold`](journal::Hold) a line.
    Holds,
    /// Place a hold: `{"hold":"…"}`.
    PlaceHold {
        /// What it keeps.
        selector: HoldSelector,
        /// Why.
        reason: String,
    },
    /// Lift a hold: `{"hold":"…"}`.
    LiftHold {
        /// Its name.
        hold: String,
        /// Why.
        reason: String,
    },
    /// Destroy content before its time, but nothing that is held: an [`Erased`](answers::Erased).
    Erase {
        /// What.
        selector: HoldSelector,
        /// Why.
        reason: String,
    },
    /// Check everything: a [`Verification`](journal::Verification).
    Verify {
        /// The digest of a ledger entry that was kept elsewhere.
        anchor: Option<String>,
    },
    /// Copy the journal to a folder that is empty or not there: a [`Backed`].
    Backup {
        /// The folder, absolute.
        path: PathBuf,
    },
    /// The ledger: one entry a line as it stands, with its signature as the last member.
    Ledger,
    /// Record how far the journal is, and tell the ledger's head, which then stands for that: a
    /// [`LedgerHead`](journal::LedgerHead).
    Anchor,
    /// Put on record that requests or evidence leave the journal, and prove it: an [`Attestation`](journal::Attestation) of the
    /// entry.
    Attest {
        /// How many requests; `None` for evidence, which has none.
        requests: Option<usize>,
        /// The SHA-256 of the file that they leave in, or of the list of files, in hex.
        sha256: String,
    },
    /// The segments, oldest first: one [`Segment`] a line.
    Segments,
}

/// What an operation works with while nobody else writes.
pub struct Desk<'a> {
    /// The journal.
    pub journal: &'a mut Journal,
    /// What sweeps it, or why there is no policy to sweep by.
    pub sweeper: Result<&'a mut Sweeper, String>,
    /// The present moment, by the clocks of the sweeper.
    pub now: Now,
    /// Who asks: `uid:1000`.
    pub actor: &'a str,
}

/// An operation of which only that is left to do for which nobody has to wait.
pub struct Begun {
    rest: Rest,
}

enum Rest {
    /// Nothing: these are the rows.
    Rows(Vec<String>),
    Status(Box<Status>, Reader),
    Erase(Erasure, Reader),
    Verify(Option<String>, Reader),
    Backup(PathBuf, Now, Reader),
    Ledger(Reader),
    Segments(Reader),
    Attest(String, Reader),
}

/// Rows of an answer: lines of JSON without line ends.
pub type Rows = Box<dyn Iterator<Item = Result<String, journal::Error>> + Send>;

/// Why an operation did not happen.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// The journal says so.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// What is asked for makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// It is not known what to sweep by.
    #[error("there is no retention policy, because the configuration of codex-proxy is wrong\n{0}")]
    NoPolicy(String),
    /// The service is stopping.
    #[error("codex-proxy is stopping; ask again")]
    Stopping,
}

// === impl Operation ===

impl Operation {
    /// What is to be recorded before it happens, if it reads: `actor` does it through `via` (`socket` or `folder`). What changes
    /// something is recorded as what it changes.
    pub fn audit(&self, actor: &str, via: &str) -> Option<AuditRead> {
        let (action, filter) = match self {
            Self::RetentionStatus => ("retention.status", String::new()),
            Self::RetentionPlan => ("retention.plan", String::new()),
            Self::Holds => ("hold.list", String::new()),
            Self::Verify { anchor } => {
                ("verify", anchor.as_ref().map_or_else(String::new, |anchor| format!("anchor={anchor}")))
            }
            Self::Backup { path } => ("backup", format!("to={}", path.display())),
            Self::Ledger => ("ledger", String::new()),
            Self::Anchor => ("ledger.head", String::new()),
            Self::Segments => ("segments", String::new()),
            Self::Attest { requests: Some(requests), sha256 } => {
                ("export", format!("requests={requests} sha256={sha256}"))
            }
            Self::Attest { requests: None, sha256 } => ("audit.evidence", format!("sha256={sha256}")),
            Self::RetentionRun { .. } | Self::PlaceHold { .. } | Self::LiftHold { .. } | Self::Erase { .. } => {
                return None;
            }
        };
        let (actor, action, via) = (actor.to_owned(), action.to_owned(), via.to_owned());
        Some(AuditRead { actor, action, filter, via })
    }

    /// Whether it makes sense, whatever the journal holds.
    pub fn check(&self) -> Result<(), OperationError> {
        let wrong = |what: &str| Err(OperationError::Invalid(what.to_owned()));
        match self {
            Self::PlaceHold { reason, .. } | Self::LiftHold { reason, .. } if reason.trim().is_empty() => {
                wrong("a hold is placed and lifted for a reason, which is not empty")
            }
            Self::Erase { reason, .. } if reason.trim().is_empty() => {
                wrong("content is erased for a reason, which is not empty")
            }
            Self::PlaceHold { selector: HoldSelector::Key(key), .. }
            | Self::Erase { selector: HoldSelector::Key(key), .. }
                if key.is_empty() =>
            {
                wrong("the key is an id such as `default`, as `codex-trace list` shows it, and not empty")
            }
            Self::PlaceHold { selector: HoldSelector::Range { since, until }, .. } if since >= until => {
                wrong("the range of a hold ends after it begins")
            }
            Self::Verify { anchor: Some(anchor) } if !is_digest(anchor) => wrong(
                "an anchor is the SHA-256 of a ledger entry, 64 hexadecimal digits, as `codex-trace ledger head` tells it",
            ),
            Self::Attest { sha256, .. } if !is_digest(sha256) => wrong("a SHA-256 has 64 hexadecimal digits"),
            Self::Backup { path } if !path.is_absolute() => {
                wrong("the folder of a backup is named by an absolute path")
            }
            _ => Ok(()),
        }
    }

    /// Does what needs the journal's writer; the [rest](Begun::finish) may take long and needs nobody.
    pub fn begin(self, desk: Desk<'_>) -> Result<Begun, OperationError> {
        self.check()?;
        let Desk { journal, sweeper, now, actor } = desk;
        let sweeper = sweeper.map_err(OperationError::NoPolicy);
        let rest = match self {
            Self::RetentionStatus => {
                Rest::Status(Box::new(Status::without_disposals(journal, sweeper?, now.wall)?), journal.reader())
            }
            Self::RetentionPlan => {
                let plan = retention::plan(&journal.segments()?, now.wall, sweeper?.policy());
                Rest::row(&Plan::from(&plan))
            }
            Self::RetentionRun { confirm_clock } => {
                let sweeper = sweeper?;
                if confirm_clock {
                    sweeper.confirm_clock();
                }
                Rest::row(&Sweep::from(&sweeper.sweep(journal, now, actor)))
            }
            Self::Holds => Rest::Rows(journal.holds().iter().map(to_json).collect()),
            Self::PlaceHold { selector, reason } => {
                let hold = journal.place_hold(selector, &reason, actor, now.wall)?;
                Rest::row(&answers::HoldName { hold })
            }
            Self::LiftHold { hold, reason } => {
                journal.lift_hold(&hold, &reason, actor, now.wall)?;
                Rest::row(&answers::HoldName { hold })
            }
            Self::Erase { selector, reason } => {
                let erasure = journal.begin_erasure(selector, &reason, actor, now.wall)?;
                Rest::Erase(erasure, journal.reader())
            }
            Self::Anchor => Rest::row(&journal.anchor(now.wall)?),
            Self::Verify { anchor } => Rest::Verify(anchor, journal.reader()),
            Self::Backup { path } => Rest::Backup(path, now, journal.reader()),
            Self::Ledger => Rest::Ledger(journal.reader()),
            Self::Segments => Rest::Segments(journal.reader()),
            Self::Attest { sha256, .. } => Rest::Attest(sha256, journal.reader()),
        };
        Ok(Begun { rest })
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn to_json<T: Serialize>(row: &T) -> String {
    serde_json::to_string(row).expect("names, times and numbers serialise")
}

// === impl Begun ===

impl Begun {
    /// Does the rest, on any thread, with `writer` for what has to be written. What is streamed is read as the rows are taken.
    pub fn finish(self, writer: impl Writer) -> Result<Rows, OperationError> {
        let one = |row: String| -> Rows { Box::new(std::iter::once(Ok(row))) };
        Ok(match self.rest {
            Rest::Rows(rows) => Box::new(rows.into_iter().map(Ok)),
            Rest::Status(mut status, reader) => {
                status.disposals = answers::disposals(&reader)?;
                one(to_json(&status))
            }
            Rest::Erase(erasure, reader) => one(to_json(&erase::run(erasure, &reader, writer)?)),
            Rest::Verify(anchor, reader) => one(to_json(&reader.verify(anchor.as_deref())?)),
            Rest::Backup(path, now, reader) => {
                let backup = reader.backup(&path, now.wall)?;
                one(to_json(&Backed { path, backup }))
            }
            Rest::Ledger(reader) => Box::new(reader.ledger()?.map(|entry| Ok(answers::signed(&entry?)))),
            Rest::Attest(sha256, reader) => {
                let attestation = reader.attestation(&format!("sha256={sha256}"))?;
                Box::new(attestation.into_iter().map(|attestation| Ok(to_json(&attestation))))
            }
            Rest::Segments(reader) => Box::new(Segment::all(reader.segments()?).map(|segment| Ok(to_json(&segment)))),
        })
    }
}

// === impl Rest ===

impl Rest {
    fn row<T: Serialize>(row: &T) -> Self {
        Self::Rows(vec![to_json(row)])
    }
}

// === impl OperationError ===

impl OperationError {
    /// What whoever asked has to do about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Journal(error) => error.into(),
            Self::Invalid(_) | Self::NoPolicy(_) => Fault::Usage,
            Self::Stopping => Fault::NoAccess,
        }
    }
}
