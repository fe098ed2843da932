//! What the journal needs beside appending: sealing what is written, sweeping what is past its time, anchoring the ledger.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use journal::{Journal, LedgerHead, Options, Reader};
use retention::{Now, Policy, PolicyError, Sweeper, Terms};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::record::Recorder;

/// How often a segment to seal is looked for.
const SEAL_INTERVAL: Duration = Duration::from_secs(5);

/// How often the head of the ledger is logged.
const ANCHOR_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The name under which the service itself disposes.
const ACTOR: &str = "retention";

/// Who does all that. Clones share it.
#[derive(Clone)]
pub struct Upkeep {
    recorder: Recorder,
    reader: Reader,
    sweeper: Arc<Mutex<Sweeper>>,
    /// Held by whoever seals: two would write the same file.
    sealing: Arc<tokio::sync::Mutex<()>>,
    /// What the monotonic clock counts from.
    started: Instant,
    anchor_file: Option<PathBuf>,
}

/// The retention policy of `config`.
///
/// # Errors
/// What in it contradicts each other, of which loading it finds most.
pub fn policy(config: &Config) -> Result<Policy, Vec<PolicyError>> {
    Policy::try_new(Terms {
        content_ttl: config.content_ttl,
        summary_ttl: config.summary_ttl,
        ledger_ttl: config.ledger_ttl,
        max_content_ttl: config.max_content_ttl,
        segment_period: config.segment_period,
        sweep_interval: config.sweep_interval,
        max_bytes: config.max_bytes,
    })
}

/// How `config` says the journal is to be opened, which is made if there is none and `create` is set.
pub fn journal_options(config: &Config, create: bool) -> Options {
    Options {
        segment_period: config.segment_period,
        segment_max_bytes: config.segment_max_bytes,
        key_file: config.journal_key_file.clone(),
        create,
    }
}

// === impl Upkeep ===

impl Upkeep {
    /// For the journal that `recorder` writes. `last_known` is [`Journal::last_known_time`] at its opening.
    pub fn new(
        recorder: Recorder,
        reader: Reader,
        policy: Policy,
        last_known: Option<Timestamp>,
        anchor_file: Option<PathBuf>,
    ) -> Self {
        let started = Instant::now();
        let sweeper = Sweeper::new(policy, last_known, now(started));
        let (sweeper, sealing) = (Arc::new(Mutex::new(sweeper)), Arc::default());
        Self { recorder, reader, sweeper, sealing, started, anchor_file }
    }

    /// Does it until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let sweep_interval = self.policy().terms().sweep_interval;
        tokio::join!(
            every(sweep_interval, &stop, || self.sweep_and_tell()),
            every(SEAL_INTERVAL.min(sweep_interval), &stop, || self.seal_all(&stop)),
            every(ANCHOR_INTERVAL, &stop, || self.anchor()),
        );
    }

    /// The policy in force.
    pub fn policy(&self) -> Policy {
        *self.sweeper().policy()
    }

    /// Runs `job` with the journal and what sweeps it, at the moment it is given. `None` if the recorder has stopped.
    pub async fn with_journal<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Journal, &mut Sweeper, Now) -> T + Send + 'static,
    ) -> Option<T> {
        let (sweeper, started) = (Arc::clone(&self.sweeper), self.started);
        let job = move |journal: &mut Journal| {
            let mut sweeper = sweeper.lock().unwrap_or_else(PoisonError::into_inner);
            job(journal, &mut sweeper, now(started))
        };
        self.recorder.with_journal(job).await
    }

    async fn sweep_and_tell(&self) {
        let was_waiting = self.sweeper().state().waiting.is_some();
        let swept = self.with_journal(|journal, sweeper, now| sweeper.sweep(journal, now, ACTOR)).await;
        match swept {
            Some(Ok(report)) => {
                if let Some(wait) = report.skipped.as_ref().filter(|_| !was_waiting) {
                    tracing::error!(kind = "retention", "{wait}");
                }
                if report.max_bytes_struck {
                    tracing::error!(
                        kind = "retention",
                        "the journal is larger than retention.max_bytes: content goes before its time"
                    );
                }
            }
            Some(Err(error)) => tracing::error!(kind = "retention", %error, "the sweep failed"),
            None => {}
        }
    }

    /// Seals what is to be sealed, one segment after the other.
    pub(crate) async fn seal_all(&self, stop: &CancellationToken) {
        let _alone = self.sealing.lock().await;
        while let Some(Some(name)) = self.recorder.with_journal(|journal| journal.to_seal()).await {
            let reader = self.reader.clone();
            let prepare = {
                let name = name.clone();
                move || {
                    // Whoever waits for an answer comes first.
                    let _ = rustix::process::nice(10);
                    reader.prepare_seal(&name)
                }
            };
            let (done, prepared) = tokio::sync::oneshot::channel();
            let spawned =
                std::thread::Builder::new().name("seal".to_owned()).spawn(move || done.send(prepare()).is_ok());
            if let Err(error) = spawned {
                return tracing::error!(kind = "journal", %error, "cannot start the thread that seals");
            }
            // A service that stops does not wait for the rest: sealing begins again at the next start.
            let prepared = tokio::select! {
                prepared = prepared => prepared,
                () = stop.cancelled() => return,
            };
            let prepared = match prepared {
                Ok(Ok(prepared)) => prepared,
                Ok(Err(error)) => {
                    return tracing::error!(kind = "journal", segment = name, %error, "cannot seal a segment");
                }
                Err(_) => return tracing::error!(kind = "journal", segment = name, "sealing a segment panicked"),
            };
            let Some(prepared) = prepared else { continue };
            let commit = move |journal: &mut Journal| journal.commit_seal(prepared, Timestamp::now());
            match self.recorder.with_journal(commit).await {
                Some(Ok(())) if !stop.is_cancelled() => {}
                Some(Err(error)) => {
                    return tracing::error!(kind = "journal", segment = name, %error, "cannot seal a segment");
                }
                _ => return,
            }
        }
    }

    /// Logs the head of the ledger, and writes it where somebody wants it.
    async fn anchor(&self) {
        let anchored = self.recorder.with_journal(|journal| journal.anchor(Timestamp::now())).await;
        let head = match anchored {
            Some(Ok(head)) => head,
            Some(Err(error)) => return tracing::error!(kind = "journal", %error, "cannot anchor the ledger"),
            None => return,
        };
        tracing::info!(kind = "journal", entry = head.n, hash = head.hash, "ledger head");
        if let Some(path) = &self.anchor_file
            && let Err(error) = append_anchor(path, &head)
        {
            tracing::error!(kind = "journal", path = %path.display(), %error, "cannot write the ledger's head to journal.anchor_file");
        }
    }

    fn sweeper(&self) -> std::sync::MutexGuard<'_, Sweeper> {
        self.sweeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls `work` at once and then once in `interval`, until `stop`.
async fn every<F: Future<Output = ()>>(interval: Duration, stop: &CancellationToken, work: impl Fn() -> F) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => work().await,
            () = stop.cancelled() => return,
        }
    }
}

/// One line: entry, digest, time. A file that only grows, so that it can lie where nothing can be changed.
fn append_anchor(path: &Path, head: &LedgerHead) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    writeln!(file, "{} {} {}", head.n, head.hash, head.at)?;
    file.sync_all()
}

/// Both clocks, one right after the other.
fn now(started: Instant) -> Now {
    Now { wall: Timestamp::now(), monotonic: started.elapsed() }
}
