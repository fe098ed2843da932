//! The admin listener: keys of the right role ask what the control socket answers, others do not, and all of it is on record.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{KEY, Proxy, ask, command, json_lines, tool};

/// A proxy with an admin listener, and where that is.
async fn proxy() -> (Proxy, String) {
    let proxy = Proxy::start_with(&[("PROXY_ADMIN_LISTEN", "127.0.0.1:0")]).await;
    let line = proxy.logged(|line| line.contains("admin listener")).await;
    let logged: Value = serde_json::from_str(&line).unwrap();
    let url = format!("http://{}", logged["address"].as_str().unwrap());
    (proxy, url)
}

/// A new key of this role, once the service knows it.
async fn key(proxy: &Proxy, role: &str) -> String {
    let mut add = command(proxy.state.path());
    add.env_remove("PROXY_UPSTREAM_API_KEY").args(["keys", "add", role, "--role", role]);
    let output = add.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let key = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let usage = format!("{}/v1/usage", proxy.address);
    let client = reqwest::Client::new();
    let known = async || client.get(&usage).bearer_auth(&key).send().await.unwrap().status() != 401;
    proxy.until("the key is known", known).await;
    key
}

async fn trace(url: &str, token: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(tool("codex-trace"));
    let output = command.args(["--url", url, "--token", token]).args(arguments).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_do_what_is_its_own() {
    let (proxy, url) = proxy().await;
    assert_eq!(proxy.ask("say:hello there").await.status(), 200);
    let id = proxy.summaries().await[0]["id"].as_str().unwrap().to_owned();
    let (auditor, engineer, operator) =
        (key(&proxy, "auditor").await, key(&proxy, "engineer").await, key(&proxy, "operator").await);

    let (code, told, said) = trace(&url, &engineer, &["show", &id]).await;
    assert!(code == Some(0) && told.contains("hello"), "{told}{said}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.codextrace");
    let (code, _, said) = trace(&url, &engineer, &["export", &id, "-o", file.to_str().unwrap()]).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, told, said) = trace(&url, &auditor, &["ledger", "--json"]).await;
    assert!(code == Some(0) && told.contains("key:engineer") && told.contains(r#""via":"admin""#), "{told}{said}");
    let (code, _, said) = trace(&url, &auditor, &["verify"]).await;
    assert_eq!(code, Some(0), "{said}");

    for (token, arguments, wanted) in [
        (&operator, &["show", &id][..], "auditor or engineer"),
        (&engineer, &["hold", "place", "--key", "default", "--reason", "x"], "operator"),
        (&auditor, &["retention", "run"], "operator"),
        (&KEY.to_owned(), &["list"], "auditor or engineer or operator"),
    ] {
        let (code, _, said) = trace(&url, token, arguments).await;
        assert!(code == Some(3) && said.contains(wanted), "{arguments:?}: {said}");
    }
    let (code, _, said) = trace(&url, "nobody", &["list"]).await;
    assert!(code == Some(3) && said.contains("a key is needed"), "{said}");
    let denied = json_lines(&proxy.trace(&["events", "--json"]).await);
    let denied = denied.iter().filter(|event| event["data"]["action"] == "denied");
    assert_eq!(denied.filter(|event| event["data"]["via"] == "admin").count(), 5, "who was kept out is on record");

    for _ in 0..200 {
        assert_eq!(reqwest::Client::new().get(format!("{url}/v1/summaries")).send().await.unwrap().status(), 401);
    }
    let ledger = proxy.trace(&["ledger", "--json"]).await;
    assert!(ledger.matches(r#""action":"denied""#).count() <= 61, "and not so often that it fills the ledger");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_switches_the_service_and_never_completes_its_chats_there() {
    let (proxy, url) = proxy().await;
    let operator = key(&proxy, "operator").await;
    let client = reqwest::Client::new();
    let post = |path: &str, body: Value| client.post(format!("{url}{path}")).bearer_auth(&operator).json(&body).send();
    let status =
        post("/v1/maintenance", json!({ "on": true, "message": "back soon", "retry_after_s": 20 })).await.unwrap();
    assert_eq!(status.json::<Value>().await.unwrap()["maintenance"]["message"], "back soon");
    assert_eq!(proxy.ask("say:never").await.status(), 503);
    post("/v1/maintenance", json!({ "on": false })).await.unwrap();
    assert_eq!(proxy.ask("say:hi").await.status(), 200);
    assert_eq!(post("/v1/chat/completions", ask("say:no")).await.unwrap().status(), 404);
    let ledger = proxy.trace(&["ledger", "--json"]).await;
    assert_eq!(ledger.matches(r#""actor":"key:operator""#).count(), 2, "{ledger}");
}
