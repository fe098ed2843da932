//! The journal from its folder, while no service owns it.

use std::sync::Arc;

use codex_completions_api::admin::operation::Rows;
use codex_completions_api::admin::{Desk, Operation, OperationError};
use jiff::Timestamp;
use journal::{Answer, AuditRead, Draft, Error, EventBody, Journal, NoScrub, Query};
use retention::Sweeper;

use crate::settings::Settings;
use crate::waited::{self, Waited};

/// Opens the journal, records the reading, and begins the answer. The journal is closed in order and stays locked until the
/// answer is dropped.
pub(crate) fn ask(settings: &Settings, query: &Query) -> Result<Answer, Error> {
    let mut journal = open(settings)?;
    record(&mut journal, query.audit(actor(), "folder"))?;
    let reader = journal.reader();
    journal.close()?;
    query.run(&reader)
}

/// The same for an operation, which happens as it does in the service.
pub(crate) fn operate(settings: &Settings, operation: Operation) -> Result<Rows, OperationError> {
    operation.check()?;
    let mut journal = open(settings)?;
    let (actor, now) = (actor(), waited::now());
    // What is recorded now must not make the clock look right.
    let last_known = journal.last_known_time();
    let waited = Waited::find(&settings.state_dir, last_known, now);
    let mut sweeper = settings.policy().map(|policy| Sweeper::new(policy, last_known, waited.began()));
    if let Some(read) = operation.audit(&actor, "folder") {
        record(&mut journal, read)?;
        journal.flush()?;
    }
    let is_sweep = matches!(operation, Operation::RetentionRun { .. });
    let desk_sweeper = sweeper.as_mut().map_err(|mistakes| mistakes.clone());
    let begun = operation.begin(Desk { journal: &mut journal, sweeper: desk_sweeper, now, actor: &actor });
    if let Some(sweeper) = sweeper.as_ref().ok().filter(|_| is_sweep) {
        waited.note(sweeper.state());
    }
    let rows = begun.and_then(|begun| begun.finish(&mut journal));
    journal.close()?;
    rows
}

fn open(settings: &Settings) -> Result<Journal, Error> {
    Journal::open(&settings.journal_dir(), settings.journal_options(), Arc::new(NoScrub))
}

fn record(journal: &mut Journal, read: AuditRead) -> Result<(), Error> {
    let body = EventBody::AuditRead(read);
    journal.append(&Draft { at: Timestamp::now(), request: None, body }).map(drop)
}

/// Who runs this.
pub(crate) fn actor() -> String {
    format!("uid:{}", rustix::process::getuid().as_raw())
}
