//! A backup of a journal that is written, and the way back.

use std::fs;
use std::path::Path;

use journal::{Backup, Error, HoldSelector, Journal, RequestId};

use crate::support::{HOUR, finished, later, lines, noon, open, received, seal_all, segment_dirs, stderr, try_dispose};

/// A journal with everything a journal can have.
fn journal(dir: &Path) -> (Journal, RequestId) {
    let mut journal = open(dir);
    let held = RequestId::generate();
    for hour in 0..4 {
        let id = if hour == 0 { held } else { RequestId::generate() };
        journal.append(&later(received(id, "{}"), HOUR * hour)).unwrap();
        journal.append(&later(finished(id), HOUR * hour)).unwrap();
        if hour == 2 {
            journal.flush().unwrap();
            seal_all(&mut journal);
        }
    }
    journal.place_hold(HoldSelector::Request(held), "case 7", "uid:1", noon() + HOUR * 3).unwrap();
    let oldest = journal.segments().unwrap().remove(0).name;
    try_dispose(&mut journal, &oldest, noon() + HOUR * 3).unwrap();
    (journal, held)
}

fn backup(journal: &Journal, target: &Path) -> Backup {
    journal.reader().backup(target, noon()).unwrap()
}

#[test]
fn a_backup_is_restored_as_it_was_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (from, target, to) = (dir.path().join("from"), dir.path().join("backup"), dir.path().join("to"));
    let (mut journal, _) = journal(&from);
    journal.append(&later(stderr("not flushed when the backup is made"), HOUR * 3)).unwrap();
    let made = backup(&journal, &target);
    let expected: Vec<_> = lines(&journal.reader());
    assert_eq!(made.last_seq, journal.reader().head());
    for n in 0..100 {
        journal.append(&later(stderr(format!("after {n}")), HOUR * 3)).unwrap();
    }
    journal.close().unwrap();
    assert!(!target.join("keys/master.key").exists(), "the master key is kept elsewhere");

    let key = from.join("keys/master.key");
    let found = Journal::restore(&target, &to, Some(key.clone())).unwrap();
    assert_eq!(found.problems, []);
    let options = journal::Options { key_file: Some(key), create: false, ..journal::Options::default() };
    let mut restored = Journal::open(&to, options, std::sync::Arc::new(journal::NoScrub)).unwrap();
    let kept = lines(&restored.reader());
    assert_eq!(kept[..expected.len()], expected);
    let summaries = |journal: &Journal| journal.reader().summaries(None).unwrap().map(Result::unwrap).count();
    assert_eq!((summaries(&restored), restored.holds().len()), (4, 1));
    assert_eq!(restored.append(&later(stderr("on"), HOUR * 9)).unwrap(), kept.len() as u64 + 2);
    restored.flush().unwrap();
    assert_eq!(restored.reader().verify(None).unwrap().problems, []);
}

#[test]
fn nothing_is_overwritten_and_nothing_damaged_is_restored() {
    let dir = tempfile::tempdir().unwrap();
    let (from, target, to) = (dir.path().join("from"), dir.path().join("backup"), dir.path().join("to"));
    let (journal, _) = journal(&from);
    backup(&journal, &target);
    assert!(matches!(journal.reader().backup(&target, noon()), Err(Error::NotEmpty { .. })));
    let key = from.join("keys/master.key");
    assert!(matches!(Journal::restore(&target, &from, Some(key.clone())), Err(Error::NotEmpty { .. })));
    assert!(matches!(Journal::restore(dir.path(), &to, None), Err(Error::NotFound { .. })));
    assert!(matches!(Journal::restore(&target, &to, None), Err(Error::Key(_))));
    assert!(!to.exists());

    let sealed = segment_dirs(&target).remove(0).join("sealed");
    let mut bytes = fs::read(&sealed).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&sealed, bytes).unwrap();
    let found = Journal::restore(&target, &to, Some(key));
    assert!(found.is_ok_and(|found| !found.problems.is_empty()));
    assert!(!to.exists());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left over");
}
