//! Streams whose secrets are split over events.

use journal::{Event, Frame, Outcome, ResponseFinished};
use serde_json::{Value, json};

use super::*;

const TOKEN: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";
/// Its marker, without the pseudonym.
const MARKER: &str = "[GITHUB_TOKEN:";

/// A frame as written, with spaces that a rewriting would lose.
fn frame(json: impl Into<String>) -> EventBody {
    EventBody::RpcReceived(Frame { worker: "w1".into(), frame: Payload(Bytes::from(json.into())) })
}

fn delta(text: &str) -> EventBody {
    let params = json!({ "threadId": "t", "turnId": "u", "itemId": "i", "delta": text });
    frame(format!(r#"{{"method":"item/agentMessage/delta" , "params":{params}}}"#))
}

fn item_completed() -> EventBody {
    frame(r#"{"method":"item/completed","params":{"threadId":"t","item":{"id":"i"}}}"#)
}

fn turn_completed() -> EventBody {
    frame(r#"{"method":"turn/completed","params":{"threadId":"t","turn":{"id":"u"}}}"#)
}

fn chunk(delta: &Value, finish_reason: Option<&str>) -> EventBody {
    let data = json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": finish_reason }] });
    EventBody::ResponseChunk { bytes: format!("data: {data}\n\n") }
}

fn finished() -> EventBody {
    EventBody::ResponseFinished(ResponseFinished {
        status: 200,
        outcome: Outcome::Ok,
        model: None,
        stream: true,
        tokens: None,
        usage_source: None,
        finish_reasons: vec![],
        error: None,
        worker: None,
        ttft_ms: None,
        duration_ms: 1.0,
    })
}

fn exited() -> EventBody {
    EventBody::WorkerExited { worker: "w1".into(), code: None, signal: Some(9), expected: false, uptime_ms: 1.0 }
}

fn pieces(text: &str, size: usize) -> Vec<&str> {
    text.as_bytes().chunks(size).map(|piece| str::from_utf8(piece).unwrap()).collect()
}

/// Every six characters in a row.
fn runs(secret: &str) -> Vec<&str> {
    (0..=secret.len() - 6).map(|at| &secret[at..at + 6]).collect()
}

fn assert_gone(lines: &[String], secret: &str) {
    for line in lines {
        assert!(runs(secret).iter().all(|run| !line.contains(run)), "{line}");
    }
}

/// The texts of the deltas in `lines`, joined.
fn text(lines: &[String]) -> String {
    let events = lines.iter().map(|line| serde_json::from_str::<Event>(line).unwrap().draft.body);
    let texts = events.filter_map(|body| match body {
        EventBody::RpcReceived(frame) => {
            let frame: Value = serde_json::from_slice(&frame.frame.0).unwrap();
            frame["params"]["delta"].as_str().map(str::to_owned)
        }
        _ => None,
    });
    without_tokens(&texts.collect::<String>())
}

/// `text` with nothing of its markers but how they begin.
fn without_tokens(text: &str) -> String {
    let mut parts = text.split(MARKER);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, rest| text + MARKER + rest.split_once(']').expect("a marker has an end").1)
}

impl Bench {
    async fn record_all(&self, request: Option<RequestId>, bodies: impl IntoIterator<Item = EventBody>) {
        for body in bodies {
            self.recorder.record(request, body).await;
        }
    }

    /// How many events are in the journal, its opening excepted.
    async fn written(&self) -> u64 {
        self.recorder.settle().await.unwrap();
        self.recorder.head().borrow().saturating_sub(1)
    }
}

#[tokio::test]
async fn a_secret_split_over_frames_and_chunks_is_in_none_of_them() {
    let bench = Bench::scrubbing();
    let request = Some(RequestId::generate());
    let said = format!("Take {TOKEN} \"now\"");
    let call = format!("{{\"key\":\"{TOKEN}\"}}");
    for (said, call) in pieces(&said, 3).into_iter().zip(pieces(&call, 3)) {
        let function = json!({ "tool_calls": [{ "index": 0, "function": { "arguments": call } }] });
        bench
            .record_all(request, [delta(said), chunk(&json!({ "content": said }), None), chunk(&function, None)])
            .await;
    }
    bench.record_all(request, [item_completed(), stderr("between"), chunk(&json!({}), Some("stop")), finished()]).await;
    let recorded = 3 * pieces(&said, 3).len() as u64 + 4;
    assert_eq!(bench.written().await, recorded, "what is finished waits for nothing");

    let (lines, lost) = bench.end().await;
    assert_eq!((lines.len() as u64, lost), (recorded + 1, 0));
    assert_gone(&lines, TOKEN);
    assert_eq!(text(&lines), said.replace(TOKEN, MARKER));
    let numbers = lines.iter().map(|line| serde_json::from_str::<Event>(line).unwrap().seq);
    assert!(numbers.eq(1..=recorded + 1));
    let kinds = ["rpc.received", "response.chunk", "response.chunk"].into_iter().cycle();
    let streamed = &lines[1..=usize::try_from(recorded).unwrap() - 4];
    assert!(streamed.iter().zip(kinds).all(|(line, kind)| line.contains(kind)), "the order in which they happened");
    let calls = lines.iter().filter(|line| line.contains("arguments"));
    assert_eq!(calls.filter(|line| line.contains(MARKER)).count(), 1);
}

#[tokio::test]
async fn a_delta_without_a_secret_keeps_its_bytes_and_is_not_judged_alone() {
    let bench = Bench::scrubbing();
    let request = Some(RequestId::generate());
    let rest = format!("sk-{}", "q7RtX2mZ9bLkW4cVhN8sYd3PfGjT6wQa5eHuK0rJ");
    let verbatim = r#"{"method" : "m","params":{"itemId":"i", "delta":"caf\u00e9\n","x":1.0}}"#;
    bench.record_all(request, [frame(verbatim), delta("the ta"), delta(&rest), item_completed()]).await;
    bench.record_all(request, [chunk(&json!({ "content": "a\n\"b\"\n" }), None), finished()]).await;
    let (lines, _) = bench.end().await;
    assert!(lines[1].contains(verbatim), "{}", lines[1]);
    assert_eq!(text(&lines), format!("café\nthe ta{rest}"));
    let EventBody::ResponseChunk { bytes: sent } = chunk(&json!({ "content": "a\n\"b\"\n" }), None) else {
        unreachable!()
    };
    let read: Event = serde_json::from_str(&lines[5]).unwrap();
    assert!(matches!(read.draft.body, EventBody::ResponseChunk { bytes } if bytes == sent));
}

#[tokio::test]
async fn only_events_of_the_same_request_wait() {
    let bench = Bench::scrubbing();
    let (one, other) = (Some(RequestId::generate()), Some(RequestId::generate()));
    bench.record_all(one, [delta("ghp_0123"), stderr("behind it")]).await;
    bench.record_all(other, [stderr("of another"), delta("a line\n")]).await;
    bench.record_all(None, [stderr("of none")]).await;
    assert_eq!(bench.written().await, 3);
    assert_eq!(bench.metric("codex_proxy_journal_pending_events").to_bits(), 0, "what is held is not pending");
    assert_eq!(bench.metric("codex_proxy_journal_lag_seconds").to_bits(), 0);
    bench.record_all(one, [delta(&TOKEN[8..])]).await;
    assert_eq!(bench.written().await, 3);
    let (lines, _) = bench.end().await;
    assert_events(&lines, &["segment.opened", "of another", "a line", "of none", MARKER, "behind it", "rpc.received"]);
    assert_gone(&lines, TOKEN);
}

#[tokio::test]
async fn the_end_of_a_worker_ends_its_streams() {
    let bench = Bench::scrubbing();
    let request = Some(RequestId::generate());
    bench.record_all(request, pieces(TOKEN, 4).into_iter().map(delta)).await;
    assert_eq!(bench.written().await, 0);
    bench.record_all(None, [exited()]).await;
    assert_eq!(bench.written().await, 11);
    let (lines, _) = bench.end().await;
    assert!(lines[11].contains("worker.exited"), "{}", lines[11]);
    assert_eq!(text(&lines), MARKER);
}

#[tokio::test]
async fn what_trails_behind_a_finished_request_waits_for_the_end_of_its_turn() {
    let bench = Bench::scrubbing();
    let request = Some(RequestId::generate());
    let key = format!("sk-proj-{}", TOKEN.trim_start_matches("ghp_").repeat(2));
    bench.record_all(request, [delta("key "), delta(&key[..40]), finished()]).await;
    assert_eq!(bench.written().await, 3);
    bench.record_all(request, [delta(&key[40..43]), delta(&key[43..]), delta(" "), delta(&TOKEN[..20])]).await;
    bench.record_all(request, [delta(&TOKEN[20..])]).await;
    assert_eq!(bench.written().await, 3);
    bench.record_all(request, [turn_completed()]).await;
    assert_eq!(bench.written().await, 9);
    let (lines, _) = bench.end().await;
    assert_gone(&lines, &key);
    assert!(text(&lines).ends_with(&format!(" {MARKER}")), "{}", text(&lines));
}

#[tokio::test]
async fn a_durable_event_is_behind_what_was_recorded_before() {
    let bench = Bench::scrubbing();
    let request = Some(RequestId::generate());
    bench.record_all(request, [delta("held")]).await;
    bench.recorder.record_durably(request, audit()).await.unwrap();
    assert_events(&bench.end().await.0, &["segment.opened", "held", "audit.read"]);
}

#[tokio::test]
async fn no_stream_holds_more_than_its_bound() {
    let bench = Bench::scrubbing();
    let request = Some(RequestId::generate());
    let text = format!("{TOKEN} {}", "word ".repeat(2 * scrubbers::MAX_HELD / 5));
    bench.record_all(request, pieces(&text, 500).into_iter().map(delta)).await;
    let recorded = pieces(&text, 500).len() as u64;
    let written = bench.written().await;
    assert!((recorded / 3..recorded).contains(&written), "{written} of {recorded}");
    let (lines, _) = bench.end().await;
    assert_eq!(self::text(&lines), text.replace(TOKEN, MARKER));
}

#[tokio::test]
async fn all_that_is_held_has_a_bound_too() {
    const MIB: usize = 1 << 20;
    let bench = Bench::scrubbing();
    let (oldest, other) = (Some(RequestId::generate()), Some(RequestId::generate()));
    bench.record_all(oldest, [delta(TOKEN)]).await;
    bench.record_all(other, [delta("held")]).await;
    let large = || stderr(" ".repeat(MIB));
    for _ in 1..settler::MAX_HELD / MIB {
        bench.record_all(oldest, [large()]).await;
    }
    assert_eq!(bench.written().await, 0);
    bench.record_all(oldest, [large(), large()]).await;
    let expected = settler::MAX_HELD / MIB + 2;
    assert_eq!(bench.written().await, expected as u64, "all but the other request's");
    let (lines, lost) = bench.end().await;
    assert_eq!((lines.len(), lost), (settler::MAX_HELD / MIB + 4, 0));
    assert_gone(&lines, TOKEN);
}
