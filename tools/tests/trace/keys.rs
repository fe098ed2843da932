//! The master key: given, wrong, and changed.

use std::fs;

use crate::support::State;

#[test]
fn a_wrong_master_key_is_3_and_names_the_one_needed() {
    let state = State::with_requests();
    let wrong = state.path().join("wrong.key");
    fs::write(&wrong, "00".repeat(32)).unwrap();
    let wrong = wrong.to_str().unwrap();
    let needed = state.trace(&["--key-file", wrong, "list"]);
    assert!(needed.stderr.contains("encrypted under ") && needed.stderr.contains("PROXY_JOURNAL_KEY_FILE"));
    needed.fails(3, &[wrong]);
    let environment = state.command(&["list"]).env("PROXY_JOURNAL_KEY_FILE", wrong).output().unwrap();
    assert_eq!(environment.status.code(), Some(3));
    let master = state.journal_dir().join("keys/master.key");
    let kept = state.path().join("kept.key");
    fs::rename(&master, &kept).unwrap();
    state.trace(&["list"]).fails(3, &["no key file"]);
    state.trace(&["list", "--key-file", kept.to_str().unwrap()]).ok();
    let configured = state.path().join("config.toml");
    fs::write(&configured, format!("[journal]\nkey_file = {:?}\n", kept.to_str().unwrap())).unwrap();
    let run = state.command(&["list"]).env("PROXY_CONFIG", &configured).output().unwrap();
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn rekeyed_the_journal_opens_with_the_new_key_alone() {
    let (state, ids) = State::with_segments();
    let new = state.path().join("new.key");
    let new = new.to_str().unwrap();
    let service = state.serve();
    state.trace(&["rekey", "--new-key-file", new]).fails(3, &["in use"]);
    service.stop();
    let old = state.journal_dir().join("keys/master.key");
    state.trace(&["rekey", "--new-key-file", old.to_str().unwrap()]).fails(2, &["present master key"]);
    let said = state.trace(&["rekey", "--new-key-file", new]).ok();
    assert!(said.contains(&format!("PROXY_JOURNAL_KEY_FILE={new}")) && said.contains("destroy"), "{said}");
    state.trace(&["show", &ids[0]]).fails(3, &["PROXY_JOURNAL_KEY_FILE"]);
    state.trace(&["show", &ids[0], "--key-file", new]).ok();
    fs::remove_file(old).unwrap();
    state.trace(&["verify", "--key-file", new]).ok();
}
