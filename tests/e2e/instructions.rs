//! What stands before a conversation, and an upstream that insists on Codex's own.

use serde_json::Value;

use crate::support::{Proxy, ask, ask_stream};

/// What the upstream got before the conversation in each of its requests: Codex 0.169.0 puts its instructions into a developer message.
fn instructions(proxy: &Proxy) -> Vec<String> {
    let text = |body: &str| -> String {
        let body: Value = serde_json::from_str(body).unwrap();
        let first = &body["input"][0];
        let text = first["content"][0]["text"].as_str().filter(|_| first["role"] == "developer");
        text.or(body["instructions"].as_str()).unwrap_or_default().to_owned()
    };
    proxy.model().requests().iter().map(|request| text(request.body.get())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_insists_on_codexs_own_gets_them() {
    let proxy = Proxy::start().await;
    for body in [ask("insist:say:fine"), ask_stream("insist:say:fine")] {
        assert_eq!(proxy.chat(&body).send().await.unwrap().status(), 200);
    }
    let sent = instructions(&proxy);
    assert_eq!(sent.len(), 3, "the second request needs no retry");
    assert!(sent[0].is_empty() && sent[1].contains("Codex") && sent[2] == sent[1], "{sent:?}");
    let events = proxy.trace(&["events", "--json"]).await;
    assert_eq!(events.matches(r#""type":"worker.instructions_refused""#).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configured_instructions_are_sent() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "Be terse.").unwrap();
    let path = file.path().to_str().unwrap();
    for (value, expected) in [("none", ""), ("codex", "You are Codex"), (path, "Be terse.")] {
        let proxy = Proxy::start_with(&[("PROXY_BASE_INSTRUCTIONS", value)]).await;
        assert_eq!(proxy.ask("say:a").await.status(), 200);
        let sent = instructions(&proxy).remove(0);
        assert!(sent.starts_with(expected) && sent.is_empty() == expected.is_empty(), "{value}: {sent}");
    }
}
