//! Erasing, a segment at a time, so that others write in between.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use journal::{Erasable, Erasure, Journal, Reader};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::answers::Erased;
use super::operation::OperationError;
use crate::upkeep::Upkeep;

/// Whoever can write to the journal.
pub trait Writer {
    /// Runs `job` with the journal. `None` if it cannot be written to any longer. Blocks.
    fn with<T: Send + 'static>(&mut self, job: impl FnOnce(&mut Journal) -> T + Send + 'static) -> Option<T>;

    /// Seals what is to be sealed. Blocks.
    fn seal(&mut self) -> Result<(), OperationError>;
}

/// The writer of the running service.
pub(super) struct Service {
    pub(super) upkeep: Upkeep,
    pub(super) runtime: Handle,
    pub(super) stop: CancellationToken,
}

/// Erases what `erasure` asks for. Stopped in between, it has erased some segments, and can be begun again.
pub(super) fn run(erasure: Erasure, reader: &Reader, mut writer: impl Writer) -> Result<Erased, OperationError> {
    writer.seal()?;
    let erasable = reader.find_erasable(&erasure)?;
    let mut erased = Erased { requests: erasable.requests(), ..Erased::default() };
    let mut damaged: BTreeSet<_> = erasable.unreadable.iter().cloned().collect();
    let erasure = Arc::new(erasure);
    for segment in &erasable.segments {
        match one(&erasure, &erasable, segment, reader, &mut writer) {
            Ok(events) => {
                erased.events += events;
                erased.segments += usize::from(events > 0);
            }
            // The others can be erased from all the same.
            Err(OperationError::Journal(error @ journal::Error::Damaged { .. })) => {
                tracing::error!(kind = "journal", %error, "nothing can be erased from a segment");
                damaged.insert(segment.clone());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Erased { damaged: damaged.into_iter().collect(), ..erased })
}

/// Erases from one segment, and returns how many events.
fn one(
    erasure: &Arc<Erasure>,
    erasable: &Erasable,
    segment: &str,
    reader: &Reader,
    writer: &mut impl Writer,
) -> Result<u64, OperationError> {
    let Some(prepared) = reader.prepare_erasure(erasable, segment)? else { return Ok(0) };
    let erasure = Arc::clone(erasure);
    let commit = move |journal: &mut Journal| journal.commit_erasure(&erasure, &prepared, Timestamp::now());
    Ok(writer.with(commit).ok_or(OperationError::Stopping)??)
}

// === impl Writer ===

impl Writer for &mut Journal {
    fn with<T: Send + 'static>(&mut self, job: impl FnOnce(&mut Journal) -> T + Send + 'static) -> Option<T> {
        Some(job(self))
    }

    fn seal(&mut self) -> Result<(), OperationError> {
        while let Some(name) = self.to_seal() {
            if let Some(prepared) = self.reader().prepare_seal(&name)? {
                self.commit_seal(prepared, Timestamp::now())?;
            }
        }
        Ok(())
    }
}

// === impl Service ===

impl Writer for Service {
    fn with<T: Send + 'static>(&mut self, job: impl FnOnce(&mut Journal) -> T + Send + 'static) -> Option<T> {
        self.runtime.block_on(self.upkeep.with_journal(|journal, _, _| job(journal)))
    }

    fn seal(&mut self) -> Result<(), OperationError> {
        self.runtime.block_on(self.upkeep.seal_all(&self.stop));
        Ok(())
    }
}
