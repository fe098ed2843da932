//! What is printed.

use serde_json::Value;

use crate::support::{FINISHED, State, UNFINISHED};

fn without_reads(events: &str) -> Vec<&str> {
    let ours = ["audit.read", "segment.opened"];
    events.lines().filter(|line| !ours.iter().any(|kind| line.contains(kind))).collect()
}

#[test]
fn list_is_newest_first_and_of_these_members() {
    let state = State::with_requests();
    let rows = state.trace(&["list", "--json"]).json_lines();
    assert_eq!(rows.len(), 2);
    let keys: Vec<_> = rows[1].as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = [
        "id",
        "at",
        "route",
        "model",
        "key",
        "status",
        "outcome",
        "stream",
        "tokens",
        "ttft_ms",
        "duration_ms",
        "worker",
        "events",
    ];
    assert_eq!(keys, wanted);
    assert_eq!(rows[1]["tokens"], serde_json::json!({"input": 10, "cached": 4, "output": 6, "reasoning": 2}));
    assert_eq!(state.trace(&["list", "--json", "--limit", "1"]).json_lines(), rows[..1]);
}

#[test]
fn show_is_a_timeline() {
    let state = State::with_requests();
    let shown = state.trace(&["show", FINISHED]).ok();
    let unfinished = state.trace(&["show", UNFINISHED]).ok();
    assert!(unfinished.contains("\nstatus    not finished"), "{unfinished}");
    let written_otherwise = format!("  {}\n", FINISHED.to_uppercase());
    assert_eq!(state.trace(&["show", &written_otherwise]).ok(), shown);
    let events = state.trace(&["show", FINISHED, "--json"]).json_lines();
    assert_eq!(events.iter().map(|event| event["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 4, 5, 7, 8, 9, 10]);
}

#[test]
fn events_are_gapless_and_hold_their_own_reading() {
    let state = State::with_requests();
    for run in 1..=3 {
        let events = state.trace(&["events", "--json"]).json_lines();
        let numbers: Vec<_> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        let reads: Vec<_> = events.iter().filter(|event| event["type"] == "audit.read").collect();
        assert_eq!(reads.len(), run);
        assert_eq!(reads[run - 1], events.last().unwrap());
        let read = &reads[0]["data"];
        assert!(read["actor"].as_str().unwrap().starts_with("uid:"));
        assert_eq!([&read["action"], &read["filter"], &read["via"]], ["events", "", "folder"]);
    }
    let some = state.trace(&["events", "--json", "--request", UNFINISHED]).json_lines();
    assert_eq!(some.iter().map(|event| &event["seq"]).collect::<Vec<_>>(), [6]);
    let from = state.trace(&["events", "--json", "--from", "11"]).json_lines();
    assert_eq!(from[0]["seq"], 11);
    let human = state.trace(&["events"]).ok();
    let line = format!(
        "      7  2026-01-05T12:00:00.007Z  {FINISHED}  rpc.received            29  answer to turn/start id 3  {{\"ok\":true}}"
    );
    assert!(human.lines().any(|found| found == line), "{human}");
    assert!(!human.contains('\u{1b}'));
}

#[test]
fn a_running_service_gives_the_same_answers() {
    let state = State::with_requests();
    let same: [&[&str]; 6] = [
        &["list"],
        &["list", "--json"],
        &["list", "--limit", "1", "--json"],
        &["show", FINISHED],
        &["show", FINISHED, "--json"],
        &["events", "--request", UNFINISHED, "--json"],
    ];
    let from_folder = same.map(|args| state.trace(args).ok());
    let all_from_folder = ["events", "tail"].map(|command| state.trace(&[command, "--json"]).ok());
    let human_from_folder = state.trace(&["events"]).ok();

    let service = state.serve();
    for (args, expected) in same.iter().zip(&from_folder) {
        assert_eq!(state.trace(args).ok(), *expected, "{args:?}");
    }
    let events = state.trace(&["events", "--json"]).ok();
    assert_eq!(without_reads(&events), without_reads(&all_from_folder[0]));
    assert_eq!(without_reads(&state.trace(&["events"]).ok()), without_reads(&human_from_folder));
    assert_eq!(state.trace(&["tail", "--json"]).ok().lines().count(), all_from_folder[1].lines().count());

    let last: Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
    assert_eq!([&last["type"], &last["data"]["via"]], ["audit.read", "socket"]);
    service.stop();
    assert_eq!(state.trace(same[3]).ok(), from_folder[3], "and after it stopped");
}

#[test]
fn many_events_come_through_the_socket_whole() {
    let state = State::with_requests();
    let service = state.serve();
    for n in 0..3000 {
        let bytes = format!("{n} {}", "x".repeat(if n % 1000 == 0 { 300_000 } else { n % 500 }));
        service.record(None, journal::EventBody::ResponseChunk { bytes });
    }
    let events = state.trace(&["events", "--json"]).json_lines();
    assert_eq!(events.len(), 12 + 3000 + 2, "with segment.opened and audit.read");
    assert!((1..).zip(&events).all(|(n, event)| event["seq"] == n));
    service.stop();
}
