//! A recorder on a journal that can be broken and mended.

mod streams;

use std::fs;
use std::sync::Condvar;
use std::time::Instant;

use bytes::Bytes;
use journal::{AuditRead, NoScrub, Options, Payload, RequestReceived, Selection};

use super::weight::EVENT_OVERHEAD;
use super::writer::LINGER;
use super::*;
use crate::projections::Metrics;

/// A recorder on a folder in which `break_journal` keeps the journal from being written.
struct Bench {
    dir: tempfile::TempDir,
    recorder: Recorder,
    writer: Writer,
    gate: Arc<Gate>,
}

/// A scrubber in which the thread hangs while it is shut. It counts a word and leaves it.
#[derive(Default)]
struct Gate {
    shut: Mutex<bool>,
    moved: Condvar,
}

impl Scrub for Gate {
    fn scrub(&self, _: &DayKey, json: &mut String) -> Counts {
        let shut = self.shut.lock().unwrap();
        drop(self.moved.wait_while(shut, |shut| *shut).unwrap());
        let found = json.matches("hunter2").count() as u64;
        [("word", found)].into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

impl Gate {
    fn set(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.moved.notify_all();
    }
}

impl Bench {
    fn new() -> Self {
        // On a busy machine the large events of these tests take long, and that is not what they are about.
        Self::with(Guarantee { deadline: Duration::from_secs(120), ..Guarantee::default() })
    }

    fn with(guarantee: Guarantee) -> Self {
        let gate = Arc::new(Gate::default());
        Self::over(gate.clone(), gate, guarantee)
    }

    /// With the real scrubber.
    fn scrubbing() -> Self {
        let scrub = Arc::new(ScrubEvents::new(Arc::new(Scrubber::builder().build().unwrap())));
        let guarantee = Guarantee { deadline: Duration::from_secs(120), ..Guarantee::default() };
        Self::over(scrub, Arc::default(), guarantee)
    }

    fn over(scrub: Arc<dyn Scrub>, gate: Arc<Gate>, guarantee: Guarantee) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), Options::default(), scrub).unwrap();
        let projections = Projections::new(Metrics::new([]).unwrap());
        let scrubber = Arc::new(Scrubber::builder().build().unwrap());
        let (recorder, writer) = Recorder::start(journal, ScrubEvents::new(scrubber), projections, guarantee).unwrap();
        Self { dir, recorder, writer, gate }
    }

    /// A file where the folder of segments belongs. Only before the first event.
    fn break_journal(&self) {
        fs::write(self.dir.path().join("segments"), "").unwrap();
    }

    fn mend_journal(&self) {
        fs::remove_file(self.dir.path().join("segments")).unwrap();
    }

    async fn until_healthy(&self, wanted: bool) {
        let mut health = self.recorder.shared.status.health.subscribe();
        health.wait_for(|health| (*health == Health::Working) == wanted).await.unwrap();
    }

    /// Waits until everything is durable, however often the journal is found too slow on the way.
    async fn until_settled(&self) {
        while self.recorder.settle().await.is_err() {
            self.until_healthy(true).await;
        }
    }

    /// The value of a metric without labels, or with these.
    fn metric(&self, series: &str) -> f64 {
        let rendered = self.recorder.render_metrics();
        let value = rendered.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{series} is not in\n{rendered}")).parse().unwrap()
    }

    /// The lines of the journal, after everything was written, and how many events were lost.
    async fn end(self) -> (Vec<String>, u64) {
        let status = self.recorder.shared.status.clone();
        self.recorder.close().await;
        drop(self.recorder);
        self.writer.join();
        let journal = Journal::open(self.dir.path(), Options::default(), Arc::new(NoScrub)).unwrap();
        let lines = journal.reader().events(Selection::default()).map(|line| line.unwrap().text).collect();
        (lines, status.unrecorded())
    }
}

/// What goes on while the journal fails.
fn going_on() -> Guarantee {
    Guarantee { on_failure: OnFailure::Continue, ..Guarantee::default() }
}

/// Hardly any patience with a journal that hangs.
fn impatient() -> Guarantee {
    Guarantee { deadline: Duration::from_millis(20), ..Guarantee::default() }
}

fn assert_events(lines: &[String], expected: &[&str]) {
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, text) in lines.iter().zip(expected) {
        assert!(line.contains(text), "{text} is not in {line}");
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
async fn a_day_whose_key_cannot_be_made_yet_loses_no_event() {
    let bench = Bench::new();
    let in_the_way = bench.dir.path().join("keys/pseudonyms");
    fs::write(&in_the_way, "").unwrap();
    bench.recorder.record(None, stderr("one")).await;
    bench.until_healthy(false).await;
    fs::remove_file(in_the_way).unwrap();
    bench.until_settled().await;
    assert_eq!(bench.metric(r#"codex_proxy_journal_dropped_events_total{reason="withheld"}"#).to_bits(), 0);
    let (lines, lost) = bench.end().await;
    assert_events(&lines, &["segment.opened", "one"]);
    assert_eq!(lost, 0);
}

#[test]
fn the_events_of_a_day_show_the_same_secret_by_the_same_token() {
    let dir = tempfile::tempdir().unwrap();
    let scrubber = Scrubber::builder().secret("own-key", "s3cret/val+\"ue").build().unwrap();
    let mut journal =
        Journal::open(dir.path(), Options::default(), Arc::new(ScrubEvents::new(Arc::new(scrubber)))).unwrap();
    let noon: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
    let said = ["raw s3cret/val+\"ue", "x=s3cret%2Fval%2B%22ue", r#"{"a":"s3cret/val+\"ue"}"#, "s3cret/val+\"ue"];
    for (line, hours) in said.into_iter().zip([0, 1, 2, 12]) {
        let at = noon + jiff::SignedDuration::from_hours(hours);
        let request = format!("{:012x}70008000000000000001", at.as_millisecond()).parse().unwrap();
        journal.append(&Draft { at, request: Some(request), body: stderr(line) }).unwrap();
    }
    journal.flush().unwrap();
    let lines = journal.reader().events(Selection::default()).map(|line| line.unwrap().text);
    let tokens: Vec<_> =
        lines.filter_map(|line| Some(line.split_once("[OWN_KEY:")?.1.split_once(']')?.0.to_owned())).collect();
    assert_eq!(tokens.len(), 4, "{tokens:?}");
    assert!(tokens[0] == tokens[1] && tokens[1] == tokens[2] && tokens[2] != tokens[3], "{tokens:?}");
}

#[tokio::test]
async fn what_was_redacted_is_counted_once_it_is_in_the_journal() {
    let bench = Bench::new();
    for line in ["hunter2 and hunter2", "nothing", "hunter2"] {
        bench.recorder.record(None, stderr(line)).await;
    }
    bench.recorder.record_durably(None, stderr("hunter2")).await.unwrap();
    assert_eq!(bench.metric(r#"codex_proxy_scrubbed_total{kind="word"}"#).to_bits(), 4.0_f64.to_bits());
    let (lines, _) = bench.end().await;
    let counts = lines.iter().filter_map(|line| line.split_once(r#""scrubbed":"#)).map(|(_, counts)| counts);
    assert_eq!(counts.collect::<Vec<_>>(), [r#"{"word":2}}"#, r#"{"word":1}}"#, r#"{"word":1}}"#]);
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
    assert_eq!(lost, 0);
    assert_events(&lines, &["segment.opened", "one", "two", "three", "audit.read"]);
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
    assert_eq!(status.unrecorded(), 3);
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

#[tokio::test]
async fn a_journal_that_hangs_is_not_healthy_until_it_comes_back() {
    let bench = Bench::with(impatient());
    bench.recorder.record(None, stderr("before")).await;
    bench.until_settled().await;
    bench.gate.set(true);
    bench.recorder.record(None, stderr("one")).await;
    let waits = tokio::spawn({
        let recorder = bench.recorder.clone();
        async move { (recorder.settle().await.is_err(), recorder.record_durably(None, audit()).await.is_err()) }
    });
    bench.until_healthy(false).await;
    assert_eq!(waits.await.unwrap(), (true, true), "nobody waits for it");
    assert!(!bench.recorder.admits());
    assert!(bench.metric("codex_proxy_journal_lag_seconds") >= 0.02);
    assert!(bench.metric("codex_proxy_journal_pending_events") >= 1.0);
    bench.recorder.record(None, stderr("two")).await;

    bench.gate.set(false);
    bench.until_healthy(true).await;
    bench.until_settled().await;
    assert_eq!(bench.metric("codex_proxy_journal_pending_events").to_bits(), 0);
    assert_eq!(bench.metric("codex_proxy_journal_lag_seconds").to_bits(), 0);
    let (lines, lost) = bench.end().await;
    assert_events(&lines, &["segment.opened", "before", "one", "two"]);
    assert_eq!(lost, 0);
}

#[tokio::test]
async fn a_service_that_stops_does_not_wait_for_a_journal_that_hangs() {
    let bench = Bench::with(impatient());
    bench.gate.set(true);
    bench.recorder.record(None, stderr("one")).await;
    let job = tokio::spawn({
        let recorder = bench.recorder.clone();
        async move { recorder.with_journal(|_| ()).await }
    });
    bench.until_healthy(false).await;
    bench.recorder.close().await;
    assert_eq!(job.await.unwrap(), None);
    bench.recorder.record(None, stderr("late")).await;
    bench.writer.join();
    bench.gate.set(false);
}

#[tokio::test]
async fn a_service_that_goes_on_drops_and_counts_what_finds_no_room() {
    let bench = Bench::with(going_on());
    bench.break_journal();
    let full = bench.recorder.shared.status.room_for(u32::try_from(BUDGET).unwrap() - 1024).await;
    bench.recorder.record(None, stderr("finds room")).await;
    let waits = tokio::spawn({
        let recorder = bench.recorder.clone();
        async move { recorder.record(None, stderr("x".repeat(1024))).await }
    });
    bench.until_healthy(false).await;
    waits.await.unwrap();
    bench.recorder.record(None, stderr("y".repeat(1024))).await;
    bench.recorder.record(None, stderr("finds room too")).await;
    drop(full);
    assert!(bench.recorder.admits() && !bench.recorder.is_healthy());
    assert_eq!(bench.recorder.unrecorded(), 2);
    assert!(bench.recorder.record_durably(None, audit()).await.is_err(), "a reading is never unrecorded");

    bench.mend_journal();
    bench.until_healthy(true).await;
    bench.recorder.record(None, stderr("after")).await;
    bench.recorder.settle().await.unwrap();
    assert_eq!(bench.recorder.unrecorded(), 0, "they are told once");
    let dropped = bench.metric(r#"codex_proxy_journal_dropped_events_total{reason="failing"}"#);
    assert!((dropped - 2.0).abs() < f64::EPSILON, "{dropped}");
    assert!(bench.metric("codex_proxy_journal_flush_errors_total") >= 1.0);
    let (lines, lost) = bench.end().await;
    assert_events(&lines, &["segment.opened", "finds room", "journal.resumed", "finds room too", "after"]);
    assert_eq!(lost, 0);
}

#[tokio::test]
async fn answers_wait_as_guaranteed() {
    let ends = async |durability, on_failure| {
        let bench = Bench::with(Guarantee { durability, on_failure, ..Guarantee::default() });
        bench.recorder.record(None, stderr("one")).await;
        let at_work = bench.recorder.before_final_byte().await.is_ok();
        let is_durable = *bench.recorder.head().borrow() == 2;
        bench.recorder.shared.status.set_failing();
        let in_trouble = bench.recorder.before_final_byte().await.is_ok();
        let withheld = bench.recorder.withholds_answers();
        drop(bench.end().await);
        (at_work, is_durable, in_trouble, withheld)
    };
    assert_eq!(ends(Durability::BeforeFinalByte, OnFailure::Refuse).await, (true, true, false, true));
    assert_eq!(ends(Durability::BeforeFinalByte, OnFailure::Continue).await, (true, true, true, false));
    let (at_work, _, in_trouble, withheld) = ends(Durability::Interval, OnFailure::Refuse).await;
    assert_eq!((at_work, in_trouble, withheld), (true, true, false));
}

#[tokio::test]
async fn those_who_wait_at_the_same_time_share_a_flush() {
    const MANY: usize = 100;
    let bench = Bench::new();
    bench.gate.set(true);
    let waits: Vec<_> = (0..MANY)
        .map(|_| {
            let recorder = bench.recorder.clone();
            tokio::spawn(async move {
                recorder.record(None, stderr("one")).await;
                recorder.settle().await.unwrap();
                *recorder.head().borrow()
            })
        })
        .collect();
    while bench.recorder.shared.status.measures().pending < MANY as u64 {
        tokio::task::yield_now().await;
    }
    bench.gate.set(false);
    for (waits, before) in waits.into_iter().zip(1..) {
        assert!(waits.await.unwrap() > before, "what was recorded before can be read");
    }
    let flushes = bench.metric("codex_proxy_journal_flush_seconds_count");
    assert!((1.0..=5.0).contains(&flushes), "{flushes}");
    let (lines, _) = bench.end().await;
    assert_eq!(lines.len(), MANY + 1);
}

#[tokio::test]
async fn what_waited_too_long_shares_a_flush_too() {
    const MANY: u32 = 500;
    let bench = Bench::new();
    bench.gate.set(true);
    for _ in 0..MANY {
        bench.recorder.record(None, stderr("one")).await;
    }
    let recorded = Instant::now();
    while recorded.elapsed() < LINGER {
        tokio::task::yield_now().await;
    }
    bench.gate.set(false);
    bench.recorder.settle().await.unwrap();
    let flushes = bench.metric("codex_proxy_journal_flush_seconds_count");
    assert!((1.0..=f64::from(MANY) / 5.0).contains(&flushes), "{flushes}");
    drop(bench.end().await);
}

#[tokio::test]
async fn there_is_nothing_to_wait_for_when_nothing_was_recorded() {
    let bench = Bench::new();
    bench.recorder.settle().await.unwrap();
    drop(bench.end().await);
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
