//! The keys of pseudonyms: one a day, on disk before it is used, gone with its day.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::civil::date;
use journal::{Counts, DayKey, Draft, Event, Journal, Options, RequestId, Scrub};

use crate::support::{HOUR, authority, finished, later, lines, noon, received, stderr};

/// Puts the key's first bytes in place of the word `secret`, and keeps every key it is given. A key must be on disk by then.
struct Tokens {
    dir: PathBuf,
    seen: Mutex<Vec<[u8; 32]>>,
}

impl Scrub for Tokens {
    fn scrub(&self, key: &DayKey, json: &mut String) -> Counts {
        assert!(!key_files(&self.dir).is_empty());
        self.seen.lock().unwrap().push(*key.as_bytes());
        let found = json.matches("secret").count() as u64;
        *json = json.replace("secret", &token(key.as_bytes()));
        [("word", found)].into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

fn token(key: &[u8; 32]) -> String {
    hex::encode(&blake3::hash(key).as_bytes()[..8])
}

fn open(dir: &Path) -> (Journal, Arc<Tokens>) {
    open_with(dir, None)
}

fn open_with(dir: &Path, key_file: Option<PathBuf>) -> (Journal, Arc<Tokens>) {
    let tokens = Arc::new(Tokens { dir: dir.to_owned(), seen: Mutex::default() });
    let options = Options { key_file, ..Options::default() };
    (Journal::open(dir, options, tokens.clone()).unwrap(), tokens)
}

/// The days that have a key, in order.
fn key_files(dir: &Path) -> Vec<String> {
    let files = fs::read_dir(dir.join("keys/pseudonyms")).into_iter().flatten();
    let mut days: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    days.sort();
    days
}

/// A request received at `at`.
fn id_at(at: jiff::Timestamp, n: u64) -> RequestId {
    format!("{:012x}7000{:016x}", at.as_millisecond(), 0x8000_0000_0000_0000 | n).parse().unwrap()
}

/// Appends an event and reads it back.
fn kept(journal: &mut Journal, draft: &Draft) -> Event {
    let seq = journal.append(draft).unwrap();
    journal.flush().unwrap();
    let line = lines(&journal.reader()).into_iter().find(|line| line.starts_with(&format!("{{\"seq\":{seq},")));
    serde_json::from_str(&line.unwrap()).unwrap()
}

fn line_of(event: &Event) -> String {
    match &event.draft.body {
        journal::EventBody::WorkerStderr { line, .. } => line.clone(),
        _ => panic!("another event"),
    }
}

/// Every file below `dir`, with what is in it.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found
}

#[test]
fn a_days_events_share_a_key_and_those_of_two_days_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, tokens) = open(dir.path());
    let of = |draft: Draft, id| Draft { request: Some(id), ..draft };
    let today = line_of(&kept(&mut journal, &stderr("secret")));
    assert_eq!(line_of(&kept(&mut journal, &later(stderr("secret"), HOUR))), today);
    // Received before midnight, still there after it.
    let late = id_at(noon() + HOUR * 11, 1);
    assert_eq!(line_of(&kept(&mut journal, &of(later(stderr("secret"), HOUR * 13), late))), today);
    let tomorrow = line_of(&kept(&mut journal, &later(stderr("secret"), HOUR * 13)));
    assert_ne!(tomorrow, today);
    assert_eq!(key_files(dir.path()), ["2026-11-23.key", "2026-11-24.key"]);

    journal.close().unwrap();
    let (mut journal, again) = open(dir.path());
    assert_eq!(line_of(&kept(&mut journal, &of(later(stderr("secret"), HOUR * 14), late))), today);
    assert_eq!(line_of(&kept(&mut journal, &later(stderr("secret"), HOUR * 14))), tomorrow);
    journal.close().unwrap();
    let keys = [tokens.seen.lock().unwrap().clone(), again.seen.lock().unwrap().clone()].concat();
    for (path, content) in files(dir.path()) {
        for key in &keys {
            let holds = |bytes: &[u8]| content.windows(bytes.len()).any(|window| window == bytes);
            assert!(
                !holds(hex::encode(key).as_bytes()) && !holds(key),
                "a key lies in the clear in {}",
                path.display()
            );
        }
    }
}

#[test]
fn an_event_says_how_often_something_was_redacted() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path());
    let event = kept(&mut journal, &stderr("secret and secret"));
    assert_eq!(event.scrubbed.iter().collect::<Vec<_>>(), [("word", 2)]);
    assert!(kept(&mut journal, &stderr("nothing")).scrubbed.is_empty());
    let text = lines(&journal.reader()).concat();
    assert!(text.contains(r#""},"scrubbed":{"word":2}}"#) && text.matches("scrubbed").count() == 1, "{text}");
    // A summary is folded from such lines as from others.
    let id = RequestId::generate();
    journal.append(&received(id, r#"{"a":"secret"}"#)).unwrap();
    journal.append(&finished(id)).unwrap();
    journal.flush().unwrap();
    assert_eq!(journal.reader().summaries(None).unwrap().count(), 1);
}

#[test]
fn a_key_dies_with_its_day_and_the_ledger_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path());
    let before = line_of(&kept(&mut journal, &stderr("secret")));
    kept(&mut journal, &later(stderr("secret"), HOUR * 24));
    let gone =
        journal.dispose_pseudonyms_before(date(2026, 11, 24), "content_ttl 72h", &authority(), noon() + HOUR * 97);
    assert_eq!(gone.unwrap(), 1);
    assert_eq!(key_files(dir.path()), ["2026-11-24.key", "2026-11-27.key"], "and that of the record's own day");
    let again =
        journal.dispose_pseudonyms_before(date(2026, 11, 24), "content_ttl 72h", &authority(), noon() + HOUR * 97);
    assert_eq!(again.unwrap(), 0);
    journal.flush().unwrap();
    let entries: Vec<_> = journal.reader().ledger().unwrap().map(Result::unwrap).collect();
    let told: Vec<_> = entries.iter().filter(|entry| entry.kind == "pseudonyms.disposed").collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].text.contains(r#""day":"2026-11-23""#) && told[0].text.contains("content_ttl 72h"));
    assert_eq!(journal.reader().verify(None).unwrap().problems, []);
    // Not from memory either.
    assert_ne!(
        line_of(&kept(&mut journal, &Draft { request: Some(id_at(noon(), 1)), ..later(stderr("secret"), HOUR * 97) })),
        before
    );
}

#[test]
fn a_disposal_that_was_cut_off_is_finished_and_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path());
    kept(&mut journal, &stderr("secret"));
    journal.close().unwrap();
    let intent = r#"{"at":"2026-11-27T12:00:00Z","doomed":[{"kind":"pseudonyms","name":"2026-11-23","body":{
        "type":"pseudonyms.disposed","data":{"day":"2026-11-23","policy":"p","reason":"r","actor":"a"}}}]}"#;
    fs::write(dir.path().join("disposing"), intent).unwrap();
    for _ in 0..2 {
        let (journal, _) = open(dir.path());
        assert!(!key_files(dir.path()).contains(&"2026-11-23.key".to_owned()));
        let told =
            journal.reader().ledger().unwrap().filter(|entry| entry.as_ref().unwrap().kind == "pseudonyms.disposed");
        assert_eq!(told.count(), 1);
        journal.close().unwrap();
    }
}

#[test]
fn a_lost_or_damaged_key_breaks_joins_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path());
    let mut tokens = vec![line_of(&kept(&mut journal, &stderr("secret")))];
    journal.close().unwrap();
    let file = dir.path().join("keys/pseudonyms/2026-11-23.key");
    let breaks: [fn(&Path); 2] = [|file| fs::remove_file(file).unwrap(), |file| fs::write(file, "none").unwrap()];
    for damage in breaks {
        damage(&file);
        let (mut journal, _) = open(dir.path());
        if file.exists() {
            let problems = journal.reader().verify(None).unwrap().problems;
            assert!(problems.len() == 1 && problems[0].segment == "2026-11-23", "{problems:?}");
        }
        tokens.push(line_of(&kept(&mut journal, &stderr("secret"))));
        assert_eq!(journal.reader().verify(None).unwrap().problems, []);
        journal.close().unwrap();
    }
    let (mut journal, _) = open(dir.path());
    assert_eq!(line_of(&kept(&mut journal, &stderr("secret"))), tokens[2], "the new one is kept");
    tokens.dedup();
    assert_eq!(tokens.len(), 3);
}

#[test]
fn tokens_stay_the_same_after_rekeying_and_restoring() {
    let dir = tempfile::tempdir().unwrap();
    let (from, target, to) = (dir.path().join("from"), dir.path().join("backup"), dir.path().join("to"));
    let (mut journal, _) = open(&from);
    let token = line_of(&kept(&mut journal, &stderr("secret")));
    journal.close().unwrap();

    let new = dir.path().join("new.key");
    journal::rekey(&from, None, &new, "uid:1").unwrap();
    fs::remove_file(from.join("keys/master.key")).unwrap();
    let (mut journal, _) = open_with(&from, Some(new.clone()));
    assert_eq!(line_of(&kept(&mut journal, &stderr("secret"))), token);

    journal.reader().backup(&target, noon()).unwrap();
    journal.close().unwrap();
    assert_eq!(key_files(&target), key_files(&from));
    assert_eq!(Journal::restore(&target, &to, Some(new.clone())).unwrap().problems, []);
    let (mut journal, _) = open_with(&to, Some(new));
    assert_eq!(line_of(&kept(&mut journal, &stderr("secret"))), token);
}

#[test]
fn without_a_place_for_its_key_an_event_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path());
    fs::write(dir.path().join("keys/pseudonyms"), "in the way").unwrap();
    assert!(matches!(journal.append(&stderr("secret")), Err(journal::Error::Io { .. })));
    fs::remove_file(dir.path().join("keys/pseudonyms")).unwrap();
    assert_eq!(line_of(&kept(&mut journal, &stderr("secret"))).len(), 16);
}
