//! Proof that no secret reaches the disk: made-up ones of every kind are recorded in a journal of their own, whose files are then
//! searched for them.

mod canaries;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use aho_corasick::AhoCorasick;
use jiff::Timestamp;
use journal::{Draft, EventBody, Journal, Options, Scrub, Selection};
use scrubbers::Scrubber;
use tracing::subscriber::NoSubscriber;

use self::canaries::{Canary, Form};
use crate::config::{Addresses, Config};
use crate::exit::Exit;
use crate::private_folder;
use crate::record::ScrubEvents;
use crate::state_dir::{StateDir, StateDirError};

/// So many characters of a secret in one piece are too many.
const RUN: usize = 6;

/// The same in files: keys and what is encrypted hold any six characters by chance now and then.
const RUN_IN_FILES: usize = 12;

/// What a marker has at most in its brackets besides its kind: the colon and the token.
const TOKEN: usize = ":abcdef".len();

/// The kinds that the policy for addresses can leave.
const ADDRESSES: &[&str] = &["ipv4", "ipv6"];

/// What the self-test that runs at start has shown so far.
#[derive(Debug, Clone, Default)]
pub struct Proof(Arc<OnceLock<bool>>);

/// A secret that survived.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leak {
    /// Its kind.
    pub kind: String,
    /// Where it was found, relative to the journal: a file, or `events` for what a reader sees.
    pub place: String,
}

/// Why nothing could be proved.
#[derive(Debug, thiserror::Error)]
pub enum SelfTestError {
    /// The journal could not be used.
    #[error("the scrubbing could not be tested: {0}")]
    Journal(#[from] journal::Error),
    /// The folder could not be used.
    #[error("the scrubbing could not be tested in {}: {source}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The state folder cannot be used.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// There is no scrubber.
    #[error("cannot prepare the scrubber: {0}")]
    Scrubber(#[from] scrubbers::Error),
}

/// The journal's folder, which goes with this.
struct Folder(PathBuf);

/// A canary as it was planted, one for each event in order.
struct Planted<'a> {
    canary: &'a Canary,
    /// What must be in no event of it.
    traces: &'a [String],
    /// What was planted.
    line: String,
}

// === impl Proof ===

impl Proof {
    /// Runs the test on a thread of its own, beside the start. What survives, or keeps the test from being done, is logged.
    pub fn begin(&self, state_dir: &Path, scrubber: &Arc<Scrubber>, addresses: Addresses) {
        let (proof, folder, scrubber) = (self.clone(), state_dir.join("selftest"), scrubber.clone());
        let test = move || {
            // One that was killed leaves it behind.
            let _ = fs::remove_dir_all(&folder);
            let leaks = run(&folder, Arc::new(ScrubEvents::new(scrubber.clone())), &scrubber, addresses);
            match &leaks {
                Ok(leaks) => {
                    for Leak { kind, place } in leaks {
                        tracing::error!(%kind, %place, "a made-up secret was not scrubbed: nothing is served");
                    }
                }
                // A disk that is full says nothing of the scrubber.
                Err(error) => tracing::warn!(%error, "it goes on untested"),
            }
            if let Ok(leaks) = leaks {
                let _ = proof.0.set(leaks.is_empty());
            }
        };
        if let Err(error) = std::thread::Builder::new().name("selftest".into()).spawn(test) {
            tracing::warn!(%error, "the scrubbing goes on untested");
        }
    }

    /// Whether a made-up secret survived.
    pub fn has_failed(&self) -> bool {
        self.0.get() == Some(&false)
    }

    /// `unknown` before its end, then `passed` or `failed`.
    pub fn as_str(&self) -> &'static str {
        match self.0.get() {
            None => "unknown",
            Some(true) => "passed",
            Some(false) => "failed",
        }
    }
}

/// `codex-proxy selftest`.
pub fn main(config: &Config) -> Exit {
    let prove = || -> Result<Vec<Leak>, SelfTestError> {
        let state_dir = StateDir::prepare(&config.state_dir)?;
        let scrubber = Arc::new(crate::app::scrubber(config)?);
        let folder = state_dir.path().join(format!("selftest-{}", std::process::id()));
        run(&folder, Arc::new(ScrubEvents::new(scrubber.clone())), &scrubber, config.scrub_addresses)
    };
    match prove() {
        Ok(leaks) if leaks.is_empty() => {
            println!("no made-up secret of any kind reached the disk");
            Exit::Ok
        }
        Ok(leaks) => {
            for leak in &leaks {
                eprintln!("codex-proxy: {leak}");
            }
            Exit::Leak
        }
        Err(error) => {
            eprintln!("codex-proxy: {error}");
            Exit::TemporaryFailure
        }
    }
}

/// Records secrets of every kind through `scrub` in a journal in `folder`, which is made and removed again, and tells which survived.
/// What `scrubber` and the policy for addresses let stay is left out.
///
/// # Errors
/// If the journal cannot be written and read.
pub fn run(
    folder: &Path,
    scrub: Arc<dyn Scrub>,
    scrubber: &Scrubber,
    addresses: Addresses,
) -> Result<Vec<Leak>, SelfTestError> {
    let stays = |canary: &Canary| {
        ADDRESSES.contains(&canary.kind.as_str()) && addresses != Addresses::All || scrubber.allows(&canary.secret)
    };
    let canaries: Vec<_> = canaries::all().filter(|canary| !stays(canary)).collect();
    let traces: Vec<Vec<String>> = canaries.iter().map(|canary| traces(canary, RUN)).collect();
    // Of its own keys and segments nobody is to hear: errors come back.
    let _quiet = tracing::subscriber::set_default(NoSubscriber::new());
    let path = folder.to_owned();
    let failed = |source| SelfTestError::Io { path: path.clone(), source };
    private_folder::make(&path).map_err(failed)?;
    let folder = Folder(path.clone());

    let mut journal = Journal::open(&folder.0, Options::default(), scrub)?;
    let mut planted = Vec::new();
    for (canary, traces) in canaries.iter().zip(&traces) {
        for line in Form::ALL.iter().filter_map(|form| canary.planted(*form)) {
            let body = EventBody::WorkerStderr { worker: "selftest".to_owned(), line: line.clone() };
            journal.append(&Draft { at: Timestamp::now(), request: None, body })?;
            planted.push(Planted { canary, traces, line });
        }
    }
    journal.flush()?;
    let reader = journal.reader();
    journal.close()?;

    let mut leaks = BTreeSet::new();
    let mut events = planted.iter();
    for line in reader.events(Selection::default()) {
        let text = line?.text;
        if text.contains(r#""type":"worker.stderr""#)
            && let Some(planted) = events.next()
            && planted.survives_in(&text)
        {
            leaks.insert(Leak { kind: planted.canary.kind.clone(), place: "events".to_owned() });
        }
    }
    if let Some(lost) = events.next() {
        leaks.insert(Leak { kind: lost.canary.kind.clone(), place: "no event, which is missing".to_owned() });
    }
    search_files(&folder.0, &canaries, &mut leaks).map_err(failed)?;
    Ok(leaks.into_iter().collect())
}

/// What gives a canary away: any `run` characters of it in any form, but those that are in its surroundings too. Nothing of one that
/// is shorter.
fn traces(canary: &Canary, run: usize) -> Vec<String> {
    let characters: Vec<char> = canary.secret.chars().collect();
    let around = [&canary.before, &canary.after];
    let runs = characters.windows(run).map(|run| run.iter().collect::<String>());
    let own = runs.filter(|run| !around.iter().any(|text| text.contains(run.as_str())));
    own.flat_map(|run| Form::ALL.map(|form| form.traces(&run)).concat()).collect()
}

/// Looks for the canaries in the bytes of every file.
fn search_files(folder: &Path, canaries: &[Canary], leaks: &mut BTreeSet<Leak>) -> std::io::Result<()> {
    let patterns = canaries
        .iter()
        .enumerate()
        .flat_map(|(owner, canary)| traces(canary, RUN_IN_FILES).into_iter().map(move |trace| (owner, trace)));
    let (owners, patterns): (Vec<_>, Vec<_>) = patterns.unzip();
    let automaton = AhoCorasick::new(patterns).map_err(std::io::Error::other)?;
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(inner)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path)?;
            let place = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            for found in automaton.find_overlapping_iter(&bytes) {
                let kind = canaries[owners[found.pattern().as_usize()]].kind.clone();
                leaks.insert(Leak { kind, place: place.clone() });
            }
        }
    }
    Ok(())
}

// === impl Planted ===

impl Planted<'_> {
    fn survives_in(&self, line: &str) -> bool {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let text = event.pointer("/data/line").and_then(serde_json::Value::as_str).unwrap_or(line);
        if self.traces.is_empty() {
            return text == self.line;
        }
        // A token holds any six characters by chance now and then.
        let text = without_markers(text);
        self.traces.iter().any(|trace| text.contains(trace.as_str()))
    }
}

// === impl Leak ===

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a made-up secret of the kind {} was not scrubbed: found in {}", self.kind, self.place)
    }
}

// === impl Folder ===

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "cannot remove the folder of the self-test");
        }
    }
}

/// `text` without what looks like a marker.
fn without_markers(text: &str) -> String {
    let mut parts = text.split('[');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let marker = part.find(']').filter(|end| *end > TOKEN && part.as_bytes()[end - TOKEN] == b':');
        out.push('[');
        out.push_str(&part[marker.unwrap_or(0)..]);
    }
    out
}

#[cfg(test)]
mod tests;
