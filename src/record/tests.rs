//! A recorder on a journal that can be broken and mended.

use std::fs;

use bytes::Bytes;
use journal::{AuditRead, NoScrub, Options, Payload, RequestReceived, Selection};

use super::weight::EVENT_OVERHEAD;
use super::*;
use crate::projections::Metrics;

/// A recorder on a folder in which `break_journal` keeps the journal from being written.
struct Bench {
    dir: tempfile::TempDir,
    recorder: Recorder,
    writer: Writer,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), Options::default(), Arc::new(NoScrub)).unwrap();
        let (recorder, writer) = Recorder::start(journal, Projections::new(Metrics::new([]).unwrap())).unwrap();
        Self { dir, recorder, writer }
    }

    /// A file where the folder of segments belongs. Only before the first event.
    fn break_journal(&self) {
        fs::write(self.dir.path().join("segments"), "").unwrap();
    }

    fn mend_journal(&self) {
        fs::remove_file(self.dir.path().join("segments")).unwrap();
    }

    async fn until_healthy(&self, wanted: bool) {
        let mut healthy = self.recorder.shared.status.healthy.subscribe();
        healthy.wait_for(|healthy| *healthy == wanted).await.unwrap();
    }

    /// The lines of the journal, after everything was written.
    async fn end(self) -> (Vec<String>, u64) {
        let status = self.recorder.shared.status.clone();
        self.recorder.close().await;
        drop(self.recorder);
        self.writer.join();
        let journal = Journal::open(self.dir.path(), Options::default(), Arc::new(NoScrub)).unwrap();
        let lines = journal.reader().events(Selection::default()).map(|line| line.unwrap().text).collect();
        (lines, status.lost.load(Ordering::Relaxed))
    }
}

fn stderr(line: impl Into<String>) -> EventBody {
    EventBody::WorkerStderr { worker: "w1".to_owned(), line: line.into() }
}

fn audit() -> EventBody {
    let read = AuditRead { actor: "a".into(), action: "list".into(), filter: String::new(), via: "socket".into() };
    EventBody::AuditRead(read)
}

#[tokio::test]
async fn a_journal_that_works_again_gets_everything_in_order() {
    let bench = Bench::new();
    bench.break_journal();
    for line in ["one", "two", "three"] {
        bench.recorder.record(None, stderr(line)).await;
    }
    bench.until_healthy(false).await;
    assert!(matches!(bench.recorder.record_durably(None, audit()).await, Err(NotRecorded::Unavailable)));
    bench.mend_journal();
    bench.until_healthy(true).await;
    bench.recorder.record_durably(None, audit()).await.unwrap();
    let (lines, lost) = bench.end().await;
    assert_eq!((lines.len(), lost), (5, 0), "{lines:?}");
    for (line, text) in lines.iter().zip(["segment.opened", "one", "two", "three", "audit.read"]) {
        assert!(line.contains(text), "{line}");
    }
}

#[tokio::test]
async fn a_service_that_stops_does_not_wait_for_a_journal_that_fails() {
    let bench = Bench::new();
    bench.break_journal();
    let half = "x".repeat(BUDGET / 2);
    bench.recorder.record(None, stderr(half.clone())).await;
    let waits = tokio::spawn({
        let recorder = bench.recorder.clone();
        async move { recorder.record(None, stderr(half)).await }
    });
    let job = tokio::spawn({
        let recorder = bench.recorder.clone();
        async move { recorder.with_journal(|_| ()).await }
    });
    bench.until_healthy(false).await;
    tokio::task::yield_now().await;
    assert!(!waits.is_finished() && !job.is_finished());

    bench.recorder.stop_waiting();
    waits.await.unwrap();
    assert_eq!(job.await.unwrap(), None);
    bench.recorder.record(None, stderr("late")).await;
    let status = bench.recorder.shared.status.clone();
    bench.recorder.close().await;
    bench.writer.join();
    assert_eq!(status.lost.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_service_that_stops_before_its_journal_fails_does_not_wait_either() {
    let bench = Bench::new();
    bench.break_journal();
    bench.recorder.stop_waiting();
    for _ in 0..3 {
        bench.recorder.record(None, stderr("x".repeat(BUDGET))).await;
    }
    bench.mend_journal();
    assert_eq!(bench.end().await, (vec![], 3));
}

#[tokio::test]
async fn a_recorder_that_panicked_is_not_healthy_and_holds_nobody_up() {
    let bench = Bench::new();
    assert_eq!(bench.recorder.with_journal(|_| panic!("a test")).await, None::<()>);
    bench.until_healthy(false).await;
    assert!(!bench.recorder.is_healthy());
    for _ in 0..3 {
        bench.recorder.record(None, stderr("x".repeat(BUDGET))).await;
    }
    assert!(matches!(bench.recorder.record_durably(None, audit()).await, Err(NotRecorded::Unavailable)));
    assert_eq!(bench.recorder.with_journal(|_| ()).await, None);
    bench.recorder.close().await;
    bench.writer.join();
}

#[tokio::test]
async fn what_was_recorded_durably_can_be_read_at_once() {
    let bench = Bench::new();
    bench.recorder.record(None, stderr("before")).await;
    bench.recorder.record_durably(None, audit()).await.unwrap();
    assert_eq!(*bench.recorder.head().borrow(), 3);
    assert_eq!(bench.end().await.0.len(), 3);
}

#[test]
fn an_event_weighs_what_it_carries() {
    let long = || "x".repeat(10_000);
    let received = RequestReceived {
        method: long(),
        route: long(),
        target: long(),
        key: Some(long()),
        peer: long(),
        headers: vec![(long(), long())],
        body: Payload(Bytes::from(long())),
    };
    assert!(weight(&EventBody::RequestReceived(received)) >= 80_000);
    assert!(weight(&EventBody::ResponseStarted { status: 200, headers: vec![(long(), long()); 3] }) >= 60_000);
    assert!(weight(&EventBody::RequestRejected { status: 400, code: long(), message: long() }) >= 20_000);
    assert!(weight(&EventBody::ServiceStopped { requests_cut: 0 }) >= EVENT_OVERHEAD);
}
