//! The stub as its clients see it.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the message")]

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use model_stub::{ModelStub, Outcome, RequestLog, RunningStub};
use serde_json::{Value, json};
use tokio::net::TcpStream;

const DEADLINE: Duration = Duration::from_secs(10);

async fn start() -> RunningStub {
    ModelStub::bind("127.0.0.1:0".parse().unwrap()).await.unwrap().spawn()
}

/// One request over a connection of its own, which ends when the response is dropped.
async fn send(stub: &RunningStub, request: Request<Full<Bytes>>) -> Response<Incoming> {
    let stream = TcpStream::connect(stub.address()).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap()
}

fn prompt(text: &str) -> Value {
    let content = json!([{"type": "input_text", "text": text}]);
    json!({"model": "gpt-5.5", "stream": true, "input": [{"type": "message", "role": "user", "content": content}]})
}

fn request(text: &str) -> Request<Full<Bytes>> {
    let body = prompt(text).to_string();
    let builder = Request::builder().method(Method::POST).uri("/v1/responses").header("host", "localhost");
    builder.header("authorization", "Bearer test-credential").body(body.into()).unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn events(stub: &RunningStub, script: &str) -> Vec<Value> {
    let response = send(stub, request(script)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let body = text(response).await;
    let events = body.split_terminator("\n\n").map(|event| {
        let (kind, data) = event.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["type"], kind);
        data
    });
    events.collect()
}

fn joined(events: &[Value], kind: &str) -> String {
    events.iter().filter(|event| event["type"] == kind).map(|event| event["delta"].as_str().unwrap()).collect()
}

async fn wait_for(stub: &RunningStub, outcome: Outcome) {
    let settled = async {
        while stub.requests().last().is_none_or(|request| request.outcome != outcome) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, settled).await.expect("the outcome is recorded");
}

#[tokio::test]
async fn text_keeps_every_character() {
    let stub = start().await;
    let said = "  Grüße,\n\n\t漢字 👩‍👩‍👧 e\u{301} \u{200b}\"q\" ";
    let events = events(&stub, &format!("say:{said}")).await;
    assert_eq!(joined(&events, "response.output_text.delta"), said);
    assert_eq!(events[events.len() - 2]["item"]["content"][0]["text"], said);
    let response = &events.last().unwrap()["response"];
    assert_eq!(response["id"], events[0]["response"]["id"]);
    assert_eq!(
        response["usage"],
        json!({
            "input_tokens": 11, "input_tokens_details": {"cached_tokens": 3},
            "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 18,
        })
    );
}

#[tokio::test]
async fn calls_come_in_order_with_ids_of_their_own() {
    let stub = start().await;
    let script =
        r#"usage:100:40:20:5:calls:[{"name":"f","arguments":{"a": 1}},{"name":"g","arguments":"{\"b\":\"é\"}"}]"#;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let events = events(&stub, script).await;
        let done = events.iter().filter(|event| event["type"] == "response.output_item.done").collect::<Vec<_>>();
        assert_eq!(joined(&events, "response.function_call_arguments.delta"), r#"{"a": 1}{"b":"é"}"#);
        assert_eq!([&done[0]["item"]["name"], &done[1]["item"]["name"]], ["f", "g"]);
        assert_eq!([&done[0]["output_index"], &done[1]["output_index"]], [0, 1]);
        assert_eq!(events.last().unwrap()["response"]["usage"]["total_tokens"], 120);
        ids.extend(done.iter().map(|event| event["item"]["call_id"].as_str().unwrap().to_owned()));
        ids.push(events[0]["response"]["id"].as_str().unwrap().to_owned());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6, "{ids:?}");
}

#[tokio::test]
async fn a_message_and_a_call_share_one_answer() {
    let stub = start().await;
    let events = events(&stub, r#"text_then_call:One moment.:f:{"a":":"}"#).await;
    let items = events.iter().filter(|event| event["type"] == "response.output_item.done");
    let items = items.map(|event| (event["output_index"].clone(), event["item"]["type"].clone())).collect::<Vec<_>>();
    assert_eq!(items, [(json!(0), json!("message")), (json!(1), json!("function_call"))]);
    assert_eq!(joined(&events, "response.output_text.delta"), "One moment.");
    assert_eq!(joined(&events, "response.function_call_arguments.delta"), r#"{"a":":"}"#);
}

#[tokio::test]
async fn answers_end_as_scripted() {
    let stub = start().await;
    let cases = [
        ("incomplete", "response.incomplete", json!({"reason": "max_output_tokens"})),
        ("filter", "response.incomplete", json!({"reason": "content_filter"})),
        ("failed", "response.failed", Value::Null),
        ("reason", "response.completed", Value::Null),
        ("cut", "response.output_text.delta", Value::Null),
    ];
    for (script, last, details) in cases {
        let events = events(&stub, script).await;
        let event = events.last().unwrap();
        assert_eq!((&event["type"], &event["response"]["incomplete_details"]), (&json!(last), &details), "{script}");
        wait_for(&stub, Outcome::Completed).await;
    }
}

#[tokio::test]
async fn errors_are_http_errors() {
    let stub = start().await;
    let cases = [
        ("err:429", 429, "scripted 429"),
        ("delay:1:err:503", 503, "scripted 503"),
        ("quote-auth", 400, "Incorrect API key provided. Authorization: Bearer test-credential"),
        ("err:x", 400, "model-stub: `err:x` is no script: expected err:<status> with a status from 400 to 599"),
    ];
    for (script, status, message) in cases {
        let response = send(&stub, request(script)).await;
        assert_eq!(response.status(), status, "{script}");
        assert_eq!(response.headers().contains_key("retry-after"), status == 429);
        let body: Value = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(body["error"]["message"], message);
        wait_for(&stub, Outcome::Completed).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    let stub = start().await;
    for script in ["slow:1000000:50", "hang", "delay:3600000:say:late"] {
        let mut response = send(&stub, request(script)).await;
        if script.starts_with("slow") {
            response.frame().await.unwrap().unwrap();
        }
        assert_eq!(stub.requests().last().unwrap().outcome, Outcome::Running, "{script}");
        drop(response);
        wait_for(&stub, Outcome::Disconnected).await;
        stub.clear_requests();
    }
    let waiting = tokio::time::timeout(Duration::from_millis(50), send(&stub, request("delay:3600000:err:500"))).await;
    assert!(waiting.is_err(), "the status must wait");
    wait_for(&stub, Outcome::Disconnected).await;
}

#[tokio::test]
async fn stopping_ends_answers_that_hang() {
    let stub = start().await;
    let response = send(&stub, request("hang")).await;
    tokio::time::timeout(DEADLINE, stub.stop()).await.expect("stop() returns").unwrap();
    assert_eq!(text(response).await, "");
}

#[tokio::test]
async fn requests_can_be_read_and_cleared_over_http() {
    let stub = start().await;
    let body = zstd::encode_all(prompt("say:packed").to_string().as_bytes(), 3).unwrap();
    let builder = Request::builder().method(Method::POST).uri("/v1/responses").header("content-encoding", "zstd");
    assert!(text(send(&stub, builder.body(body.into()).unwrap()).await).await.contains("packed"));

    let on_requests = |method| Request::builder().method(method).uri("/stub/requests").body(Full::default()).unwrap();
    let listed: Value = serde_json::from_str(&text(send(&stub, on_requests(Method::GET)).await).await).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let seen = &listed[0];
    assert_eq!(seen["body"], prompt("say:packed"));
    assert_eq!([&seen["path"], &seen["outcome"], &seen["script"]], ["/v1/responses", "completed", "say:packed"]);
    assert_eq!(seen["authorization"], false);

    assert_eq!(send(&stub, on_requests(Method::DELETE)).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(text(send(&stub, on_requests(Method::GET)).await).await, "[]");
}

#[tokio::test]
async fn bodies_beyond_the_framework_default_are_taken() {
    let stub = start().await;
    let long = "x".repeat(20 << 20);
    let events = events(&stub, &format!("say:{long}")).await;
    assert_eq!(joined(&events, "response.output_text.delta").len(), long.len());
}

#[tokio::test]
async fn the_log_has_a_line_per_request_and_no_credential() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("requests.jsonl");
    let stub = ModelStub::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let stub = stub.with_log(RequestLog::open(&path).unwrap()).spawn();
    text(send(&stub, request("say:a")).await).await;
    let other = Request::builder().uri("/v1/models").body(Full::default()).unwrap();
    assert_eq!(send(&stub, other).await.status(), StatusCode::NOT_FOUND);

    let log = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["POST"], "/v1/responses");
    assert_eq!(lines[0]["body"], prompt("say:a"));
    assert_eq!(lines[0]["headers"]["authorization"], "<22 bytes>");
    assert_eq!(lines[1]["GET"], "/v1/models");
    assert!(!log.contains("test-credential"));
}
