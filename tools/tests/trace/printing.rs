//! What people see, at two widths, without and with colours.

use crate::support::{FINISHED, State, UNFINISHED};

/// What `args` print, four times over.
fn seen(state: &State, args: &[&str]) -> String {
    let variants = [("80", "never"), ("80", "always"), ("200", "never"), ("200", "always")];
    let shown = variants.map(|(columns, color)| {
        let mut command = state.command(&[args, &["--color", color]].concat());
        let output = command.env("COLUMNS", columns).output().expect("codex-trace runs");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        let text = text.replace(state.path().to_str().expect("UTF-8"), "STATE").replace('\u{1b}', "␛");
        format!("── {columns} columns, colours {color}\n{text}")
    });
    shown.join("\n")
}

/// The longest line of what `args` print on a terminal of 80 columns.
fn widest(state: &State, args: &[&str]) -> usize {
    let output = state.command(args).env("COLUMNS", "80").output().expect("codex-trace runs");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| line.chars().count()).max().expect("something is printed")
}

#[test]
fn a_list_says_how_requests_ended() {
    let state = State::with_requests();
    insta::assert_snapshot!(seen(&state, &["list"]));
    assert!(widest(&state, &["list"]) <= 80);
}

#[test]
fn a_request_is_a_timeline_in_lanes_with_its_pauses() {
    let state = State::with_requests();
    insta::assert_snapshot!(seen(&state, &["show", FINISHED, "--gap", "2ms"]));
    assert!(widest(&state, &["show", FINISHED]) <= 80);
}

#[test]
fn a_request_that_still_runs_says_so() {
    insta::assert_snapshot!(seen(&State::with_requests(), &["show", UNFINISHED]));
}

#[test]
fn a_real_request_is_readable() {
    let (state, id) = State::with_recording("parallel_tools.codextrace");
    insta::assert_snapshot!(seen(&state, &["show", &id, "--gap", "5ms"]));
    assert!(widest(&state, &["show", &id]) <= 80);
}

#[test]
fn hits_are_marked() {
    let state = State::with_requests();
    insta::assert_snapshot!(seen(&state, &["grep", "turn/start", "--until", "2026-01-06"]));
}

#[test]
fn hits_stand_among_events_of_their_request() {
    let state = State::with_requests();
    let args = ["grep", "--regex", "turn/start|hello|invalid_api", "-C", "1", "--until", "2026-01-06"];
    insta::assert_snapshot!(seen(&state, &args));
}

#[test]
fn frames_are_indented() {
    insta::assert_snapshot!(seen(&State::with_requests(), &["show", FINISHED, "--frames"]));
}

#[test]
fn two_requests_are_compared() {
    let state = State::with_requests();
    insta::assert_snapshot!(seen(&state, &["show", FINISHED, "--diff", UNFINISHED]));
}
