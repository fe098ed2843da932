//! `hold place`, `list` and `lift`.

use crate::support::State;

#[test]
fn what_is_held_stays_beyond_its_time_and_goes_when_it_is_lifted() {
    for socket in [false, true] {
        let (state, ids) = State::with_segments();
        let service = state.serve_if(socket);
        state.trace(&["hold", "list"]).fails(1, &["no hold is in force"]);
        let hold = state.trace(&["hold", "place", "--request", &ids[0], "--reason", "case 17"]).ok();
        let hold = hold.trim_end();
        let listed = state.trace(&["hold", "list", "--json"]).json_lines();
        assert_eq!((listed.len(), &listed[0]["hold"], &listed[0]["reason"]), (1, &hold.into(), &"case 17".into()));
        let table = state.trace(&["hold", "list"]).ok();
        assert!(table.contains(&format!("request {}", ids[0])) && table.contains("uid:"), "{table}");

        state.trace(&["retention", "run"]).ok();
        let shown = state.trace(&["show", &ids[0]]).ok();
        assert!(shown.contains("request.received") && shown.contains("response.finished"), "{shown}");
        for gone in [&ids[1], &ids[2]] {
            state.trace(&["show", gone]).fails(1, &[]);
        }
        let status = state.trace(&["retention", "status"]).ok();
        assert!(status.contains("1 in force") && status.contains("held") && status.contains(hold), "{status}");
        let rows = state.trace(&["segments", "--json"]).json_lines();
        assert_eq!(rows.iter().filter(|row| row["held"] == true).count(), 1);
        state.trace(&["verify"]).ok();

        state.trace(&["hold", "lift", hold, "--reason", "case closed"]).ok();
        state.trace(&["show", &ids[0]]).ok();
        state.trace(&["hold", "lift", hold, "--reason", "twice"]).fails(1, &[hold, "hold list"]);
        let swept = state.trace(&["retention", "run"]).ok();
        assert!(swept.contains("1 released from holds"), "{swept}");
        state.trace(&["show", &ids[0]]).fails(1, &[]);
        let status = state.trace(&["retention", "status", "--json"]).json();
        assert_eq!(status["disposals"][0]["type"], "hold.disposed");
        state.trace(&["verify"]).ok();
        if let Some(service) = service {
            service.stop();
        }
    }
}

#[test]
fn keys_and_ranges_are_held_too() {
    let (state, ids) = State::with_segments();
    state.trace(&["hold", "place", "--since", "101h", "--until", "99h", "--reason", "an incident"]).ok();
    state.trace(&["retention", "run"]).ok();
    for id in &ids[..2] {
        state.trace(&["show", id]).ok();
    }
    state.trace(&["show", &ids[2]]).fails(1, &[]);

    let (state, ids) = State::with_segments();
    state.trace(&["hold", "place", "--key", "k1", "--reason", "a customer"]).ok();
    state.trace(&["retention", "run"]).ok();
    for id in &ids {
        state.trace(&["show", id]).ok();
    }
}

#[test]
fn a_hold_that_makes_no_sense_is_2() {
    for socket in [false, true] {
        let (state, ids) = State::with_segments();
        let service = state.serve_if(socket);
        let place = |args: &[&str]| state.trace(&[&["hold", "place"], args].concat());
        place(&["--reason", "x"]).fails(2, &["--request"]);
        place(&["--request", &ids[0]]).fails(2, &["--reason"]);
        place(&["--request", &ids[0], "--reason", " "]).fails(2, &["reason"]);
        place(&["--request", &ids[0], "--key", "k1", "--reason", "x"]).fails(2, &["--key"]);
        place(&["--since", "2h", "--reason", "x"]).fails(2, &["--until"]);
        place(&["--since", "2h", "--until", "3h", "--reason", "x"]).fails(2, &["ends after it begins"]);
        place(&["--since", "yesterday", "--until", "3h", "--reason", "x"]).fails(2, &["2026-11-23"]);
        state.trace(&["hold", "list"]).fails(1, &[]);
        if let Some(service) = service {
            service.stop();
        }
    }
}
