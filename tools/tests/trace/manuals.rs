//! What shells and `man` get.

use std::process::Command;

use crate::support::State;

#[test]
fn shells_get_what_they_understand() {
    // No journal is needed.
    let state = State::empty();
    for (shell, mark) in [("bash", "complete -F"), ("zsh", "#compdef codex-trace"), ("fish", "complete -c codex-trace")]
    {
        let script = state.trace(&["completions", shell]).ok();
        for word in [mark, "retention", "slower-than", "no-pager"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        // Those that are not installed are not asked.
        let checked = Command::new(shell).args(["-n", "-c", &script]).status();
        assert!(checked.map_or(true, |status| status.success()), "{shell} refuses it");
    }
    state.trace(&["completions", "tcsh"]).fails(2, &["bash, zsh, fish"]);
}

#[test]
fn every_command_gets_a_page_with_examples() {
    let state = State::empty();
    let dir = state.path().join("man");
    assert_eq!(state.trace(&["man", dir.to_str().unwrap()]).ok(), "");
    for page in ["codex-trace", "codex-trace-list", "codex-trace-hold-place", "codex-trace-show"] {
        let text = std::fs::read_to_string(dir.join(format!("{page}.1"))).unwrap();
        assert!(text.contains(".TH ") && text.contains("Examples:"), "{page}: {text}");
    }
    let file = state.path().join("file");
    std::fs::write(&file, "").unwrap();
    state.trace(&["man", file.to_str().unwrap()]).fails(3, &["cannot write manual pages"]);
}
