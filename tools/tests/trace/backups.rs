//! `backup` and `restore`.

use std::fs;

use crate::support::State;

#[test]
fn a_backup_is_restored_and_checked() {
    for socket in [false, true] {
        let (state, ids) = State::with_segments();
        let (copy, key) = (state.path().join("copy"), state.journal_dir().join("keys/master.key"));
        let (copy, key) = (copy.to_str().unwrap(), key.to_str().unwrap());
        let service = state.serve_if(socket);
        let made = state.trace(&["backup", copy]).ok();
        assert!(made.contains(copy) && made.contains("in 3 segments"), "{made}");
        state.trace(&["backup", copy]).fails(2, &["not empty"]);
        let shown = state.trace(&["show", &ids[0]]).ok();
        if let Some(service) = service {
            service.stop();
        }

        let other = State::empty();
        let into = other.path().to_str().unwrap();
        state.trace(&["restore", copy]).fails(2, &["--key-file"]);
        state.trace(&["--key-file", key, "restore", copy]).fails(2, &["not empty"]);
        let restored = state.trace(&["restore", copy, "--into", into, "--key-file", key]).ok();
        assert!(restored.contains("restored to") && restored.contains(&format!("PROXY_JOURNAL_KEY_FILE={key}")));
        let with_key = |args: &[&str]| other.trace(&[&["--key-file", key], args].concat());
        with_key(&["verify"]).ok();
        assert_eq!(with_key(&["show", &ids[0]]).ok(), shown);
        assert_eq!(with_key(&["list", "--json"]).json_lines().len(), 4);
    }
}

#[test]
fn what_is_no_sound_backup_is_not_restored() {
    let (state, _) = State::with_segments();
    let (copy, key) = (state.path().join("copy"), state.journal_dir().join("keys/master.key"));
    state.trace(&["backup", copy.to_str().unwrap()]).ok();
    let other = State::empty();
    let restore = |from: &str| {
        let into = other.path().to_str().unwrap();
        state.trace(&["restore", from, "--into", into, "--key-file", key.to_str().unwrap()])
    };
    restore(state.path().to_str().unwrap()).fails(1, &["no backup"]);
    let segment = fs::read_dir(copy.join("segments")).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    let mut bytes = fs::read(segment.join("sealed")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(segment.join("sealed"), bytes).unwrap();
    let said = restore(copy.to_str().unwrap()).fails(4, &[]);
    assert!(said.is_empty() || said.contains(segment.file_name().unwrap().to_str().unwrap()), "{said}");
    assert!(!other.journal_dir().exists());
}
