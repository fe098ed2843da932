//! What an auditor and whoever has to erase content ask of the running proxy, and of its folder afterwards.

use std::path::Path;
use std::process::Output;

use crate::support::{Proxy, json_lines, tool, trace};

/// Words of a prompt, which nothing else says.
const WORDS: &str = "the crocodile sings in the observatory";

async fn run(state: &Path, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(tool("codex-trace"));
    command.arg("--state-dir").arg(state.join("state")).args(arguments).output().await.expect("codex-trace runs")
}

/// Erases with `arguments`, which must succeed.
async fn erase(state: &Path, arguments: &[&str]) -> String {
    trace(state, &[&["erase", "--reason", "asked to"], arguments].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_erased_while_the_proxy_runs_and_after_unless_it_is_held() {
    let proxy = Proxy::start().await;
    let state = proxy.state.path();
    let mut ids = Vec::new();
    for n in 0..3 {
        let response = proxy.ask(&format!("say:{n} {WORDS}")).await;
        ids.push(response.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    let found = async |n: &str| run(state, &["grep", &format!("{n} {WORDS}")]).await.status.code() == Some(0);
    assert!(found("0").await && found("1").await && found("2").await);

    let told = erase(state, &["--request", &ids[0]]).await;
    assert!(told.starts_with("erased ") && told.contains(" of 1 request from "), "{told}");
    assert!(!found("0").await && found("1").await, "it and nothing else");
    let left = json_lines(&proxy.trace(&["show", &ids[0], "--json"]).await);
    assert!(left.iter().all(|event| event["type"] == "event.erased"), "{left:?}");
    assert!(proxy.trace(&["show", &ids[0]]).await.contains("erased: its content was destroyed"), "and is said to be");
    assert_eq!(run(state, &["erase", "--request", &ids[0], "--reason", "again"]).await.status.code(), Some(1));
    proxy.trace(&["verify"]).await;

    let hold = proxy.trace(&["hold", "place", "--request", &ids[1], "--reason", "case 7"]).await;
    let refused = run(state, &["erase", "--key", "default", "--reason", "asked to"]).await;
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains(&ids[1]) && said.contains("under a legal hold"), "{said}");
    assert!(found("1").await && found("2").await, "nothing was erased");
    proxy.trace(&["hold", "lift", hold.trim(), "--reason", "closed"]).await;
    let listed = proxy.trace(&["audit", "log", "--action", "segment.erased"]).await;
    assert!(listed.contains("asked to") && listed.contains(&ids[0]), "{listed}");
    // It goes on.
    assert_eq!(proxy.ask("say:more").await.status(), 200);

    let (code, state) = proxy.stop().await;
    assert_eq!(code, Some(0));
    let state = state.path();
    erase(state, &["--key", "default"]).await;
    assert_eq!(run(state, &["grep", WORDS]).await.status.code(), Some(1));
    assert_eq!(json_lines(&trace(state, &["list", "--json"]).await).len(), 4, "the summaries stay");
    trace(state, &["verify"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_is_made_while_the_proxy_runs() {
    let proxy = Proxy::start().await;
    assert_eq!(proxy.ask(&format!("say:{WORDS}")).await.status(), 200);
    let dir = proxy.state.path().join("evidence");
    proxy.trace(&["audit", "evidence", "--since", "1d", "-o", dir.to_str().unwrap()]).await;
    let checked = tokio::process::Command::new("sh").arg(dir.join("check.sh")).output().await.unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    for file in std::fs::read_dir(&dir).unwrap() {
        let text = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains(WORDS), "evidence has no content");
    }
    let log = json_lines(&proxy.trace(&["audit", "log", "--json", "--action", "audit"]).await);
    assert_eq!((log.len(), &log[0]["action"], &log[0]["via"]), (1, &"audit.evidence".into(), &"socket".into()));
}
