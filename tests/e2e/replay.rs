//! What was recorded replays: offline byte for byte, out of a file, out of another journal, and through a real proxy.

use std::path::Path;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{KEY, Proxy, ask, ask_stream, signal, tool};

/// A secret of a kind, as text that a model could stream.
const SECRETS: [&str; 5] = [
    "mail joe.miller@example.org",
    "key sk-proj-abcDEF0123456789abcDEF0123456789",
    "token ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "card 4111 1111 1111 1111",
    "password=hunter2hunter2hunter2",
];

fn with_tools(mut body: Value) -> Value {
    body["tools"] = json!([{ "type": "function", "function": { "name": "get_weather" } }]);
    body
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

/// Requests of every kind, among them twenty with secrets, of which half are split over deltas.
fn requests() -> Vec<Value> {
    let mut requests = Vec::new();
    for form in [ask, ask_stream] {
        for secret in SECRETS {
            requests.push(form(&format!("say:this is {secret} here")));
            requests.push(form(&format!("pieces:3:this is {secret} here")));
        }
        for script in ["say:Hello, friend.", "reason", "cut", "incomplete", "filter", "failed", "err:429", "quote-auth"]
        {
            requests.push(form(script));
        }
        requests.push(with_tools(form("tools2")));
        requests.push(with_tools(form("text_then_call:let me see:get_weather:{\"city\":\"Oslo\"}")));
        requests.push(with(with_tools(form("coax:get_weather:{}")), "tool_choice", json!("required")));
        requests.push(with(form("say:one two three"), "n", json!(3)));
        requests.push(with(form("say:one two three four"), "stop", json!(["o three"])));
        requests.push(with(form("say:one two three four"), "max_tokens", json!(2)));
        requests.push(with(form("say:never"), "n", json!(99)));
        requests.push(form("insist:say:fine"));
    }
    requests
}

async fn codex_trace(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(tool("codex-trace")).args(arguments).output().await.expect("codex-trace runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().expect("UTF-8").to_owned()
}

/// Everything that the journal holds, in a file; and the ids in it.
async fn export(proxy: &Proxy, file: &str) -> Vec<String> {
    let ids: Vec<String> =
        proxy.summaries().await.iter().map(|summary| summary["id"].as_str().unwrap().to_owned()).collect();
    let mut arguments = vec!["export", "-o", file];
    arguments.extend(ids.iter().map(String::as_str));
    proxy.trace(&arguments).await;
    let mut ids = ids;
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_request_replays_byte_for_byte_in_a_file_and_in_another_journal() {
    let proxy = Proxy::start().await;
    let requests = requests();
    for body in &requests {
        proxy.chat(body).send().await.unwrap().bytes().await.unwrap();
    }
    let mut cancelled = proxy.chat(&ask_stream("slow:1000:20")).send().await.unwrap().bytes_stream();
    cancelled.next().await.unwrap().unwrap();
    drop(cancelled);
    let crashed = tokio::spawn(proxy.chat(&ask("delay:300:say:on the second worker")).send());
    proxy.until("it runs", async || proxy.model().requests().len() > requests.len()).await;
    signal(proxy.worker_pid().await.unwrap(), "KILL");
    assert_eq!(crashed.await.unwrap().unwrap().status(), 200);
    let count = requests.len() + 2;
    proxy.until("all of them are on record", async || proxy.summaries().await.len() == count).await;

    let folder = tempfile::tempdir().unwrap();
    let file = path(folder.path(), "all.codextrace");
    let ids = export(&proxy, &file).await;
    let (code, replayed, said) = codex_trace(&["replay", &file]).await;
    assert_eq!((code, replayed.matches("  identical  ").count()), (Some(0), count), "{replayed}{said}");
    let exported = std::fs::read_to_string(&file).unwrap();
    for secret in SECRETS {
        let (_, secret) = secret.split_once([' ', '=']).unwrap();
        assert!(!exported.contains(secret), "{secret} left the journal");
    }

    let state = path(folder.path(), "other");
    let (code, imported, said) = codex_trace(&["--state-dir", &state, "import", &file]).await;
    assert_eq!(
        (code, imported.lines().collect::<Vec<_>>()),
        (Some(0), ids.iter().map(String::as_str).collect()),
        "{said}"
    );
    let (code, _, said) = codex_trace(&["--state-dir", &state, "verify"]).await;
    assert_eq!(code, Some(0), "{said}");
    let (_, events, _) = codex_trace(&["--state-dir", &state, "events", "--json"]).await;
    assert!(events.contains(r#""scrubbed":{"github-token":1}"#), "what was redacted is known there too");
    let mut arguments = vec!["--state-dir", &state, "replay"];
    arguments.extend(ids.iter().map(String::as_str));
    let (code, replayed, said) = codex_trace(&arguments).await;
    assert_eq!((code, replayed.matches("  identical  ").count()), (Some(0), count), "{replayed}{said}");
    let (code, _, said) = codex_trace(&["--state-dir", &state, "import", &file]).await;
    assert!(code == Some(2) && said.contains("in this journal already"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_altered_cut_off_or_made_by_a_newer_version_is_told_apart() {
    let proxy = Proxy::start().await;
    proxy.ask("say:Hello, friend.").await;
    let folder = tempfile::tempdir().unwrap();
    let file = path(folder.path(), "one.codextrace");
    export(&proxy, &file).await;
    let whole = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let refused = async |text: String| {
        let file = path(folder.path(), "other.codextrace");
        std::fs::write(&file, text).unwrap();
        let (code, _, said) = codex_trace(&["replay", &file]).await;
        assert_eq!(code, Some(4), "{said}");
        said
    };
    let said = refused(whole.replacen("Hello, ", "Hullo, ", 1)).await;
    assert!(said.contains("line 2: event 1 of"), "{said}");
    let said = refused(lines[..5].join("\n")).await;
    assert!(said.contains("line 6: the file ends before event 5 of"), "{said}");
    let said = refused(lines[..lines.len() - 1].join("\n")).await;
    assert!(said.contains("ends before its proof"), "{said}");
    let said = refused(whole.replacen("\"at\":\"20", "\"at\":\"21", 1)).await;
    assert!(said.contains("line 1: the manifest is not what was exported"), "{said}");
    let said = refused(whole.replacen("{\"codextrace\":1", "{\"codextrace\":2", 1)).await;
    assert!(said.contains("take a newer one"), "{said}");
    let said = refused(whole.replace("\"public_key\":\"", "\"public_key\":\"00")).await;
    assert!(said.contains("proof"), "{said}");
    let said = refused("hello".to_owned()).await;
    assert!(said.contains("no export"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_fails_leaves_nothing_and_an_unknown_request_is_said_to_be() {
    let proxy = Proxy::start().await;
    proxy.ask("say:Hello, friend.").await;
    let id = proxy.summaries().await[0]["id"].as_str().unwrap().to_owned();
    let state = path(proxy.state.path(), "state");
    let (code, _, said) = codex_trace(&["--state-dir", &state, "export", &id, "-o", "/proc/bug.codextrace"]).await;
    assert!(code == Some(3) && said.contains("nothing is left of it"), "{said}");
    let unknown = "0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b";
    let folder = tempfile::tempdir().unwrap();
    let file = path(folder.path(), "none.codextrace");
    let (code, _, said) = codex_trace(&["--state-dir", &state, "export", unknown, "-o", &file]).await;
    assert!(code == Some(1) && said.contains(unknown), "{said}");
    assert!(!Path::new(&file).exists());
}

/// An answer without what is new each time: ids, times, the order of choices among each other.
fn lasting(body: &str) -> String {
    let new = regex::Regex::new(r#"chatcmpl-[0-9a-f-]+|"created":\d+|"[a-z_]+_ms":\d+"#).unwrap();
    let lasting = new.replace_all(body, "");
    let mut lines: Vec<&str> = lasting.lines().collect();
    lines.sort_by_key(|line| line.find(r#""index":"#).map(|at| &line[at..at + 9]));
    lines.join("\n")
}

/// Sends what has no secrets, one after the other, and gives the answers.
async fn answers(proxy: &Proxy, requests: &[Value]) -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    for body in requests {
        let response = proxy.chat(body).send().await.unwrap();
        answers.push((response.status().as_u16(), lasting(&response.text().await.unwrap())));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_proxy_on_the_recorded_worker_answers_the_same() {
    let recorded = Proxy::start().await;
    let requests: Vec<Value> = requests()
        .into_iter()
        .filter(|body| !SECRETS.iter().any(|secret| body.to_string().contains(secret)))
        .filter(|body| !body.to_string().contains("quote-auth"))
        .collect();
    let then = answers(&recorded, &requests).await;
    let folder = tempfile::tempdir().unwrap();
    let (file, worker) = (path(folder.path(), "all.codextrace"), path(folder.path(), "worker"));
    export(&recorded, &file).await;
    let (code, told, said) = codex_trace(&["replay", &file, "--serve", &worker, "--speed", "0"]).await;
    assert!(code == Some(0) && told.contains("turns to play"), "{told}{said}");

    let replaying = Proxy::start_with(&[("CODEX_BIN", &format!("{worker}/codex"))]).await;
    for ((now, then), request) in answers(&replaying, &requests).await.into_iter().zip(then).zip(&requests) {
        assert_eq!(now, then, "{request}");
    }
    assert!(replaying.model().requests().is_empty(), "no model was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_crashed_crashes_again() {
    let recorded = Proxy::start().await;
    let ask = ask("delay:500:say:on the second worker");
    let crashed = tokio::spawn(recorded.chat(&ask).send());
    recorded.until("it runs", async || !recorded.model().requests().is_empty()).await;
    signal(recorded.worker_pid().await.unwrap(), "KILL");
    assert_eq!(crashed.await.unwrap().unwrap().status(), 200);
    recorded.until("it is on record", async || recorded.summaries().await.len() == 1).await;
    let folder = tempfile::tempdir().unwrap();
    let (file, worker) = (path(folder.path(), "one.codextrace"), path(folder.path(), "worker"));
    export(&recorded, &file).await;
    codex_trace(&["replay", &file, "--serve", &worker]).await;

    let replaying = Proxy::start_with(&[("CODEX_BIN", &format!("{worker}/codex"))]).await;
    let answer: Value = replaying.chat(&ask).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "on the second worker");
    let events = replaying.trace(&["events", "--json"]).await;
    assert_eq!(events.matches(r#""type":"worker.exited""#).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_service_is_asked_again_and_compared() {
    let recorded = Proxy::start().await;
    let requests = [
        ask("say:the same"),
        ask_stream("say:the same, streamed"),
        with_tools(ask("tool:get_weather:{}")),
        ask("err:429"),
        with(ask("say:one two three"), "max_tokens", json!(1)),
    ];
    for body in &requests {
        recorded.chat(body).send().await.unwrap().bytes().await.unwrap();
    }
    let state = path(recorded.state.path(), "state");
    let again = async |arguments: &[&str], url: &str| {
        let mut all = vec!["--state-dir", &state, "replay", "--against", url, "--api-key", KEY, "--rate", "100/s"];
        all.extend(arguments);
        codex_trace(&all).await
    };
    let (code, told, said) = again(&["--all", "--exact"], &recorded.address).await;
    assert_eq!(code, Some(0), "{told}{said}");
    assert!(told.contains("5 same, 0 other text, 0 different"), "{told}");

    // One that refuses.
    let other = Proxy::start_with(&[("PROXY_MAINTENANCE_MODE", "true")]).await;
    let id = recorded.summaries().await.last().unwrap()["id"].as_str().unwrap().to_owned();
    let (code, told, _) = again(&[&id], &other.address).await;
    assert!(code == Some(1) && told.contains("the status was 200, is 503"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_tools_get_their_own_forms_and_a_blessed_case_replays() {
    let proxy = Proxy::start().await;
    proxy.chat(&ask_stream("say:Hello, friend.")).send().await.unwrap().bytes().await.unwrap();
    let id = proxy.summaries().await[0]["id"].as_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let exported = async |form: &str| -> Value {
        let file = path(folder.path(), form);
        proxy.trace(&["export", &id, "--form", form, "-o", &file]).await;
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    };
    let har = exported("har").await;
    let entry = &har["log"]["entries"][0];
    assert_eq!((entry["response"]["status"].as_u64(), &entry["request"]["method"]), (Some(200), &json!("POST")));
    assert!(entry["response"]["content"]["text"].as_str().unwrap().ends_with("data: [DONE]\n\n"));
    let otlp = exported("otlp").await;
    let spans = otlp["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    assert_eq!(spans.len(), 2, "the request and its turn: {otlp}");
    assert_eq!((&spans[1]["parentSpanId"], &spans[1]["traceId"]), (&spans[0]["spanId"], &spans[0]["traceId"]));
    let ledger = proxy.trace(&["ledger", "--json"]).await;
    assert_eq!(ledger.matches(r#""action":"export""#).count(), 2, "whatever its form, it is on record that it left");

    let piped = proxy.trace(&["export", &id, "-o", "-"]).await;
    assert!(piped.starts_with("{\"codextrace\":1") && piped.lines().count() > 10, "for other programs, such as age");
    proxy.trace(&["replay", &id, "--bless", folder.path().to_str().unwrap()]).await;
    let (code, told, said) = codex_trace(&["replay", &path(folder.path(), &format!("{id}.codextrace"))]).await;
    assert!(code == Some(0) && told.contains("identical"), "{told}{said}");
}
