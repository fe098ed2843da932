//! What lies on the disk: the prompt, which is kept and not readable without the key, and no secret.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use journal::{Journal, NoScrub, Options, Selection};

use crate::support::{KEY, Proxy, UPSTREAM_KEY, ask_stream, stream_events, stream_text, trace};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Everything in the journal, as a reader gets it.
fn events(state: &Path) -> String {
    let options = Options { create: false, ..Options::default() };
    let journal = Journal::open(&state.join("journal"), options, Arc::new(NoScrub)).expect("the journal opens");
    let lines = journal.reader().events(Selection::default()).map(|line| line.expect("readable").text);
    lines.collect::<Vec<_>>().join("\n")
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prompt_is_kept_out_of_sight_and_no_key_is() {
    let planted = [
        "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWX",
        "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
        "AKIAQWERTYUIOPASDFGH",
    ];
    let proxy = Proxy::start().await;
    let prompt = format!("say:a prompt to remember with {} in it", planted.join(" and "));
    let request = proxy.chat(&ask_stream(&prompt)).header("cookie", "session=c00kie-value-1234");
    assert_eq!(request.send().await.unwrap().text().await.unwrap().matches("[DONE]").count(), 1);
    assert_eq!(proxy.ask("quote-auth").await.status(), 400);
    let log = proxy.log();
    let (_, state) = proxy.stop().await;

    let secrets = planted.into_iter().chain([KEY, UPSTREAM_KEY, "c00kie-value-1234"]);
    let kept = events(&state.path().join("state"));
    assert!(kept.contains("a prompt to remember with "), "the prompt is not in the journal");
    for secret in secrets {
        assert!(!kept.contains(secret), "{secret} is in the journal");
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    for path in files(state.path()) {
        let content = std::fs::read(&path).expect("the file can be read");
        for text in planted.into_iter().chain([KEY, UPSTREAM_KEY, "c00kie-value-1234", "a prompt to remember"]) {
            assert!(!contains(&content, text), "{text} is in {}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_model_says_piece_by_piece_is_nowhere() {
    let key = "ghp_Zq7RtX2mK9bLkW4cVhN8sYd3PfGjT6wQa5eH";
    let proxy = Proxy::start().await;
    for characters in [1, 3, 7] {
        let script = format!("pieces:{characters}:Use {key} for it, and mind {key}.");
        let response = proxy.chat(&ask_stream(&script)).send().await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let (events, done) = stream_events(&response.text().await.unwrap());
        assert!(done);
        assert_eq!(stream_text(&events), format!("Use {key} for it, and mind {key}."), "the client gets it whole");
        assert!(stream_texts_are_pieces(&events, characters), "it came in pieces");
        let shown = proxy.trace(&["show", &id]).await;
        assert_gone(shown.as_bytes(), key, "codex-trace show");
    }
    assert_gone(proxy.log().as_bytes(), key, "the log");
    let (_, state) = proxy.stop().await;
    assert_gone(trace(state.path(), &["events", "--json"]).await.as_bytes(), key, "the journal");
    for path in files(state.path()) {
        assert_gone(&std::fs::read(&path).expect("the file can be read"), key, &path.display().to_string());
    }
}

fn stream_texts_are_pieces(events: &[serde_json::Value], characters: usize) -> bool {
    let texts = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str());
    texts.into_iter().all(|text| text.chars().count() <= characters)
}

/// No six characters in a row of `secret` are there.
fn assert_gone(content: &[u8], secret: &str, place: &str) {
    for at in 0..=secret.len() - 6 {
        assert!(!contains(content, &secret[at..at + 6]), "{} is in {place}", &secret[at..at + 6]);
    }
}
