//! What an error or a kill leaves half done, and what comes of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use journal::{HoldSelector, Options, RequestId};

use crate::support::{
    HOUR, authority, copy, files, finished, later, noon, open, received, seal_all, segment_dirs, stderr, try_dispose,
    with_blocks,
};

fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files(dir).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn a_sealed_form_that_the_ledger_was_not_told_of_is_no_damage_and_is_told_later() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    for hour in 0..2 {
        journal.append(&later(stderr("an event"), HOUR * hour)).unwrap();
        journal.flush().unwrap();
    }
    let name = journal.to_seal().unwrap();
    journal.reader().prepare_seal(&name).unwrap().unwrap();
    drop(journal);
    // The kill came right behind the renaming.
    let folder = segment_dirs(dir.path()).remove(0);
    fs::rename(folder.join("sealed.new"), folder.join("sealed")).unwrap();

    let mut journal = open(dir.path());
    assert_eq!(journal.reader().verify(None).unwrap().problems, []);
    assert_eq!(journal.to_seal(), Some(name));
    seal_all(&mut journal);
    assert_eq!(journal.to_seal(), None);
    let left: Vec<_> = files(&folder);
    assert_eq!(left, [folder.join("sealed")]);
    assert_eq!(journal.reader().verify(None).unwrap().problems, []);
    let told = journal.reader().ledger().unwrap().filter(|entry| entry.as_ref().unwrap().kind == "segment.sealed");
    assert_eq!(told.count(), 1);
}

#[test]
fn blocks_that_could_not_be_removed_are_removed_by_the_next_sealing() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    for hour in 0..2 {
        journal.append(&later(stderr("an event"), HOUR * hour)).unwrap();
        journal.flush().unwrap();
    }
    let folder = segment_dirs(dir.path()).remove(0);
    let blocks = fs::read(folder.join("db")).unwrap();
    seal_all(&mut journal);
    fs::write(folder.join("db"), blocks).unwrap();
    seal_all(&mut journal);
    assert_eq!(files(&folder), [folder.join("sealed")]);
    let told = journal.reader().ledger().unwrap().filter(|entry| entry.as_ref().unwrap().kind == "segment.sealed");
    assert_eq!(told.count(), 1, "once");
}

#[test]
fn a_journal_that_cannot_be_opened_for_its_key_is_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    for orderly in [true, false] {
        let path = dir.path().join(orderly.to_string());
        let mut journal = open(&path);
        journal.append(&stderr("an event")).unwrap();
        journal.flush().unwrap();
        if orderly {
            journal.close().unwrap();
        } else {
            drop(journal);
        }
        let before = contents(&path);
        let options = Options { key_file: Some(dir.path().join("no such key")), ..Options::default() };
        let refused = journal::Journal::open(&path, options, std::sync::Arc::new(journal::NoScrub));
        assert!(matches!(refused, Err(journal::Error::Key(_))));
        assert_eq!(contents(&path), before);
    }
}

#[test]
fn what_an_attempt_to_keep_what_is_held_left_behind_goes_with_the_segment() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let id = RequestId::generate();
    journal.append(&received(id, "{}")).unwrap();
    journal.append(&later(stderr("next"), HOUR)).unwrap();
    journal.flush().unwrap();
    let name = journal.segments().unwrap().remove(0).name;
    let hold = journal.place_hold(HoldSelector::Request(id), "a test", "test", noon()).unwrap();
    // The disk was full in the middle of it.
    let kept = dir.path().join("holds").join(&name);
    fs::create_dir_all(&kept).unwrap();
    fs::write(kept.join("sealed.new"), "half of it").unwrap();
    journal.lift_hold(&hold, "a test", "test", noon()).unwrap();
    try_dispose(&mut journal, &name, noon()).unwrap();
    assert!(!kept.exists(), "nothing is held");
    assert_eq!(journal.release_holds(&authority(), noon()).unwrap(), 0);
    assert!(segment_dirs(dir.path()).iter().all(|folder| !folder.ends_with(&name)));
    assert_eq!(journal.reader().verify(None).unwrap().problems, []);
}

/// Two journals with the same keys and the same first event, which then go different ways.
fn two_ways(between: impl Fn(&mut journal::Journal)) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (told, other) = (dir.path().join("told"), dir.path().join("other"));
    let mut journal = open(&told);
    journal.append(&stderr("the first event")).unwrap();
    journal.close().unwrap();
    copy(&told, &other);
    for (path, text) in [(&told, "what happened"), (&other, "what did not!")] {
        let mut journal = open(path);
        journal.append(&stderr(text)).unwrap();
        between(&mut journal);
        journal.append(&later(stderr("more"), HOUR * 2)).unwrap();
        journal.close().unwrap();
    }
    (dir, told, other)
}

/// What `verify` says if the events of `other`, with their keys, stand in the place of those of `told`.
fn replaced(told: &Path, other: &Path) -> String {
    for folder in ["segments", "keys/segments"] {
        fs::remove_dir_all(told.join(folder)).unwrap();
        copy(&other.join(folder), &told.join(folder));
    }
    format!("{:?}", open(told).reader().verify(None).unwrap().problems)
}

#[test]
fn events_that_were_rewritten_with_every_key_do_not_have_the_chain_that_was_anchored() {
    for sealed in [false, true] {
        let (_dir, told, other) = two_ways(|journal| drop(journal.anchor(noon()).unwrap()));
        assert_eq!(open(&told).reader().verify(None).unwrap().problems, []);
        if sealed {
            // Sealed honestly, the anchor is met in that form too.
            let mut journal = open(&told);
            seal_all(&mut journal);
            assert_eq!(journal.reader().verify(None).unwrap().problems, []);
            drop(journal);
        }
        let found = replaced(&told, &other);
        assert!(found.contains("are not those that the ledger anchored"), "{found}");
    }
}

#[test]
fn segments_that_were_rewritten_with_every_key_do_not_begin_as_the_ledger_says() {
    let (_dir, told, other) = two_ways(|_| {});
    let found = replaced(&told, &other);
    assert!(found.contains("its chain does not begin as the ledger says"), "{found}");
}

#[test]
fn a_number_of_what_was_synced_that_was_changed_loses_nothing_and_is_no_place_to_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let last = journal.append(&stderr("an event")).unwrap();
    journal.close().unwrap();
    let synced = segment_dirs(dir.path()).remove(0).join("synced");
    let mut text = fs::read(&synced).unwrap();
    text[0] = b'1';
    fs::write(&synced, text).unwrap();
    let mut journal = open(dir.path());
    assert!(!journal.reader().verify(None).unwrap().problems.is_empty());
    assert_eq!(journal.append(&stderr("another")).unwrap(), last + 1);
    journal.flush().unwrap();
    assert_eq!(journal.reader().verify(None).unwrap().problems, []);
}

#[test]
fn what_the_ledger_knows_of_is_not_told_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let id = RequestId::generate();
    journal.append(&received(id, "{}")).unwrap();
    journal.append(&finished(id)).unwrap();
    journal.append(&later(stderr("next"), HOUR)).unwrap();
    journal.flush().unwrap();
    let name = journal.segments().unwrap().remove(0).name;
    try_dispose(&mut journal, &name, noon()).unwrap();
    let tomorrow = jiff::Zoned::now().date().tomorrow().unwrap().tomorrow().unwrap();
    assert_eq!(journal.dispose_summaries_before(tomorrow, "test", &authority(), noon()).unwrap(), 1);
    assert!(journal.dispose_pseudonyms_before(tomorrow, "test", &authority(), noon()).unwrap() > 0);
    let disposals = |journal: &journal::Journal| -> Vec<journal::LedgerEntry> {
        let entries = journal.reader().ledger().unwrap().map(Result::unwrap);
        entries.filter(|entry| entry.kind.ends_with(".disposed")).collect()
    };
    let told = disposals(&journal);
    journal.close().unwrap();
    // The kill came when the ledger was told and nothing else was done.
    let doomed: Vec<String> = told
        .iter()
        .map(|entry| {
            let kind = entry.kind.trim_end_matches(".disposed");
            let body = &entry.text[entry.text.find("\"type\"").unwrap()..];
            let name = body.split('"').nth(9).unwrap();
            format!("{{\"kind\":\"{kind}\",\"name\":\"{name}\",\"body\":{{{body}}}")
        })
        .collect();
    let intent = format!("{{\"at\":\"{}\",\"doomed\":[{}]}}", noon(), doomed.join(","));
    fs::write(dir.path().join("disposing"), intent).unwrap();
    let journal = open(dir.path());
    assert!(!dir.path().join("disposing").exists());
    assert_eq!(disposals(&journal).len(), told.len());
    assert_eq!(journal.reader().verify(None).unwrap().problems, []);
}

#[test]
fn a_backup_that_damage_stands_in_the_way_of_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let (path, target) = (dir.path().join("journal"), dir.path().join("backup"));
    let mut journal = open(&path);
    journal.append(&stderr("an event")).unwrap();
    journal.append(&later(stderr("next"), HOUR)).unwrap();
    journal.close().unwrap();
    with_blocks(&segment_dirs(&path)[0], |blocks| {
        let mut block = blocks.get(0_u32.to_be_bytes()).unwrap().unwrap().to_vec();
        let last = block.len() - 1;
        block[last] ^= 1;
        blocks.insert(0_u32.to_be_bytes(), block).unwrap();
    });
    let journal = open(&path);
    assert!(matches!(journal.reader().backup(&target, noon()), Err(journal::Error::Damaged { .. })));
    assert!(!target.exists());
}
