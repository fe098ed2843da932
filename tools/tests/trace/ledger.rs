//! `ledger`, and what goes into it.

use std::collections::BTreeSet;

use crate::support::State;

#[test]
fn the_ledger_is_told_in_order_and_as_it_stands() {
    for socket in [false, true] {
        let (state, _) = State::with_segments();
        let service = state.serve_if(socket);
        let entries = state.trace(&["ledger", "--json"]).json_lines();
        assert!(entries.iter().zip(1_u64..).all(|(entry, n)| entry["n"] == n));
        assert_eq!(entries[0]["type"], "ledger.opened");
        assert!(entries.iter().all(|entry| entry["signature"].as_str().unwrap().len() == 128));
        let files = std::fs::read_dir(state.journal_dir().join("ledger")).unwrap();
        let written: String = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        let first = written.lines().next().unwrap();
        let printed = state.trace(&["ledger", "--json"]).ok();
        let (entry, signature) = first.split_once('\t').unwrap();
        let expected = format!("{},\"signature\":\"{signature}\"}}", entry.strip_suffix('}').unwrap());
        assert_eq!(printed.lines().next(), Some(expected.as_str()), "not a byte is another");

        let told = state.trace(&["ledger"]).ok();
        let opened = told.lines().filter(|line| line.contains("segment.opened")).count();
        assert_eq!((opened, told.matches("segment.sealed").count()), (3, 2), "{told}");
        assert!(told.lines().last().unwrap().contains(" ledger "), "its own reading: {told}");
        if let Some(service) = service {
            service.stop();
        }
    }
}

#[test]
fn the_head_is_that_of_an_anchor() {
    for socket in [false, true] {
        let (state, _) = State::with_segments();
        let service = state.serve_if(socket);
        let head = state.trace(&["ledger", "head"]).ok();
        let parts: Vec<_> = head.trim_end().split(' ').collect();
        assert_eq!((parts.len(), parts[1].len()), (3, 64), "{head}");
        let entries = state.trace(&["ledger", "--json"]).json_lines();
        let anchored = entries.iter().find(|entry| entry["n"] == parts[0].parse::<u64>().unwrap()).unwrap();
        assert_eq!(anchored["type"], "journal.anchored");
        let next = state.trace(&["ledger", "head", "--json"]).json();
        assert!(next["n"].as_u64() > anchored["n"].as_u64(), "{next}");
        if let Some(service) = service {
            service.stop();
        }
    }
}

#[test]
fn every_reading_is_on_record() {
    for (socket, via) in [(false, "folder"), (true, "socket")] {
        let (state, _) = State::with_segments();
        let target = state.path().join("copy");
        let service = state.serve_if(socket);
        let commands: [&[&str]; 9] = [
            &["list", "--status", "200"],
            &["grep", "model"],
            &["verify"],
            &["backup", target.to_str().unwrap()],
            &["retention", "status"],
            &["retention", "plan"],
            &["segments"],
            &["ledger", "head"],
            &["ledger"],
        ];
        for command in commands {
            state.trace(command).ok();
        }
        state.trace(&["hold", "list"]).fails(1, &[]);
        let entries = state.trace(&["ledger", "--json"]).json_lines();
        let reads = entries.iter().filter(|entry| entry["type"] == "audit.read");
        let actions: BTreeSet<_> = reads
            .inspect(|read| assert_eq!(read["data"]["via"], via))
            .map(|read| read["data"]["action"].as_str().unwrap())
            .collect();
        let expected = [
            "backup",
            "hold.list",
            "ledger",
            "ledger.head",
            "list",
            "retention.plan",
            "retention.status",
            "search",
            "segments",
            "verify",
        ];
        assert_eq!(actions.into_iter().collect::<Vec<_>>(), expected);
        if let Some(service) = service {
            service.stop();
        }
    }
}
