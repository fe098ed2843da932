//! How long anything may take: silence of the worker before an answer and within it.

use serde_json::Value;

use crate::support::{Proxy, ask_stream, stream_events};

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_limited_before_an_answer_and_within_it() {
    let proxy = Proxy::start_with(&[("PROXY_IDLE_TIMEOUT_MS", "300"), ("PROXY_STREAM_HEAD_MS", "60000")]).await;
    let refused = proxy.chat(&ask_stream("delay:60000:say:late")).send().await.unwrap();
    assert_eq!(refused.status(), 504, "nothing came within the time for the first piece");
    let error: Value = refused.json().await.unwrap();
    assert_eq!(error["error"]["code"], "idle_timeout");

    let proxy = Proxy::start_with(&[("PROXY_STREAM_IDLE_TIMEOUT_MS", "300")]).await;
    let begun = proxy.chat(&ask_stream("slow:2:60000")).send().await.unwrap();
    assert_eq!(begun.status(), 200);
    let (events, done) = stream_events(&begun.text().await.unwrap());
    assert_eq!((events.last().unwrap()["error"]["code"].as_str(), done), (Some("idle_timeout"), false));
}
