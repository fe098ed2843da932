//! What `codex-trace` tells of a request, while the proxy runs and after it stopped.

use serde_json::Value;

use crate::support::{Proxy, ask_stream, json_lines, trace};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_can_be_listed_and_shown_while_the_proxy_runs_and_after() {
    let proxy = Proxy::start().await;
    let response = proxy.chat(&ask_stream("say:Hello there, friend.")).send().await.unwrap();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body = response.text().await.unwrap();

    let summaries = proxy.summaries().await;
    assert_eq!(summaries.len(), 1);
    let summary = &summaries[0];
    for (field, expected) in [
        ("id", Value::from(id.clone())),
        ("route", "/v1/chat/completions".into()),
        ("model", "codex-5".into()),
        ("key", "default".into()),
        ("status", 200.into()),
        ("outcome", "ok".into()),
        ("stream", true.into()),
        ("worker", "w1".into()),
        ("tokens", serde_json::json!({ "input": 11, "cached": 3, "output": 7, "reasoning": 2 })),
    ] {
        assert_eq!(summary[field], expected, "{field}");
    }
    assert!(summary["ttft_ms"].as_f64().unwrap() <= summary["duration_ms"].as_f64().unwrap());

    let running = proxy.trace(&["show", &id, "--json"]).await;
    let timeline = proxy.trace(&["show", &id]).await;
    let events = json_lines(&running);
    assert_eq!(summary["events"], events.len());
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[0], "request.received");
    assert_eq!(kinds[kinds.len() - 1], "response.finished");
    let sent: Vec<&str> = events
        .iter()
        .filter(|event| event["type"] == "rpc.sent")
        .map(|event| event["data"]["frame"]["method"].as_str().unwrap())
        .collect();
    assert_eq!(sent, ["thread/start", "thread/inject_items", "turn/start"]);
    let chunks: String = events
        .iter()
        .filter(|event| event["type"] == "response.chunk")
        .map(|event| event["data"]["bytes"].as_str().unwrap())
        .collect();
    assert_eq!(chunks, body, "the journal holds the bytes that the client got");
    let seqs: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "seq is strictly increasing: {seqs:?}");

    let (code, state) = proxy.stop().await;
    assert_eq!(code, Some(0));
    assert_eq!(trace(state.path(), &["show", &id, "--json"]).await, running, "the same after the proxy stopped");
    assert_eq!(trace(state.path(), &["show", &id]).await, timeline);
    let all = json_lines(&trace(state.path(), &["events", "--json"]).await);
    for (event, expected) in all.iter().zip(1_u64..) {
        assert_eq!(event["seq"], expected, "the journal has no gap");
    }
    let kinds: Vec<&str> = all.iter().map(|event| event["type"].as_str().unwrap()).collect();
    for kind in [
        "segment.opened",
        "service.started",
        "worker.spawned",
        "worker.handshaken",
        "worker.ready",
        "request.admitted",
        "audit.read",
        "service.draining",
        "worker.exited",
        "service.stopped",
    ] {
        assert!(kinds.contains(&kind), "{kind} is not in the journal");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_goes_on_where_the_last_run_ended() {
    let first = Proxy::start().await;
    assert_eq!(first.ask("say:one").await.status(), 200);
    let (_, state) = first.stop().await;
    let second = Proxy::spawn_in(state, &[]).await;
    second.until_ready().await;
    assert_eq!(second.ask("say:two").await.status(), 200);
    assert_eq!(second.summaries().await.len(), 2);
    let events = json_lines(&second.trace(&["events", "--json"]).await);
    assert!(events.iter().zip(1_u64..).all(|(event, expected)| event["seq"] == expected), "no gap between the runs");
}
