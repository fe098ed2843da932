//! The fallback backend: the real `codex proto` of Codex 0.40.0, a process for each turn.

use std::path::Path;

use model_stub::Outcome;
use serde_json::{Value, json};

use crate::golden;
use crate::support::{Proxy, ask, ask_stream, codex_proto, json_lines, stream_events, stream_text};

/// A proxy whose turns run on `codex proto`.
pub(crate) async fn proxy() -> Proxy {
    let binary = codex_proto();
    let binary = binary.to_str().expect("the path is UTF-8");
    Proxy::start_with(&[("PROXY_USE_APP_SERVER", "false"), ("CODEX_PROTO_BIN", binary)]).await
}

/// Everything on record of the newest request.
async fn events(proxy: &Proxy) -> Vec<Value> {
    let summaries = proxy.summaries().await;
    json_lines(&proxy.trace(&["show", summaries[0]["id"].as_str().unwrap(), "--json"]).await)
}

/// Waits until none of the processes that were started runs.
async fn no_process_is_left(proxy: &Proxy) {
    let gone = async || {
        let events = json_lines(&proxy.trace(&["events", "--json"]).await);
        let mut spawned = events.iter().filter(|event| event["type"] == "worker.spawned");
        assert!(spawned.clone().next().is_some(), "there was one");
        spawned.all(|event| !Path::new(&format!("/proc/{}", event["data"]["pid"])).exists())
    };
    proxy.until("no process is left", gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_stream_and_usage() {
    let proxy = proxy().await;
    let health: Value = proxy.get("/healthz").await.json().await.unwrap();
    assert_eq!((health["backend_mode"].as_str(), health["ok"].as_bool()), (Some("proto"), Some(true)));

    let answer: Value = proxy.ask("usage:100:40:20:5:say:Hello there, friend.").await.json().await.unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "Hello there, friend.");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["usage"]["prompt_tokens"], 100);
    assert_eq!(answer["usage"]["completion_tokens"], 20);

    let body = proxy.chat(&ask_stream("usage:7:0:9:1:say:a 🦀 walks")).send().await.unwrap().text().await.unwrap();
    let (chunks, done) = stream_events(&body);
    assert!(done);
    assert_eq!(stream_text(&chunks), "a 🦀 walks");
    assert_eq!(chunks.last().unwrap()["usage"]["total_tokens"], 16);

    let summaries = proxy.summaries().await;
    assert_eq!((summaries[0]["worker"].as_str(), summaries[1]["worker"].as_str()), (Some("p2"), Some("p1")));
    assert_eq!(summaries[0]["tokens"], json!({ "input": 7, "cached": 0, "output": 9, "reasoning": 1 }));
    let kinds: Vec<Value> = events(&proxy).await.into_iter().map(|event| event["type"].clone()).collect();
    assert!(kinds.contains(&json!("rpc.sent")) && kinds.contains(&json!("rpc.received")), "{kinds:?}");
    assert_eq!(kinds.last(), Some(&json!("response.finished")));
    no_process_is_left(&proxy).await;
    assert_eq!(proxy.stop().await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_choice_is_a_process_of_its_own() {
    let proxy = proxy().await;
    let mut request = ask("usage:10:0:5:0:say:me");
    request["n"] = json!(3);
    request["tools"] = json!([{ "type": "function", "function": { "name": "f", "parameters": {} } }]);
    request["seed"] = json!(7);
    let response = proxy.chat(&request).send().await.unwrap();
    assert_eq!(response.headers()["x-proxy-ignored-params"], "seed, tools");
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["choices"].as_array().unwrap().len(), 3);
    assert_eq!(answer["usage"]["total_tokens"], 45);
    assert_eq!(proxy.model().requests().len(), 3);
    no_process_is_left(&proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_ends_its_process() {
    let proxy = proxy().await;
    let request = tokio::spawn(proxy.chat(&ask("slow:10000:20")).send());
    proxy.until("the upstream has the request", async || !proxy.model().requests().is_empty()).await;
    request.abort();
    let hung_up = async || proxy.model().requests()[0].outcome == Outcome::Disconnected;
    proxy.until("the upstream's request is dropped", hung_up).await;
    no_process_is_left(&proxy).await;
    proxy.until("the summary is there", async || !proxy.summaries().await.is_empty()).await;
    assert_eq!(proxy.summaries().await[0]["outcome"], "cancelled");
    assert_eq!(events(&proxy).await.last().unwrap()["type"], "response.finished");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_their_status() {
    let proxy = proxy().await;
    let cases = [
        ("err:400", 400, "invalid_request_error"),
        ("err:401", 401, "invalid_api_key"),
        ("err:404", 404, "model_not_found"),
        ("err:429", 429, "rate_limited"),
        ("err:500", 500, "worker_error"),
        ("err:503", 500, "worker_error"),
        ("cut", 500, "worker_error"),
    ];
    for (script, status, code) in cases {
        let response = proxy.ask(script).await;
        assert_eq!(response.status(), status, "{script}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["code"], code, "{script}: {body}");
    }
    no_process_is_left(&proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_model_would_run_on_this_machine_does_not_run() {
    let proxy = proxy().await;
    let answer = proxy.ask(r#"tool:shell:{"command":["cat","/proc/self/environ","/etc/passwd"]}"#).await;
    assert_eq!(answer.status(), 200);
    let requests = proxy.model().requests();
    let body: Value = serde_json::from_str(requests[1].body.get()).unwrap();
    let output = body["input"].as_array().unwrap().iter().find(|item| item["type"] == "function_call_output");
    let output = output.unwrap()["output"].as_str().unwrap();
    assert!(output.contains("ermission denied"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_reach_the_upstream_as_recorded() {
    let proxy = proxy().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proto");
    assert_eq!(golden::check_folder(&proxy, &folder, only_conversation).await, 6);
}

/// What is ours of a request: the rest is Codex's prompt, its tools, and where it believes to be.
fn only_conversation(body: &Value) -> Value {
    let (_, conversation) = body["input"].as_array().unwrap().split_first().unwrap();
    json!({ "model": body["model"], "reasoning": body["reasoning"], "input": conversation })
}
