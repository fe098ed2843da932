//! Opening: format, lock, permissions, rotation, reopening.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use journal::{Error, Journal, NoScrub, Options};

use crate::support::{HOUR, later, lines, noise, noon, open, segment_dirs, stderr, try_dispose, try_open};

#[test]
fn a_newer_format_is_refused_and_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("FORMAT"), r#"{"format":7,"written_by":"9.1.0","readable_from":"8.2.0"}"#).unwrap();
    let error = try_open(dir.path()).err().expect("refused");
    assert!(matches!(error, Error::OtherFormat { found: 7, supported: 2, .. }));
    assert!(error.to_string().contains("use version 8.2.0 or later"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn the_format_is_declared_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).close().unwrap();
    let declared = fs::read_to_string(dir.path().join("FORMAT")).unwrap();
    assert_eq!(declared, "{\"format\":2,\"written_by\":\"0.1.0\",\"readable_from\":\"0.1.0\"}\n");
}

#[test]
fn a_second_opener_is_told_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let error = try_open(dir.path()).err().expect("refused");
    let pid = std::process::id();
    assert!(matches!(&error, Error::Locked { pid: Some(holder), .. } if *holder == pid));
    assert!(error.to_string().contains(&format!("process {pid}")), "{error}");

    let reader = journal.reader();
    drop(journal);
    assert!(matches!(try_open(dir.path()), Err(Error::Locked { .. })), "a reader keeps it open");
    drop(reader);
    open(dir.path());
}

#[test]
fn without_create_there_must_be_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let options = Options { create: false, ..Options::default() };
    let refused = Journal::open(&path, options.clone(), Arc::new(NoScrub));
    assert!(matches!(refused, Err(Error::NotFound { .. })));
    assert!(!path.exists());
    open(&path).close().unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    Journal::open(&path, options, Arc::new(NoScrub)).unwrap();
}

#[test]
fn the_first_append_past_the_period_begins_a_segment() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    assert!(!dir.path().join("segments").exists(), "none before there is something to keep");
    assert_eq!(journal.append(&stderr("a")).unwrap(), 2, "after segment.opened");
    journal.append(&later(stderr("b"), HOUR / 2)).unwrap();
    assert_eq!(journal.append(&later(stderr("c"), HOUR)).unwrap(), 5);
    journal.flush().unwrap();

    let segments = journal.reader().segments().unwrap();
    let known: Vec<_> = segments.iter().map(|s| (s.name.as_str(), s.first_seq, s.last_seq, s.live)).collect();
    assert_eq!(
        known,
        [("00000000000000000001-20261123T120000Z", 1, 3, false), ("00000000000000000004-20261123T130000Z", 4, 5, true)]
    );
    assert!(segments.iter().all(|s| s.bytes_on_disk > 0));
    let lines = lines(&journal.reader());
    assert_eq!(lines.len(), 5);
    let opened = r#""type":"segment.opened","data":{"segment":"00000000000000000004-20261123T130000Z","start":"#;
    assert!(lines[3].contains(opened), "{}", lines[3]);
}

#[test]
fn a_drop_without_flush_loses_the_open_block_and_leaves_no_gap() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    journal.append(&stderr("kept")).unwrap();
    journal.flush().unwrap();
    assert_eq!(journal.append(&stderr("lost")).unwrap(), 3);
    drop(journal);

    let mut journal = open(dir.path());
    assert_eq!(journal.reader().head(), 2);
    assert_eq!(journal.append(&stderr("next")).unwrap(), 3);
    journal.flush().unwrap();
    let lines = lines(&journal.reader());
    assert!(lines[1].contains("kept") && lines[2].contains("next"));
}

#[test]
fn a_segment_without_a_block_is_begun_again_under_its_own_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    journal.append(&stderr("first")).unwrap();
    journal.flush().unwrap();
    journal.append(&later(stderr("lost"), HOUR)).unwrap();
    drop(journal);
    assert_eq!(segment_dirs(dir.path()).len(), 2);

    let mut journal = open(dir.path());
    assert_eq!(journal.append(&later(stderr("later"), HOUR * 3)).unwrap(), 4, "the new segment says so itself first");
    journal.flush().unwrap();
    assert_eq!(segment_dirs(dir.path()).len(), 2);
    assert_eq!(journal.segments().unwrap()[1].opened_at, noon() + HOUR * 3);
    assert!(lines(&journal.reader())[2].contains("segment.opened"));
}

#[test]
fn a_segment_is_begun_on_demand_so_that_the_one_before_can_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    journal.append(&stderr("quiet")).unwrap();
    let minute = HOUR / 60;
    journal.begin_segment(noon() + minute).unwrap();
    let ages: Vec<_> = journal.segments().unwrap().into_iter().map(|age| (age.opened_at, age.live)).collect();
    assert_eq!(ages, [(noon(), false), (noon() + minute, true)]);
    assert_eq!(journal.reader().head(), 2, "the one before is flushed");

    let quiet = journal.segments().unwrap().remove(0).name;
    assert_eq!(try_dispose(&mut journal, &quiet, noon() + minute).unwrap(), 4);
    let lines = lines(&journal.reader());
    assert!(lines[0].contains("segment.opened") && lines[1].contains("segment.disposed"), "{lines:?}");
    assert_eq!(lines.len(), 2);
    assert_eq!(segment_dirs(dir.path()).len(), 1);
    journal.close().unwrap();
    assert_eq!(open(dir.path()).append(&stderr("next")).unwrap(), 5);
}

#[test]
fn a_segment_begun_in_an_empty_journal_is_its_first() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    journal.begin_segment(noon()).unwrap();
    assert_eq!(journal.append(&stderr("first")).unwrap(), 2);
    assert_eq!(segment_dirs(dir.path()).len(), 1);
}

#[test]
fn more_segments_than_may_be_open_are_read_and_disposed_of() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    for hour in 0..20 {
        journal.append(&later(stderr(format!("hour {hour}")), HOUR * hour)).unwrap();
    }
    journal.flush().unwrap();
    let reader = journal.reader();
    assert_eq!(lines(&reader).len(), 40);

    let mut under_way = reader.events(journal::Selection::default());
    under_way.next().unwrap().unwrap();
    let segments = reader.segments().unwrap();
    for segment in &segments[..19] {
        try_dispose(&mut journal, &segment.name, noon() + HOUR * 19).unwrap();
    }
    let live = &segments[19].name;
    assert!(matches!(try_dispose(&mut journal, live, noon()), Err(Error::SegmentInUse { .. })));
    assert!(matches!(try_dispose(&mut journal, "x", noon()), Err(Error::NoSuchSegment { .. })));
    assert_eq!(segment_dirs(dir.path()).len(), 1);
    assert_eq!(under_way.map(Result::unwrap).last().unwrap().seq, 40, "a reader passes over what is gone");

    drop(reader);
    journal.close().unwrap();
    let journal = open(dir.path());
    let lines = lines(&journal.reader());
    assert_eq!(lines.len(), 2 + 19);
    assert!(lines[2].contains(
        r#""data":{"segment":"00000000000000000001-20261123T120000Z","first_seq":1,"last_seq":2,"events":2,"#
    ));
}

#[test]
fn a_failed_append_takes_no_number() {
    struct Breaks;
    impl journal::Scrub for Breaks {
        fn scrub(&self, _: &journal::DayKey, json: &mut String) -> journal::Counts {
            if json.contains("break me") {
                json.insert(1, '\n');
            }
            journal::Counts::default()
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), Options::default(), Arc::new(Breaks)).unwrap();
    assert_eq!(journal.append(&stderr("a")).unwrap(), 2);
    let error = journal.append(&stderr("break me")).unwrap_err();
    assert!(matches!(error, Error::Scrub { .. }));
    assert!(!error.to_string().contains("break me"));
    assert_eq!(journal.append(&stderr(noise(300_000, 1))).unwrap(), 3);
    journal.flush().unwrap();
    assert_eq!(lines(&journal.reader()).len(), 3);
}

#[test]
fn a_disposal_that_failed_half_way_is_finished_and_told_once() {
    for reopened in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open(dir.path());
        journal.append(&stderr("old")).unwrap();
        journal.append(&later(stderr("new"), HOUR)).unwrap();
        journal.flush().unwrap();
        let segment = segment_dirs(dir.path()).remove(0);
        let name = segment.file_name().unwrap().to_str().unwrap().to_owned();
        // A file in the place of the folder cannot be removed as one.
        let aside = dir.path().join("aside");
        fs::rename(&segment, &aside).unwrap();
        fs::write(&segment, "").unwrap();
        assert!(matches!(try_dispose(&mut journal, &name, noon()), Err(Error::Io { .. })));
        assert!(lines(&journal.reader()).iter().all(|line| !line.contains("segment.disposed")));
        assert!(!dir.path().join(format!("keys/segments/{name}.key")).exists(), "the key goes first");

        fs::remove_file(&segment).unwrap();
        fs::rename(&aside, &segment).unwrap();
        if reopened {
            drop(journal);
            journal = open(dir.path());
        } else {
            assert!(matches!(try_dispose(&mut journal, &name, noon()), Err(Error::NoSuchSegment { .. })));
        }
        journal.flush().unwrap();
        assert!(!segment.exists() && !dir.path().join("disposing").exists());
        let lines = lines(&journal.reader());
        let told: Vec<_> = lines.iter().filter(|line| line.contains("segment.disposed")).collect();
        assert!(told.len() == 1 && told[0].contains(r#""first_seq":1,"last_seq":2,"#), "{told:?}");
        assert!(journal.reader().verify(None).unwrap().problems.is_empty());
    }
}

#[test]
fn a_segment_that_was_never_finished_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    journal.append(&stderr("kept")).unwrap();
    journal.close().unwrap();
    // As a power loss would leave it while sled makes its files.
    let half_made = dir.path().join("segments/00000000000000000003-20261123T130000Z");
    fs::create_dir_all(half_made.join("blobs")).unwrap();
    fs::write(half_made.join("conf"), "").unwrap();

    let mut journal = open(dir.path());
    assert_eq!(journal.append(&later(stderr("next"), HOUR)).unwrap(), 4, "after segment.opened");
    journal.flush().unwrap();
    assert_eq!(lines(&journal.reader()).len(), 4);
    assert_eq!(segment_dirs(dir.path()).len(), 2);
}
