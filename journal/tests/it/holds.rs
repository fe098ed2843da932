//! Legal holds: what is held outlives its segment, alone.

use std::fs;
use std::path::Path;

use jiff::SignedDuration;
use journal::{HoldSelector, Journal, RequestId, Selection};

use crate::support::{
    HOUR, authority, finished, later, noon, open, received, seal_all, segment_dirs, stderr, try_dispose,
};

/// Requests in the first of two segments.
fn journal_of(dir: &Path, requests: &[RequestId], sealed: bool) -> Journal {
    let mut journal = open(dir);
    for id in requests {
        journal.append(&received(*id, "{\"text\":\"held?\"}")).unwrap();
        journal.append(&stderr("between")).unwrap();
        journal.append(&finished(*id)).unwrap();
    }
    journal.append(&later(stderr("the next segment"), HOUR)).unwrap();
    journal.flush().unwrap();
    if sealed {
        seal_all(&mut journal);
    }
    journal
}

fn events_of(journal: &Journal, id: RequestId) -> usize {
    let selection = Selection { request: Some(id), ..Selection::default() };
    journal.reader().events(selection).map(Result::unwrap).count()
}

fn is_sound(journal: &Journal) {
    let found = journal.reader().verify(None).unwrap();
    assert!(found.problems.is_empty(), "{:?}", found.problems);
}

/// A request id of some time after noon.
fn id_at(minutes: i64) -> RequestId {
    let millis = (noon() + SignedDuration::from_mins(minutes)).as_millisecond();
    format!("{millis:012x}70008000{:012x}", 7 + minutes).parse().unwrap()
}

#[test]
fn what_is_held_outlives_its_segment_and_goes_when_the_hold_is_lifted() {
    for sealed in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let ids = [id_at(1), id_at(2), id_at(3)];
        let mut journal = journal_of(dir.path(), &ids, sealed);
        let hold = journal.place_hold(HoldSelector::Request(ids[1]), "case 7", "uid:1", noon()).unwrap();
        let segment = journal.segments().unwrap().remove(0).name;
        try_dispose(&mut journal, &segment, noon()).unwrap();
        assert_eq!(ids.map(|id| events_of(&journal, id)), [0, 2, 0]);
        assert!(!segment_dirs(dir.path()).iter().any(|folder| folder.ends_with(&segment)));
        assert!(journal.segments().unwrap()[0].held);
        is_sound(&journal);

        journal.close().unwrap();
        let mut journal = open(dir.path());
        assert_eq!(ids.map(|id| events_of(&journal, id)), [0, 2, 0]);
        assert_eq!(journal.holds()[0].reason, "case 7");
        assert_eq!(journal.release_holds(&authority(), noon()).unwrap(), 0, "it is still held");

        journal.lift_hold(&hold, "closed", "uid:1", noon()).unwrap();
        assert!(journal.lift_hold(&hold, "again", "uid:1", noon()).is_err());
        assert_eq!(journal.release_holds(&authority(), noon()).unwrap(), 1);
        assert_eq!(ids.map(|id| events_of(&journal, id)), [0, 0, 0]);
        assert!(fs::read_dir(dir.path().join("holds")).unwrap().next().is_none());
        assert!(fs::read_dir(dir.path().join("keys/holds")).unwrap().next().is_none());
        is_sound(&journal);
    }
}

#[test]
fn a_request_is_held_by_its_key_and_by_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let ids = [id_at(1), id_at(10), id_at(20)];
    let mut journal = journal_of(dir.path(), &ids, true);
    let (since, until) = (noon() + SignedDuration::from_mins(5), noon() + SignedDuration::from_mins(20));
    journal.place_hold(HoldSelector::Range { since, until }, "an hour of interest", "uid:1", noon()).unwrap();
    journal.place_hold(HoldSelector::Key("another".to_owned()), "a partner", "uid:1", noon()).unwrap();
    let segment = journal.segments().unwrap().remove(0).name;
    try_dispose(&mut journal, &segment, noon()).unwrap();
    assert_eq!(ids.map(|id| events_of(&journal, id)), [0, 2, 0]);

    let dir = tempfile::tempdir().unwrap();
    let mut journal = journal_of(dir.path(), &ids, true);
    journal.place_hold(HoldSelector::Key("k1".to_owned()), "a partner", "uid:1", noon()).unwrap();
    let segment = journal.segments().unwrap().remove(0).name;
    try_dispose(&mut journal, &segment, noon()).unwrap();
    assert_eq!(ids.map(|id| events_of(&journal, id)), [2, 2, 2]);
}

#[test]
fn lifting_one_of_two_holds_keeps_what_the_other_asks_for() {
    let dir = tempfile::tempdir().unwrap();
    let ids = [id_at(1), id_at(2), id_at(3)];
    let mut journal = journal_of(dir.path(), &ids, true);
    let first = journal.place_hold(HoldSelector::Request(ids[0]), "case 1", "uid:1", noon()).unwrap();
    journal.place_hold(HoldSelector::Request(ids[1]), "case 2", "uid:1", noon()).unwrap();
    let segment = journal.segments().unwrap().remove(0).name;
    try_dispose(&mut journal, &segment, noon()).unwrap();
    let key = dir.path().join(format!("keys/holds/{segment}.key"));
    let key_before = fs::read(&key).unwrap();

    journal.lift_hold(&first, "closed", "uid:1", noon()).unwrap();
    assert_eq!(journal.release_holds(&authority(), noon()).unwrap(), 1);
    assert_eq!(ids.map(|id| events_of(&journal, id)), [0, 2, 0]);
    assert_ne!(fs::read(&key).unwrap(), key_before, "what is gone was under a key that is gone");
    is_sound(&journal);
    journal.close().unwrap();
    assert_eq!(events_of(&open(dir.path()), ids[1]), 2);
}

#[test]
fn a_hold_outlives_the_time_of_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let hold = journal.place_hold(HoldSelector::Key("k1".to_owned()), "case 7", "uid:1", noon()).unwrap();
    let (later, much_later) = (noon() + HOUR * 24 * 60, noon() + HOUR * 24 * 500);
    journal.anchor(later).unwrap();
    let dispose = |journal: &mut Journal| journal.dispose_ledger_before(much_later, "ledger_ttl", &authority(), later);
    assert_eq!(dispose(&mut journal).unwrap(), 0);
    journal.close().unwrap();
    let mut journal = open(dir.path());
    assert_eq!(journal.holds()[0].hold, hold);
    journal.lift_hold(&hold, "closed", "uid:1", later).unwrap();
    let segment = journal.segments().unwrap().remove(0).name;
    try_dispose(&mut journal, &segment, later).unwrap();
    assert!(dispose(&mut journal).unwrap() > 0);
    journal.close().unwrap();
    let journal = open(dir.path());
    assert!(journal.holds().is_empty());
    is_sound(&journal);
}
