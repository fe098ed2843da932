//! What a request can rely on: a trace on disk before its last byte, and service while the journal cannot be written.

use std::fs;
use std::path::PathBuf;

use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::support::{Proxy, ask_stream, json_lines, signal, stream_events, stream_text, trace};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_came_to_its_end_survives_a_kill() {
    let proxy = Proxy::start_with(&[("PROXY_JOURNAL_DURABILITY", "before_final_byte")]).await;
    assert_eq!(proxy.ask("say:one").await.text().await.unwrap().matches("one").count(), 1);
    let body = proxy.chat(&ask_stream("say:two words")).send().await.unwrap().text().await.unwrap();
    // Nothing comes between the last byte and the end of the process.
    signal(proxy.pid(), "KILL");
    let (chunks, done) = stream_events(&body);
    assert_eq!((stream_text(&chunks).as_str(), done), ("two words", true));

    let (_, state) = proxy.stop_after_signal().await;
    let summaries = json_lines(&trace(state.path(), &["list", "--json"]).await);
    let outcomes: Vec<&Value> = summaries.iter().map(|summary| &summary["outcome"]).collect();
    assert_eq!(outcomes, ["ok", "ok"]);
    let events = json_lines(&trace(state.path(), &["show", summaries[0]["id"].as_str().unwrap(), "--json"]).await);
    let chunks: String = events
        .iter()
        .filter(|event| event["type"] == "response.chunk")
        .map(|event| event["data"]["bytes"].as_str().unwrap())
        .collect();
    assert_eq!(chunks, body);
    assert_eq!(events.last().unwrap()["type"], "response.finished");
}

/// A proxy with a journal that can be kept from beginning another segment, which it does every second.
struct Breakable {
    proxy: Proxy,
}

// === impl Breakable ===

impl Breakable {
    async fn start(environment: &[(&str, &str)]) -> Self {
        let short = [("PROXY_JOURNAL_SEGMENT_PERIOD", "1s")];
        Self { proxy: Proxy::start_with(&[&short, environment].concat()).await }
    }

    /// A file where the folder of segments belongs.
    fn break_journal(&self) {
        fs::rename(self.path("segments"), self.path("segments-away")).unwrap();
        fs::write(self.path("segments"), "").unwrap();
    }

    /// Waits until the journal fails, which only an event can show.
    async fn until_failing(&self) {
        let failing = async || {
            self.proxy.ask("say:hello").await;
            self.journal().await["writable"] == false
        };
        self.proxy.until("the journal fails", failing).await;
    }

    fn mend(&self) {
        fs::remove_file(self.path("segments")).unwrap();
        fs::rename(self.path("segments-away"), self.path("segments")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.proxy.state.path().join("state/journal").join(name)
    }

    async fn journal(&self) -> Value {
        self.proxy.get("/healthz").await.json::<Value>().await.unwrap()["journal"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_goes_on_without_its_journal_catches_up() {
    let bench = Breakable::start(&[("PROXY_JOURNAL_ON_FAILURE", "continue")]).await;
    let proxy = &bench.proxy;
    bench.break_journal();
    bench.until_failing().await;
    let response = proxy.ask("say:served").await;
    assert_eq!(response.status(), 200);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let ready = proxy.get("/readyz").await;
    assert_eq!(ready.status(), 200);
    let reason = ready.json::<Value>().await.unwrap()["health"]["readiness"]["reason"].clone();
    assert_eq!(reason, "journal_unavailable");
    proxy.logged(|line| line.contains("the journal cannot be written")).await;

    bench.mend();
    proxy.logged(|line| line.contains("the journal can be written again")).await;
    assert_eq!(bench.journal().await, json!({ "writable": true, "unrecorded_events": 0 }));
    let summaries = proxy.summaries().await;
    assert!(summaries.iter().any(|summary| summary["id"] == id.as_str()), "{id} is not in {summaries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_needs_its_journal_refuses_until_it_is_back() {
    let bench = Breakable::start(&[("PROXY_JOURNAL_DURABILITY", "before_final_byte")]).await;
    let proxy = &bench.proxy;
    bench.break_journal();
    bench.until_failing().await;
    let refused = proxy.ask("say:refused").await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], "journal_unavailable");
    assert_eq!(proxy.get("/readyz").await.status(), 503);

    bench.mend();
    proxy.until_ready().await;
    assert_eq!(proxy.ask("say:back").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_trace_cannot_be_kept_breaks_off() {
    let bench = Breakable::start(&[("PROXY_JOURNAL_DURABILITY", "before_final_byte")]).await;
    let mut body = bench.proxy.chat(&ask_stream("slow:150:20")).send().await.unwrap().bytes_stream();
    let mut text = body.next().await.unwrap().unwrap().to_vec();
    bench.break_journal();
    // What the model says on one line is held back to its end: somebody else is the first to find out.
    bench.until_failing().await;
    let broken_off = loop {
        match body.next().await {
            Some(Ok(chunk)) => text.extend_from_slice(&chunk),
            Some(Err(_)) => break true,
            None => break false,
        }
    };
    let text = String::from_utf8(text).unwrap();
    let (chunks, done) = stream_events(&text);
    assert!(broken_off && !done, "{text}");
    assert!(stream_text(&chunks).ends_with("w149 "), "all but the end came");

    bench.mend();
    bench.proxy.until_ready().await;
    let summaries = bench.proxy.summaries().await;
    assert!(summaries.iter().any(|summary| summary["outcome"] == "stream_aborted"), "{summaries:?}");
}
