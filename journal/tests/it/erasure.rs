//! Erasing: content that goes before its time is gone, and everything else is as it was.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use journal::{Error, HoldSelector, Journal, RequestId, Selection};

use crate::support::{
    HOUR, begin_erasure, copy, erase, files, finished, frame, later, lines, noon, open, received, seal_all,
    segment_dirs, stderr, try_dispose,
};

const WORDS: &str = "the crocodile sings";
const OTHER: &str = "the walrus knits";

/// A request id of the time of the first segment.
fn id(number: u64) -> RequestId {
    format!("{:012x}70008000{number:012x}", noon().as_millisecond()).parse().unwrap()
}

fn by_id(id: RequestId) -> HoldSelector {
    HoldSelector::Request(id)
}

/// A journal of two segments: a request that is to go in both of them, and one that is to stay in the first.
fn journal_of(dir: &Path) -> (Journal, RequestId, RequestId) {
    let [gone, kept] = [1, 2].map(id);
    let mut journal = open(dir);
    journal.append(&received(gone, &format!("{{\"text\":\"{WORDS}\"}}"))).unwrap();
    journal.append(&received(kept, &format!("{{\"text\":\"{OTHER}\"}}"))).unwrap();
    journal.append(&stderr("between")).unwrap();
    journal.append(&finished(kept)).unwrap();
    journal.anchor(noon()).unwrap();
    journal.append(&later(frame(gone, &format!("{{\"delta\":\"{WORDS} again\"}}")), HOUR)).unwrap();
    journal.append(&later(finished(gone), HOUR)).unwrap();
    journal.flush().unwrap();
    (journal, gone, kept)
}

fn text(journal: &Journal) -> String {
    let lines = journal.reader().events(Selection::default());
    lines.map(|line| line.unwrap().text).collect::<Vec<_>>().join("\n")
}

fn is_sound(journal: &Journal) {
    assert_eq!(journal.reader().verify(None).unwrap().problems, []);
}

fn events_of(journal: &Journal, id: RequestId) -> Vec<String> {
    let selection = Selection { request: Some(id), ..Selection::default() };
    journal.reader().events(selection).map(|line| line.unwrap().text).collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn what_is_erased_is_gone_with_its_key_and_everything_else_is_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, gone, kept) = journal_of(dir.path());
    let before = (lines(&journal.reader()), events_of(&journal, kept));
    let first = segment_dirs(dir.path()).remove(0);
    let key = dir.path().join("keys/segments").join(first.file_name().unwrap()).with_added_extension("key");
    let old_key = fs::read(&key).unwrap();

    assert_eq!(erase(&mut journal, by_id(gone)).unwrap(), (1, 3, 2));
    let after = lines(&journal.reader());
    for (before, after) in before.0.iter().zip(&after) {
        let is_gone = before.contains(&gone.to_string());
        assert_eq!(before != after, is_gone, "{after}");
        if is_gone {
            let kind = before.split("\"type\":\"").nth(1).unwrap().split('"').next().unwrap();
            assert!(
                after.ends_with(&format!("\"type\":\"event.erased\",\"data\":{{\"was\":\"{kind}\"}}}}")),
                "{after}"
            );
            assert_eq!(before.split("\"type\"").next(), after.split("\"type\"").next(), "number, time and request");
        }
    }
    assert!(!text(&journal).contains(WORDS) && text(&journal).contains(OTHER));
    assert_eq!(events_of(&journal, kept), before.1);
    assert_eq!(events_of(&journal, gone).len(), 3, "what there was can still be told");
    is_sound(&journal);

    journal.close().unwrap();
    for path in files(dir.path()) {
        assert!(!contains(&fs::read(&path).unwrap(), &old_key), "the old key is in {}", path.display());
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(!name.contains("next") && !name.contains("new"), "{} was left behind", path.display());
    }
    let mut journal = open(dir.path());
    is_sound(&journal);
    assert!(!text(&journal).contains(WORDS));
    assert_eq!(erase(&mut journal, by_id(gone)).unwrap(), (0, 0, 0), "there is nothing more");

    // The chain goes on over what is disposed of later.
    for name in [0, 0].map(|at| journal.segments().unwrap().remove(at).name) {
        if journal.segments().unwrap().iter().any(|segment| segment.name == name) {
            try_dispose(&mut journal, &name, noon() + HOUR).unwrap();
        }
        is_sound(&journal);
    }
}

#[test]
fn everything_of_a_key_goes_also_what_is_in_a_later_segment() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, ..) = journal_of(dir.path());
    assert_eq!(erase(&mut journal, HoldSelector::Key("another".to_owned())).unwrap(), (0, 0, 0));
    assert!(text(&journal).contains(WORDS));
    assert_eq!(erase(&mut journal, HoldSelector::Key("k1".to_owned())).unwrap().1, 5);
    assert!(!text(&journal).contains(WORDS) && !text(&journal).contains(OTHER));
    is_sound(&journal);
    let told: Vec<_> = journal.reader().ledger().unwrap().map(Result::unwrap).collect();
    let told: Vec<_> = told.iter().filter(|entry| entry.kind == "segment.erased").collect();
    assert_eq!(told.len(), 2);
    for words in ["\"selector\":{\"key\":\"k1\"}", "\"reason\":\"asked to\"", "\"actor\":\"uid:7\""] {
        assert!(told[0].text.contains(words), "{}", told[0].text);
    }
}

#[test]
fn what_is_held_is_not_erased_be_it_in_its_segment_or_carried_over() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, gone, kept) = journal_of(dir.path());
    let hold = journal.place_hold(by_id(kept), "case 7", "uid:1", noon()).unwrap();
    for carried_over in [false, true] {
        if carried_over {
            let segment = journal.segments().unwrap().remove(0).name;
            try_dispose(&mut journal, &segment, noon()).unwrap();
            assert!(!events_of(&journal, kept).is_empty());
        }
        let before = text(&journal);
        for selector in [by_id(kept), HoldSelector::Key("k1".to_owned())] {
            let refused = erase(&mut journal, selector);
            assert!(matches!(refused, Err(Error::Held { .. })), "{refused:?}");
        }
        assert!(text(&journal).starts_with(&before), "nothing was erased");
    }
    journal.lift_hold(&hold, "closed", "uid:1", noon()).unwrap();
    erase(&mut journal, HoldSelector::Key("k1".to_owned())).unwrap();
    assert!(!text(&journal).contains(WORDS) && !text(&journal).contains(OTHER));
    assert!(events_of(&journal, gone).iter().all(|line| line.contains("event.erased")));
    assert_eq!(events_of(&journal, kept).len(), 0, "what was carried over for the hold alone is gone");
    is_sound(&journal);
}

#[test]
fn a_hold_that_is_placed_in_the_middle_of_it_is_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, gone, _) = journal_of(dir.path());
    let erasure = begin_erasure(&mut journal, by_id(gone));
    let erasable = journal.reader().find_erasable(&erasure).unwrap();
    let prepared = journal.reader().prepare_erasure(&erasable, &erasable.segments[0]).unwrap().unwrap();
    assert!(matches!(journal.begin_erasure(by_id(gone), "x", "uid:7", noon()), Err(Error::Erasing)));
    journal.place_hold(by_id(gone), "case 7", "uid:1", noon()).unwrap();
    let refused = journal.commit_erasure(&erasure, &prepared, noon());
    assert!(matches!(refused, Err(Error::Held { .. })), "{refused:?}");
    drop(erasure);
    assert!(text(&journal).contains(WORDS));
    is_sound(&journal);
}

#[test]
fn a_segment_that_was_changed_is_not_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, gone, _) = journal_of(dir.path());
    let erasure = begin_erasure(&mut journal, by_id(gone));
    let sealed = segment_dirs(dir.path()).remove(0).join("sealed");
    let mut bytes = fs::read(&sealed).unwrap();
    // The salt: nothing can be read with another one.
    bytes[10] ^= 1;
    fs::write(&sealed, bytes).unwrap();
    let name = sealed.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    let erasable = journal.reader().find_erasable(&erasure).unwrap();
    assert!(erasable.unreadable.contains(&name) && !erasable.segments.contains(&name), "{erasable:?}");
    let refused = journal.reader().prepare_erasure(&erasable, &name);
    assert!(matches!(refused, Err(Error::Damaged { .. })), "{refused:?}");
    drop(erasure);

    // Another file that can be read, with the right key, is not the one that the ledger knows either.
    let (dir, again) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (journal, gone, _) = journal_of(dir.path());
    journal.close().unwrap();
    copy(dir.path(), again.path());
    let sealed_in = |dir: &Path| {
        seal_all(&mut open(dir));
        segment_dirs(dir).remove(0).join("sealed")
    };
    fs::copy(sealed_in(again.path()), sealed_in(dir.path())).unwrap();
    let mut journal = open(dir.path());
    let refused = erase(&mut journal, by_id(gone));
    assert!(matches!(refused, Err(Error::Damaged { .. })), "{refused:?}");
}

/// The journal in `dir` as a kill at different moments of its erasure leaves it.
struct Moments {
    _dir: tempfile::TempDir,
    gone: RequestId,
    /// Written anew, and nothing more.
    prepared: PathBuf,
    /// Everything done in the first segment.
    done: PathBuf,
    /// The name of that segment.
    segment: String,
}

fn moments() -> Moments {
    let dir = tempfile::tempdir().unwrap();
    let (path, prepared, done) = (dir.path().join("j"), dir.path().join("prepared"), dir.path().join("done"));
    let (mut journal, gone, _) = journal_of(&path);
    let erasure = begin_erasure(&mut journal, by_id(gone));
    let erasable = journal.reader().find_erasable(&erasure).unwrap();
    let segment = erasable.segments[0].clone();
    let anew = journal.reader().prepare_erasure(&erasable, &segment).unwrap().unwrap();
    copy(&path, &prepared);
    journal.commit_erasure(&erasure, &anew, Timestamp::now()).unwrap();
    copy(&path, &done);
    Moments { _dir: dir, gone, prepared, done, segment }
}

fn first_is_erased(journal: &Journal, gone: RequestId) -> bool {
    events_of(journal, gone)[0].contains("event.erased")
}

#[test]
fn a_kill_before_the_ledger_is_told_leaves_everything_as_it_was() {
    for whole in [false, true] {
        let moments = moments();
        let folder = moments.prepared.join("segments").join(&moments.segment);
        if whole {
            fs::rename(folder.join("sealed.new"), folder.join("sealed.next")).unwrap();
        }
        let journal = open(&moments.prepared);
        assert!(!first_is_erased(&journal, moments.gone));
        is_sound(&journal);
        assert_eq!(files(&folder), [folder.join("sealed")]);
        assert!(!moments.prepared.join(format!("keys/segments/{}.next.key", moments.segment)).exists());
    }
}

#[test]
fn a_kill_after_the_ledger_was_told_is_made_good_by_the_next_opening() {
    let key = |journal: &Path, name: &str, suffix: &str| journal.join(format!("keys/segments/{name}{suffix}.key"));
    // What was done of replacing file and key: nothing, the old key destroyed, the new one in its place, the file too.
    for step in 0..4 {
        let Moments { _dir, gone, prepared, done, segment } = moments();
        let (before, now) = (prepared.join("segments").join(&segment), done.join("segments").join(&segment));
        fs::copy(key(&prepared, &segment, ".next"), key(&done, &segment, ".next")).unwrap();
        if step < 3 {
            fs::copy(before.join("sealed"), now.join("sealed")).unwrap();
            fs::copy(before.join("sealed.new"), now.join("sealed.next")).unwrap();
        }
        match step {
            0 => drop(fs::copy(key(&prepared, &segment, ""), key(&done, &segment, "")).unwrap()),
            1 => fs::remove_file(key(&done, &segment, "")).unwrap(),
            _ => {}
        }
        let journal = open(&done);
        assert!(first_is_erased(&journal, gone), "step {step}");
        is_sound(&journal);
        assert_eq!(files(&now), [now.join("sealed")], "step {step}");
        assert!(!key(&done, &segment, ".next").exists(), "step {step}");
    }
}

#[test]
fn a_backup_after_it_is_sound_and_does_not_have_it() {
    let dir = tempfile::tempdir().unwrap();
    let (path, target, again) = (dir.path().join("j"), dir.path().join("backup"), dir.path().join("again"));
    let (mut journal, gone, _) = journal_of(&path);
    erase(&mut journal, by_id(gone)).unwrap();
    journal.reader().backup(&target, noon()).unwrap();
    let key_file = Some(path.join("keys/master.key"));
    assert_eq!(Journal::restore(&target, &again, key_file.clone()).unwrap().problems, []);
    fs::copy(path.join("keys/master.key"), again.join("keys/master.key")).unwrap();
    let journal = open(&again);
    assert!(!text(&journal).contains(WORDS) && text(&journal).contains(OTHER));
}
