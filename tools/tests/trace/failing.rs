//! Exit codes, and what is said with them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use jiff::Timestamp;
use journal::{Draft, EventBody};

use crate::support::{FINISHED, State, UNKNOWN};

fn fails(state: &State, args: &[&str], code: i32, says: &[&str]) -> String {
    let run = state.trace(args);
    assert_eq!(run.code, code, "{args:?}: {}", run.stderr);
    for words in says {
        assert!(run.stderr.contains(words), "{args:?}: {}", run.stderr);
    }
    run.stdout
}

#[test]
fn nothing_found_is_1() {
    let state = State::empty();
    let place = state.path().to_str().unwrap();
    fails(&state, &["list"], 1, &["no journal", place]);
    state.append(&[]);
    let service = state.serve();
    for _socket_then_folder in [false, true] {
        fails(&state, &["list"], 1, &["no finished request", place]);
        fails(&state, &["show", UNKNOWN], 1, &[UNKNOWN, "codex-trace list"]);
        fails(&state, &["show", UNKNOWN, "--json"], 1, &[UNKNOWN]);
        fails(&state, &["events", "--request", UNKNOWN], 1, &[UNKNOWN]);
        fails(&state, &["events", "--from", "1000"], 1, &["no such events"]);
    }
    service.stop();
    fails(&state, &["list"], 1, &["no finished request"]);
}

#[test]
fn a_wrong_command_line_is_2() {
    let state = State::empty();
    fails(&state, &["show", "0197a0b1"], 2, &["0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b"]);
    fails(&state, &["events", "--request", ""], 2, &["X-Request-Id"]);
    fails(&state, &["list", "--limit", "0"], 2, &["--limit"]);
    for args in [&["lst"][..], &[], &["list", "--colour"], &["show"]] {
        fails(&state, args, 2, &["Usage"]);
    }
    assert!(fails(&state, &["--help"], 0, &[]).contains("Exit codes"));
}

#[test]
fn a_journal_in_use_is_3_and_its_holder_named() {
    let state = State::with_requests();
    let journal = state.journal();
    fails(&state, &["list"], 3, &[&format!("process {}", std::process::id()), "control.sock"]);
    drop(journal);
    state.trace(&["list"]).ok();
}

#[test]
fn a_reader_waits_for_a_journal_that_is_just_let_go() {
    let state = State::with_requests();
    let journal = state.journal();
    let child = state.command(&["list"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    journal.close().unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn a_reading_that_cannot_be_recorded_is_3() {
    let state = State::with_requests();
    let service = state.serve();
    service.close_journal();
    let shown = fails(&state, &["show", FINISHED], 3, &["cannot be recorded"]);
    assert_eq!(shown, "");
    service.stop();
}

#[test]
fn a_folder_that_is_not_ours_is_3() {
    let state = State::with_requests();
    let lock = || fs::set_permissions(state.journal_dir(), fs::Permissions::from_mode(0o000));
    lock().unwrap();
    let is_checked = fs::read_dir(state.journal_dir()).is_err();
    // The superuser may read anything.
    if is_checked {
        fails(&state, &["list"], 3, &[state.path().to_str().unwrap()]);
    }
    fs::set_permissions(state.journal_dir(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_newer_format_is_4_and_names_the_version_that_reads_it() {
    let state = State::empty();
    fs::create_dir(state.journal_dir()).unwrap();
    let declaration = r#"{"format":7,"written_by":"9.1.0","readable_from":"8.2.0"}"#;
    fs::write(state.journal_dir().join("FORMAT"), declaration).unwrap();
    fails(&state, &["list"], 4, &["8.2.0"]);
}

#[test]
fn what_is_not_damaged_is_printed_before_4() {
    let state = State::with_requests();
    let stderr = EventBody::WorkerStderr { worker: "w1".to_owned(), line: "in the next segment".to_owned() };
    let at: Timestamp = "2026-01-05T13:30:00Z".parse().unwrap();
    state.append(&[Draft { at, request: None, body: stderr }]);
    state.trace(&["list"]).ok();
    flip_a_bit(&state);

    for args in [&["events"][..], &["events", "--json"], &["show", FINISHED]] {
        let from_folder = fails(&state, args, 4, &["damaged", "00000000000000000001"]);
        let service = state.serve();
        let from_socket = fails(&state, args, 4, &["damaged", "00000000000000000001"]);
        service.stop();
        if args[0] == "events" {
            assert!(from_folder.contains("in the next segment") && from_socket.contains("in the next segment"));
        }
    }
    let found = fails(&state, &["list", "--grep", "in the next"], 4, &["damaged"]);
    assert_eq!(found, "", "it is of no request");
    // Audit reads of later segments, and the summaries, are whole.
    state.trace(&["list"]).ok();
    state.trace(&["tail", "-n", "3"]).ok();
}

/// Changes one bit of the first block, in the first segment.
fn flip_a_bit(state: &State) {
    let segments = fs::read_dir(state.journal_dir().join("segments")).expect("it has segments");
    let first = segments.map(|entry| entry.expect("listed").path()).min().expect("one");
    let file = first.join("db");
    let mut bytes = fs::read(&file).expect("readable");
    let block = bytes.windows(4).position(|window| window == b"JBLK").expect("a block");
    bytes[block + 130] ^= 4;
    fs::write(&file, bytes).expect("written");
}

#[test]
fn whoever_reads_the_output_may_leave() {
    let state = State::with_requests();
    let chunk = EventBody::ResponseChunk { bytes: "x".repeat(100_000) };
    let drafts = vec![Draft { at: Timestamp::UNIX_EPOCH, request: None, body: chunk }; 20];
    state.append(&drafts);
    let mut child = state.command(&["events", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}
