//! Lists and searches: what is asked for is found, once, in whichever form it is kept, also while it changes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use jiff::{SignedDuration, Timestamp};
use journal::{
    Draft, Error, EventBody, Filter, HoldSelector, Journal, Line, Outcome, Pattern, Reader, RequestId, Scope,
    Selection, Syntax,
};
use proptest::prelude::*;
use regex::RegexBuilder;

use crate::summaries::id_at;
use crate::support::{
    HOUR, finished, frame, later, noise, noon, open, received, seal_all, segment_dirs, stderr, try_dispose, with_blocks,
};

fn pattern(text: &str, syntax: Syntax) -> Pattern {
    Pattern::try_new(text, syntax).expect("a pattern")
}

fn search(reader: &Reader, pattern: Pattern, scope: Scope) -> Vec<Line> {
    reader.search(pattern, scope).map(|line| line.expect("readable")).collect()
}

/// All lines, newest first.
fn all_lines(reader: &Reader) -> Vec<Line> {
    let mut lines: Vec<_> = reader.events(Selection::default()).map(|line| line.expect("readable")).collect();
    lines.reverse();
    lines
}

/// Writes one event after the other, each in a block, and begins a segment every hour of theirs.
fn append_hours(journal: &mut Journal, hours: std::ops::Range<i32>, events: u64) {
    for hour in hours {
        for n in 0..events {
            journal.append(&later(stderr(format!("needle {hour} {n}")), HOUR * hour)).expect("taken");
            journal.flush().expect("written");
        }
    }
}

/// Destroys the segment `name` but for the request `id`.
fn dispose_but(journal: &mut Journal, name: &str, id: RequestId) {
    journal.place_hold(HoldSelector::Request(id), "test", "test", noon()).expect("placed");
    try_dispose(journal, name, noon()).expect("gone");
}

#[derive(Debug, Clone)]
enum Step {
    Append { text: String, of_request: bool },
    NextHour,
    Flush,
    Seal,
    DisposeOldest,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let append = ("[abAB.^$\\\\\"é\n ]{0,12}", any::<bool>());
    let step = prop_oneof![
        20 => append.prop_map(|(text, of_request)| Step::Append { text, of_request }),
        3 => Just(Step::NextHour),
        2 => Just(Step::Flush),
        2 => Just(Step::Seal),
        1 => Just(Step::DisposeOldest),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_search_finds_what_a_naive_one_does(
        steps in steps(),
        literal in "[abAB.^$\\\\\"é ]{1,2}",
        regex in prop::sample::select(vec!["a.*b", r#""[^"]*é"#, "(?i)ab|B$", r"\\n.", r"\Wa\W", r#""seq":\d*5,"#, r"}}$"]),
        minutes in (0_i64..200, 0_i64..200),
        (before, limit) in (0_u64..60, 0_usize..20),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open(dir.path());
        let id = RequestId::generate();
        let mut clock = SignedDuration::ZERO;
        for step in steps {
            match step {
                Step::Append { text, of_request } => {
                    clock += SignedDuration::from_mins(1);
                    let draft = if of_request { frame(id, &serde_json::to_string(&text).unwrap()) } else { stderr(text) };
                    journal.append(&later(draft, clock)).unwrap();
                }
                Step::NextHour => clock += HOUR,
                Step::Flush => journal.flush().unwrap(),
                Step::Seal => seal_all(&mut journal),
                Step::DisposeOldest => {
                    let segments = journal.segments().unwrap();
                    if let Some(oldest) = segments.iter().find(|segment| !segment.held && !segment.live) {
                        dispose_but(&mut journal, &oldest.name, id);
                    }
                }
            }
        }
        journal.flush().unwrap();
        let reader = journal.reader();
        let all = all_lines(&reader);
        let lower = literal.to_ascii_lowercase();
        let alone = RegexBuilder::new(regex).multi_line(true).build().unwrap();
        let (since, until) = (noon() + SignedDuration::from_mins(minutes.0), noon() + SignedDuration::from_mins(minutes.1));
        let at = |line: &Line| {
            let event: serde_json::Value = serde_json::from_str(&line.text).unwrap();
            event["at"].as_str().unwrap().parse::<Timestamp>().unwrap()
        };
        for (pattern, matches) in [
            (pattern(&literal, Syntax::Literal), &(|line: &Line| line.text.contains(&literal)) as &dyn Fn(&Line) -> bool),
            (pattern(&literal, Syntax::IgnoreCase), &|line| line.text.to_ascii_lowercase().contains(&lower)),
            (pattern(regex, Syntax::Regex), &|line| alone.is_match(&line.text)),
        ] {
            let naive: Vec<_> = all.iter().filter(|line| matches(line)).cloned().collect();
            prop_assert_eq!(search(&reader, pattern.clone(), Scope::default()), &naive[..]);
            let paged = Scope { before: Some(before), limit: Some(limit), ..Scope::default() };
            let page: Vec<_> = naive.iter().filter(|line| line.seq < before).take(limit).cloned().collect();
            prop_assert_eq!(search(&reader, pattern.clone(), paged), page);
            let times = Scope { since: Some(since), until: Some(until), ..Scope::default() };
            let within: Vec<_> = naive.iter().filter(|line| (since..until).contains(&at(line))).cloned().collect();
            prop_assert_eq!(search(&reader, pattern, times), within);
        }
    }
}

#[test]
fn a_search_goes_on_over_segments_that_are_sealed_and_disposed_of_behind_its_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let held = RequestId::generate();
    append_hours(&mut journal, 0..1, 30);
    journal.append(&frame(held, "\"a needle that is held\"")).unwrap();
    append_hours(&mut journal, 1..3, 30);
    // More blocks than one thread searches at a time.
    append_hours(&mut journal, 3..20, 70);
    let reader = journal.reader();
    let expected: Vec<_> = all_lines(&reader).into_iter().filter(|line| line.text.contains("needle")).collect();

    let mut begun = reader.search(pattern("needle", Syntax::Literal), Scope::default());
    let mut found = vec![begun.next().unwrap().unwrap()];
    seal_all(&mut journal);
    found.extend(begun.by_ref().take(200).map(Result::unwrap));
    let oldest: Vec<_> = journal.segments().unwrap().into_iter().take(2).map(|segment| segment.name).collect();
    dispose_but(&mut journal, &oldest[0], held);
    try_dispose(&mut journal, &oldest[1], noon()).unwrap();
    append_hours(&mut journal, 20..21, 5);
    found.extend(begun.map(Result::unwrap));

    let is_gone = |line: &&Line| line.seq <= expected[expected.len() - 61].seq && !line.text.contains("held");
    let kept: Vec<_> = expected.iter().filter(|line| !is_gone(line)).cloned().collect();
    assert_eq!(expected.len() - kept.len(), 60);
    assert_eq!(found, kept);
}

#[test]
fn searches_and_lists_are_whole_while_segments_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let reader = journal.reader();
    let (marked, requests) = (Mutex::new(BTreeSet::new()), Mutex::new(BTreeSet::new()));
    thread::scope(|scope| {
        let (marked, requests) = (&marked, &requests);
        let writer = scope.spawn(move || {
            for hour in 0..14 {
                for n in 0..40_u64 {
                    let id = RequestId::generate();
                    for draft in [received(id, "\"needle\""), stderr(noise(300, n)), finished(id)] {
                        let is_marked = matches!(draft.body, EventBody::RequestReceived(_));
                        let seq = journal.append(&later(draft, HOUR * hour)).unwrap();
                        if is_marked {
                            marked.lock().unwrap().insert(seq);
                        }
                    }
                    journal.flush().unwrap();
                    requests.lock().unwrap().insert(id);
                }
                if hour % 2 == 0 {
                    seal_all(&mut journal);
                }
                let segments = journal.segments().unwrap();
                if segments.len() > 5 {
                    try_dispose(&mut journal, &segments[0].name, noon()).unwrap();
                }
            }
        });
        let mut rounds = 0;
        while !writer.is_finished() || rounds < 3 {
            rounds += 1;
            let (head, listed) = (reader.head(), requests.lock().unwrap().clone());
            let found = search(&reader, pattern("needle", Syntax::Literal), Scope::default());
            assert!(found.is_sorted_by(|newer, older| newer.seq > older.seq), "each once, newest first");
            let oldest = reader.segments().unwrap().first().map_or(1, |segment| segment.first_seq);
            let expected: BTreeSet<_> = marked.lock().unwrap().range(oldest..=head.max(oldest)).copied().collect();
            let found: BTreeSet<_> = found.into_iter().map(|line| line.seq).filter(|seq| *seq >= oldest).collect();
            let missing: Vec<_> = expected.difference(&found).filter(|seq| **seq <= head).collect();
            assert!(missing.is_empty(), "{missing:?} of those up to {head}");

            let ids: Vec<_> = reader.summaries(None).unwrap().map(|row| row.unwrap().id).collect();
            assert!(ids.is_sorted_by(|newer, older| newer > older), "each once, newest first");
            assert!(listed.is_subset(&ids.into_iter().collect()));
        }
        writer.join().unwrap();
    });
}

/// Changes a bit of the first block of a sealed segment.
fn damage_sealed(segment: &Path) {
    let path = segment.join("sealed");
    let mut bytes = fs::read(&path).expect("readable");
    bytes[60] ^= 1;
    fs::write(&path, bytes).expect("written");
}

#[test]
fn what_is_damaged_is_named_and_the_rest_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    append_hours(&mut journal, 0..2, 5);
    seal_all(&mut journal);
    append_hours(&mut journal, 2..4, 5);
    let whole = search(&journal.reader(), pattern("needle", Syntax::Literal), Scope::default());
    assert_eq!(whole.len(), 20);
    journal.close().unwrap();
    let segments = segment_dirs(dir.path());
    assert!(segments[0].join("sealed").exists() && !segments[3].join("sealed").exists());
    damage_sealed(&segments[0]);
    with_blocks(&segments[2], |blocks| {
        let mut block = blocks.get(2_u32.to_be_bytes()).unwrap().unwrap().to_vec();
        let last = block.len() - 6;
        block[last] ^= 1;
        blocks.insert(2_u32.to_be_bytes(), block).unwrap();
    });
    // One whose footer is damaged cannot be opened at all.
    fs::write(segments[1].join("sealed"), "JSEALED").unwrap();

    let journal = open(dir.path());
    let (mut found, mut damaged) = (Vec::new(), Vec::new());
    for row in journal.reader().search(pattern("needle", Syntax::Literal), Scope::default()) {
        match row {
            Ok(line) => found.push(line),
            Err(Error::Damaged { segment, block, .. }) => damaged.push((segment, block)),
            Err(error) => panic!("{error}"),
        }
    }
    let name = |n: usize| segments[n].file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(damaged, [(name(2), Some(2)), (name(1), None), (name(0), Some(0))]);
    assert_eq!(found.len(), 9);
    assert!(found.iter().all(|line| whole.contains(line)));
}

/// A journal with a request a minute over three days, every one of them unlike its neighbours.
fn minutes(dir: &Path) -> (Journal, Vec<RequestId>) {
    let mut journal = open(dir);
    let begin: Timestamp = "2026-11-21T22:00:00Z".parse().expect("a timestamp");
    let mut ids = Vec::new();
    for n in 0..1600_i32 {
        let at = begin + SignedDuration::from_mins(n.into());
        let id = id_at(&at.to_string(), 0);
        let Draft { body: EventBody::RequestReceived(mut request), .. } = received(id, "{}") else { unreachable!() };
        let Draft { body: EventBody::ResponseFinished(mut end), .. } = finished(id) else { unreachable!() };
        request.key = (n % 3 > 0).then(|| format!("k{}", n % 3));
        request.route = format!("/v1/{}", n % 4);
        end.model = (n % 5 > 0).then(|| format!("m{}", n % 5));
        end.status = if n % 7 == 0 { 503 } else { 200 };
        end.outcome = if n % 7 == 0 { Outcome::Overload } else { Outcome::Ok };
        end.duration_ms = f64::from(n) + 0.5;
        end.worker = Some(format!("w{}", n % 2));
        // Recorded a little after the id was made.
        let received_at = at + SignedDuration::from_secs(2);
        let append = |journal: &mut Journal, body| {
            journal.append(&Draft { at: received_at, request: Some(id), body }).expect("taken");
        };
        append(&mut journal, EventBody::RequestReceived(request));
        append(&mut journal, EventBody::ResponseFinished(end));
        ids.push(id);
    }
    journal.flush().expect("written");
    ids.reverse();
    (journal, ids)
}

#[test]
fn lists_are_filtered_and_paged() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, ids) = minutes(dir.path());
    let reader = journal.reader();
    let list = |filter: &Filter, limit, before| -> Vec<_> {
        let rows = reader.matching_summaries(filter.clone(), limit, before).unwrap();
        rows.map(|row| row.unwrap()).collect()
    };
    let all = list(&Filter::default(), None, None);
    assert_eq!(all.iter().map(|row| row.id).collect::<Vec<_>>(), ids);
    for (is_found, filter) in [
        (true, r"{}"),
        (true, r#"{"key":"k1"}"#),
        (false, r#"{"key":"none"}"#),
        (true, r#"{"model":"m4"}"#),
        (true, r#"{"route":"/v1/3"}"#),
        (true, r#"{"status":503}"#),
        (true, r#"{"outcome":"overload"}"#),
        (true, r#"{"min_duration_ms":1500}"#),
        (true, r#"{"worker":"w1"}"#),
        (true, r#"{"since":"2026-11-22T23:59:02Z"}"#),
        (true, r#"{"until":"2026-11-21T23:59:02Z"}"#),
        (true, r#"{"since":"2026-11-21T23:59:02Z","until":"2026-11-22T00:00:02.5Z"}"#),
        (false, r#"{"since":"2026-11-21T23:59:02.5Z","until":"2026-11-21T23:59:02.4Z"}"#),
        (false, r#"{"since":"2026-12-01T00:00:00Z"}"#),
        (false, r#"{"until":"1969-01-01T00:00:00Z"}"#),
        (true, r#"{"key":"k2","model":"m2","status":200,"since":"2026-11-22T10:00:00Z"}"#),
    ] {
        let filter: Filter = serde_json::from_str(filter).unwrap();
        let expected: Vec<_> = all.iter().filter(|row| filter.matches(row)).cloned().collect();
        assert_eq!(!expected.is_empty(), is_found, "{filter}");
        assert_eq!(list(&filter, None, None), expected, "{filter}");
        let mut paged: Vec<journal::Summary> = Vec::new();
        loop {
            let page = list(&filter, Some(97), paged.last().map(|row| row.id));
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, expected, "{filter}");
    }
}
