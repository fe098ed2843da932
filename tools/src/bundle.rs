//! The file that requests leave a journal in, `NAME.codextrace`: lines of JSON that any tool can look into.
//!
//! The first is the [`Manifest`], then comes one event a line as the journal keeps it, and the last is the [`Proof`]: the journal's
//! ledger has an entry with the digest of all before, and that entry stands there with its signature.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use jiff::Timestamp;
use journal::{Attestation, Event, RequestId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;
use crate::output;
use crate::text::plain;

/// The version of this format.
const FORMAT: u32 = 1;

/// What is in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// [`FORMAT`].
    codextrace: u32,
    /// The version of codex-trace that made it.
    by: String,
    at: Timestamp,
    pub(crate) requests: Vec<RequestId>,
    /// The digest of each event's line, so that an altered one can be named.
    events: Vec<String>,
}

/// That the journal made it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Proof {
    /// The digest of all bytes before.
    pub(crate) sha256: String,
    #[serde(flatten)]
    pub(crate) attestation: Attestation,
}

/// A file that is whole.
pub(crate) struct Bundle {
    pub(crate) manifest: Manifest,
    pub(crate) events: Vec<Event>,
    pub(crate) proof: Proof,
}

/// A file on its way: everything but the proof.
pub(crate) struct Draft {
    text: String,
}

// === impl Draft ===

impl Draft {
    /// Of these requests, whose events are these lines.
    pub(crate) fn new(requests: Vec<RequestId>, lines: &[String]) -> Self {
        let events = lines.iter().map(|line| short_digest(line)).collect();
        let by = env!("CARGO_PKG_VERSION").to_owned();
        let manifest = Manifest { codextrace: FORMAT, by, at: Timestamp::now(), requests, events };
        let mut text = serde_json::to_string(&manifest).expect("ids, times and digests serialise");
        text.push('\n');
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        Self { text }
    }

    /// Of something in another form.
    pub(crate) fn foreign(document: &serde_json::Value) -> Self {
        Self { text: format!("{document}\n") }
    }

    /// What the journal has to attest.
    pub(crate) fn sha256(&self) -> String {
        digest(&self.text)
    }

    /// Writes the file as a whole or not at all, or to stdout for `-`; with the proof, if its form has a place for one.
    pub(crate) fn write(mut self, attestation: Option<Attestation>, path: &Path) -> Result<(), Failure> {
        if let Some(attestation) = attestation {
            let proof = Proof { sha256: self.sha256(), attestation };
            self.text.push_str(&serde_json::to_string(&proof).expect("digests and texts serialise"));
            self.text.push('\n');
        }
        if path == Path::new("-") {
            let mut stdout = output::buffered();
            stdout.write_all(self.text.as_bytes())?;
            return Ok(stdout.flush()?);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let written = || -> std::io::Result<()> {
            // Gone with this value, unless it gets its name.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(self.text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path).map(drop).map_err(|error| error.error)
        };
        written().map_err(|error| {
            Failure::NoAccess(format!("cannot write {}: {error}; nothing is left of it", path.display()))
        })
    }
}

// === impl Bundle ===

impl Bundle {
    /// Reads a file, or stdin for `-`, and checks every part of it.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let read = if path == Path::new("-") {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        } else {
            fs::read(path)
        };
        let bytes = read.map_err(|error| Failure::Usage(format!("cannot read {}: {error}", path.display())))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
            damaged(path, line, "it is no UTF-8")
        })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Failure> {
        let mut lines = text.split_inclusive('\n');
        let head = lines.next().unwrap_or_default();
        let manifest = manifest(path, head)?;
        let mut events = Vec::with_capacity(manifest.events.len());
        let mut length = head.len();
        for (place, expected) in manifest.events.iter().enumerate() {
            let number = place + 2;
            let line = lines.next().ok_or_else(|| {
                damaged(path, number, &format!("the file ends before event {} of {}", place + 1, manifest.events.len()))
            })?;
            length += line.len();
            let line = line.trim_end_matches('\n');
            if short_digest(line) != *expected {
                let what = format!("event {} of {} is not what was exported", place + 1, manifest.events.len());
                return Err(damaged(path, number, &what));
            }
            let event = serde_json::from_str(line)
                .map_err(|error| damaged(path, number, &format!("the event is of a newer version: {error}")))?;
            events.push(event);
        }
        let number = manifest.events.len() + 2;
        let last = lines.next().ok_or_else(|| damaged(path, number, "the file ends before its proof"))?;
        let proof: Proof = serde_json::from_str(last).map_err(|_| damaged(path, number, "the proof is none"))?;
        let sha256 = digest(&text[..length]);
        if sha256 != proof.sha256 {
            return Err(damaged(path, 1, "the manifest is not what was exported"));
        }
        if !proof.attestation.entry.contains(&format!("sha256={sha256}")) || !proof.attestation.is_genuine() {
            return Err(damaged(path, number, "the proof is not the ledger's: its entry or signature was altered"));
        }
        if lines.next().is_some() {
            return Err(damaged(path, number + 1, "something follows the proof"));
        }
        Ok(Self { manifest, events, proof })
    }
}

fn manifest(path: &Path, line: &str) -> Result<Manifest, Failure> {
    #[derive(Deserialize)]
    struct Version {
        codextrace: u32,
    }
    let Ok(Version { codextrace }) = serde_json::from_str(line) else {
        let what = format!("this is no export of codex-trace: {}", plain(line.trim_end(), 60));
        return Err(damaged(path, 1, &what));
    };
    if codextrace > FORMAT {
        let what = format!("it has format {codextrace}, and this codex-trace knows {FORMAT}: take a newer one");
        return Err(damaged(path, 1, &what));
    }
    serde_json::from_str(line).map_err(|error| damaged(path, 1, &format!("the manifest is none: {error}")))
}

fn damaged(path: &Path, line: usize, what: &str) -> Failure {
    Failure::Damaged(format!("{}, line {line}: {what}", path.display()))
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// Enough of a digest to tell which line was altered; the proof has the whole one.
fn short_digest(line: &str) -> String {
    digest(line)[..16].to_owned()
}
