//! What people see, at two widths, without and with colours.

use regex::{Captures, Regex};

use crate::support::{FINISHED, State, UNFINISHED, UNKNOWN};

/// What `args` print, four times over.
fn seen(state: &State, args: &[&str]) -> String {
    let variants = [("80", "never"), ("80", "always"), ("200", "never"), ("200", "always")];
    let shown = variants.map(|(columns, color)| {
        let mut command = state.command(&[args, &["--color", color]].concat());
        let output = command.env("COLUMNS", columns).output().expect("codex-trace runs");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        let text = varying(&text.replace(state.path().to_str().expect("UTF-8"), "STATE").replace('\u{1b}', "␛"));
        format!("── {columns} columns, colours {color}\n{text}")
    });
    shown.join("\n")
}

/// `text` with what is different on each run made the same: the present, random names, digests, and who runs this.
fn varying(text: &str) -> String {
    let regex = |pattern: &str| Regex::new(pattern).expect("it is one");
    let text = regex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]*Z").replace_all(text, |found: &Captures<'_>| {
        let is_ours = ["2026-01-05", "2025-06-24", "2026-11-29T10:45:16"].iter().any(|day| found[0].starts_with(day));
        if is_ours { found[0].to_owned() } else { format!("{:<width$}", "NOW", width = found[0].len()) }
    });
    let text = regex("[0-9a-f]{64}").replace_all(&text, "DIGEST");
    let text = regex("[0-9]{20}-[0-9]{8}T[0-9]{6}Z").replace_all(&text, "SEGMENT");
    let text = regex("(?m)^[0-9a-f]{8} ").replace_all(&text, "HOLDNAME ");
    let text = regex(r"[0-9]+\.[0-9]+\.[0-9]+, public").replace_all(&text, "VERSION, public");
    let text = regex(r"ACTOR(␛\[0m)? +").replace_all(&text, "ACTOR$1 ");
    regex("uid:[0-9]+ +").replace_all(&text, "uid:OWN ").into_owned()
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

#[test]
fn events_are_lines() {
    insta::assert_snapshot!(seen(&State::with_requests(), &["events", "--request", FINISHED]));
}

#[test]
fn requests_are_counted() {
    insta::assert_snapshot!(seen(&State::with_requests(), &["stats"]));
}

#[test]
fn requests_are_counted_by_what_they_have_in_common() {
    let state = State::with_requests();
    insta::assert_snapshot!(seen(&state, &["stats", "--by", "outcome"]));
    assert!(widest(&state, &["stats", "--by", "outcome"]) <= 80);
}

#[test]
fn what_runs_is_a_frame() {
    let shown = seen(&State::with_requests(), &["top"]);
    let clock = Regex::new("[0-9]{2}:[0-9]{2}:[0-9]{2}Z|(?m)^ *[0-9]+d [0-9]+h").expect("it is one");
    insta::assert_snapshot!(clock.replace_all(&shown, "CLOCK"));
}

#[test]
fn what_is_not_there_is_explained() {
    insta::assert_snapshot!(seen(&State::with_requests(), &["show", UNKNOWN]));
}

#[test]
fn the_ledger_is_lines() {
    let state = State::with_requests();
    // Each reading is in it, so that it grows.
    insta::assert_snapshot!(seen(&state, &["ledger"]));
}

#[test]
fn holds_are_a_table() {
    let state = State::with_requests();
    state.trace(&["hold", "place", "--request", FINISHED, "--reason", "case 7"]).ok();
    insta::assert_snapshot!(seen(&state, &["hold", "list"]));
}
