//! `list` with filters, and `grep`.

use crate::support::{FINISHED, REFUSED, State};

#[test]
fn a_list_is_of_those_that_are_like_that() {
    for socket in [false, true] {
        let state = State::with_requests();
        let service = state.serve_if(socket);
        let cases: [(&[&str], &[&str]); 9] = [
            (&["--status", "401"], &[REFUSED]),
            (&["--outcome", "ok"], &[FINISHED]),
            (&["--key", "k1"], &[REFUSED, FINISHED]),
            (&["--key", "k2"], &[]),
            (&["--model", "m\u{1b}[2J", "--status", "200"], &[FINISHED]),
            (&["--route", "chat/completions", "--limit", "1"], &[REFUSED]),
            (&["--route", "/v1/chat/completions"], &[REFUSED, FINISHED]),
            (&["--slower-than", "20ms", "--worker", "w1"], &[REFUSED, FINISHED]),
            (&["--slower-than", "21ms"], &[]),
        ];
        for (filter, expected) in cases {
            let run = state.trace(&[&["list", "--json"], filter].concat());
            if expected.is_empty() {
                run.fails(1, &["is like that"]);
                continue;
            }
            let ids: Vec<_> = run.json_lines().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
            assert_eq!(ids, expected, "{filter:?}");
        }
        if let Some(service) = service {
            service.stop();
        }
    }
    let state = State::with_requests();
    state.trace(&["list", "--outcome", "fine"]).fails(2, &["stream_aborted"]);
    state.trace(&["list", "--slower-than", "long"]).fails(2, &["--slower-than"]);
}

#[test]
fn a_list_is_of_those_of_a_time() {
    for socket in [false, true] {
        let (state, ids) = State::with_segments();
        let service = state.serve_if(socket);
        for (filter, expected) in [
            (&["--since", "99h"][..], [&ids[3], &ids[2]]),
            (&["--until", "99h"], [&ids[1], &ids[0]]),
            (&["--since", "101h", "--until", "99h"], [&ids[1], &ids[0]]),
        ] {
            let rows = state.trace(&[&["list", "--json"], filter].concat()).json_lines();
            assert_eq!(rows.iter().map(|row| row["id"].as_str().unwrap()).collect::<Vec<_>>(), expected, "{filter:?}");
        }
        if let Some(service) = service {
            service.stop();
        }
    }
}

#[test]
fn what_is_looked_for_is_found_newest_first() {
    for socket in [false, true] {
        let state = State::with_requests();
        let service = state.serve_if(socket);
        let found = |args: &[&str]| {
            let lines = state.trace(&[&["grep", "--json"], args].concat()).json_lines();
            let ours = lines.into_iter().filter(|event| event["type"] != "audit.read");
            ours.map(|event| event["seq"].as_u64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(found(&["turn/start"]), [5]);
        assert_eq!(found(&["TURN/start", "-i"]), [5]);
        assert_eq!(found(&["--regex", r#""id":3,"(params|result)""#]), [7, 5]);
        assert_eq!(found(&["request.received", "--until", "2026-01-06", "--limit", "2"]), [11, 6]);
        let human = state.trace(&["grep", "turn/start", "--until", "2026-01-06"]).ok();
        assert!(human.lines().count() == 1 && human.contains("rpc.sent"), "{human}");
        state.trace(&["grep", "no such text", "--until", "2026-01-06"]).fails(1, &["found in no event"]);
        state.trace(&["grep", "--regex", "("]).fails(2, &["regular expression"]);
        state.trace(&["grep", ""]).fails(2, &["no text"]);
        if let Some(service) = service {
            service.stop();
        }
    }
}
