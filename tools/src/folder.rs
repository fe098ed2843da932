//! Reading the journal from its folder, while no service owns it.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use journal::{Answer, Draft, Error, EventBody, Journal, NoScrub, Options, Query};

/// Opens the journal below `state_dir`, records the reading, and begins the answer. The journal is closed in order and stays
/// locked until the answer is dropped.
pub(crate) fn ask(state_dir: &Path, query: &Query) -> Result<Answer, Error> {
    let options = Options { create: false, ..Options::default() };
    let mut journal = Journal::open(&state_dir.join("journal"), options, Arc::new(NoScrub))?;
    let actor = format!("uid:{}", rustix::process::getuid().as_raw());
    let body = EventBody::AuditRead(query.audit(actor, "folder"));
    journal.append(&Draft { at: Timestamp::now(), request: None, body })?;
    let reader = journal.reader();
    journal.close()?;
    query.run(&reader)
}
