//! What the model's upstream receives for a chat request through the real Codex: exactly the client's items and tools.
//!
//! The expected bodies are those of `tests/transcripts`, recorded without this service, and of `tests/golden`, recorded with
//! it. `UPDATE_GOLDEN=1` records the latter anew: the frames from the journal, the body from the scripted model.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use regex::{Captures, Regex};
use serde_json::{Value, json};

use crate::support::{Proxy, json_lines};

/// Removes what differs from run to run: ids of items and threads, and Codex's own metadata, which holds nothing else.
fn normalised(mut body: Value) -> Value {
    let object = body.as_object_mut().expect("a body is an object");
    object.remove("prompt_cache_key");
    object.remove("client_metadata");
    for item in object["input"].as_array_mut().expect("input is a list") {
        item.as_object_mut().expect("an item is an object").remove("id");
    }
    body
}

/// Sends `request` and returns what the upstream received for it, one body for each of its requests.
async fn upstream_bodies(proxy: &Proxy, request: &Value) -> Vec<Value> {
    proxy.model().clear_requests();
    let response = proxy.chat(request).send().await.expect("the proxy answers");
    response.bytes().await.expect("the answer is read to its end");
    let requests = proxy.model().requests();
    requests.iter().map(|request| normalised(serde_json::from_str(request.body.get()).expect("JSON"))).collect()
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The chat requests that mean the same as the recorded conversations.
fn equivalents() -> Vec<(&'static str, Value)> {
    let weather = json!([{ "type": "function", "function": {
        "name": "get_weather", "description": "Current weather",
        "parameters": { "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] },
    } }]);
    let user = |text: &str| json!({ "model": "gpt-5.5", "messages": [{ "role": "user", "content": text }] });
    let with_tools = |mut body: Value| {
        body["tools"] = weather.clone();
        body
    };
    let history = json!({ "model": "gpt-5.5", "messages": [
        { "role": "system", "content": "Answer briefly." },
        { "role": "user", "content": "weather in Oslo?" },
        { "role": "assistant", "content": null, "tool_calls": [
            { "id": "call_abc", "type": "function", "function": { "name": "get_weather", "arguments": "{\"city\":\"Oslo\"}" } },
        ] },
        { "role": "tool", "tool_call_id": "call_abc", "content": "{\"temp\":3}" },
    ] });
    let lite = json!({ "model": "gpt-6.1-sol", "messages": [
        { "role": "developer", "content": "DEV" },
        { "role": "user", "content": "tool:get_weather:{\"city\":\"Oslo\"}" },
    ] });
    vec![
        ("text", user("say:Hello there, friend.")),
        ("history_with_tool_result", with_tools(history)),
        ("tool_call_responses_lite_model", with_tools(lite)),
        ("parallel_tool_calls_then_interrupt", with_tools(user("tools2"))),
        ("upstream_cut", user("cut")),
        ("upstream_incomplete", user("incomplete")),
        ("upstream_failed", user("failed")),
        ("upstream_err_400", user("err:400")),
        ("upstream_err_429", user("err:429")),
        ("upstream_err_500", user("err:500")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_receives_what_was_recorded_without_this_service() {
    let proxy = Proxy::start().await;
    for (name, request) in equivalents() {
        let recorded = read_json(&folder("transcripts").join(format!("{name}.upstream.json")));
        let recorded: Vec<Value> =
            recorded.as_array().expect("a list of bodies").iter().cloned().map(normalised).collect();
        assert_eq!(upstream_bodies(&proxy, &request).await, recorded, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_receives_the_golden_bodies() {
    let proxy = Proxy::start().await;
    let cases = check_folder(&proxy, &folder("golden"), Value::clone).await;
    assert!(cases >= 10, "only {cases} golden cases were found");
}

/// Sends each request of `folder` and compares the upstream's bodies, of which `part` is kept, and what we sent to the worker
/// with what is recorded there. Returns the number of cases.
pub(crate) async fn check_folder(proxy: &Proxy, folder: &Path, part: impl Fn(&Value) -> Value) -> usize {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("golden cases").flatten().map(|entry| entry.path()).collect();
    folders.sort();
    for case in &folders {
        let request = read_json(&case.join("request.json"));
        let bodies: Value = upstream_bodies(proxy, &request).await.iter().map(&part).collect();
        let transcript = transcript(proxy).await;
        let sent = |transcript: &[Value]| -> Vec<Value> {
            transcript.iter().filter(|frame| frame["dir"] == "client").cloned().collect()
        };
        if update {
            write(&case.join("upstream.json"), &format!("{bodies:#}\n"));
            let lines: String = transcript.iter().map(|frame| format!("{frame}\n")).collect();
            write(&case.join("transcript.jsonl"), &lines);
        }
        assert_eq!(bodies, read_json(&case.join("upstream.json")), "{}", case.display());
        let recorded = std::fs::read_to_string(case.join("transcript.jsonl")).expect("a transcript");
        assert_eq!(sent(&transcript), sent(&json_lines(&recorded)), "{}", case.display());
    }
    folders.len()
}

/// The frames of the newest request as the journal has them, in the form of `tests/transcripts`, ids and folders replaced.
async fn transcript(proxy: &Proxy) -> Vec<Value> {
    let summaries = proxy.summaries().await;
    let id = summaries[0]["id"].as_str().expect("an id").to_owned();
    let events = proxy.trace(&["show", &id, "--json"]).await;
    let frames: Vec<Value> = json_lines(&events)
        .into_iter()
        .filter_map(|event| {
            let dir = match event["type"].as_str()? {
                "rpc.sent" => "client",
                "rpc.received" => "server",
                _ => return None,
            };
            Some(json!({ "dir": dir, "msg": event["data"]["frame"] }))
        })
        .collect();
    let text: String = frames.iter().map(|frame| format!("{frame}\n")).collect();
    json_lines(&anonymous(&text))
}

/// Ids become `id-1`, `id-2`, … in the order in which they appear, folders and times constants.
fn anonymous(text: &str) -> String {
    let folders = Regex::new(r#""/[^"]*codex-proxy[^"]*""#).unwrap();
    let text = folders.replace_all(text, r#""<folder>""#);
    let times = Regex::new(r#""(\w+At|\w+AtMs|create_time|durationMs)":[0-9.]+"#).unwrap();
    let text = times.replace_all(&text, r#""$1":0"#);
    let calls = Regex::new(r#""id":[0-9]+,"(method|result)""#).unwrap();
    let mut ids = HashMap::new();
    let text = calls.replace_all(&text, |found: &Captures<'_>| {
        let next = ids.len() + 1;
        let id = ids.entry(found[0].split(',').next().unwrap_or_default().to_owned()).or_insert(next);
        format!(r#""id":{id},"{}""#, &found[1])
    });
    let uuids = Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").unwrap();
    let mut ids = HashMap::new();
    let replaced = uuids.replace_all(&text, |found: &Captures<'_>| {
        let next = ids.len() + 1;
        format!("id-{}", ids.entry(found[0].to_owned()).or_insert(next))
    });
    replaced.into_owned()
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
