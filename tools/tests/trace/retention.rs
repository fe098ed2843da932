//! `retention status`, `plan` and `run`.

use std::fs;

use crate::support::State;

#[test]
fn what_is_due_goes_and_stays_on_record() {
    for socket in [false, true] {
        let (state, ids) = State::with_segments();
        let service = state.serve_if(socket);
        let before = state.trace(&["retention", "status", "--json"]).json();
        assert_eq!((before["segments"].as_array().unwrap().len(), before["overdue"].as_u64()), (3, Some(2)));
        assert_eq!(before["policy"]["content_ttl"], "72h");
        assert!(before["waiting"].is_null() && before["disposals"].as_array().unwrap().is_empty(), "{before}");
        let plan = state.trace(&["retention", "plan", "--json"]).json();
        let due: Vec<_> = plan["segments"].as_array().unwrap().iter().map(|due| due["segment"].clone()).collect();
        assert_eq!(due, [before["segments"][0]["segment"].clone(), before["segments"][1]["segment"].clone()]);
        let planned = state.trace(&["retention", "plan"]).ok();
        assert!(planned.starts_with("segments   2 due") && planned.contains("content_ttl 72h"), "{planned}");

        let swept = state.trace(&["retention", "run"]).ok();
        assert!(swept.starts_with("2 segments disposed of"), "{swept}");
        let again = state.trace(&["retention", "run", "--json"]).json();
        assert!(again["segments"].as_array().unwrap().is_empty(), "{again}");

        let after = state.trace(&["retention", "status", "--json"]).json();
        assert_eq!((after["segments"].as_array().unwrap().len(), after["overdue"].as_u64()), (1, Some(0)));
        // Which days' keys are gone depends on the hour.
        let (days, records): (Vec<_>, Vec<_>) =
            after["disposals"].as_array().unwrap().iter().partition(|record| record["type"] == "pseudonyms.disposed");
        assert!(days.iter().all(|day| day["reason"] == "content_ttl 72h"), "{days:?}");
        // Newest first.
        assert_eq!([&records[0]["what"], &records[1]["what"]], [&due[1], &due[0]]);
        for record in records {
            assert_eq!((&record["type"], &record["policy"]), (&"segment.disposed".into(), &after["digest"]));
            assert!(record["actor"].as_str().unwrap().starts_with("uid:") && record["bytes"].as_u64() > Some(0));
        }
        let said = state.trace(&["retention", "status"]).ok();
        assert!(
            said.contains("0 overdue") && said.contains(due[0].as_str().unwrap()) && said.contains("uid:"),
            "{said}"
        );

        assert_eq!(state.sealed_files().len(), 0);
        assert_eq!(state.trace(&["list", "--json"]).json_lines().len(), 4, "the summaries stay");
        for id in &ids[..3] {
            state.trace(&["show", id]).fails(1, &["disposed of", "content_ttl 72h", "its summary is kept"]);
        }
        state.trace(&["show", &ids[3]]).ok();
        let verified = state.trace(&["verify"]).ok();
        assert!(verified.contains("disposed                2"), "{verified}");
        if let Some(service) = service {
            service.stop();
        }
    }
}

#[test]
fn a_sweep_that_cannot_trust_the_clock_is_1_until_somebody_does() {
    let (state, _) = State::with_segments();
    // Longer ago than ten intervals is any time at all.
    let run = |args: &[&str]| {
        let environment = [("PROXY_RETENTION_SWEEP_INTERVAL", "1ms")];
        std::thread::sleep(std::time::Duration::from_millis(11));
        state.command(args).envs(environment).output().unwrap().into()
    };
    let run = |args: &[&str]| -> crate::support::Run { run(args) };
    run(&["retention", "run"]).fails(1, &["nothing was disposed of", "--confirm-clock"]);
    let said = run(&["retention", "status"]).ok();
    assert!(said.contains("\nWAITING   at start the wall clock was"), "{said}");
    let report = run(&["retention", "run", "--json"]).fails(1, &[]);
    assert!(report.contains(r#""waiting":"at start"#), "{report}");
    assert_eq!(state.sealed_files().len(), 2);
    // A cron job must not begin to wait again each time.
    let note = || fs::read_to_string(state.path().join("sweep-waits"));
    let noted = note().unwrap();
    run(&["retention", "run"]).fails(1, &[]);
    assert_eq!(note().unwrap(), noted);
    run(&["retention", "run", "--confirm-clock"]).ok();
    assert_eq!(state.sealed_files().len(), 0);
    assert!(note().is_err(), "nobody waits any longer");
}

#[test]
fn without_a_policy_nothing_is_swept_and_everything_can_be_read() {
    let (state, ids) = State::with_segments();
    let run = |args: &[&str]| -> crate::support::Run {
        state.command(args).env("PROXY_RETENTION_CONTENT_TTL", "soon").output().unwrap().into()
    };
    run(&["retention", "run"]).fails(2, &["retention.content_ttl"]);
    run(&["retention", "status"]).fails(2, &["retention.content_ttl"]);
    run(&["show", &ids[0]]).ok();
    run(&["verify"]).ok();
    assert_eq!(state.sealed_files().len(), 2);
}

#[test]
fn segments_are_listed_with_what_they_are() {
    for socket in [false, true] {
        let (state, _) = State::with_segments();
        let file = &state.sealed_files()[0];
        let service = state.serve_if(socket);
        let rows = state.trace(&["segments", "--json"]).json_lines();
        let states: Vec<_> = rows.iter().map(|row| (row["sealed"].as_bool(), row["live"].as_bool())).collect();
        assert_eq!(states, [(Some(true), Some(false)), (Some(true), Some(false)), (Some(false), Some(true))]);
        assert_eq!((rows[0]["first_seq"].as_u64(), &rows[0]["until"]), (Some(1), &rows[1]["opened_at"]));
        assert_eq!(rows[0]["last_seq"].as_u64().unwrap() + 1, rows[1]["first_seq"].as_u64().unwrap());
        let table = state.trace(&["segments"]).ok();
        assert_eq!(table.lines().count(), 4);
        assert!(table.contains("sealed") && table.ends_with("live\n"), "{table}");
        if let Some(service) = service {
            service.stop();
        }
        fs::write(file, "").unwrap();
        let table = state.trace(&["segments"]).fails(4, &["damaged"]);
        assert!(table.contains("sealed, damaged"), "{table}");
    }
}
