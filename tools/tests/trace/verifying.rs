//! `verify`.

use std::fs;

use serde_json::Value;

use crate::support::State;

#[test]
fn a_sound_journal_is_0_and_counted() {
    for socket in [false, true] {
        let (state, _) = State::with_segments();
        let service = state.serve_if(socket);
        let said = state.trace(&["verify"]).ok();
        for (fact, number) in [("segments", 3), ("sealed", 2), ("summaries", 4), ("disposed", 0)] {
            let line = format!("{fact:<14}  {number:>9}");
            assert!(said.lines().any(|said| said == line), "{line}\n{said}");
        }
        assert!(said.contains("the live segment is covered up to event "), "{said}");
        let found = state.trace(&["verify", "--json"]).json();
        assert_eq!((&found["segments"], &found["problems"]), (&Value::from(3), &Value::Array(Vec::new())));
        if let Some(service) = service {
            service.stop();
        }
    }
}

#[test]
fn a_changed_byte_is_4_and_its_segment_named() {
    for socket in [false, true] {
        let (state, _) = State::with_segments();
        let file = &state.sealed_files()[1];
        let mut bytes = fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(file, bytes).unwrap();
        let service = state.serve_if(socket);
        let name = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let lines = state.trace(&["verify"]).fails(4, &["not what was written"]);
        assert!(lines.lines().any(|line| line.starts_with(name) && line.contains(": ")), "{lines}");
        let run = state.trace(&["verify", "--json"]).fails(4, &[]);
        let found: Value = serde_json::from_str(&run).unwrap();
        assert_eq!(found["problems"][0]["segment"], name);
        if let Some(service) = service {
            service.stop();
        }
    }
}

#[test]
fn an_anchor_that_was_kept_elsewhere_is_looked_for() {
    for socket in [false, true] {
        let (state, _) = State::with_segments();
        let service = state.serve_if(socket);
        let head = state.trace(&["ledger", "head"]).ok();
        let anchor = head.split(' ').nth(1).unwrap().to_owned();
        state.trace(&["list"]).ok();
        state.trace(&["verify", "--anchor", &anchor]).ok();
        let other = "0123456789abcdef".repeat(4);
        let lines = state.trace(&["verify", "--anchor", &other]).fails(4, &[]);
        assert!(lines.starts_with("ledger: ") && lines.contains(&other), "{lines}");
        state.trace(&["verify", "--anchor", "0123"]).fails(2, &["64 hexadecimal digits"]);
        if let Some(service) = service {
            service.stop();
        }
    }
}
