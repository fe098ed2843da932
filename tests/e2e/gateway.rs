//! Who may come in, how often, and when: keys, rates, places, maintenance, and changes of all these while the service runs.

use std::process::Output;

use futures_util::future::join_all;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{KEY, Proxy, ask, ask_stream, command, signal};

/// `codex-proxy` with these arguments on the state folder of `proxy`.
async fn run(proxy: &Proxy, arguments: &[&str]) -> Output {
    let mut command = command(proxy.state.path());
    // Without the upstream's address its key is a mistake of the configuration.
    command.env_remove("PROXY_UPSTREAM_API_KEY");
    command.args(arguments).output().await.expect("codex-proxy runs")
}

/// What `codex-proxy` prints for these arguments; it must succeed.
pub(crate) async fn done(proxy: &Proxy, arguments: &[&str]) -> String {
    let output = run(proxy, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints UTF-8").trim().to_owned()
}

async fn say(proxy: &Proxy, key: &str) -> Response {
    let request = reqwest::Client::new().post(format!("{}/v1/chat/completions", proxy.address));
    request.bearer_auth(key).json(&ask("say:hi")).send().await.expect("the proxy answers")
}

async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.expect("errors are JSON");
    (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn number(response: &Response, header: &str) -> u64 {
    response.headers()[header].to_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_exchanged_and_revoked_while_the_service_runs() {
    let proxy = Proxy::start().await;
    let first = done(&proxy, &["keys", "add", "acme", "--models", "codex-5", "--rate", "1000/1s"]).await;
    proxy.until("the key is known", async || say(&proxy, &first).await.status() == 200).await;
    let body = json!({ "model": "codex-5-low", "messages": [{ "role": "user", "content": "say:hi" }] });
    let other = reqwest::Client::new().post(format!("{}/v1/chat/completions", proxy.address)).bearer_auth(&first);
    assert_eq!(code(other.json(&body).send().await.unwrap()).await, (404, "model_not_found".to_owned()));
    let second = done(&proxy, &["keys", "rotate", "acme"]).await;
    proxy.until("the new key is known", async || say(&proxy, &second).await.status() == 200).await;
    assert_eq!(code(say(&proxy, &first).await).await, (401, "invalid_api_key".to_owned()));
    let listed = done(&proxy, &["keys", "list"]).await;
    assert!(listed.contains("acme") && listed.contains(&second[..9]) && !listed.contains(&second[..12]), "{listed}");
    done(&proxy, &["keys", "revoke", "acme"]).await;
    proxy.until("the key is gone", async || say(&proxy, &second).await.status() == 401).await;
    assert_eq!(say(&proxy, KEY).await.status(), 200, "the key of the configuration stays");

    assert!(proxy.summaries().await.iter().any(|summary| summary["key"] == "acme"));
    let events = proxy.trace(&["events", "--json"]).await;
    assert!(events.contains(
        r#""type":"flag.changed","data":{"flag":"auth.keys","from":"default","to":"default, acme","actor":"file"}"#
    ));
    assert!(!events.contains(&first[4..]) && !events.contains(&second[4..]), "no key is in the journal");
    assert_eq!(run(&proxy, &["keys", "revoke", "nobody"]).await.status.code(), Some(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_partners_and_operators_ask_models_and_only_others_see_all_usage() {
    let proxy = Proxy::start().await;
    let mut keys = Vec::new();
    for role in ["partner", "auditor", "engineer", "operator"] {
        keys.push((role, done(&proxy, &["keys", "add", role, "--role", role]).await));
    }
    let usage = async |key: &str| {
        let request = reqwest::Client::new().get(format!("{}/v1/usage", proxy.address)).bearer_auth(key);
        request.send().await.unwrap()
    };
    proxy.until("the keys are known", async || usage(&keys[3].1).await.status() == 200).await;
    for (role, key) in &keys {
        let answer = code(say(&proxy, key).await).await;
        let expected = if matches!(*role, "partner" | "operator") { (200, "") } else { (403, "wrong_role") };
        assert_eq!((answer.0, answer.1.as_str()), expected, "{role}");
    }
    proxy
        .until("all is summed up", async || proxy.summaries().await.iter().filter(|s| s["status"] == 200).count() >= 2)
        .await;
    for (role, key) in &keys {
        let sums: Value = usage(key).await.json().await.unwrap();
        let requests = if *role == "partner" { 1 } else { 4 };
        assert_eq!(
            (&sums["total_requests"], &sums["prompt_tokens"]),
            (&json!(requests), &json!(if *role == "partner" { 11 } else { 22 })),
            "{role}: {sums}"
        );
        assert_eq!(sums["total_tokens_est"], sums["total_tokens"]);
    }
    let raw = reqwest::Client::new().get(format!("{}/v1/usage/raw?limit=1", proxy.address)).bearer_auth(&keys[0].1);
    let raw: Value = raw.send().await.unwrap().json().await.unwrap();
    assert_eq!((&raw["count"], &raw["events"][0]["key"]), (&json!(1), &json!("partner")));
    assert_eq!(proxy.get("/v1/usage").await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_clients_get_no_more_than_the_rate_and_are_told_when_to_come_back() {
    let rate = [
        ("PROXY_RATE_LIMIT_ENABLED", "true"),
        ("PROXY_RATE_LIMIT_MAX", "7"),
        ("PROXY_RATE_LIMIT_WINDOW_MS", "3600000"),
    ];
    let proxy = Proxy::start_with(&rate).await;
    let first = say(&proxy, KEY).await;
    assert_eq!(
        (number(&first, "x-ratelimit-limit-requests"), number(&first, "x-ratelimit-remaining-requests")),
        (7, 6)
    );
    let statuses = join_all((0..500).map(|_| async { say(&proxy, KEY).await.status().as_u16() })).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 6);
    assert!(statuses.iter().all(|status| matches!(status, 200 | 429)));
    let refused = say(&proxy, KEY).await;
    assert_eq!(number(&refused, "retry-after"), 60, "no client is told to wait longer");
    assert!(number(&refused, "retry-after-ms") <= 60_000);
    assert_eq!(code(refused).await, (429, "rate_limited".to_owned()));
    // Strangers have a rate of their own, which comes before the question who they are.
    let mut refused = 0;
    for n in 0..20 {
        refused += usize::from(say(&proxy, &format!("nobody-{n}")).await.status() == 429);
    }
    assert_eq!(refused, 13);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_place_waits_and_gets_the_next_one() {
    let proxy = Proxy::start_with(&[("WORKER_MAX_CONCURRENCY", "1"), ("PROXY_QUEUE_TIMEOUT_MS", "60000")]).await;
    let running = proxy.chat(&ask("delay:300:say:first")).send();
    let (first, second) = tokio::join!(running, async {
        proxy.until("the first one runs", async || !proxy.model().requests().is_empty()).await;
        proxy.ask("say:second").await
    });
    assert_eq!((first.unwrap().status().as_u16(), second.status().as_u16()), (200, 200));
    let waited =
        |line: &Value| line["type"] == "request.admitted" && line["data"]["queue_wait_ms"].as_f64() > Some(1.0);
    let events = crate::support::json_lines(&proxy.trace(&["events", "--json"]).await);
    assert_eq!(events.iter().filter(|event| waited(event)).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_queue_and_beyond_its_bounds_requests_are_refused_with_a_hint() {
    let bounds = [("WORKER_MAX_CONCURRENCY", "1"), ("PROXY_QUEUE_MAX", "0"), ("PROXY_SSE_MAX_CONCURRENCY", "1")];
    let proxy = Proxy::start_with(&bounds).await;
    let mut stream = proxy.chat(&ask_stream("slow:100000:20")).send().await.unwrap();
    stream.chunk().await.unwrap();
    let busy = proxy.ask("say:never").await;
    assert!((1000..=1200).contains(&number(&busy, "retry-after-ms")));
    assert_eq!(code(busy).await, (429, "worker_busy".to_owned()));
    let second = proxy.chat(&ask_stream("say:never")).send().await.unwrap();
    assert_eq!(code(second).await, (429, "concurrency_exceeded".to_owned()));
    drop(stream);
    proxy.until("the place is free again", async || proxy.ask("say:hi").await.status() == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_refuses_what_comes_and_lets_run_what_runs() {
    let proxy = Proxy::start().await;
    let mut stream = proxy.chat(&ask_stream("slow:40:20")).send().await.unwrap();
    stream.chunk().await.unwrap();
    let shown = done(&proxy, &["ctl", "maintenance", "on", "--retry-after", "20", "--message", "back at noon"]).await;
    assert!(shown.contains("maintenance  on, retry after 20 s: back at noon"), "{shown}");
    let refused = proxy.ask("say:never").await;
    assert_eq!(number(&refused, "retry-after"), 20);
    let body: Value = refused.json().await.unwrap();
    let expected = json!({ "error": {
        "message": "back at noon", "type": "backend_unavailable", "code": "maintenance_mode", "retryable": true,
    } });
    assert_eq!(body, expected);
    let ready = proxy.get("/readyz").await;
    assert_eq!(ready.status(), 200, "the node stays in rotation to say so");
    assert_eq!(ready.json::<Value>().await.unwrap()["maintenance"], true);
    assert!(stream.text().await.unwrap().ends_with("data: [DONE]\n\n"));
    done(&proxy, &["ctl", "maintenance", "off"]).await;
    assert_eq!(proxy.ask("say:hi").await.status(), 200);
    let ledger = proxy.trace(&["ledger", "--json"]).await;
    assert_eq!(ledger.matches("maintenance.changed").count(), 2, "{ledger}");
    assert!(ledger.contains("uid:") && ledger.contains("back at noon"), "{ledger}");
    let refused = proxy.summaries().await;
    assert!(refused.iter().any(|summary| summary["outcome"] == "maintenance"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_applies_what_it_can_and_a_wrong_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "[limits]\nrate_enabled = false\n").unwrap();
    let proxy = Proxy::start_with(&[("PROXY_CONFIG", file.to_str().unwrap())]).await;
    std::fs::write(
        &file,
        "[limits]\nrate_enabled = true\nrate_max = 2\nrate_window_ms = 3600000\n[stream]\nhead_ms = 5\n",
    )
    .unwrap();
    signal(proxy.pid(), "HUP");
    proxy.logged(|line| line.contains("configuration reloaded") && line.contains("stream.head_ms")).await;
    let statuses =
        [say(&proxy, KEY).await, say(&proxy, KEY).await, say(&proxy, KEY).await].map(|answer| answer.status().as_u16());
    assert_eq!(statuses, [200, 200, 429]);
    std::fs::write(&file, "[limits]\nrate_max = \"many\"\n").unwrap();
    let output = run(&proxy, &["ctl", "reload"]).await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(78) && told.contains("rate_max"), "{told}");
    assert_eq!(say(&proxy, KEY).await.status(), 429, "what was in force stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_and_curious_clients_get_what_the_contract_says() {
    let proxy = Proxy::start().await;
    let client = reqwest::Client::new();
    let preflight = client
        .request(Method::OPTIONS, format!("{}/v1/chat/completions", proxy.address))
        .header("origin", "https://app.test")
        .header("access-control-request-headers", "authorization,x-stainless-os");
    let preflight = preflight.send().await.unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-allow-headers"], "authorization,x-stainless-os");
    let answer = proxy.chat(&ask_stream("say:hi")).header("origin", "https://app.test").send().await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://app.test");
    assert_eq!(answer.headers()["access-control-allow-credentials"], "true");
    let model: Value = proxy.get("/v1/models/CODEX-5/").await.json().await.unwrap();
    assert_eq!(model, json!({ "id": "CODEX-5", "object": "model", "owned_by": "codex", "created": 0 }));
    let unknown = proxy.get("/v1/models/nobody").await;
    assert_eq!(unknown.headers()["access-control-allow-origin"], "*");
    assert_eq!(code(unknown).await, (404, "model_not_found".to_owned()));
    assert_eq!(code(proxy.get("/v1/responses").await).await, (404, "not_found".to_owned()));
}
