//! What `codex-trace audit` tells of a journal, and that evidence from it can be checked with nothing but sha256sum and openssl.

#![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use journal::{
    Authority, Disposal, Draft, EventBody, HoldSelector, Journal, NoScrub, Options, Payload, RequestId, RequestReceived,
};
use serde_json::Value;
use tempfile::TempDir;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A reason that somebody typed, which must stay text in whatever it is written into.
const REASON: &str = "case 7 | <script>alert('x')</script> & \"more\"";

fn received(id: RequestId, at: Timestamp) -> Draft {
    let body = EventBody::RequestReceived(RequestReceived {
        method: "POST".to_owned(),
        route: "/v1/chat/completions".to_owned(),
        target: "/v1/chat/completions".to_owned(),
        key: Some("k1".to_owned()),
        peer: "127.0.0.1:1".to_owned(),
        headers: Vec::new(),
        body: Payload("{\"text\":\"content\"}".to_owned().into()),
    });
    Draft { at, request: Some(id), body }
}

/// A state folder with a journal in which something was held, carried over, disposed of and changed.
fn state() -> TempDir {
    state_and_request().0
}

/// The same, and a request in it that is not held.
fn state_and_request() -> (TempDir, RequestId) {
    let state = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&state.path().join("journal"), Options::default(), Arc::new(NoScrub)).unwrap();
    let began = Timestamp::now() - HOUR * 3;
    let [held, free, last] = [(); 3].map(|()| RequestId::generate());
    for (id, hour) in [held, free, last].into_iter().zip(0..) {
        journal.append(&received(id, began + HOUR * hour)).unwrap();
    }
    journal.flush().unwrap();
    while let Some(name) = journal.to_seal() {
        let prepared = journal.reader().prepare_seal(&name).unwrap().unwrap();
        journal.commit_seal(prepared, began + HOUR).unwrap();
    }
    journal.place_hold(HoldSelector::Request(held), REASON, "uid:7", began + HOUR * 2).unwrap();
    let segment = journal.segments().unwrap().remove(0).name;
    let by = Authority { actor: "retention".to_owned(), policy: "ab".repeat(32) };
    let due = [Disposal { segment, reason: "content_ttl 1h".to_owned() }];
    journal.dispose(&due, &by, began + HOUR * 2).unwrap();
    let flag = EventBody::FlagChanged {
        flag: "backend".to_owned(),
        from: "app-server".to_owned(),
        to: "proto".to_owned(),
        actor: "uid:8".to_owned(),
    };
    journal.append(&Draft { at: began + HOUR * 2, request: None, body: flag }).unwrap();
    journal.close().unwrap();
    (state, free)
}

fn run(state: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codex-trace"));
    command.env_clear().env("HOME", state).arg("--state-dir").arg(state).args(arguments).output().unwrap()
}

fn trace(state: &Path, arguments: &[&str]) -> String {
    let output = run(state, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn report(state: &Path, format: &str) -> String {
    trace(state, &["audit", "report", "--since", "30d", "--until", "2100-01-01", "--format", format])
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Runs `check.sh` of the evidence in `dir`.
fn check(dir: &Path) -> Output {
    Command::new("sh").arg(dir.join("check.sh")).output().unwrap()
}

fn evidence(state: &Path) -> PathBuf {
    let dir = state.join("evidence");
    trace(state, &["audit", "evidence", "--since", "30d", "-o", dir.to_str().unwrap()]);
    dir
}

#[test]
fn the_log_tells_who_did_what_newest_first() {
    let state = state();
    let id = RequestId::generate().to_string();
    assert_eq!(
        run(state.path(), &["show", &id]).status.code(),
        Some(1),
        "there is no such request, and it was asked for"
    );
    let acts = |arguments: &[&str]| -> Vec<Value> {
        let text = trace(state.path(), &[&["audit", "log", "--json"], arguments].concat());
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = acts(&[]);
    assert_eq!((&all[0]["action"], &all[0]["via"]), (&"ledger".into(), &"folder".into()), "this reading");
    let asked_for = all.iter().find(|act| act["action"] == "show").unwrap();
    assert_eq!(asked_for["data"]["filter"], format!("request={id}"));
    let numbers: Vec<_> = all.iter().map(|act| act["n"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|newer, older| newer > older), "{numbers:?}");
    let actions = |arguments: &[&str]| -> Vec<String> {
        acts(arguments).iter().map(|act| act["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(actions(&["--actor", "uid:7"]), ["hold.placed"]);
    assert_eq!(actions(&["--actor", "retention"]), ["segment.disposed"]);
    assert_eq!(actions(&["--action", "flag"]), ["flag.changed"]);
    assert_eq!(actions(&["--action", "hold.placed", "--until", "1h"]), ["hold.placed"]);
    assert_eq!(run(state.path(), &["audit", "log", "--action", "fla"]).status.code(), Some(1));
    let told = trace(state.path(), &["audit", "log", "--action", "hold"]);
    assert!(told.starts_with("AT ") && told.contains("uid:7  -    hold.placed  hold "), "{told}");
}

#[test]
fn a_report_tells_of_the_period_and_of_nothing_that_its_making_left() {
    let state = state();
    let found: Value = serde_json::from_str(&report(state.path(), "json")).unwrap();
    assert_eq!((&found["overdue"], &found["verification"]["problems"]), (&0.into(), &Value::Array(Vec::new())));
    assert_eq!((&found["retained"]["segments"], &found["retained"]["held"]), (&4.into(), &1.into()));
    assert_eq!(found["recorded"]["segments"], 2, "those that were written to before the last one");
    let disposed = &found["disposed"][0];
    assert_eq!((&disposed["type"], &disposed["reason"]), (&"segment.disposed".into(), &"content_ttl 1h".into()));
    assert_eq!(disposed["policy"], "ab".repeat(32));
    assert_eq!(
        (&found["holds_placed"][0]["actor"], &found["holds_in_force"][0]["reason"]),
        (&"uid:7".into(), &REASON.into())
    );
    assert_eq!(found["changes"][0]["details"], "flag backend, from app-server, to proto");
    assert_eq!(found["reads"], Value::Array(Vec::new()), "nobody read before");

    let again: Value = serde_json::from_str(&report(state.path(), "json")).unwrap();
    let actions: Vec<_> =
        again["reads"].as_array().unwrap().iter().map(|read| read["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["ledger", "retention.status", "verify"], "the first report was a reading");
}

#[test]
fn a_period_that_makes_no_sense_is_refused_before_anything_is_read() {
    let state = state();
    let before = trace(state.path(), &["audit", "log", "--json"]).lines().count();
    for wrong in [&["--since", "1d", "--until", "2d"][..], &["--quarter", "2026Q5"], &[]] {
        let output = run(state.path(), &[&["audit", "report"], wrong].concat());
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(trace(state.path(), &["audit", "log", "--json"]).lines().count(), before + 1);
}

#[test]
fn two_reports_of_the_same_journal_differ_in_their_time_alone() {
    let state = state();
    let copies = tempfile::tempdir().unwrap();
    let reports: Vec<String> = ["a", "b"]
        .map(|name| {
            copy(state.path(), &copies.path().join(name));
            let text = report(&copies.path().join(name), "json");
            text.lines().filter(|line| !line.contains("\"made_at\"")).collect::<Vec<_>>().join("\n")
        })
        .to_vec();
    // How old `30d` is differs by what lies between the two.
    let without_period =
        |text: &str| text.lines().filter(|line| !line.contains("\"since\"")).collect::<Vec<_>>().join("\n");
    assert_eq!(without_period(&reports[0]), without_period(&reports[1]));
}

#[test]
fn what_people_typed_is_text_in_every_form() {
    let state = state();
    let page = report(state.path(), "html");
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src="), "nothing is fetched");
    let text = report(state.path(), "md");
    assert!(text.contains(r"case 7 \| \<script\>"), "{text}");
}

#[test]
fn a_report_of_a_journal_that_was_changed_says_so_and_fails() {
    let state = state();
    let folder = fs::read_dir(state.path().join("journal/segments")).unwrap().map(|entry| entry.unwrap().path());
    let sealed = folder.map(|folder| folder.join("sealed")).find(|path| path.exists()).unwrap();
    let mut bytes = fs::read(&sealed).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&sealed, bytes).unwrap();
    let output = run(state.path(), &["audit", "report", "--since", "30d"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(
        String::from_utf8(output.stdout).unwrap().contains("| Verification | FAILED: "),
        "it is written all the same"
    );
}

#[test]
fn evidence_is_checked_without_our_tools_and_no_byte_of_it_can_change() {
    let state = state();
    let dir = evidence(state.path());
    let checked = check(&dir);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.starts_with("OK: "), "{said}");
    let ledger = fs::read_to_string(dir.join("ledger")).unwrap();
    for kind in ["segment.disposed", "hold.placed", "hold.carried", "flag.changed"] {
        assert!(ledger.contains(&format!("\"type\":\"{kind}\"")), "{kind} is not in the evidence");
    }
    let names: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 11, "{names:?}");
    for name in names {
        let path = dir.join(&name);
        let sound = fs::read(&path).unwrap();
        for at in [0, sound.len() / 2, sound.len() - 1] {
            let mut changed = sound.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            assert!(!check(&dir).status.success(), "byte {at} of {}", name.display());
        }
        fs::write(&path, sound).unwrap();
    }
    assert!(check(&dir).status.success());
}

#[test]
fn what_was_erased_is_in_the_report_and_the_evidence() {
    let (state, id) = state_and_request();
    let told = trace(state.path(), &["erase", "--request", &id.to_string(), "--reason", "asked to"]);
    assert_eq!(told, "erased 1 event of 1 request from 1 segment\n");
    let found: Value = serde_json::from_str(&report(state.path(), "json")).unwrap();
    assert_eq!(found["verification"]["problems"], Value::Array(Vec::new()));
    let erased = found["erased"].as_array().unwrap();
    let details = erased[0]["details"].as_str().unwrap();
    assert!(erased.len() == 1 && details.contains("reason asked to"), "{erased:?}");
    assert!(details.contains(&format!("selector request {id}")), "{details}");
    assert!(check(&evidence(state.path())).status.success());
}

#[test]
fn evidence_of_another_journal_does_not_pass_with_this_key() {
    let (state, other) = (state(), state());
    let (dir, other) = (evidence(state.path()), evidence(other.path()));
    for name in ["attestation", "attestation.sig", "SHA256SUMS"] {
        let sound = fs::read(dir.join(name)).unwrap();
        fs::copy(other.join(name), dir.join(name)).unwrap();
        assert!(!check(&dir).status.success(), "{name}");
        fs::write(dir.join(name), sound).unwrap();
    }
}

#[test]
fn an_entry_that_was_left_out_is_missed_although_every_list_was_made_anew() {
    let state = state();
    let dir = evidence(state.path());
    for name in ["ledger", "ledger.sig"] {
        let text = fs::read_to_string(dir.join(name)).unwrap();
        let without: String =
            text.lines().enumerate().filter(|(n, _)| *n != 2).map(|(_, line)| format!("{line}\n")).collect();
        fs::write(dir.join(name), without).unwrap();
    }
    // What is left of the script is the step for the ledger.
    let script = fs::read_to_string(dir.join("check.sh")).unwrap();
    let (begin, end) = (script.find("# 1.").unwrap(), script.find("# 3.").unwrap());
    fs::write(dir.join("check.sh"), format!("{}{}", &script[..begin], &script[end..])).unwrap();
    let checked = check(&dir);
    assert!(!checked.status.success());
    assert!(String::from_utf8_lossy(&checked.stderr).contains("line 3 of ledger does not follow"));
}
