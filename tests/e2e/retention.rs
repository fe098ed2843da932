//! What is past its time is gone, provably, and what is left says so.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Proxy, command, json_lines, trace};

/// Words of a prompt, which nothing else says.
const WORDS: &str = "the crocodile sings in the observatory";

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be read").flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

async fn status(proxy: &Proxy) -> Value {
    serde_json::from_str(&proxy.trace(&["retention", "status", "--json"]).await).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn content_goes_with_its_key_and_the_summaries_and_the_proof_stay() {
    let proxy = Proxy::start_with(&[
        ("PROXY_RETENTION_CONTENT_TTL", "2s"),
        ("PROXY_JOURNAL_SEGMENT_PERIOD", "1s"),
        ("PROXY_RETENTION_SWEEP_INTERVAL", "500ms"),
    ])
    .await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let response = proxy.ask(&format!("say:{n} {WORDS}")).await;
        assert_eq!(response.status(), 200);
        ids.push(response.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    let journal = proxy.state.path().join("state/journal");
    // Files come and go meanwhile.
    let keys: Vec<_> =
        files(&journal.join("keys/segments")).iter().filter_map(|path| std::fs::read(path).ok()).collect();
    let segments = json_lines(&proxy.trace(&["segments", "--json"]).await);
    let names: Vec<_> = segments.iter().map(|segment| segment["segment"].as_str().unwrap()).collect();

    proxy
        .until("the segments of the requests are disposed of", async || {
            let status = status(&proxy).await;
            let is_gone =
                |name: &&str| status["disposals"].as_array().unwrap().iter().any(|gone| gone["what"] == **name);
            names.iter().all(is_gone)
        })
        .await;

    let status = status(&proxy).await;
    for record in status["disposals"].as_array().unwrap() {
        assert_eq!((&record["reason"], &record["actor"]), (&"content_ttl 2s".into(), &"retention".into()));
        assert_eq!(record["policy"], status["digest"]);
        let name = record["what"].as_str().unwrap();
        assert!(!journal.join("segments").join(name).exists(), "its disk is back");
        assert!(!journal.join("keys/segments").join(format!("{name}.key")).exists(), "its key is gone");
        assert!(record["bytes"].as_u64() > Some(0) && record["events"].as_u64() > Some(0), "{record}");
    }
    let told = proxy.trace(&["retention", "status"]).await;
    assert!(names.iter().all(|name| told.contains(name)), "{told}");
    proxy.trace(&["verify"]).await;
    let listed: Vec<_> =
        proxy.summaries().await.iter().map(|summary| summary["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, ids.iter().rev().cloned().collect::<Vec<_>>(), "the summaries still list");
    let shown = tokio::process::Command::new(crate::support::tool("codex-trace"))
        .arg("--state-dir")
        .arg(proxy.state.path().join("state"))
        .args(["show", &ids[0]])
        .output();
    assert_eq!(shown.await.unwrap().status.code(), Some(1), "its content is gone");

    let (code, state) = proxy.stop().await;
    assert_eq!(code, Some(0));
    trace(state.path(), &["verify"]).await;
    for path in files(&state.path().join("state")) {
        let content = std::fs::read(&path).expect("the file can be read");
        assert!(!contains(&content, WORDS.as_bytes()), "the prompt is in {}", path.display());
        for key in &keys {
            // The wrapped keys of disposed segments, byte for byte.
            assert!(!contains(&content, key), "an old key is in {}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_contradicts_itself_is_78() {
    let state = tempfile::tempdir().unwrap();
    let mut command = command(state.path());
    command.envs([("PROXY_RETENTION_CONTENT_TTL", "1s"), ("PROXY_JOURNAL_SEGMENT_PERIOD", "1s")]);
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    for key in ["retention.content_ttl", "journal.segment_period", "retention.sweep_interval"] {
        assert!(said.contains(key), "{said}");
    }
    assert!(!state.path().join("state/journal").exists(), "nothing was touched");
}
