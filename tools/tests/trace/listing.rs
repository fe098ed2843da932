//! `list` by what was said, in other orders, and for spreadsheets.

use crate::support::{FINISHED, REFUSED, State};

fn ids(state: &State, args: &[&str]) -> Vec<String> {
    let rows = state.trace(&[&["list", "--json"], args].concat()).json_lines();
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn requests_are_found_by_what_was_said_and_called() {
    let (state, id) = State::with_recording("parallel_tools.codextrace");
    let other = State::with_recording("text.codextrace").1;
    for socket in [false, true] {
        let service = state.serve_if(socket);
        assert_eq!(ids(&state, &["--tool", "get_weather"]), [id.as_str()]);
        assert_eq!(ids(&state, &["--grep", "Oslo", "--tool", "get_weather", "--status", "200"]), [id.as_str()]);
        // A part of the name, an argument, and what is in no event.
        for nothing in [["--tool", "get_weathe"], ["--tool", "Oslo"], ["--grep", "no such text"], ["--grep", &other]] {
            state.trace(&[&["list"], &nothing[..]].concat()).fails(1, &["as far as its events are kept"]);
        }
        state.trace(&["list", "--grep", "Oslo", "--status", "500"]).fails(1, &["is like that"]);
        state.trace(&["list", "--grep", ""]).fails(2, &["no text"]);
        if let Some(service) = service {
            service.stop();
        }
    }
}

#[test]
fn a_limit_is_of_those_that_are_found() {
    let state = State::with_requests();
    let newest = |limit: &str| ids(&state, &["--grep", "chat/completions", "--limit", limit]);
    assert_eq!(newest("1"), [REFUSED]);
    assert_eq!(newest("5"), [REFUSED, FINISHED]);
}

#[test]
fn what_comes_first_is_a_choice() {
    let state = State::with_requests();
    for (args, expected) in [
        (&["--sort", "at"][..], [REFUSED, FINISHED]),
        (&["--reverse"], [FINISHED, REFUSED]),
        (&["--sort", "tokens"], [FINISHED, REFUSED]),
        (&["--sort", "ttft", "--reverse"], [REFUSED, FINISHED]),
        (&["--sort", "status"], [REFUSED, FINISHED]),
    ] {
        assert_eq!(ids(&state, args), expected, "{args:?}");
        let first = [args, &["--limit", "1"]].concat();
        assert_eq!(ids(&state, &first), expected[..1], "{args:?}: the limit is of the sorted ones");
    }
    state.trace(&["list", "--sort", "size"]).fails(2, &["duration"]);
}

#[test]
fn a_spreadsheet_gets_records() {
    let state = State::with_requests();
    let expected = format!(
        "at,id,route,model,key,status,outcome,error,stream,tokens_in,tokens_out,ttft_ms,duration_ms,worker,events\r\n\
         2026-01-05T12:00:00.0135Z,{REFUSED},/v1/chat/completions,m\\u{{1b}}[2J,k1,401,auth,invalid_api_key,true,,,,20.25,w1,2\r\n"
    );
    assert_eq!(state.trace(&["list", "--csv", "--limit", "1"]).ok(), expected);
    state.trace(&["list", "--csv", "--json"]).fails(2, &["cannot be used with"]);
}
