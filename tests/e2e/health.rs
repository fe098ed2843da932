//! Probes, metrics, and the models list.

use serde_json::{Value, json};

use crate::support::{KEY, Proxy, signal};

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_the_worker_and_liveness_does_not() {
    let proxy = Proxy::start_with(&[("WORKER_BACKOFF_INITIAL_MS", "3000")]).await;
    let ready: Value = proxy.get("/readyz").await.json().await.unwrap();
    assert_eq!(ready["ok"], true);
    assert_eq!(ready["health"]["readiness"]["reason"], "handshake_complete");
    assert_eq!(ready["health"]["readiness"]["details"]["restarts_total"], 0);

    signal(proxy.worker_pid().await.unwrap(), "KILL");
    proxy.until("/readyz answers 503", async || proxy.get("/readyz").await.status() == 503).await;
    let health: Value = proxy.get("/healthz").await.json().await.unwrap();
    assert_eq!((&health["ok"], &health["worker_supervisor"]["running"]), (&json!(false), &json!(false)));
    assert_eq!(health["health"]["readiness"]["reason"], "worker_exit");
    assert_eq!(health["worker_supervisor"]["last_exit"]["signal"], 9);
    assert_eq!(proxy.get("/livez").await.status(), 200);
    let refused = proxy.ask("say:no").await;
    assert_eq!(refused.status(), 503);
    let hint: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=6).contains(&hint), "{hint} is not about the 3 s until the next start");
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(
        (&refused["error"]["code"], &refused["worker_status"]["ready"]),
        (&json!("worker_not_ready"), &json!(false))
    );

    proxy.until_ready().await;
    let health: Value = proxy.get("/healthz").await.json().await.unwrap();
    assert_eq!(health["worker_supervisor"]["restarts_total"], 1);
    assert_eq!(health["sandbox_mode"], "read-only");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_those_who_may_see_them() {
    let closed = Proxy::start().await;
    assert_eq!(closed.get("/metrics").await.status(), 404, "off by default");

    let environment = [
        ("PROXY_ENABLE_METRICS", "true"),
        ("PROXY_METRICS_ALLOW_LOOPBACK", "false"),
        ("PROXY_METRICS_TOKEN", "scrape-token-0123456789"),
    ];
    let proxy = Proxy::start_with(&environment).await;
    let denied = proxy.get("/metrics").await;
    assert_eq!(denied.status(), 403);
    assert_eq!(denied.json::<Value>().await.unwrap(), json!({ "ok": false, "reason": "metrics access denied" }));
    assert_eq!(proxy.ask("usage:5:1:3:2:say:counted").await.status(), 200);
    let url = format!("{}/metrics", proxy.address);
    let request = reqwest::Client::new().get(url).bearer_auth("scrape-token-0123456789");
    let text = request.send().await.unwrap().text().await.unwrap();
    for line in [
        r#"codex_proxy_requests_total{route="/v1/chat/completions",stream="false",outcome="ok"} 1"#,
        r#"codex_proxy_tokens_total{model="codex-5",type="input"} 5"#,
        r#"codex_proxy_tokens_total{model="codex-5",type="reasoning"} 2"#,
        r#"codex_proxy_worker_state{state="ready"} 1"#,
        r#"codex_proxy_active_requests{route="/v1/chat/completions"} 0"#,
        r#"codex_proxy_journal_dropped_events_total{reason="failing"} 0"#,
        "codex_proxy_journal_flush_errors_total 0",
        "codex_proxy_ready 1",
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_open_unless_protected() {
    let proxy = Proxy::start().await;
    let response = proxy.get("/v1/models/").await;
    assert_eq!(response.headers()["cache-control"], "public, max-age=60");
    let models: Value = response.json().await.unwrap();
    assert_eq!(models["object"], "list");
    assert_eq!(models["data"][0], json!({ "id": "codex-5", "object": "model", "owned_by": "codex", "created": 0 }));

    let protected = Proxy::start_with(&[("PROXY_PROTECT_MODELS", "true")]).await;
    assert_eq!(protected.get("/v1/models").await.status(), 401);
    let url = format!("{}/v1/models", protected.address);
    assert_eq!(reqwest::Client::new().get(url).bearer_auth(KEY).send().await.unwrap().status(), 200);
}
