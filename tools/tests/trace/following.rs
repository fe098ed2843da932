//! `tail -f`.

use std::io::{BufRead as _, BufReader, Lines, Read as _};
use std::process::{Child, ChildStdout, Stdio};

use journal::EventBody;

use crate::support::State;

fn follow(state: &State, args: &[&str]) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = state.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    (child, lines)
}

fn stderr(text: &str) -> EventBody {
    EventBody::WorkerStderr { worker: "w1".to_owned(), line: text.to_owned() }
}

#[test]
fn what_happens_later_is_seen_at_once_and_the_end_is_told() {
    let state = State::with_requests();
    let service = state.serve();
    let (mut child, mut lines) = follow(&state, &["tail", "-f", "-n", "2", "--json"]);
    let mut next = || lines.next().expect("a line").expect("text");
    next();
    let own = next();
    assert!(own.contains(r#""type":"audit.read""#) && own.contains(r#""filter":"last=2""#), "{own}");
    for text in ["first", "second", "third"] {
        service.record(None, stderr(text));
        let line = next();
        assert!(line.contains(text), "{line}");
    }
    service.stop();
    assert_eq!(lines.count(), 0);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("codex-proxy has ended"), "{said}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_follower_that_leaves_does_not_hold_the_service() {
    let state = State::with_requests();
    let service = state.serve();
    let (mut child, mut lines) = follow(&state, &["tail", "-f"]);
    lines.next().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    service.stop();
    drop(state.journal());
}

#[test]
fn without_a_service_nothing_follows() {
    let state = State::with_requests();
    let run = state.trace(&["tail", "-f"]);
    assert_eq!((run.code, run.stdout.lines().count()), (0, 10));
    assert!(run.stderr.contains("no codex-proxy runs on"), "{}", run.stderr);
}
