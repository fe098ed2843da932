//! The sweep, on journals on disk.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use journal::{
    Draft, EventBody, Journal, NoScrub, Options, Outcome, Payload, Reader, RequestId, RequestReceived,
    ResponseFinished, Selection,
};
use retention::{Policy, Report, sweep};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const HOURS_72: Duration = Duration::from_secs(72 * 3600);
const DAYS_90: Duration = Duration::from_secs(90 * 24 * 3600);

fn start() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().expect("a timestamp")
}

fn policy() -> Policy {
    Policy::try_new(HOURS_72, DAYS_90).expect("above zero")
}

fn open(dir: &Path) -> Journal {
    Journal::open(dir, Options::default(), Arc::new(NoScrub)).expect("the journal opens")
}

/// The `n`th request id of the moment `at`.
fn id_at(at: Timestamp, n: u64) -> RequestId {
    format!("{:012x}7000{:016x}", at.as_millisecond(), 0x8000_0000_0000_0000 | n).parse().expect("a UUID")
}

/// Appends the two events that make a summary, with `prompt` in the first.
fn append_request(journal: &mut Journal, at: Timestamp, prompt: &str) -> RequestId {
    let id = id_at(at, 0);
    let received = EventBody::RequestReceived(RequestReceived {
        method: "POST".to_owned(),
        route: "/v1/chat/completions".to_owned(),
        target: "/v1/chat/completions".to_owned(),
        key: None,
        peer: "127.0.0.1:1".to_owned(),
        headers: Vec::new(),
        body: Payload(format!(r#"{{"prompt":"{prompt}"}}"#).into()),
    });
    let finished = EventBody::ResponseFinished(ResponseFinished {
        status: 200,
        outcome: Outcome::Ok,
        model: None,
        stream: false,
        tokens: None,
        finish_reasons: Vec::new(),
        error: None,
        worker: None,
        ttft_ms: None,
        duration_ms: 1.0,
    });
    for body in [received, finished] {
        journal.append(&Draft { at, request: Some(id), body }).expect("appended");
    }
    id
}

/// A journal with one request an hour, each in a segment of its own.
fn hourly(dir: &Path, hours: i32) -> Journal {
    let mut journal = open(dir);
    for hour in 0..hours {
        append_request(&mut journal, start() + HOUR * hour, &format!("prompt {hour}"));
    }
    journal.flush().expect("flushed");
    journal
}

fn lines(reader: &Reader) -> Vec<String> {
    reader.events(Selection::default()).map(|line| line.expect("readable").text).collect()
}

fn prompts(reader: &Reader) -> Vec<String> {
    let prompt = |line: &String| Some(line.split_once(r#""prompt":""#)?.1.split_once('"')?.0.to_owned());
    lines(reader).iter().filter_map(prompt).collect()
}

fn disposals(reader: &Reader) -> Vec<String> {
    lines(reader).into_iter().filter(|line| line.contains(r#""type":"segment.disposed""#)).collect()
}

fn folders(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

fn summaries(reader: &Reader) -> usize {
    let summaries: Vec<_> = reader.summaries(None).expect("listed").map(|summary| summary.expect("readable")).collect();
    summaries.len()
}

#[test]
fn what_expired_goes_and_the_rest_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = hourly(dir.path(), 4);
    let before = folders(&dir.path().join("segments"));
    let now = start() + HOUR * 73;
    let report = sweep(&mut journal, now, policy()).unwrap();

    // The disposals are events past the newest segment's period, and so begin a segment.
    let names: Vec<_> = report.segments.iter().map(|gone| gone.segment.as_str()).collect();
    assert_eq!(names, before[..2]);
    assert_eq!(report.summary_days, 0);
    let reader = journal.reader();
    assert_eq!(prompts(&reader), ["prompt 2", "prompt 3"]);
    let after = folders(&dir.path().join("segments"));
    assert_eq!(after[..2], before[2..], "nothing else is in the folder, half removed or whole");
    assert_eq!(after.len(), 3);
    assert_eq!(summaries(&reader), 4, "summaries are kept for longer");

    let disposals = disposals(&reader);
    assert_eq!(disposals.len(), 2);
    for (line, gone) in disposals.iter().zip(&report.segments) {
        assert!(line.starts_with(&format!("{{\"seq\":{},", gone.seq)), "{line}");
        assert!(line.contains(&format!(r#""segment":"{}""#, gone.segment)), "{line}");
        assert!(line.contains(r#""reason":"content_ttl 72h""#), "{line}");
    }
    assert_eq!(sweep(&mut journal, now, policy()).unwrap(), Report::default(), "once is enough");

    drop(reader);
    journal.close().unwrap();
    let reopened = open(dir.path()).reader();
    assert_eq!(prompts(&reopened), ["prompt 2", "prompt 3"]);
    assert_eq!(summaries(&reopened), 4);
}

#[test]
fn a_moment_before_its_time_nothing_goes() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = hourly(dir.path(), 2);
    let before = folders(&dir.path().join("segments"));
    let now = start() + HOUR * 72 - SignedDuration::from_millis(1);
    assert_eq!(sweep(&mut journal, now, policy()).unwrap(), Report::default());
    assert_eq!(folders(&dir.path().join("segments")), before);
    assert_eq!(prompts(&journal.reader()).len(), 2);
}

#[test]
fn on_a_quiet_service_the_newest_segment_goes_in_time_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = hourly(dir.path(), 2);
    // No event comes for days.
    let report = sweep(&mut journal, start() + HOUR * 73, policy()).unwrap();
    assert_eq!(report.segments.len(), 2);
    let reader = journal.reader();
    assert!(prompts(&reader).is_empty());
    assert_eq!(disposals(&reader).len(), 2, "told in a segment that stays");
    assert_eq!(folders(&dir.path().join("segments")).len(), 1);

    let id = append_request(&mut journal, start() + HOUR * 73, "next");
    journal.flush().unwrap();
    assert_eq!(reader.events(Selection { request: Some(id), ..Selection::default() }).count(), 2);
    let seqs: Vec<_> = reader.events(Selection::default()).map(|line| line.unwrap().seq).collect();
    assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "numbers go on without a gap: {seqs:?}");
}

#[test]
fn a_newest_segment_is_swept_after_a_restart_before_any_event() {
    let dir = tempfile::tempdir().unwrap();
    hourly(dir.path(), 1).close().unwrap();
    let mut journal = open(dir.path());
    let report = sweep(&mut journal, start() + HOUR * 100, policy()).unwrap();
    assert_eq!(report.segments.len(), 1);
    assert!(prompts(&journal.reader()).is_empty());
}

#[test]
fn a_newest_segment_of_a_clock_ahead_is_ended_and_kept_for_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    append_request(&mut journal, start() + HOUR * 24 * 365, "from the future");
    assert_eq!(sweep(&mut journal, start(), policy()).unwrap(), Report::default());
    assert_eq!(folders(&dir.path().join("segments")).len(), 2);
    assert_eq!(prompts(&journal.reader()), ["from the future"]);
    sweep(&mut journal, start() + HOUR * 72, policy()).unwrap();
    assert!(prompts(&journal.reader()).is_empty());
}

#[test]
fn an_empty_journal_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    assert_eq!(sweep(&mut journal, start(), policy()).unwrap(), Report::default());
    assert!(!dir.path().join("segments").exists());
}

#[test]
fn a_reader_under_way_passes_over_what_goes() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let long = "x".repeat(3000);
    for second in 0..200 {
        append_request(&mut journal, start() + SignedDuration::from_secs(second), &long);
    }
    append_request(&mut journal, start() + HOUR * 2, "stays");
    journal.flush().unwrap();
    let mut under_way = journal.reader().events(Selection::default());
    let first = under_way.next().unwrap().unwrap();
    assert_eq!(first.seq, 1);

    sweep(&mut journal, start() + HOUR * 73, policy()).unwrap();
    let rest: Vec<_> = under_way.map(|line| line.expect("no error")).collect();
    assert!(rest.len() < 200, "what was not read yet is gone: {}", rest.len());
    assert!(rest.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    assert!(rest[rest.len() - 2].text.contains("stays"));
}

#[test]
fn days_of_summaries_go_when_their_last_moment_is_too_old() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    for day in 0..3 {
        append_request(&mut journal, start() + HOUR * 24 * day, "a day's");
    }
    journal.flush().unwrap();
    let policy = Policy::try_new(DAYS_90, Duration::from_secs(48 * 3600)).unwrap();
    let just_before: Timestamp = "2026-11-22T23:59:59Z".parse().unwrap();
    assert_eq!(sweep(&mut journal, just_before, policy).unwrap().summary_days, 0);
    let midnight: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
    assert_eq!(sweep(&mut journal, midnight, policy).unwrap().summary_days, 1);
    assert_eq!(summaries(&journal.reader()), 2);
    assert_eq!(folders(&dir.path().join("summaries")), ["2026-11-21", "2026-11-22"]);
    assert_eq!(prompts(&journal.reader()).len(), 3, "content has its own time");
}

#[test]
fn one_that_cannot_go_does_not_keep_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = hourly(dir.path(), 3);
    let names = folders(&dir.path().join("segments"));
    // Somebody put a file in its place: that cannot be opened, and is not ours to remove.
    let segment = dir.path().join("segments").join(&names[0]);
    fs::rename(&segment, dir.path().join("elsewhere")).unwrap();
    fs::write(&segment, "").unwrap();
    let error = sweep(&mut journal, start() + HOUR * 73, policy()).unwrap_err();
    assert_eq!((error.failures, error.report.segments.len()), (1, 1));
    assert!(error.to_string().contains(&names[0]), "{error}");
    let left = prompts(&journal.reader());
    assert!(!left.contains(&"prompt 1".to_owned()) && left.contains(&"prompt 2".to_owned()), "{left:?}");
}
