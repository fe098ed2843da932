//! What bad requests and a bad upstream get: the contract's errors, never a panic, never a hung socket.

use serde_json::{Value, json};

use crate::support::{Proxy, UPSTREAM_KEY, ask, ask_stream};

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_reaches_the_model_whole() {
    let proxy = Proxy::start().await;
    let answer: Value = proxy.ask(&format!("say:{}", "x".repeat(3 << 20))).await.json().await.unwrap();
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(text.len(), 3 << 20, "three megabytes went to the model and came back whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn upstream_errors_are_real_statuses_before_the_first_byte_and_events_after_it() {
    let proxy = Proxy::start().await;
    for (script, status, code) in [
        ("err:400", 400, "invalid_request_error"),
        ("err:401", 401, "invalid_api_key"),
        ("err:429", 429, "rate_limited"),
        ("err:500", 500, "worker_error"),
        ("err:503", 500, "worker_error"),
        ("failed", 400, "context_length_exceeded"),
    ] {
        for body in [ask(script), ask_stream(script)] {
            let response = proxy.chat(&body).send().await.unwrap();
            assert_eq!(response.status(), status, "{script}");
            let error: Value = response.json().await.unwrap();
            assert_eq!(error["error"]["code"], code, "{script}");
        }
    }
    assert_eq!(proxy.ask("cut").await.status(), 500, "an answer that broke off is no answer");
    let stream = proxy.chat(&ask_stream("cut")).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let (events, done) = crate::support::stream_events(&stream.text().await.unwrap());
    assert!(!done);
    assert_eq!(events.last().unwrap()["error"]["code"], "worker_error");
    assert!(!crate::support::stream_text(&events).is_empty(), "what came before the cut was passed on");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_quotes_its_key_does_not_give_it_away() {
    let proxy = Proxy::start().await;
    let body = proxy.ask("quote-auth").await.text().await.unwrap();
    assert!(body.contains("[UPSTREAM_API_KEY:") && !body.contains(UPSTREAM_KEY), "{body}");
    let id = proxy.summaries().await[0]["id"].as_str().unwrap().to_owned();
    assert!(!proxy.trace(&["show", &id, "--json"]).await.contains(UPSTREAM_KEY));
    assert!(!proxy.log().contains(UPSTREAM_KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_model_runs_into_the_idle_timeout() {
    let proxy = Proxy::start_with(&[("PROXY_IDLE_TIMEOUT_MS", "300"), ("PROXY_STREAM_HEAD_MS", "100")]).await;
    let response = proxy.ask("hang").await;
    assert_eq!(response.status(), 504);
    assert_eq!(response.json::<Value>().await.unwrap()["error"]["code"], "idle_timeout");
    let stream = proxy.chat(&ask_stream("hang")).send().await.unwrap();
    assert_eq!(stream.status(), 200, "the head goes out after PROXY_STREAM_HEAD_MS");
    let (events, done) = crate::support::stream_events(&stream.text().await.unwrap());
    assert_eq!((events.last().unwrap()["error"]["code"].as_str(), done), (Some("idle_timeout"), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn keepalives_come_before_the_first_token() {
    let proxy = Proxy::start_with(&[("PROXY_SSE_KEEPALIVE_MS", "50"), ("PROXY_STREAM_HEAD_MS", "50")]).await;
    let ask = ask_stream("delay:1000:say:late");
    let body = proxy.chat(&ask).send().await.unwrap().text().await.unwrap();
    let before = body.split("late").next().unwrap();
    assert!(before.contains(": keepalive\n\n"), "{body}");
    let quiet =
        proxy.chat(&ask).header("user-agent", "Mozilla Obsidian/1.5").send().await.unwrap().text().await.unwrap();
    assert!(!quiet.contains("keepalive"), "{quiet}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_room_says_so() {
    let proxy = Proxy::start_with(&[("WORKER_MAX_CONCURRENCY", "2")]).await;
    let held = proxy.chat(&ask_stream("slow:10000:20")).send().await.unwrap();
    let mut two = ask("say:no room for two");
    two["n"] = json!(2);
    let refused = proxy.chat(&two).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], "worker_busy");
    assert_eq!(proxy.ask("say:room for one").await.status(), 200);
    drop(held);
}
