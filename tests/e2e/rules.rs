//! What the worker cannot see to and the proxy does: stop sequences, token limits, demanded calls.

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
