//! Reading: what was written comes back, all of it or a part, also while it is written.

use std::thread;

use journal::{Event, EventBody, Line, RequestId, Selection};

use crate::support::{HOUR, finished, frame, later, lines, noise, open, received, stderr};

fn seqs(lines: impl Iterator<Item = Result<Line, journal::Error>>) -> Vec<u64> {
    lines.map(|line| line.expect("readable").seq).collect()
}

#[test]
fn events_come_back_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let id = RequestId::generate();
    let verbatim = r#"{"method":"item/delta","params":{"delta":"\u00e9 ü","n":1.50}}"#;
    let mut journal = open(dir.path());
    journal.append(&received(id, "{\"model\":\n\"m\"}")).unwrap();
    journal.append(&frame(id, verbatim)).unwrap();
    journal.append(&stderr("no request")).unwrap();
    journal.close().unwrap();

    let journal = open(dir.path());
    let events: Vec<Event> = lines(&journal.reader()).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(events[1].draft.request, Some(id));
    let EventBody::RpcReceived(frame) = &events[2].draft.body else { panic!("{:?}", events[2]) };
    assert_eq!(frame.frame.0, verbatim.as_bytes());
    assert_eq!(events[3].draft.request, None);
    assert!(matches!(&events[3].draft.body, EventBody::WorkerStderr { line, .. } if line == "no request"));
}

#[test]
fn a_request_is_read_out_of_many_up_to_what_trails_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let (id, other) = (RequestId::generate(), RequestId::generate());
    let mut expected = Vec::new();
    for round in 0..300 {
        expected.push(journal.append(&frame(id, &format!("{{\"round\":{round}}}"))).unwrap());
        // Names the request and does not belong to it.
        journal.append(&frame(other, &format!("{{\"see\":\"{id}\",\"pad\":\"{}\"}}", noise(1000, round)))).unwrap();
    }
    expected.push(journal.append(&finished(id)).unwrap());
    expected.push(journal.append(&frame(id, "{\"late\":true}")).unwrap());
    journal.append(&later(frame(id, "{\"in\":\"the next segment\"}"), HOUR)).unwrap();
    journal.flush().unwrap();
    let of_request = Selection { request: Some(id), ..Selection::default() };
    assert_eq!(seqs(journal.reader().events(of_request)), expected);
    let part = Selection { from_seq: expected[100], to_seq: Some(expected[199]), ..of_request };
    assert_eq!(seqs(journal.reader().events(part)), expected[100..200]);
}

#[test]
fn a_request_is_found_from_the_segment_before_its_time_on() {
    let dir = tempfile::tempdir().unwrap();
    let id = RequestId::generate();
    let made_at = id.time().expect("a UUIDv7");
    let mut journal = open(dir.path());
    let mut append = |seconds_late: i64| {
        let mut draft = frame(id, "{}");
        draft.at = made_at + jiff::SignedDuration::from_secs(seconds_late);
        journal.append(&draft).unwrap()
    };
    append(-9000);
    let expected = vec![append(-5000), append(-2), append(3700)];
    journal.flush().unwrap();
    // Segments begin at -9000, -5000, -2 (set off by the period) and 3700; the id was made in the third.
    let of_request = Selection { request: Some(id), ..Selection::default() };
    assert_eq!(seqs(journal.reader().events(of_request)), expected);
}

#[test]
fn any_range_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    for n in 0..200_u64 {
        let draft = stderr(noise(if n % 40 == 7 { 200_000 } else { 900 }, n));
        journal.append(&later(draft, HOUR * i32::try_from(n / 70).unwrap())).unwrap();
        if n % 3 == 0 {
            journal.flush().unwrap();
        }
    }
    journal.flush().unwrap();
    let reader = journal.reader();
    let head = reader.head();
    for from in (0..head + 3).step_by(7) {
        for to in [Some(from), Some(from + 11), None] {
            let selection = Selection { from_seq: from, to_seq: to, request: None };
            let expected: Vec<u64> = (from.max(1)..=to.unwrap_or(head).min(head)).collect();
            assert_eq!(seqs(reader.events(selection)), expected, "{selection:?}");
        }
    }
}

#[test]
fn an_event_of_many_parts_comes_back_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let big = noise(5_000_000, 3);
    journal.append(&stderr("before")).unwrap();
    journal.append(&stderr(big.as_str())).unwrap();
    journal.append(&stderr("after")).unwrap();
    journal.close().unwrap();
    let journal = open(dir.path());
    let lines = lines(&journal.reader());
    assert_eq!(lines.len(), 4);
    assert!(lines[2].contains(&big) && lines[3].contains("after"));
    let blobs: Vec<_> = crate::support::segment_dirs(dir.path())[0].join("blobs").read_dir().unwrap().collect();
    assert!(blobs.is_empty(), "sled put values in files of their own: {blobs:?}");
}

#[test]
fn readers_see_a_growing_whole_while_a_thread_writes() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let reader = journal.reader();
    let last = thread::scope(|scope| {
        let writer = scope.spawn(move || {
            for n in 0..3000_u64 {
                let draft = stderr(noise(if n % 500 == 9 { 400_000 } else { 400 }, n));
                journal.append(&later(draft, HOUR * i32::try_from(n / 1000).unwrap())).unwrap();
                if n % 5 == 0 {
                    journal.flush().unwrap();
                }
            }
            journal.flush().unwrap();
            journal.reader().head()
        });
        let mut seen = 0;
        while !writer.is_finished() {
            let head = reader.head();
            assert!(head >= seen);
            let from = head.saturating_sub(300).max(1);
            let read = seqs(reader.events(Selection { from_seq: from, ..Selection::default() }));
            if head > 0 {
                assert_eq!(read, (from..=*read.last().unwrap()).collect::<Vec<_>>());
                assert!(*read.last().unwrap() >= head, "what the head names can be read");
            }
            seen = head;
        }
        writer.join().unwrap()
    });
    assert_eq!(lines(&reader).len() as u64, last);
}
