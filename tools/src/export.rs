//! `export` and `import`: requests leave a journal in a file, and come into another from one.

use std::path::Path;
use std::sync::Arc;

use codex_completions_api::admin::Operation;
use codex_completions_api::state_dir::StateDir;
use jiff::Timestamp;
use journal::{Attestation, AuditRead, Draft, EventBody, Journal, NoScrub, Options, Query, RequestId};

use crate::bundle::{self, Bundle};
use crate::failure::Failure;
use crate::folder::actor;
use crate::output::Output;
use crate::settings::Settings;
use crate::source::Source;

/// Writes these requests into `path`, as they are kept: scrubbed.
pub(crate) fn export(source: &Source, requests: &[RequestId], path: &Path) -> Result<(), Failure> {
    // In the order in which they came, whatever they were found by.
    let mut requests = requests.to_vec();
    requests.sort_unstable();
    requests.dedup();
    let mut lines = Vec::new();
    for request in &requests {
        source.read(Query::Show { request: *request })?.each(|line| {
            lines.push(line.to_owned());
            Ok(())
        })?;
    }
    let count = requests.len();
    let draft = bundle::Draft::new(requests, &lines);
    let attest = Operation::Attest { requests: Some(count), sha256: draft.sha256() };
    let (_, attestation): (_, Attestation) = source.operate(&attest)?.document()?;
    draft.write(attestation, path)?;
    let mut output = Output::new();
    output.line(&format!("{} events of {count} requests in {}", lines.len(), path.display()))?;
    output.end()
}

/// Puts the requests in `path` into the journal, which no service may use meanwhile. They keep their ids and times.
pub(crate) fn import(settings: &Settings, path: &Path) -> Result<(), Failure> {
    let Bundle { manifest, events, proof } = Bundle::read(path)?;
    StateDir::prepare(&settings.state_dir).map_err(|error| Failure::NoAccess(error.to_string()))?;
    let options = Options { create: true, ..settings.journal_options() };
    let mut journal = Journal::open(&settings.journal_dir(), options, Arc::new(NoScrub))?;
    for request in &manifest.requests {
        let mut there = (Query::Show { request: *request }).run(&journal.reader())?;
        if there.next().is_some() {
            return Err(Failure::Usage(format!("the request {request} is in this journal already")));
        }
    }
    let filter = format!("requests={} sha256={}", manifest.requests.len(), proof.sha256);
    let audit = AuditRead { actor: actor(), action: "import".to_owned(), filter, via: "folder".to_owned() };
    journal.append(&Draft { at: Timestamp::now(), request: None, body: EventBody::AuditRead(audit) })?;
    for event in &events {
        journal.append(&event.draft)?;
    }
    journal.close()?;
    let mut output = Output::new();
    for request in &manifest.requests {
        output.line(&request.to_string())?;
    }
    output.end()
}
