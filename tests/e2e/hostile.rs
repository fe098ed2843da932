//! Clients and workers that misbehave on purpose, and what others notice of it: nothing.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{KEY, Proxy, ask, ask_stream, json_lines, signal, stream_events, stream_text};

const METRICS: (&str, &str) = ("PROXY_ENABLE_METRICS", "true");

/// Waits until as many requests ended with this outcome.
async fn until_ended(proxy: &Proxy, outcome: &str, count: usize) {
    let wanted = format!(r#"route="/v1/chat/completions",stream="true",outcome="{outcome}"}} {count}"#);
    let reached = async || proxy.get("/metrics").await.text().await.unwrap().contains(&wanted);
    proxy.until(&wanted, reached).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_gives_its_place_back() {
    let proxy = Proxy::start_with(&[("WORKER_MAX_CONCURRENCY", "2"), METRICS]).await;
    let bystander = proxy.chat(&ask_stream("slow:200:10")).send().await.unwrap();
    // More than the kernel keeps for both ends, in few events: it is full soon on a slow machine too.
    let word = "long".repeat(2500) + " ";
    let body = ask_stream(&format!("say:{}", word.repeat(550))).to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut socket = TcpStream::connect(proxy.address.trim_start_matches("http://")).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(body.as_bytes()).await.unwrap();
    until_ended(&proxy, "cancelled", 1).await;
    let (events, done) = stream_events(&bystander.text().await.unwrap());
    assert_eq!((stream_text(&events).split_whitespace().count(), done), (200, true), "another stream goes on");
    assert_eq!(proxy.ask("say:my turn").await.status(), 200);
    let summaries = proxy.summaries().await;
    let stalled = summaries.iter().find(|summary| summary["status"] == 499).unwrap();
    let events = json_lines(&proxy.trace(&["show", stalled["id"].as_str().unwrap(), "--json"]).await);
    assert_eq!(events.last().unwrap()["data"]["error"], "client_stalled");
    drop(socket);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stands_still_holds_nobody() {
    let proxy = Proxy::start_with(&[METRICS, ("PROXY_STREAM_HEAD_MS", "200"), ("PROXY_DRAIN_TIMEOUT_MS", "300")]).await;
    let worker = proxy.worker_pid().await.unwrap();
    signal(worker, "STOP");

    let leaves = tokio::spawn(proxy.chat(&ask_stream("say:never")).send());
    let response = leaves.await.unwrap().unwrap();
    assert_eq!(response.status(), 200, "the head comes although the worker does not");
    drop(response);
    until_ended(&proxy, "cancelled", 1).await;

    let stays = proxy.chat(&ask_stream("say:never")).send().await.unwrap();
    signal(proxy.pid(), "TERM");
    let (events, done) = stream_events(&stays.text().await.unwrap());
    assert_eq!((events.last().unwrap()["error"]["code"].as_str(), done), (Some("shutting_down"), false));
    signal(worker, "CONT");
    let (code, state) = proxy.stop_after_signal().await;
    assert_eq!(code, Some(0));
    let summaries = json_lines(&crate::support::trace(state.path(), &["list", "--json"]).await);
    assert_eq!(summaries.len(), 2, "both requests are on record: {summaries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_interrupted_once_and_nothing_follows_its_end() {
    let proxy = Proxy::start().await;
    let mut body = ask_stream("tools2");
    body["n"] = json!(3);
    body["tools"] = json!([{ "type": "function", "function": { "name": "get_weather" } }]);
    proxy.chat(&body).send().await.unwrap().bytes().await.unwrap();
    let id = proxy.summaries().await[0]["id"].as_str().unwrap().to_owned();
    let events = json_lines(&proxy.trace(&["show", &id, "--json"]).await);
    let interrupts = events.iter().filter(|event| event["data"]["frame"]["method"] == "turn/interrupt").count();
    assert_eq!(interrupts, 3, "one for each of the turns");
    let refused = events.iter().filter(|event| event["data"]["frame"]["error"].is_object()).count();
    assert_eq!(refused, 0, "the worker refused nothing");
    assert_eq!(events.last().unwrap()["type"], "response.finished");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_leave_little_behind() {
    let proxy = Proxy::start().await;
    let mut body = ask("say:never");
    body["model"] = Value::from("m".repeat(900_000));
    let url = format!("{}/v1/chat/completions", proxy.address);
    let refused = reqwest::Client::new().post(url).bearer_auth("wrong").json(&body).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let known = proxy.chat(&body).send().await.unwrap();
    assert_eq!(known.status(), 404);
    assert!(known.text().await.unwrap().len() < 1000, "the answer does not repeat it all");
    for summary in proxy.summaries().await {
        assert!(summary["model"].as_str().unwrap_or_default().len() < 300);
    }
    assert!(proxy.log().lines().all(|line| line.len() < 2000));
    let events = json_lines(&proxy.trace(&["events", "--json"]).await);
    let received: Vec<&Value> = events.iter().filter(|event| event["type"] == "request.received").collect();
    assert!(received[0].to_string().len() < 10_000, "a stranger's body is kept in part");
    assert!(received[1].to_string().len() > 900_000, "a partner's is kept whole");
}
