//! What the tests share.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use codex_completions_api::admin::ControlServer;
use codex_completions_api::projections::{Metrics, Projections};
use codex_completions_api::record::{Guarantee, Recorder, ScrubEvents, Writer};
use codex_completions_api::upkeep::Upkeep;
use jiff::{SignedDuration, Timestamp};
use journal::{
    Draft, EventBody, Frame, Journal, NoScrub, Options, Outcome, Payload, RequestId, RequestReceived, ResponseFinished,
    Tokens,
};
use retention::{Policy, Terms};
use scrubbers::Scrubber;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A finished request.
pub(crate) const FINISHED: &str = "0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b";
/// A newer one that is not finished.
pub(crate) const UNFINISHED: &str = "0197a0b1-c2d4-7e4f-8a5b-6c7d8e9f0a1b";
/// The newest one, which is finished.
pub(crate) const REFUSED: &str = "0197a0b1-c2d5-7e4f-8a5b-6c7d8e9f0a1b";
/// One that never was.
pub(crate) const UNKNOWN: &str = "0197a0b1-c2d6-7e4f-8a5b-6c7d8e9f0a1b";

/// A state folder.
pub(crate) struct State {
    dir: TempDir,
}

/// What came of one run of `codex-trace`.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A service reduced to what reads the journal.
pub(crate) struct Service {
    runtime: Runtime,
    pub(crate) recorder: Recorder,
    writer: Writer,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

// === impl State ===

impl State {
    /// Without a journal.
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder") }
    }

    /// With a journal of three requests, closed.
    pub(crate) fn with_requests() -> Self {
        let state = Self::empty();
        state.append(&requests());
        state
    }

    /// With the request of an exported file.
    pub(crate) fn with_recording(name: &str) -> (Self, String) {
        let state = Self::empty();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name);
        let ids = state.trace(&["import", file.to_str().expect("UTF-8")]).ok();
        let id = ids.trim().to_owned();
        (state, id)
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn journal_dir(&self) -> PathBuf {
        self.path().join("journal")
    }

    pub(crate) fn journal(&self) -> Journal {
        Journal::open(&self.journal_dir(), Options::default(), Arc::new(NoScrub)).expect("the journal opens")
    }

    pub(crate) fn append(&self, drafts: &[Draft]) {
        let mut journal = self.journal();
        for draft in drafts {
            journal.append(draft).expect("appended");
        }
        journal.close().expect("closed");
    }

    /// With requests of 100 hours ago in a segment, of 98 hours ago in the next, both sealed, and of now in the live one. Returns
    /// their ids; the first segment has two.
    pub(crate) fn with_segments() -> (Self, [String; 4]) {
        let state = Self::empty();
        let mut journal = state.journal();
        let now = Timestamp::now();
        let hours = [100, 100, 98, 0].map(|hours| now - SignedDuration::from_hours(hours));
        let ids = [0, 1, 2, 3].map(|n| id_at(hours[n], n));
        for (id, at) in ids.iter().zip(hours) {
            let request = Some(id.parse().expect("an id"));
            for body in [received(), finished(200, Outcome::Ok, None)] {
                journal.append(&Draft { at, request, body }).expect("appended");
            }
        }
        while let Some(name) = journal.to_seal() {
            let prepared = journal.reader().prepare_seal(&name).expect("sealable").expect("there");
            journal.commit_seal(prepared, now).expect("sealed");
        }
        journal.close().expect("closed");
        (state, ids)
    }

    /// The files of sealed segments, oldest first.
    pub(crate) fn sealed_files(&self) -> Vec<PathBuf> {
        let segments = std::fs::read_dir(self.journal_dir().join("segments")).expect("it has segments");
        let files = segments.map(|entry| entry.expect("listed").path().join("sealed"));
        let mut files: Vec<_> = files.filter(|path| path.exists()).collect();
        files.sort();
        files
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codex-trace"));
        command
            .env_clear()
            .env("HOME", self.path())
            .arg("--state-dir")
            .arg(self.path())
            .args(args)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn trace(&self, args: &[&str]) -> Run {
        self.command(args).output().expect("codex-trace runs").into()
    }

    /// A service if `wanted`, so that what follows goes through its socket.
    pub(crate) fn serve_if(&self, wanted: bool) -> Option<Service> {
        wanted.then(|| self.serve())
    }

    pub(crate) fn serve(&self) -> Service {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let journal = self.journal();
        let (reader, last_known) = (journal.reader(), journal.last_known_time());
        let projections = Projections::new(Metrics::new([]).expect("metrics"));
        let scrubber = Arc::new(Scrubber::builder().build().expect("the table compiles"));
        let (recorder, writer) =
            Recorder::start(journal, ScrubEvents::new(scrubber), projections, Guarantee::default()).expect("a thread");
        let path = self.path();
        let control = runtime.block_on(async { ControlServer::bind(path).expect("the socket can be made") });
        let stop = CancellationToken::new();
        let upkeep = Upkeep::new(recorder.clone(), reader.clone(), policy(), last_known, None);
        let served = runtime.spawn(control.serve(recorder.clone(), reader, upkeep, None, None, stop.clone()));
        Service { runtime, recorder, writer, stop, served }
    }
}

// === impl Service ===

impl Service {
    pub(crate) fn record(&self, request: Option<RequestId>, body: EventBody) {
        self.runtime.block_on(self.recorder.record(request, body));
    }

    pub(crate) fn close_journal(&self) {
        self.runtime.block_on(self.recorder.close());
    }

    /// Ends in the order in which the real one does.
    pub(crate) fn stop(self) {
        self.stop.cancel();
        self.runtime.block_on(async {
            self.served.await.expect("it serves until the end");
            self.recorder.close().await;
        });
        self.writer.join();
    }
}

// === impl Run ===

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it ended by itself"),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

impl Run {
    /// Its output, which must be all there is.
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{}", self.stdout);
        self.stdout
    }

    pub(crate) fn json_lines(self) -> Vec<serde_json::Value> {
        self.ok().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

impl Run {
    /// Its output, after it ended with `code` and said all of `words` on stderr.
    pub(crate) fn fails(self, code: i32, words: &[&str]) -> String {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        for words in words {
            assert!(self.stderr.contains(words), "{words:?} is not in: {}", self.stderr);
        }
        self.stdout
    }

    /// Its output, which is one JSON document.
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).expect("JSON")
    }
}

/// The request id that was made at `at`.
pub(crate) fn id_at(at: Timestamp, n: usize) -> String {
    let millis = at.as_millisecond();
    format!("{:08x}-{:04x}-7e4f-8a5b-6c7d8e9f{n:04x}", millis >> 16, millis & 0xffff)
}

/// What the configuration has by default.
fn policy() -> Policy {
    const HOUR: Duration = Duration::from_secs(3600);
    let terms = Terms {
        content_ttl: HOUR * 72,
        summary_ttl: HOUR * 24 * 90,
        ledger_ttl: HOUR * 24 * 400,
        max_content_ttl: HOUR * 24 * 30,
        segment_period: HOUR,
        sweep_interval: Duration::from_secs(60),
        max_bytes: 20 << 30,
    };
    Policy::try_new(terms).expect("it is the default one")
}

fn requests() -> Vec<Draft> {
    let frame = |text: &str| Frame { worker: "w1".to_owned(), frame: Payload(text.to_owned().into()) };
    let stderr = EventBody::WorkerStderr { worker: "w1".to_owned(), line: "hello".to_owned() };
    let events = [
        (None, stderr),
        (Some(FINISHED), received()),
        (Some(FINISHED), EventBody::RequestAdmitted { queue_wait_ms: 0.25, output: None }),
        (Some(FINISHED), EventBody::RpcSent(frame(r#"{"method":"turn/start","id":3,"params":{}}"#))),
        (Some(UNFINISHED), received()),
        (Some(FINISHED), EventBody::RpcReceived(frame(r#"{"id":3,"result":{"ok":true}}"#))),
        (Some(FINISHED), EventBody::ResponseStarted { status: 200, headers: Vec::new() }),
        (Some(FINISHED), EventBody::ResponseChunk { bytes: "data: {\"x\":\"\u{1b}\"}\n\n".to_owned() }),
        (Some(FINISHED), finished(200, Outcome::Ok, Some(Tokens { input: 10, cached: 4, output: 6, reasoning: 2 }))),
        (Some(REFUSED), received()),
        (Some(REFUSED), finished(401, Outcome::Auth, None)),
    ];
    let at: Timestamp = "2026-01-05T12:00:00Z".parse().expect("a time");
    let at = |n| at + SignedDuration::from_micros(1500) * n;
    let id = |request: Option<&str>| request.map(|id| id.parse().expect("an id"));
    (0..).zip(events).map(|(n, (request, body))| Draft { at: at(n), request: id(request), body }).collect()
}

pub(crate) fn received() -> EventBody {
    EventBody::RequestReceived(RequestReceived {
        method: "POST".to_owned(),
        route: "/v1/chat/completions".to_owned(),
        target: "/v1/chat/completions".to_owned(),
        key: Some("k1".to_owned()),
        peer: "127.0.0.1:1".to_owned(),
        headers: Vec::new(),
        body: Payload(r#"{"model":"m"}"#.into()),
    })
}

pub(crate) fn finished(status: u16, outcome: Outcome, tokens: Option<Tokens>) -> EventBody {
    EventBody::ResponseFinished(ResponseFinished {
        status,
        outcome,
        model: Some("m\u{1b}[2J".to_owned()),
        stream: true,
        tokens,
        usage_source: None,
        finish_reasons: tokens.iter().map(|_| "stop".to_owned()).collect(),
        error: (outcome == Outcome::Auth).then(|| "invalid_api_key".to_owned()),
        worker: Some("w1".to_owned()),
        ttft_ms: tokens.map(|_| 5.5),
        duration_ms: 20.25,
    })
}
