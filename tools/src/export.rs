//! `export` and `import`: requests leave a journal in a file, and come into another from one.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use codex_completions_api::admin::Operation;
use codex_completions_api::state_dir::StateDir;
use jiff::Timestamp;
use journal::{
    Attestation, AuditRead, Counts, DayKey, Draft, Event, EventBody, Journal, Options, Query, RequestId, Scrub,
};
use serde_json::Value;

use crate::bundle::{self, Bundle};
use crate::convert::{self, Told};
use crate::failure::Failure;
use crate::folder::actor;
use crate::output::Output;
use crate::settings::Settings;
use crate::source::Source;
use crate::text;

/// Redacts nothing more, and tells what was redacted when the event was recorded.
#[derive(Default)]
struct AsRecorded(Mutex<Counts>);

/// What a file is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// `codex-trace replay` and `import`
    Codextrace,
    /// Browsers and HTTP tools: HTTP Archive 1.2
    Har,
    /// Jaeger and others: OpenTelemetry traces as OTLP/JSON
    Otlp,
}

/// Writes these requests into `path`, as they are kept: scrubbed.
pub(crate) fn export(source: &Source, requests: &[RequestId], form: Form, path: &Path) -> Result<(), Failure> {
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
    let draft = match form {
        Form::Codextrace => bundle::Draft::new(requests, &lines),
        Form::Har | Form::Otlp => bundle::Draft::foreign(&converted(&requests, &lines, form)?),
    };
    // Whatever its form, it is on record that it leaves.
    let attest = Operation::Attest { requests: Some(count), sha256: draft.sha256() };
    let (_, attestation): (_, Attestation) = source.operate(&attest)?.document()?;
    draft.write((form == Form::Codextrace).then_some(attestation), path)?;
    if path == Path::new("-") {
        return Ok(());
    }
    let mut output = Output::new();
    output.line(&format!(
        "{} of {} in {}",
        text::count(lines.len(), "event"),
        text::count(count, "request"),
        path.display()
    ))?;
    output.end()
}

fn converted(requests: &[RequestId], lines: &[String], form: Form) -> Result<Value, Failure> {
    let events: Result<Vec<Event>, _> = lines.iter().map(|line| serde_json::from_str(line)).collect();
    let events = events.map_err(|error| Failure::Damaged(format!("an event in the journal is none: {error}")))?;
    let told: Vec<Told<'_>> = requests.iter().filter_map(|request| Told::of(*request, &events)).collect();
    Ok(if form == Form::Har { convert::har(&told) } else { convert::otlp(&told) })
}

/// Puts the requests in `path` into the journal, which no service may use meanwhile. They keep their ids and times.
pub(crate) fn import(settings: &Settings, path: &Path) -> Result<(), Failure> {
    let Bundle { manifest, events, proof } = Bundle::read(path)?;
    StateDir::prepare(&settings.state_dir).map_err(|error| Failure::NoAccess(error.to_string()))?;
    let options = Options { create: true, ..settings.journal_options() };
    let scrub = Arc::new(AsRecorded::default());
    let mut journal = Journal::open(&settings.journal_dir(), options, scrub.clone())?;
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
        scrub.set(&event.scrubbed);
        journal.append(&event.draft)?;
    }
    journal.close()?;
    let mut output = Output::new();
    for request in &manifest.requests {
        output.line(&request.to_string())?;
    }
    output.end()
}

// === impl AsRecorded ===

impl AsRecorded {
    /// The counts of the next event.
    fn set(&self, counts: &Counts) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone_from(counts);
    }
}

impl Scrub for AsRecorded {
    fn scrub(&self, _key: &DayKey, _json: &mut String) -> Counts {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
