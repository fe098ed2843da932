//! Whatever somebody does to the files is found, or changes nothing that is read.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use journal::{Error, Journal, NoScrub, Options, RequestId, Selection, Verification};

use crate::support::{
    HOUR, copy, fast_dir, files, finished, later, lines, noise, noon, open, received, seal_all, segment_dirs, stderr,
    try_dispose, with_blocks,
};

/// A journal with a segment that was disposed of, two sealed ones, two that are written and the live one; and its lines.
fn journal() -> (tempfile::TempDir, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    for hour in 0..5 {
        for n in 0..6 {
            let id = RequestId::generate();
            journal.append(&later(received(id, &format!("{{\"hour\":{hour}}}")), HOUR * hour)).unwrap();
            journal.append(&later(stderr(noise(300, n)), HOUR * hour)).unwrap();
            journal.append(&later(finished(id), HOUR * hour)).unwrap();
            journal.flush().unwrap();
        }
        if hour == 3 {
            seal_all(&mut journal);
        }
    }
    let oldest = journal.segments().unwrap().remove(0).name;
    journal.append(&later(stderr("more"), HOUR * 5)).unwrap();
    try_dispose(&mut journal, &oldest, noon()).unwrap();
    // Closed, and not sealed.
    journal.append(&later(stderr("the last segment"), HOUR * 6)).unwrap();
    journal.flush().unwrap();
    let lines = lines(&journal.reader());
    assert_eq!(sound(&journal).sealed, 2);
    journal.close().unwrap();
    // So that sled has written all it ever writes about what is there.
    open(dir.path()).close().unwrap();
    (dir, lines)
}

fn sound(journal: &Journal) -> Verification {
    let found = journal.reader().verify(None).unwrap();
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    found
}

/// What a look at a journal shows that somebody changed.
enum Seen {
    /// It is refused, or something is wrong with it.
    Change,
    /// All is as it was.
    Nothing,
}

fn look(dir: &Path, expected: &[String]) -> Seen {
    let options = Options { create: false, ..Options::default() };
    let Ok(journal) = Journal::open(dir, options, Arc::new(NoScrub)) else { return Seen::Change };
    let reader = journal.reader();
    match reader.verify(None) {
        Ok(found) if found.problems.is_empty() => {}
        _ => return Seen::Change,
    }
    let read: Result<Vec<_>, Error> =
        reader.events(Selection::default()).map(|line| line.map(|line| line.text)).collect();
    let read = read.expect("what is verified can be read");
    assert_eq!(read[..expected.len()], *expected, "it was verified, and is not what was written");
    Seen::Nothing
}

#[test]
fn a_thousand_flipped_bits_are_found_or_change_nothing() {
    let (dir, lines) = journal();
    let work = fast_dir();
    let paths = files(dir.path());
    let total: u64 = paths.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    let (mut state, mut found) = (20_261_123_u64, 0);
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 20
    };
    let copied = work.path().join("journal");
    for round in 0..1000 {
        // Half of them anywhere; half in any file alike, so that the small ones get their share beside sled's large ones.
        let (path, at) = if round % 2 == 0 {
            let path = &paths[usize::try_from(random()).unwrap() % paths.len()];
            (path, random() % fs::metadata(path).unwrap().len().max(1))
        } else {
            let mut at = random() % total;
            let holds = |path: &&PathBuf| {
                let len = fs::metadata(path).unwrap().len();
                let is_in = at < len;
                at -= if is_in { 0 } else { len };
                is_in
            };
            let path = paths.iter().find(holds).unwrap();
            (path, at)
        };
        let _ = fs::remove_dir_all(&copied);
        copy(dir.path(), &copied);
        let changed = copied.join(path.strip_prefix(dir.path()).unwrap());
        let mut bytes = fs::read(&changed).unwrap();
        let Some(byte) = bytes.get_mut(usize::try_from(at).unwrap()) else { continue };
        *byte ^= 1 << (random() % 8);
        fs::write(&changed, bytes).unwrap();
        if matches!(look(&copied, &lines), Seen::Change) {
            found += 1;
        }
    }
    assert!(found > 200, "only {found} were found: does this test look at anything?");
}

/// Whether `change` to a copy of the journal is found.
fn is_found(change: impl FnOnce(&Path)) -> bool {
    let (dir, lines) = journal();
    change(dir.path());
    matches!(look(dir.path(), &lines), Seen::Change)
}

/// The folder of the sealed segment, and of the one that is written and not sealed.
fn folders(dir: &Path) -> (PathBuf, PathBuf) {
    let folders = segment_dirs(dir);
    let sealed = folders.iter().find(|folder| folder.join("sealed").exists()).unwrap().clone();
    let written = folders.iter().find(|folder| !folder.join("sealed").exists()).unwrap().clone();
    (sealed, written)
}

#[test]
fn whole_segments_and_their_keys_are_missed() {
    assert!(is_found(|dir| fs::remove_dir_all(folders(dir).0).unwrap()), "a sealed segment");
    assert!(is_found(|dir| fs::remove_dir_all(folders(dir).1).unwrap()), "a written segment");
    assert!(
        is_found(|dir| {
            let folder = folders(dir).0;
            let name = folder.file_name().unwrap().to_str().unwrap();
            fs::remove_file(dir.join(format!("keys/segments/{name}.key"))).unwrap();
            fs::remove_dir_all(&folder).unwrap();
        }),
        "one with its key"
    );
    assert!(
        is_found(|dir| {
            let newest = segment_dirs(dir).pop().unwrap();
            fs::remove_dir_all(newest).unwrap();
        }),
        "the newest"
    );
    assert!(
        is_found(|dir| {
            let (sealed, _) = folders(dir);
            let doubled = sealed.with_file_name("00000000000000000099-20261123T130000Z");
            copy(&sealed, &doubled);
        }),
        "one that was added"
    );
}

/// A change at a place in a file.
type Rewritten = fn(&[u8], usize) -> Vec<u8>;

#[test]
fn sealed_files_cannot_be_cut_swapped_or_put_elsewhere() {
    for left in [0, 1, 40, 500] {
        assert!(
            is_found(|dir| {
                let file = folders(dir).0.join("sealed");
                let bytes = fs::read(&file).unwrap();
                fs::write(&file, &bytes[..bytes.len().min(left)]).unwrap();
            }),
            "cut to {left} bytes"
        );
    }
    assert!(
        is_found(|dir| {
            let file = folders(dir).0.join("sealed");
            let bytes = fs::read(&file).unwrap();
            fs::write(&file, [&bytes[..], b"more"].concat()).unwrap();
        }),
        "bytes appended"
    );
    // Two whole files, two folders, and runs of bytes within one: whatever block they hit.
    let sealed = |dir: &Path| -> Vec<PathBuf> {
        segment_dirs(dir).into_iter().filter(|folder| folder.join("sealed").exists()).collect()
    };
    assert!(
        is_found(|dir| {
            let folders = sealed(dir);
            let (first, second) = (folders[0].join("sealed"), folders[1].join("sealed"));
            let bytes = fs::read(&first).unwrap();
            fs::copy(&second, &first).unwrap();
            fs::write(&second, bytes).unwrap();
        }),
        "two files swapped"
    );
    assert!(
        is_found(|dir| {
            let folders = sealed(dir);
            let away = dir.join("away");
            fs::rename(&folders[0], &away).unwrap();
            fs::rename(&folders[1], &folders[0]).unwrap();
            fs::rename(&away, &folders[1]).unwrap();
        }),
        "two folders swapped"
    );
    let changes: [(&str, Rewritten); 3] = [
        ("deleted", |bytes, at| [&bytes[..at], &bytes[at + 64..]].concat()),
        ("doubled", |bytes, at| [&bytes[..at + 64], &bytes[at..]].concat()),
        ("swapped", |bytes, at| {
            [&bytes[..at], &bytes[at + 32..at + 64], &bytes[at..at + 32], &bytes[at + 64..]].concat()
        }),
    ];
    for (what, change) in changes {
        for share in 0..8 {
            assert!(
                is_found(|dir| {
                    let file = folders(dir).0.join("sealed");
                    let bytes = fs::read(&file).unwrap();
                    let at = (bytes.len() - 64) * share / 8;
                    fs::write(&file, change(&bytes, at)).unwrap();
                }),
                "{what} at {share} eighths"
            );
        }
    }
}

#[test]
fn blocks_cannot_be_deleted_swapped_or_doubled() {
    type Change = fn(&sled::Tree);
    let changes: [(&str, Change); 4] = [
        ("one emptied", |blocks| drop(blocks.insert(1_u32.to_be_bytes(), &[]).unwrap())),
        ("one removed", |blocks| drop(blocks.remove(1_u32.to_be_bytes()).unwrap())),
        ("two swapped", |blocks| {
            let first = blocks.get(0_u32.to_be_bytes()).unwrap().unwrap();
            let second = blocks.get(1_u32.to_be_bytes()).unwrap().unwrap();
            blocks.insert(0_u32.to_be_bytes(), second).unwrap();
            blocks.insert(1_u32.to_be_bytes(), first).unwrap();
        }),
        ("one doubled", |blocks| {
            let first = blocks.get(0_u32.to_be_bytes()).unwrap().unwrap();
            blocks.insert(1_u32.to_be_bytes(), first).unwrap();
        }),
    ];
    for (what, change) in changes {
        assert!(is_found(|dir| with_blocks(&folders(dir).1, change)), "{what}");
    }
    assert!(
        is_found(|dir| {
            // The tail of the live segment, up to where it was synced.
            let newest = segment_dirs(dir).pop().unwrap();
            with_blocks(&newest, |blocks| drop(blocks.insert(0_u32.to_be_bytes(), &[]).unwrap()));
        }),
        "the tail of the live segment"
    );
}

#[test]
fn a_rewritten_ledger_does_not_have_the_anchor() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    journal.append(&stderr("one")).unwrap();
    let anchor = journal.anchor(noon()).unwrap().hash;
    assert!(journal.reader().verify(Some(&anchor)).unwrap().problems.is_empty());
    journal.close().unwrap();
    // Whoever has every key begins again and tells another story.
    for folder in ["ledger", "segments"] {
        fs::remove_dir_all(dir.path().join(folder)).unwrap();
    }
    let mut journal = open(dir.path());
    journal.append(&stderr("another")).unwrap();
    journal.flush().unwrap();
    assert!(journal.reader().verify(None).unwrap().problems.is_empty());
    let found = journal.reader().verify(Some(&anchor)).unwrap();
    assert!(found.problems.iter().any(|problem| problem.what.contains(&anchor)), "{found:?}");
}
