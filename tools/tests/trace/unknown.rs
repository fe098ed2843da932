//! What is said of a request of which nothing is known.

use jiff::{SignedDuration, Timestamp};

use crate::support::{State, UNKNOWN, id_at};

#[test]
fn a_request_whose_events_were_disposed_of_is_told_by_whom_and_why() {
    for socket in [false, true] {
        let (state, ids) = State::with_segments();
        let service = state.serve_if(socket);
        state.trace(&["retention", "run"]).ok();
        let at_its_time = ["disposed of at", "content_ttl 72h", "by uid:", "entry ", "of the ledger"];
        let told = state.trace(&["show", &ids[2]]);
        told.fails(1, &[&at_its_time[..], &["no events of request", "its summary is kept"]].concat());
        // Another id of that very time was never asked for.
        let other = ids[2].replace("-7e4f-", "-7e40-");
        let told = state.trace(&["show", &other, "--json"]);
        told.fails(1, &[&at_its_time[..], &["no summary of it is kept"]].concat());
        state.trace(&["show", &ids[3], "--diff", &ids[2]]).fails(1, &at_its_time);
        if let Some(service) = service {
            service.stop();
        }
    }
}

#[test]
fn a_request_of_a_time_that_is_kept_never_was_here() {
    let (state, ids) = State::with_segments();
    let other = ids[2].replace("-7e4f-", "-7e40-");
    state.trace(&["show", &other]).fails(1, &["events are kept from ", " to now", "of another service"]);
}

#[test]
fn a_request_of_another_time_is_told_the_nearest() {
    let (state, _) = State::with_segments();
    let long_ago = id_at(Timestamp::now() - SignedDuration::from_hours(5000), 0);
    let nearest = ["nothing was recorded then, and nothing disposed of", "the nearest time that is kept is from "];
    state.trace(&["show", &long_ago]).fails(1, &nearest);
    state.trace(&["show", UNKNOWN]).fails(1, &["its id was made at 2025-"]);
    let timeless = "0197a0b1-c2d3-4e4f-8a5b-6c7d8e9f0a1b";
    state.trace(&["show", timeless]).fails(1, &[timeless, "names the time"]);
}
