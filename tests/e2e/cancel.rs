//! A client that leaves takes its turn with it: mid-stream, before the first byte, and without a stream.

use futures_util::StreamExt;
use model_stub::Outcome;

use crate::support::{Proxy, ask, ask_stream};

/// Waits until the upstream saw its client hang up and the journal says so.
async fn is_cancelled(proxy: &Proxy) {
    let hung_up = async || proxy.model().requests().first().is_some_and(|r| r.outcome == Outcome::Disconnected);
    proxy.until("the upstream's request is dropped", hung_up).await;
    proxy.until("the summary is there", async || proxy.metrics_say_cancelled().await).await;
    let summaries = proxy.summaries().await;
    assert_eq!((summaries[0]["outcome"].as_str(), summaries[0]["status"].as_u64()), (Some("cancelled"), Some(499)));
    let events = proxy.trace(&["show", summaries[0]["id"].as_str().unwrap(), "--json"]).await;
    assert!(events.contains(r#""method":"turn/interrupt""#), "the turn was interrupted");
    let last = crate::support::json_lines(&events).pop().unwrap();
    assert_eq!(last["type"], "response.finished", "nothing of the request comes after its end");
}

const METRICS: &[(&str, &str)] = &[("PROXY_ENABLE_METRICS", "true")];

impl Proxy {
    async fn metrics_say_cancelled(&self) -> bool {
        let metrics = self.get("/metrics").await.text().await.unwrap();
        metrics.lines().any(|line| line.contains(r#"outcome="cancelled""#) && line.ends_with(" 1"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mid_stream() {
    let proxy = Proxy::start_with(METRICS).await;
    let mut body = proxy.chat(&ask_stream("slow:10000:20")).send().await.unwrap().bytes_stream();
    body.next().await.unwrap().unwrap();
    drop(body);
    is_cancelled(&proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_byte() {
    let proxy = Proxy::start_with(METRICS).await;
    let request = tokio::spawn(proxy.chat(&ask_stream("delay:60000:say:late")).send());
    proxy.until("the upstream has the request", async || !proxy.model().requests().is_empty()).await;
    request.abort();
    is_cancelled(&proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_stream() {
    let proxy = Proxy::start_with(METRICS).await;
    let request = tokio::spawn(proxy.chat(&ask("slow:10000:20")).send());
    proxy.until("the upstream has the request", async || !proxy.model().requests().is_empty()).await;
    request.abort();
    is_cancelled(&proxy).await;
}
