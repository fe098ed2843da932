//! What the worker cannot see to and the proxy does: stop sequences, token limits, demanded calls, output modes.

use model_stub::Outcome;
use serde_json::{Value, json};

use crate::support::{Proxy, ask, ask_stream, stream_events, stream_text};

fn with(mut body: Value, extra: &Value) -> Value {
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

fn weather() -> Value {
    json!([{ "type": "function", "function": { "name": "get_weather" } }])
}

/// Sends `body` and gives the events of the stream, which must be complete.
async fn stream(proxy: &Proxy, body: &Value) -> Vec<Value> {
    let response = proxy.chat(body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("x-proxy-ignored-params"));
    let (events, done) = stream_events(&response.text().await.unwrap());
    assert!(done);
    events
}

fn finish_reason(events: &[Value]) -> &str {
    events.iter().find_map(|event| event["choices"][0]["finish_reason"].as_str()).unwrap()
}

/// The upstream's request was dropped, and the newest summary says that usage was counted.
async fn was_interrupted(proxy: &Proxy) {
    let hung_up = async || proxy.model().requests().last().is_some_and(|r| r.outcome == Outcome::Disconnected);
    proxy.until("the upstream's request is dropped", hung_up).await;
    let summary = proxy.summaries().await.remove(0);
    assert_eq!((&summary["outcome"], &summary["usage_source"]), (&json!("ok"), &json!("counted")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_sequence_that_is_split_ends_the_turn() {
    let proxy = Proxy::start().await;
    let events = stream(&proxy, &with(ask_stream("slow:1000:20"), &json!({ "stop": ["3 w4", "never"] }))).await;
    assert_eq!((stream_text(&events).as_str(), finish_reason(&events)), ("w0 w1 w2 w", "stop"));
    let usage = &events.last().unwrap()["usage"];
    assert!(usage["prompt_tokens"].as_u64() > Some(0) && usage["completion_tokens"].as_u64() > Some(0), "{usage}");
    was_interrupted(&proxy).await;

    let whole = proxy.chat(&with(ask("slow:1000:20"), &json!({ "stop": " w2" }))).send().await.unwrap();
    let whole: Value = whole.json().await.unwrap();
    assert_eq!(whole["choices"][0]["message"]["content"], "w0 w1");
    was_interrupted(&proxy).await;

    stream(&proxy, &with(ask_stream("say:all of it"), &json!({ "stop": "item" }))).await;
    assert_eq!(proxy.summaries().await[0].get("usage_source"), None, "usage is exact where nothing was cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_limit_ends_the_turn() {
    let proxy = Proxy::start().await;
    for field in ["max_tokens", "max_completion_tokens"] {
        let events = stream(&proxy, &with(ask_stream("slow:1000:20"), &json!({ field: 5 }))).await;
        assert_eq!((stream_text(&events).as_str(), finish_reason(&events)), ("w0 w1 w", "length"));
        assert_eq!(events.last().unwrap()["usage"]["completion_tokens"], 5);
        was_interrupted(&proxy).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demanded_call_is_asked_for_once_more() {
    let proxy = Proxy::start().await;
    let named = json!({ "type": "function", "function": { "name": "get_weather" } });
    for choice in [json!("required"), named] {
        let demand = json!({ "tools": weather(), "tool_choice": choice });
        proxy.model().clear_requests();
        let events = stream(&proxy, &with(ask_stream(r#"coax:get_weather:{"city":"Oslo"}"#), &demand)).await;
        assert_eq!((stream_text(&events).as_str(), finish_reason(&events)), ("", "tool_calls"));
        assert_eq!(proxy.model().requests().len(), 2);
        assert_eq!(events.last().unwrap()["usage"]["prompt_tokens"], 22, "both turns were paid for");

        let refused = proxy.chat(&with(ask("say:never"), &demand)).send().await.unwrap();
        assert_eq!(refused.status(), 500);
        let error: Value = refused.json().await.unwrap();
        assert_eq!(
            (&error["error"]["type"], &error["error"]["code"]),
            (&json!("server_error"), &json!("worker_error"))
        );
        assert!(error["error"]["message"].as_str().unwrap().contains("tool_choice"), "{error}");
    }
    let demand = json!({ "n": 3, "tools": weather(), "tool_choice": "required" });
    let whole = proxy.chat(&with(ask("coax:get_weather:{}"), &demand)).send().await.unwrap();
    let whole: Value = whole.json().await.unwrap();
    for choice in whole["choices"].as_array().unwrap() {
        assert_eq!(choice["finish_reason"], "tool_calls");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_is_passed_on_where_one_is_allowed() {
    let proxy = Proxy::start().await;
    let one = json!({ "tools": weather(), "parallel_tool_calls": false });
    let whole: Value = proxy.chat(&with(ask("tools2"), &one)).send().await.unwrap().json().await.unwrap();
    assert_eq!(whole["choices"][0]["message"]["tool_calls"].as_array().unwrap().len(), 1);
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_above_the_limit_is_refused() {
    let proxy = Proxy::start_with(&[("PROXY_MAX_PROMPT_TOKENS", "20")]).await;
    assert_eq!(proxy.ask("say:short").await.status(), 200);
    let refused = proxy.ask(&format!("say:{}", "long ".repeat(30))).await;
    assert_eq!(refused.status(), 403);
    let expected = json!({ "error": {
        "message": "context length exceeded", "type": "tokens_exceeded_error", "code": "context_length_exceeded",
        "param": "messages",
    } });
    assert_eq!(refused.json::<Value>().await.unwrap(), expected);
    let unknown = with(ask(&"long ".repeat(30)), &json!({ "model": "nobody-knows" }));
    assert_eq!(proxy.chat(&unknown).send().await.unwrap().status(), 404, "the model is looked at first");
}

const OBSIDIAN: &[(&str, &str)] = &[("PROXY_OUTPUT_MODE", "obsidian-xml"), ("PROXY_COPILOT_AUTO_DETECT", "true")];

const BLOCK: &str = "<use_tool>\n  <name>get_weather</name>\n  <city>Oslo</city>\n</use_tool>";

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_text_too_where_that_is_the_output_mode() {
    let proxy = Proxy::start_with(OBSIDIAN).await;
    let call = with(ask(r#"tool:get_weather:{"city":"Oslo"}"#), &json!({ "tools": weather() }));
    let response = proxy.chat(&call).send().await.unwrap();
    for (name, value) in [
        ("x-proxy-output-mode", "obsidian-xml"),
        ("x-codex-tool-call-count", "1"),
        ("x-codex-tool-call-truncated", "false"),
        ("x-codex-stop-after-tools-mode", "burst"),
    ] {
        assert_eq!(response.headers()[name], value, "{name}");
    }
    let whole: Value = response.json().await.unwrap();
    let message = &whole["choices"][0]["message"];
    assert_eq!((&message["content"], message["tool_calls"].as_array().unwrap().len()), (&json!(BLOCK), 1));

    // A call that the model wrote as text.
    let body = proxy.chat(&ask_stream(&format!("say:On it.\n{BLOCK}\n"))).send().await.unwrap().text().await.unwrap();
    let (events, done) = stream_events(&body);
    assert!(
        done && body.contains(r#": {"tool_call_count":1,"tool_call_truncated":false,"stop_after_tools_mode":"burst"}"#)
    );
    assert_eq!(finish_reason(&events), "tool_calls");
    assert_eq!(stream_text(&events), format!("On it.\n{BLOCK}\n"));
    let head = events.iter().find_map(|event| event["choices"][0]["delta"]["tool_calls"].get(0)).unwrap();
    assert_eq!((&head["id"], &head["function"]["name"]), (&json!("tool_0_0"), &json!("get_weather")));

    let plain = proxy.chat(&call).header("x-proxy-output-mode", "openai-json").send().await.unwrap();
    assert_eq!(plain.headers()["x-proxy-output-mode"], "openai-json");
    let plain: Value = plain.json().await.unwrap();
    assert_eq!(plain["choices"][0]["message"]["content"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn copilot_is_recognised_and_text_behind_its_calls_is_cut() {
    let environment =
        [("PROXY_COPILOT_AUTO_DETECT", "true"), ("PROXY_STOP_AFTER_TOOLS", "true"), ("PROXY_TOOL_BLOCK_MAX", "1")];
    let proxy = Proxy::start_with(&environment).await;
    let stub = || proxy.chat(&ask_stream("say:a"));
    let referred = stub().header("http-referer", "https://obsidiancopilot.com").header("x-title", "Obsidian Copilot");
    for (request, mode) in [
        (stub(), "openai-json"),
        (stub().header("x-copilot-trace-id", "1"), "obsidian-xml"),
        (referred, "obsidian-xml"),
        (stub().header("x-title", "Obsidian Copilot"), "openai-json"),
        (stub().header("x-copilot-trace-id", "1").header("x-proxy-output-mode", "openai-json"), "openai-json"),
        (proxy.chat(&ask("say:<saved_memories>")), "obsidian-xml"),
    ] {
        assert_eq!(request.send().await.unwrap().headers()["x-proxy-output-mode"], mode);
    }
    let tail = with(ask(&format!("say:{BLOCK} and so on and on")), &json!({}));
    let whole = proxy.chat(&tail).header("x-copilot-trace-id", "1").send().await.unwrap();
    assert_eq!(whole.headers()["x-codex-tool-call-truncated"], "false");
    assert_eq!(whole.json::<Value>().await.unwrap()["choices"][0]["message"]["content"], BLOCK);

    let two = with(ask("tools2"), &json!({ "tools": weather() }));
    let capped = proxy.chat(&two).send().await.unwrap();
    assert_eq!(capped.headers()["x-codex-tool-call-truncated"], "true");
    assert_eq!(capped.headers()["x-codex-tool-call-count"], "1");
}
