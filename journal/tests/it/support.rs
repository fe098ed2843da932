//! What the tests share.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use journal::{
    Authority, Disposal, Draft, Erasure, Error, EventBody, Frame, HoldSelector, Journal, NoScrub, Options, Outcome,
    Payload, Reader, RequestId, RequestReceived, ResponseFinished, Selection, Tokens,
};

pub(crate) const HOUR: SignedDuration = SignedDuration::from_hours(1);

pub(crate) fn open(dir: &Path) -> Journal {
    try_open(dir).expect("the journal opens")
}

pub(crate) fn try_open(dir: &Path) -> Result<Journal, Error> {
    let options = Options { segment_period: Duration::from_secs(3600), ..Options::default() };
    Journal::open(dir, options, Arc::new(NoScrub))
}

pub(crate) fn noon() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().expect("a timestamp")
}

pub(crate) fn stderr(line: impl Into<String>) -> Draft {
    let body = EventBody::WorkerStderr { worker: "w1".to_owned(), line: line.into() };
    Draft { at: noon(), request: None, body }
}

pub(crate) fn received(id: RequestId, body: &str) -> Draft {
    let body = EventBody::RequestReceived(RequestReceived {
        method: "POST".to_owned(),
        route: "/v1/chat/completions".to_owned(),
        target: "/v1/chat/completions?x=1".to_owned(),
        key: Some("k1".to_owned()),
        peer: "127.0.0.1:1".to_owned(),
        headers: vec![("accept".to_owned(), "*/*".to_owned())],
        body: Payload(body.to_owned().into()),
    });
    Draft { at: noon(), request: Some(id), body }
}

pub(crate) fn frame(id: RequestId, frame: &str) -> Draft {
    let frame = Frame { worker: "w1".to_owned(), frame: Payload(frame.to_owned().into()) };
    Draft { at: noon(), request: Some(id), body: EventBody::RpcReceived(frame) }
}

pub(crate) fn finished(id: RequestId) -> Draft {
    let body = EventBody::ResponseFinished(ResponseFinished {
        status: 200,
        outcome: Outcome::Ok,
        model: Some("m".to_owned()),
        stream: true,
        tokens: Some(Tokens { input: 10, cached: 4, output: 6, reasoning: 2 }),
        usage_source: None,
        finish_reasons: vec!["stop".to_owned()],
        error: None,
        worker: Some("w1".to_owned()),
        ttft_ms: Some(1.5),
        duration_ms: 20.0,
    });
    Draft { at: noon(), request: Some(id), body }
}

pub(crate) fn later(draft: Draft, by: SignedDuration) -> Draft {
    Draft { at: draft.at + by, ..draft }
}

/// All lines, which must be readable and without a gap.
pub(crate) fn lines(reader: &Reader) -> Vec<String> {
    let lines: Vec<_> = reader.events(Selection::default()).map(|line| line.expect("readable")).collect();
    for pair in lines.windows(2) {
        assert_eq!(pair[0].seq + 1, pair[1].seq, "a gap");
    }
    for line in &lines {
        assert!(line.text.starts_with(&format!("{{\"seq\":{},", line.seq)), "{}", line.text);
    }
    lines.into_iter().map(|line| line.text).collect()
}

/// Printable text that does not compress.
pub(crate) fn noise(len: usize, mut state: u64) -> String {
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from_digit(u32::try_from(state >> 58).expect("six bits") % 36, 36).expect("a digit")
    };
    (0..len).map(next).collect()
}

pub(crate) fn segment_dirs(dir: &Path) -> Vec<PathBuf> {
    let mut dirs: Vec<_> =
        dir.join("segments").read_dir().expect("it exists").map(|entry| entry.expect("listed").path()).collect();
    dirs.sort();
    dirs
}

/// A folder in memory where there is one, for tests that would wait for a disk most of their time. A killed process loses as much
/// there as on a disk.
pub(crate) fn fast_dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

/// What tests destroy is destroyed by.
pub(crate) fn authority() -> Authority {
    Authority { actor: "test".to_owned(), policy: "0".repeat(64) }
}

/// Destroys one segment and returns the number of the event that says so.
pub(crate) fn try_dispose(journal: &mut Journal, segment: &str, at: Timestamp) -> Result<u64, Error> {
    let due = [Disposal { segment: segment.to_owned(), reason: "test".to_owned() }];
    journal.dispose(&due, &authority(), at).map(|disposed| disposed[0].seq)
}

/// Seals everything that is to be sealed.
pub(crate) fn seal_all(journal: &mut Journal) {
    while let Some(name) = journal.to_seal() {
        let prepared = journal.reader().prepare_seal(&name).expect("readable").expect("it is there");
        journal.commit_seal(prepared, noon()).expect("written");
    }
}

/// Begins an erasure and seals what it needs sealed.
pub(crate) fn begin_erasure(journal: &mut Journal, selector: HoldSelector) -> Erasure {
    let erasure = journal.begin_erasure(selector, "asked to", "uid:7", noon() + HOUR).expect("nobody else erases");
    seal_all(journal);
    erasure
}

/// Erases, and returns how many requests and events in how many segments that were.
pub(crate) fn erase(journal: &mut Journal, selector: HoldSelector) -> Result<(usize, u64, usize), Error> {
    let erasure = begin_erasure(journal, selector);
    let reader = journal.reader();
    let erasable = reader.find_erasable(&erasure)?;
    let mut events = 0;
    for segment in &erasable.segments {
        let prepared = reader.prepare_erasure(&erasable, segment)?.expect("it is there");
        events += journal.commit_erasure(&erasure, &prepared, noon() + HOUR)?;
    }
    Ok((erasable.requests(), events, erasable.segments.len()))
}

/// The blocks of a closed segment, as a database.
pub(crate) fn with_blocks<T>(segment: &Path, use_them: impl FnOnce(&sled::Tree) -> T) -> T {
    let config =
        sled::Config::new().path(segment).segment_size(512 * 1024).mode(sled::Mode::LowSpace).flush_every_ms(None);
    // sled gives its lock back a little after the database was dropped.
    let deadline = Instant::now() + Duration::from_secs(10);
    let database = loop {
        match config.open() {
            Err(sled::Error::Io(_)) if Instant::now() < deadline => thread::yield_now(),
            result => break result.expect("nobody has it open"),
        }
    };
    let result = use_them(&database.open_tree("blocks").expect("it is there"));
    database.flush().expect("flushed");
    result
}

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("copied or listed");
    for entry in fs::read_dir(from).expect("copied or listed").map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("copied or listed");
        }
    }
}

/// The files in a folder and in those in it.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("copied or listed").map(Result::unwrap) {
        if entry.path().is_dir() { found.extend(files(&entry.path())) } else { found.push(entry.path()) }
    }
    found.sort();
    found
}
