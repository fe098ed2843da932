//! Summaries: newest first, over days, and back after a crash.

use std::fs;

use jiff::civil::date;
use journal::{RequestId, Summary};

use crate::support::{HOUR, authority, finished, frame, later, noon, open, received};

/// A request id of the given millisecond.
pub(crate) fn id_at(at: &str, n: u16) -> RequestId {
    let millis = at.parse::<jiff::Timestamp>().expect("a timestamp").as_millisecond();
    let hex = format!("{millis:012x}7000{:016x}", 0x8000_0000_0000_0000_u64 | u64::from(n));
    hex.parse().expect("a UUID")
}

fn all(journal: &journal::Journal, limit: Option<usize>) -> Vec<Summary> {
    journal.reader().summaries(limit).expect("listed").map(|summary| summary.expect("readable")).collect()
}

#[test]
fn they_come_newest_first_over_days_and_pages() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    assert!(all(&journal, None).is_empty());
    let mut ids = Vec::new();
    for day in ["2026-11-21", "2026-11-23", "2026-11-22"] {
        for n in 0..600 {
            let id = id_at(&format!("{day}T10:00:00Z"), n);
            journal.append(&received(id, "{}")).unwrap();
            journal.append(&finished(id)).unwrap();
            ids.push(id);
        }
    }
    journal.flush().unwrap();
    ids.sort();
    ids.reverse();
    let found: Vec<_> = all(&journal, None).into_iter().map(|summary| summary.id).collect();
    assert_eq!(found, ids);
    assert_eq!(all(&journal, Some(700)).iter().map(|summary| summary.id).collect::<Vec<_>>(), ids[..700]);

    assert_eq!(journal.dispose_summaries_before(date(2026, 11, 23), "test", &authority(), noon()).unwrap(), 2);
    assert_eq!(all(&journal, None).len(), 600);
    let days: Vec<_> =
        fs::read_dir(dir.path().join("summaries")).unwrap().map(|day| day.unwrap().file_name()).collect();
    assert_eq!(days, ["2026-11-23"]);
}

#[test]
fn one_appears_with_the_flush_of_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let id = RequestId::generate();
    journal.append(&received(id, "{}")).unwrap();
    journal.append(&frame(id, "{}")).unwrap();
    journal.flush().unwrap();
    assert!(!dir.path().join("summaries").exists());
    journal.append(&finished(id)).unwrap();
    assert!(all(&journal, None).is_empty());
    journal.flush().unwrap();
    let summaries = all(&journal, None);
    assert_eq!((summaries.len(), summaries[0].id, summaries[0].events), (1, id, 3));
}

#[test]
fn lost_ones_are_folded_again_after_a_crash_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let (over_two_segments, unfinished) = (RequestId::generate(), RequestId::generate());
    let clock = jiff::Timestamp::now().duration_since(noon());
    journal.append(&later(received(over_two_segments, "{}"), clock)).unwrap();
    journal.append(&later(received(unfinished, "{}"), clock)).unwrap();
    journal.append(&later(frame(over_two_segments, "{}"), clock + HOUR)).unwrap();
    journal.append(&later(finished(over_two_segments), clock + HOUR)).unwrap();
    journal.flush().unwrap();
    let before = all(&journal, None);
    assert_eq!(before.len(), 1);
    drop(journal); // without a close: a crash

    fs::remove_dir_all(dir.path().join("summaries")).unwrap();
    let journal = open(dir.path());
    assert_eq!(all(&journal, None), before);
    journal.close().unwrap();

    fs::remove_dir_all(dir.path().join("summaries")).unwrap();
    assert!(all(&open(dir.path()), None).is_empty(), "after an orderly end nobody looks");
}
