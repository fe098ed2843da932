//! Workers that die, services that stop.

use futures_util::StreamExt;
use serde_json::Value;

use crate::support::{Proxy, ask, ask_stream, signal, stream_events};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_mid_stream_ends_it_with_an_error_event_and_comes_back() {
    let proxy = Proxy::start().await;
    let mut body = proxy.chat(&ask_stream("slow:10000:20")).send().await.unwrap().bytes_stream();
    let mut text = String::new();
    while !text.contains("w3 ") {
        text.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
    }
    let first = proxy.worker_pid().await.unwrap();
    signal(first, "KILL");
    while let Some(chunk) = body.next().await {
        text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
    }
    let (events, done) = stream_events(&text);
    assert!(!done, "a stream that broke off has no [DONE]");
    let error = &events.last().unwrap()["error"];
    assert_eq!((error["code"].as_str(), error["type"].as_str()), (Some("worker_exited"), Some("backend_unavailable")));

    proxy.until_ready().await;
    assert_ne!(proxy.worker_pid().await.unwrap(), first);
    assert_eq!(proxy.ask("say:back").await.status(), 200);
    let summaries = proxy.summaries().await;
    assert_eq!(summaries[1]["outcome"], "stream_aborted");
    assert_eq!((summaries[1]["worker"].as_str(), summaries[0]["worker"].as_str()), (Some("w1"), Some("w2")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_worker_dies_before_the_first_byte_is_answered_by_the_next_one() {
    let proxy = Proxy::start().await;
    let request = tokio::spawn(proxy.chat(&ask("delay:1500:say:second try")).send());
    proxy.until("the upstream has the request", async || !proxy.model().requests().is_empty()).await;
    signal(proxy.worker_pid().await.unwrap(), "KILL");
    let response = request.await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["choices"][0]["message"]["content"], "second try");
    assert_eq!(proxy.summaries().await[0]["worker"], "w2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_service_lets_running_streams_end_and_leaves_no_process() {
    let proxy = Proxy::start().await;
    let worker = proxy.worker_pid().await.unwrap();
    let mut body = proxy.chat(&ask_stream("slow:40:10")).send().await.unwrap().bytes_stream();
    let mut text = String::from_utf8(body.next().await.unwrap().unwrap().to_vec()).unwrap();
    signal(proxy.pid(), "TERM");
    while let Some(chunk) = body.next().await {
        text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
    }
    let (events, done) = stream_events(&text);
    assert!(done, "the stream was complete");
    assert!(crate::support::stream_text(&events).ends_with("w39 "));
    let (code, _state) = proxy.stop_after_signal().await;
    assert_eq!(code, Some(0));
    assert!(!std::path::Path::new(&format!("/proc/{worker}")).exists(), "the worker is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_outlasts_the_drain_is_cut_with_an_error_event() {
    let proxy = Proxy::start_with(&[("PROXY_DRAIN_TIMEOUT_MS", "200")]).await;
    let mut body = proxy.chat(&ask_stream("slow:10000:20")).send().await.unwrap().bytes_stream();
    let mut text = String::from_utf8(body.next().await.unwrap().unwrap().to_vec()).unwrap();
    signal(proxy.pid(), "TERM");
    while let Some(chunk) = body.next().await {
        text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
    }
    let (events, done) = stream_events(&text);
    assert!(!done);
    assert_eq!(events.last().unwrap()["error"]["code"], "shutting_down");
    assert_eq!(proxy.stop_after_signal().await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_killed_takes_its_worker_with_it() {
    let proxy = Proxy::start().await;
    let worker = proxy.worker_pid().await.unwrap();
    signal(proxy.pid(), "KILL");
    let gone = || {
        let stat = std::fs::read_to_string(format!("/proc/{worker}/stat"));
        // A zombie that its new parent has not reaped yet is as good as gone.
        stat.map_or(true, |stat| stat.contains(") Z "))
    };
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    while !gone() {
        assert!(std::time::Instant::now() < deadline, "worker {worker} outlived its proxy");
        tokio::task::yield_now().await;
    }
}
