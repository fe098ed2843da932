//! The sweep, on journals on disk.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use journal::{
    Draft, EventBody, HoldSelector, Journal, NoScrub, Options, Outcome, Payload, Reader, RequestId, RequestReceived,
    ResponseFinished, Selection,
};
use retention::{Error, Now, Policy, Report, Sweeper, Terms, plan};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const ACTOR: &str = "a test";

fn start() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().expect("a timestamp")
}

/// `at` by a wall clock and a monotonic one in step.
fn now(at: Timestamp) -> Now {
    let since = at.duration_since("2020-01-01T00:00:00Z".parse().expect("a timestamp"));
    Now { wall: at, monotonic: Duration::try_from(since).expect("a time since") }
}

fn terms() -> Terms {
    Terms {
        content_ttl: DAY * 3,
        summary_ttl: DAY * 90,
        ledger_ttl: DAY * 400,
        max_content_ttl: DAY * 30,
        segment_period: Duration::from_secs(3600),
        sweep_interval: Duration::from_secs(60),
        max_bytes: 20 << 30,
    }
}

fn policy() -> Policy {
    Policy::try_new(terms()).expect("a policy")
}

/// One sweep at `at` by a clock that nobody doubts.
fn sweep(journal: &mut Journal, at: Timestamp, policy: Policy) -> Result<Report, Error> {
    Sweeper::new(policy, None, now(at)).sweep(journal, now(at), ACTOR)
}

/// Whether a sweep disposed of nothing.
fn did_nothing(report: &Report) -> bool {
    let Report { segments, holds_released, summary_days, pseudonym_days, ledger_months, .. } = report;
    segments.is_empty() && (*holds_released, *summary_days, *pseudonym_days, *ledger_months) == (0, 0, 0, 0)
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
        usage_source: None,
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

/// The events that tell of disposals, the last ones included.
fn disposals(journal: &mut Journal) -> Vec<String> {
    journal.flush().expect("flushed");
    lines(&journal.reader()).into_iter().filter(|line| line.contains(r#""type":"segment.disposed""#)).collect()
}

fn folders(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

/// The files of the ledger, one for each month.
fn months(dir: &Path) -> Vec<String> {
    folders(&dir.join("ledger")).into_iter().filter(|name| name.ends_with(".ledger")).collect()
}

/// All of the ledger, line by line.
fn ledger(dir: &Path) -> Vec<String> {
    let read = |month: String| fs::read_to_string(dir.join("ledger").join(month)).expect("UTF-8");
    months(dir).into_iter().map(read).flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn names(report: &Report) -> Vec<&str> {
    report.segments.iter().map(|gone| gone.segment.as_str()).collect()
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
    let at = start() + HOUR * 73;
    let report = sweep(&mut journal, at, policy()).unwrap();

    // What the sweep records is past the newest segment's period, and so begins a segment.
    assert_eq!(names(&report), before[..2]);
    assert_eq!((report.summary_days, report.max_bytes_struck), (0, false));
    let reader = journal.reader();
    assert_eq!(prompts(&reader), ["prompt 2", "prompt 3"]);
    let after = folders(&dir.path().join("segments"));
    assert_eq!(after[..2], before[2..], "nothing else is in the folder, half removed or whole");
    assert_eq!(after.len(), 3);
    assert_eq!(summaries(&reader), 4, "summaries are kept for longer");

    let disposals = disposals(&mut journal);
    assert_eq!(disposals.len(), 2);
    for (line, name) in disposals.iter().zip(names(&report)) {
        assert!(line.contains(&format!(r#""segment":"{name}""#)), "{line}");
        assert!(line.contains(r#""reason":"content_ttl 72h""#), "{line}");
        assert!(line.contains(&format!(r#""actor":"{ACTOR}""#)), "{line}");
        assert!(line.contains(&format!(r#""policy":"{}""#, policy().digest())), "{line}");
    }
    assert!(did_nothing(&sweep(&mut journal, at, policy()).unwrap()), "once is enough");

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
    let at = start() + HOUR * 72 - SignedDuration::from_millis(1);
    assert!(did_nothing(&sweep(&mut journal, at, policy()).unwrap()));
    assert_eq!(folders(&dir.path().join("segments"))[..2], before);
    assert_eq!(prompts(&journal.reader()).len(), 2);
}

#[test]
fn a_policy_goes_on_record_when_it_is_another() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = hourly(dir.path(), 1);
    let other = Policy::try_new(Terms { summary_ttl: DAY * 91, ..terms() }).unwrap();
    let mut recorded = Vec::new();
    for policy in [policy(), policy(), other, policy()] {
        recorded.push(sweep(&mut journal, start() + HOUR, policy).unwrap().policy_changed);
        assert_eq!(journal.policy_digest(), Some(policy.digest()));
    }
    assert_eq!(recorded, [true, false, true, true]);

    journal.close().unwrap();
    let ledger = ledger(dir.path());
    let changes: Vec<_> = ledger.iter().filter(|line| line.contains(r#""type":"policy.changed""#)).collect();
    assert_eq!(changes.len(), 3);
    assert!(changes[1].contains(&other.digest()) && changes[1].contains(r#""summary_ttl":"91d""#), "{}", changes[1]);
    let mut journal = open(dir.path());
    assert!(!sweep(&mut journal, start() + HOUR, policy()).unwrap().policy_changed, "it is known after a restart");
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
    assert_eq!(disposals(&mut journal).len(), 2, "told in a segment that stays");
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
    assert!(did_nothing(&sweep(&mut journal, start(), policy()).unwrap()));
    assert_eq!(folders(&dir.path().join("segments")).len(), 2);
    assert_eq!(prompts(&journal.reader()), ["from the future"]);
    sweep(&mut journal, start() + HOUR * 72, policy()).unwrap();
    assert!(prompts(&journal.reader()).is_empty());
}

#[test]
fn of_an_empty_journal_only_the_policy_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let report = sweep(&mut journal, start(), policy()).unwrap();
    assert!(report.policy_changed && did_nothing(&report));
    let report = sweep(&mut journal, start(), policy()).unwrap();
    assert!(!report.policy_changed && did_nothing(&report));
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
    assert!(rest.iter().any(|line| line.text.contains("stays")));
}

#[test]
fn days_of_summaries_go_when_their_last_moment_is_too_old() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    for day in 0..3 {
        append_request(&mut journal, start() + HOUR * 24 * day, "a day's");
    }
    journal.flush().unwrap();
    let terms = Terms { content_ttl: DAY * 30, summary_ttl: DAY * 2, ..terms() };
    let policy = Policy::try_new(terms).unwrap();
    let just_before: Timestamp = "2026-11-22T23:59:59Z".parse().unwrap();
    assert_eq!(sweep(&mut journal, just_before, policy).unwrap().summary_days, 0);
    let midnight: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
    assert_eq!(sweep(&mut journal, midnight, policy).unwrap().summary_days, 1);
    assert_eq!(summaries(&journal.reader()), 2);
    assert_eq!(folders(&dir.path().join("summaries")), ["2026-11-21", "2026-11-22"]);
    assert_eq!(prompts(&journal.reader()).len(), 3, "content has its own time");
}

#[test]
fn the_key_of_a_days_pseudonyms_goes_with_the_last_of_its_content_whatever_is_held() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let kept = append_request(&mut journal, start(), "held");
    append_request(&mut journal, start() + HOUR * 24, "the next day");
    journal.flush().unwrap();
    journal.place_hold(HoldSelector::Request(kept), "a case", ACTOR, start()).unwrap();
    let days = || folders(&dir.path().join("keys/pseudonyms"));
    assert_eq!(days(), ["2026-11-20.key", "2026-11-21.key"]);

    // The day's end, 72 hours, and the period of a segment for what went on over midnight.
    let just_before: Timestamp = "2026-11-24T00:59:59Z".parse().unwrap();
    let report = sweep(&mut journal, just_before, policy()).unwrap();
    assert_eq!((report.segments.len(), report.pseudonym_days), (1, 0));
    assert!(days().contains(&"2026-11-20.key".to_owned()));
    let at = just_before + SignedDuration::from_secs(1);
    assert_eq!(
        plan(&journal.segments().unwrap(), at, &policy()).pseudonyms_before,
        Some("2026-11-21".parse().unwrap())
    );
    assert_eq!(sweep(&mut journal, at, policy()).unwrap().pseudonym_days, 1);
    assert_eq!(days(), ["2026-11-21.key", "2026-11-24.key"]);
    assert_eq!(sweep(&mut journal, at, policy()).unwrap().pseudonym_days, 0);
    assert_eq!(prompts(&journal.reader()), ["held", "the next day"]);

    let ledger = ledger(dir.path());
    let told: Vec<_> = ledger.iter().filter(|line| line.contains(r#""type":"pseudonyms.disposed""#)).collect();
    assert_eq!(told.len(), 1);
    let digest = policy().digest();
    for part in [r#""day":"2026-11-20""#, r#""reason":"content_ttl 72h""#, r#""actor":"a test""#, &digest] {
        assert!(told[0].contains(part), "{}", told[0]);
    }
}

#[test]
fn months_of_the_ledger_go_when_their_last_moment_is_too_old() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = hourly(dir.path(), 1);
    let policy = Policy::try_new(Terms { ledger_ttl: DAY * 3, ..terms() }).unwrap();
    let just_before: Timestamp = "2026-12-03T23:59:59Z".parse().unwrap();
    let report = sweep(&mut journal, just_before, policy).unwrap();
    assert_eq!((report.segments.len(), report.ledger_months), (1, 0));
    assert_eq!(months(dir.path()), ["2026-11.ledger", "2026-12.ledger"]);
    let midnight: Timestamp = "2026-12-04T00:00:00Z".parse().unwrap();
    assert_eq!(sweep(&mut journal, midnight, policy).unwrap().ledger_months, 1);
    assert_eq!(months(dir.path()), ["2026-12.ledger"]);
    let left = ledger(dir.path());
    assert!(left.iter().any(|line| line.contains(r#""type":"segment.disposed""#)), "the proof is kept: {left:?}");
}

#[test]
fn beyond_max_bytes_the_oldest_go_before_their_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = hourly(dir.path(), 4);
    let at = start() + HOUR * 4;
    sweep(&mut journal, at, policy()).unwrap();
    let before = journal.segments().unwrap();
    let max_bytes = before.iter().map(|segment| segment.bytes).sum::<u64>() - 1;

    let tight = Policy::try_new(Terms { max_bytes, ..terms() }).unwrap();
    let report = sweep(&mut journal, at, tight).unwrap();
    assert!(report.max_bytes_struck);
    assert!(!report.segments.is_empty());
    for (gone, oldest) in report.segments.iter().zip(&before) {
        assert_eq!(gone.segment, oldest.name);
        assert!(gone.reason.to_string().starts_with("max_bytes "), "{}", gone.reason);
    }
    let left = journal.segments().unwrap();
    assert_eq!(left.len() + report.segments.len(), before.len());
    assert!(!prompts(&journal.reader()).contains(&"prompt 0".to_owned()));

    let tightest = Policy::try_new(Terms { max_bytes: 1, ..terms() }).unwrap();
    assert!(sweep(&mut journal, at, tightest).unwrap().max_bytes_struck);
    let left = journal.segments().unwrap();
    assert!(left.len() == 1 && left[0].live, "only the newest stays: {left:?}");
}

#[test]
fn what_is_held_outlives_its_segment_and_goes_when_it_is_lifted() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let kept = append_request(&mut journal, start(), "held");
    append_request(&mut journal, start() + SignedDuration::from_secs(1), "not held");
    journal.flush().unwrap();
    let hold = journal.place_hold(HoldSelector::Request(kept), "a case", ACTOR, start()).unwrap();

    let report = sweep(&mut journal, start() + HOUR * 73, policy()).unwrap();
    assert_eq!((report.segments.len(), report.holds_released), (1, 0));
    assert_eq!(prompts(&journal.reader()), ["held"]);
    let report = sweep(&mut journal, start() + HOUR * 1000, policy()).unwrap();
    assert!(report.segments.iter().all(|gone| !gone.segment.starts_with("00000000000000000001-")), "{report:?}");
    assert_eq!(prompts(&journal.reader()), ["held"]);

    journal.lift_hold(&hold, "closed", ACTOR, start() + HOUR * 1001).unwrap();
    assert_eq!(sweep(&mut journal, start() + HOUR * 1001, policy()).unwrap().holds_released, 1);
    assert!(prompts(&journal.reader()).is_empty());
}

#[test]
fn a_clock_that_jumps_ahead_disposes_of_nothing_until_two_sweeps_agree() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = hourly(dir.path(), 2);
    let mut sweeper = Sweeper::new(policy(), Some(start() + HOUR), now(start() + HOUR));
    let minute = SignedDuration::from_mins(1);
    let jumped = |n: i32| Now { wall: start() + HOUR * 100 + minute * n, ..now(start() + HOUR + minute * n) };
    for n in 1..3 {
        let report = sweeper.sweep(&mut journal, jumped(n), ACTOR).unwrap();
        assert!(report.skipped.is_some() && did_nothing(&report), "sweep {n}: {report:?}");
        assert_eq!((&sweeper.state().waiting, &sweeper.state().last_sweep), (&report.skipped, &None));
    }
    assert_eq!(prompts(&journal.reader()).len(), 2);
    assert_eq!(journal.policy_digest(), None, "no record bears a time that may be wrong");

    let report = sweeper.sweep(&mut journal, jumped(3), ACTOR).unwrap();
    assert_eq!((report.segments.len(), &report.skipped), (2, &None));
    assert_eq!((&sweeper.state().waiting, &sweeper.state().last_sweep), (&None, &Some(report)));
}

#[test]
fn after_a_gap_the_first_sweep_waits_for_an_hour_or_for_somebody() {
    let dir = tempfile::tempdir().unwrap();
    hourly(dir.path(), 2).close().unwrap();
    let mut journal = open(dir.path());
    let last_known = journal.last_known_time();
    assert_eq!(last_known, Some(start() + HOUR));

    let at = start() + HOUR * 100;
    let mut sweeper = Sweeper::new(policy(), last_known, now(at));
    assert!(sweeper.state().waiting.is_some());
    for later in [SignedDuration::ZERO, SignedDuration::from_secs(3599)] {
        assert!(did_nothing(&sweeper.sweep(&mut journal, now(at + later), ACTOR).unwrap()));
    }
    let mut confirmed = Sweeper::new(policy(), last_known, now(at));
    confirmed.confirm_clock();
    assert_eq!(confirmed.state().waiting, None);
    assert_eq!(confirmed.sweep(&mut journal, now(at), ACTOR).unwrap().segments.len(), 2);
    let report = sweeper.sweep(&mut journal, now(at + HOUR), ACTOR).unwrap();
    assert!(report.skipped.is_none(), "{report:?}");
}

#[test]
fn one_that_cannot_go_does_not_keep_the_others_and_goes_later() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = hourly(dir.path(), 4);
    let segments = folders(&dir.path().join("segments"));
    // Somebody put a file in the place of the second, which is not ours to remove.
    let (segment, elsewhere) = (dir.path().join("segments").join(&segments[1]), dir.path().join("elsewhere"));
    fs::rename(&segment, &elsewhere).unwrap();
    fs::write(&segment, "").unwrap();
    let mut sweeper = Sweeper::new(policy(), None, now(start()));
    let at = start() + HOUR * 74;
    let error = sweeper.sweep(&mut journal, now(at), ACTOR).unwrap_err();
    assert!(error.to_string().contains(&segments[1]), "{error}");
    assert_eq!(sweeper.state().last_error, Some(error.to_string()));
    assert_eq!(sweeper.state().last_sweep, Some(*error.report));
    let left = prompts(&journal.reader());
    assert!(left.contains(&"prompt 3".to_owned()), "{left:?}");
    assert!(!left.contains(&"prompt 0".to_owned()) && !left.contains(&"prompt 2".to_owned()), "{left:?}");

    fs::remove_file(&segment).unwrap();
    fs::rename(&elsewhere, &segment).unwrap();
    sweeper.sweep(&mut journal, now(at), ACTOR).unwrap();
    assert_eq!(sweeper.state().last_error, None);
    let reader = journal.reader();
    assert_eq!(prompts(&reader), ["prompt 3"]);
    let disposals = disposals(&mut journal);
    assert_eq!(disposals.len(), 3, "each is told of once: {disposals:?}");
    for name in &segments[..3] {
        assert!(disposals.iter().any(|line| line.contains(name)), "{name}");
        assert!(!dir.path().join("segments").join(name).exists());
    }
}
