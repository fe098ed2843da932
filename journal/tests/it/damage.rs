//! Torn and damaged blocks.

use std::fs;
use std::path::Path;

use journal::{Error, Journal, Selection};

use crate::support::{HOUR, later, lines, noise, noon, open, segment_dirs, stderr, try_dispose, with_blocks};

#[test]
fn a_torn_event_counts_as_absent_and_its_number_is_given_again() {
    for parts_left in 1..4 {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open(dir.path());
        journal.append(&stderr("before")).unwrap();
        journal.flush().unwrap();
        let segment = segment_dirs(dir.path()).remove(0);
        let synced = fs::read(segment.join("synced")).unwrap();
        journal.append(&stderr(noise(500_000, 1))).unwrap();
        journal.close().unwrap();
        // As a kill would leave it: the long event was never synced.
        fs::write(segment.join("synced"), synced).unwrap();
        with_blocks(&segment, |blocks| {
            // Block 0 is small, the long event has four parts: 1 to 4.
            for lost in (1 + parts_left..=4_u32).rev() {
                assert!(!blocks.insert(lost.to_be_bytes(), &[]).unwrap().unwrap().is_empty());
            }
        });

        let mut journal = open(dir.path());
        assert_eq!(journal.reader().head(), 2);
        assert_eq!(lines(&journal.reader()).len(), 2);
        assert_eq!(journal.append(&stderr("after")).unwrap(), 5, "segment.opened has the number of the torn event");
        journal.flush().unwrap();
        journal.append(&stderr("more")).unwrap();
        journal.close().unwrap();
        let journal = open(dir.path());
        let lines = lines(&journal.reader());
        assert_eq!(lines.len(), 6);
        assert!(lines[1].contains("before") && lines[4].contains("after") && lines[5].contains("more"));
        assert!(lines[3].contains("segment.recovered") && lines[3].contains("\"torn\":true"), "{}", lines[3]);
    }
}

#[test]
fn a_segment_that_begins_torn_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    journal.append(&stderr("first")).unwrap();
    journal.close().unwrap();
    let segment = segment_dirs(dir.path()).remove(0);
    fs::remove_file(segment.join("synced")).unwrap();
    with_blocks(&segment, |blocks| {
        let first = blocks.get(0_u32.to_be_bytes()).unwrap().unwrap();
        let mut torn = first.to_vec();
        torn[31] = 3;
        blocks.insert(0_u32.to_be_bytes(), torn).unwrap();
        for rest in (1..8_u32).rev() {
            blocks.insert(rest.to_be_bytes(), &[]).unwrap();
        }
    });
    let mut journal = open(dir.path());
    assert_eq!(journal.reader().head(), 0);
    assert_eq!(journal.append(&stderr("again")).unwrap(), 3);
    journal.close().unwrap();
    let lines = lines(&open(dir.path()).reader());
    assert!(lines[1].contains("segment.recovered") && lines[2].contains("again"));
}

#[test]
fn a_damaged_block_is_named_and_the_rest_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    for n in 0..6 {
        journal.append(&stderr(if n == 3 { noise(250_000, n) } else { format!("event {n}") })).unwrap();
        journal.flush().unwrap();
    }
    journal.close().unwrap();
    // Blocks 0, 1, 2; 3 to 6 are the parts of the long event; 7 and 8.
    let segment = segment_dirs(dir.path()).remove(0);
    with_blocks(&segment, |blocks| {
        for number in [1_u32, 4] {
            let mut block = blocks.get(number.to_be_bytes()).unwrap().unwrap().to_vec();
            let last = block.len() - 6;
            block[last] ^= 1;
            blocks.insert(number.to_be_bytes(), block).unwrap();
        }
    });

    let journal = open(dir.path());
    let (mut read, mut damaged) = (Vec::new(), Vec::new());
    for line in journal.reader().events(Selection::default()) {
        match line {
            Ok(line) => read.push(line.seq),
            Err(Error::Damaged { segment: name, block, .. }) => {
                assert_eq!(name, segment.file_name().unwrap().to_str().unwrap());
                damaged.push(block.unwrap());
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(read, [1, 2, 4, 6, 7]);
    assert_eq!(damaged, [1, 4]);
}

/// Changes one bit of the block that is the `n`th in the file.
fn flip_a_bit(segment: &Path, n: usize) {
    let file = segment.join("db");
    let mut bytes = fs::read(&file).expect("readable");
    let block = bytes.windows(4).enumerate().filter(|(_, window)| *window == b"JBLK").nth(n);
    let at = block.expect("so many blocks").0 + 130;
    bytes[at] ^= 4;
    fs::write(&file, bytes).expect("written");
}

/// Reads everything: the lines' numbers, after comparing the texts with those of `whole`, and the errors.
fn read_damaged(journal: &Journal, whole: &[String]) -> (Vec<u64>, Vec<Error>) {
    let (mut read, mut errors) = (Vec::new(), Vec::new());
    for line in journal.reader().events(Selection::default()) {
        match line {
            Ok(line) => {
                let expected = whole.get(usize::try_from(line.seq).expect("small") - 1);
                assert!(expected.is_none_or(|expected| *expected == line.text));
                read.push(line.seq);
            }
            Err(error) => {
                assert!(matches!(error, Error::Damaged { .. }), "{error}");
                errors.push(error);
            }
        }
    }
    (read, errors)
}

#[test]
fn a_flipped_bit_in_a_closed_segment_costs_what_is_near_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    for n in 0..400 {
        journal.append(&stderr(format!("event {n} {}", noise(6000, n)))).unwrap();
        journal.flush().unwrap();
    }
    journal.append(&later(stderr("next segment"), HOUR)).unwrap();
    journal.flush().unwrap();
    let whole = lines(&journal.reader());
    journal.close().unwrap();
    flip_a_bit(&segment_dirs(dir.path())[0], 100);

    let (read, errors) = read_damaged(&open(dir.path()), &whole);
    assert!(!errors.is_empty());
    assert!(errors.iter().all(|error| matches!(error, Error::Damaged { block: Some(_), .. })), "{errors:?}");
    assert!(read.len() + 16 >= whole.len(), "{} of {}, {errors:?}", read.len(), whole.len());
}

#[test]
fn events_that_sled_cuts_off_behind_a_flipped_bit_are_missed_and_not_replaced() {
    for settled in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open(dir.path());
        for n in 0..40 {
            journal.append(&stderr(format!("event {n} {}", noise(200, n)))).unwrap();
            journal.flush().unwrap();
        }
        let whole = lines(&journal.reader());
        journal.close().unwrap();
        if settled {
            open(dir.path()).close().unwrap();
        }
        flip_a_bit(&segment_dirs(dir.path())[0], 20);

        let mut journal = open(dir.path());
        assert_eq!(journal.append(&stderr("after")).unwrap(), 44, "behind all that was there, and what was found");
        journal.flush().unwrap();
        let (read, errors) = read_damaged(&journal, &whole);
        assert_eq!(errors.len(), 1);
        assert_eq!(read[read.len() - 3..], [42, 43, 44]);

        let segments = journal.reader().segments().unwrap();
        assert!(segments[0].damage.is_some() && segments[1].damage.is_none());
        assert_eq!((segments[0].last_seq, segments[1].first_seq), (41, 42));
        try_dispose(&mut journal, &segments[0].name, noon()).unwrap();
        assert_eq!(read_damaged(&journal, &[]).0, [42, 43, 44, 45]);
    }
}
