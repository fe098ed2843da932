//! Many turns side by side on one worker.

use futures_util::future::join_all;

use crate::support::{Proxy, ask_stream, stream_events, stream_text};

/// Text that no other stream has, with unicode, of a length of its own.
fn text(number: usize) -> String {
    (0..20 + number).map(|word| format!("w{number}·{word} ")).collect::<String>() + "ende 🦀"
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_streams_on_one_worker_each_get_their_own_text() {
    let proxy = Proxy::start().await;
    let streams = (0..64).map(|number| {
        let script = format!("usage:{}:{}:{}:{}:say:{}", 100 + number, number, 200 + number, number / 2, text(number));
        let request = proxy.chat(&ask_stream(&script));
        async move { request.send().await.unwrap().text().await.unwrap() }
    });
    for (number, body) in join_all(streams).await.into_iter().enumerate() {
        let (events, done) = stream_events(&body);
        assert!(done);
        assert_eq!(stream_text(&events), text(number));
        assert_eq!(events.last().unwrap()["usage"]["prompt_tokens"], 100 + number);
    }

    let summaries = proxy.summaries().await;
    assert_eq!(summaries.len(), 64);
    for summary in &summaries {
        assert_eq!(summary["outcome"], "ok");
        assert_eq!(summary["worker"], "w1");
        let input = summary["tokens"]["input"].as_u64().unwrap();
        let number = input - 100;
        let expected = serde_json::json!({
            "input": input, "cached": number, "output": 200 + number, "reasoning": number / 2,
        });
        assert_eq!(summary["tokens"], expected);
    }
    let mut inputs: Vec<u64> = summaries.iter().map(|summary| summary["tokens"]["input"].as_u64().unwrap()).collect();
    inputs.sort_unstable();
    assert_eq!(inputs, (100..164).collect::<Vec<u64>>());
}
