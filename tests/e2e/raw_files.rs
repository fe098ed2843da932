//! What lies on the disk: the prompt, which is kept and not readable without the key, and no secret.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use journal::{Journal, NoScrub, Options, Selection};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::{KEY, Proxy, UPSTREAM_KEY, ask, ask_stream, stream_events, stream_text, trace};

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

fn stream_texts_are_pieces(events: &[Value], characters: usize) -> bool {
    let texts = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str());
    texts.into_iter().all(|text| text.chars().count() <= characters)
}

/// No six characters in a row of `secret` are there.
fn assert_gone(content: &[u8], secret: &str, place: &str) {
    for at in 0..=secret.len() - 6 {
        assert!(!contains(content, &secret[at..at + 6]), "{} is in {place}", &secret[at..at + 6]);
    }
}

/// A made-up secret in its surroundings.
struct Canary {
    kind: String,
    text: String,
    secret: String,
}

/// Kinds that only the beginning of a line gives away, where a script stands before them.
const LINES: [&str; 2] = ["person-name", "street-address"];

/// Those of the scrubber's own cases that are long enough not to occur by chance.
fn canaries() -> Vec<Canary> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scrubbers/tests/cases");
    let lines = files(&folder).into_iter().map(|path| std::fs::read_to_string(path).expect("a file of cases"));
    let mut canaries = Vec::new();
    for line in lines.collect::<Vec<_>>().concat().lines() {
        let case: Value = serde_json::from_str(line).expect("a case a line");
        for marked in case["positive"].as_array().expect("texts").iter().filter_map(Value::as_str) {
            let (before, rest) = marked.split_once('⟦').expect("a secret");
            let (secret, after) = rest.split_once('⟧').expect("a secret");
            let kind = case["kind"].as_str().expect("a kind").to_owned();
            let is_around = before.contains(secret) || after.contains(secret);
            if secret.len() >= 10 && !is_around && !LINES.contains(&kind.as_str()) {
                canaries.push(Canary { kind, text: format!("{before}{secret}{after}"), secret: secret.to_owned() });
            }
        }
    }
    canaries
}

/// Sends a canary the `way`-th way: in a prompt and its answer, in an answer that comes in pieces, in a tool call's arguments, in a header, in a
/// field that the refusal quotes. Not every text fits everywhere.
fn with_canary(proxy: &Proxy, way: usize, text: &str) -> RequestBuilder {
    let is_plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    match way % 5 {
        1 => proxy.chat(&ask_stream(&format!("pieces:5:{text}"))),
        2 => proxy.chat(&ask_stream(&format!("tool:note:{}", json!({ "text": text })))),
        3 if is_plain => proxy.chat(&ask("say:hi")).header("x-note", text),
        4 => {
            let mut body = ask("say:hi");
            body["model"] = text.into();
            proxy.chat(&body)
        }
        _ => proxy.chat(&ask(&format!("say:{text}"))),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_requests_full_of_secrets_none_is_left_anywhere() {
    let proxy = Proxy::start_with(&[("PROXY_ENABLE_METRICS", "true")]).await;
    let all = canaries();
    // Of every kind some, and each of them another way.
    let step = all.len() / 200;
    let planted: Vec<&Canary> = all.iter().step_by(step.max(1)).take(200).collect();
    assert_eq!(planted.len(), 200);
    for (chunk, canaries) in planted.chunks(20).enumerate() {
        let proxy = &proxy;
        let sent = canaries.iter().enumerate().map(|(number, canary)| async move {
            let answer = with_canary(proxy, chunk * 20 + number, &canary.text).send().await.expect("an answer");
            answer.text().await.expect("all of it")
        });
        futures_util::future::join_all(sent).await;
    }
    let metrics = proxy.get("/metrics").await.text().await.unwrap();
    let shown = proxy.trace(&["events", "--json"]).await;
    assert_eq!(proxy.summaries().await.len(), 200);
    let log = proxy.log();
    let (_, state) = proxy.stop().await;
    let contents = files(state.path()).into_iter().map(|path| {
        let content = std::fs::read(&path).expect("the file can be read");
        (path.display().to_string(), String::from_utf8_lossy(&content).into_owned())
    });
    let places = [("/metrics", metrics), ("the journal", shown), ("the log", log)];
    let places: Vec<_> =
        places.map(|(place, content)| (place.to_owned(), content)).into_iter().chain(contents).collect();
    let mut left = Vec::new();
    for Canary { kind, secret, text } in planted {
        let escaped = Value::from(secret.as_str()).to_string();
        let twice = Value::from(escaped.trim_matches('"')).to_string();
        for (place, content) in &places {
            if [secret.as_str(), escaped.trim_matches('"'), twice.trim_matches('"')]
                .iter()
                .any(|form| content.contains(form))
            {
                left.push(format!("{kind} in {place}: {text:?}"));
            }
        }
    }
    assert!(left.is_empty(), "{} are left:\n{}", left.len(), left.join("\n"));
}
