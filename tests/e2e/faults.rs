//! A worker that misbehaves: the real `codex-proxy` on `app-server-stub`, which goes wrong as the prompt says.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{PATIENCE, Proxy, ask, ask_stream, json_lines, signal, stream_events, stream_text, tool, trace};

/// What the stub says when a script names no text.
const ANSWER: &str = "A normal answer.";

/// Starts the stub that lies beside it, with the fault in the file `fault` if there is one.
const SCRIPT: &str = r#"#!/bin/sh
folder=${0%/*}
if [ "$1" = app-server ] && [ -e "$folder/fault" ]; then
    read -r fault <"$folder/fault"
    set -- "$@" --fault "$fault"
fi
exec "$folder/app-server-stub" "$@"
"#;

/// The stub behind a script, so that it can be told at any time how its next start goes wrong. They lie in one folder because a
/// worker can read only its own.
pub(crate) struct FaultyStub {
    folder: TempDir,
    /// The script, for `CODEX_BIN`.
    pub(crate) binary: String,
}

/// A proxy on the stub that is ready, with more environment.
pub(crate) async fn start(environment: &[(&str, &str)]) -> Proxy {
    let stub = tool("app-server-stub");
    let fast = [("CODEX_BIN", stub.to_str().expect("a UTF-8 path")), ("WORKER_BACKOFF_INITIAL_MS", "20")];
    Proxy::start_with(&[&fast, environment].concat()).await
}

// === impl FaultyStub ===

impl FaultyStub {
    pub(crate) fn new(fault: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(tool("app-server-stub"), folder.path().join("app-server-stub")).unwrap();
        std::fs::write(folder.path().join("fault"), format!("{fault}\n")).unwrap();
        let binary = folder.path().join("codex");
        std::fs::write(&binary, SCRIPT).unwrap();
        std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { binary: binary.to_str().unwrap().to_owned(), folder }
    }

    /// From the next start on.
    fn behave(&self) {
        std::fs::remove_file(self.folder.path().join("fault")).unwrap();
    }
}

async fn events(proxy: &Proxy) -> Vec<Value> {
    json_lines(&proxy.trace(&["events", "--json"]).await)
}

/// The frames of events of this type.
fn frames<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == kind).map(|event| &event["data"]["frame"]).collect()
}

/// How often `method` was called.
fn calls(events: &[Value], method: &str) -> usize {
    frames(events, "rpc.sent").iter().filter(|frame| frame["method"] == method).count()
}

/// The text of an answer that succeeded.
async fn text(proxy: &Proxy, script: &str) -> String {
    let response = proxy.ask(script).await;
    assert_eq!(response.status(), 200, "{script}");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    body["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

/// Status and error of an answer that failed.
async fn error(proxy: &Proxy, body: &Value) -> (u16, Value) {
    let response = proxy.chat(body).send().await.unwrap();
    (response.status().as_u16(), response.json::<Value>().await.unwrap()["error"].clone())
}

async fn health(proxy: &Proxy) -> Value {
    proxy.get("/healthz").await.json::<Value>().await.unwrap()["worker_supervisor"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_faster_than_we_are_does_not_put_the_deadline_off() {
    let proxy = start(&[("PROXY_TIMEOUT_MS", "3000")]).await;
    let body = proxy.chat(&ask_stream("burst:3000000")).send().await.unwrap().text().await.unwrap();
    let (events, done) = stream_events(&body);
    assert_eq!((events.last().unwrap()["error"]["code"].as_str(), done), (Some("worker_request_timeout"), false));
    assert!(events.len() > 2, "it answered until then");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_between_the_frames_changes_nothing_and_is_on_record() {
    /// What the stub writes before the words, after each of the three, and before the end.
    const TIMES: usize = 5;
    let proxy = start(&[]).await;
    let body = proxy.chat(&ask_stream("garbage")).send().await.unwrap().text().await.unwrap();
    let (chunks, done) = stream_events(&body);
    assert_eq!((stream_text(&chunks).as_str(), done), (ANSWER, true));
    assert_eq!(chunks.last().unwrap()["usage"]["total_tokens"], 18);
    assert_eq!(proxy.summaries().await[0]["outcome"], "ok");

    let events = events(&proxy).await;
    let received = frames(&events, "rpc.received");
    let times = |wanted: &dyn Fn(&Value) -> bool| received.iter().filter(|frame| wanted(frame)).count();
    for line in [
        json!("thread 'tokio-runtime-worker' panicked at nowhere"),
        json!("a line of another world"),
        json!("{\"method\":\"item/agentMessage/delta\",\"params\":{\"threadId\":"),
        json!("\u{FFFD}\u{FFFD} are no UTF-8"),
        json!("\0\0"),
        json!("null"),
        json!([]),
        json!({}),
        json!({ "id": 4_000_000_000_u64, "result": {} }),
        json!({ "id": 4_000_000_001_u64, "error": { "code": -1, "message": "WRONG" } }),
        json!({ "id": "of another kind", "result": {} }),
        json!({ "id": 1, "result": { "userAgent": "answered already" } }),
    ] {
        assert_eq!(times(&|frame| *frame == line), TIMES, "{line}");
    }
    assert_eq!(times(&|frame| frame["method"] == "stub/unknown"), 2 * TIMES);
    assert_eq!(times(&|frame| frame["params"]["delta"] == "WRONG"), 4 * TIMES);
    assert_eq!(times(&|frame| frame["params"]["threadId"] == "nobody"), 2 * TIMES);
    assert_eq!(times(&|frame| *frame == ""), 0, "an empty line is nothing");
    assert_eq!(text(&proxy, "say:still w1").await, "still w1");
    assert_eq!(proxy.summaries().await[0]["worker"], "w1");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_before_the_handshake_changes_nothing() {
    let stub = FaultyStub::new("garbage-at-start");
    let proxy = start(&[("CODEX_BIN", stub.binary.as_str())]).await;
    assert_eq!(text(&proxy, "say:hello").await, "hello");
    let events = events(&proxy).await;
    assert!(frames(&events, "rpc.received").contains(&&json!("a line of another world")));
    assert_eq!(health(&proxy).await["health"]["readiness"]["details"]["restarts_total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_may_come_in_any_pieces() {
    let proxy = start(&[]).await;
    let scripts = ["split", "say:whole frames between", "split", "burst:100", "split"];
    let texts = join_all(scripts.map(|script| text(&proxy, script))).await;
    let burst: String = (0..100).map(|word| format!("w{word} ")).collect();
    assert_eq!(texts, [ANSWER, "whole frames between", ANSWER, &burst, ANSWER]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_above_the_limit_is_thrown_away_and_the_worker_goes_on() {
    const LENGTH: usize = 70 << 20;
    let proxy = start(&[]).await;
    assert_eq!(text(&proxy, &format!("long:{LENGTH}")).await, ANSWER);
    let events = events(&proxy).await;
    let note = format!("[a line of {LENGTH} bytes was thrown away: the limit is {}]", 64 << 20);
    assert!(frames(&events, "rpc.received").contains(&&json!(note)));
    assert_eq!(text(&proxy, "say:next").await, "next");
    assert_eq!(proxy.summaries().await[0]["worker"], "w1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_worker_asks_is_refused() {
    let proxy = start(&[]).await;
    assert_eq!(text(&proxy, "server-request").await, "refused: -32601 codex-proxy answers no requests");
    let id = proxy.summaries().await[0]["id"].clone();
    let refusal = json!({ "id": 0, "error": { "code": -32601, "message": "codex-proxy answers no requests" } });
    let events = events(&proxy).await;
    let sent = events.iter().find(|event| event["type"] == "rpc.sent" && event["data"]["frame"] == refusal);
    assert_eq!(sent.expect("the refusal is on record")["request"], id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_exits_mid_stream_breaks_it_off_and_is_replaced() {
    let proxy = start(&[]).await;
    let body = proxy.chat(&ask_stream("exit:3:2")).send().await.unwrap().text().await.unwrap();
    let (chunks, done) = stream_events(&body);
    assert_eq!((stream_text(&chunks).as_str(), done), ("w0 w1 ", false));
    assert_eq!(chunks.last().unwrap()["error"]["code"], "worker_exited");
    assert_eq!(proxy.summaries().await[0]["outcome"], "stream_aborted");

    proxy.until_ready().await;
    assert_eq!(text(&proxy, "say:back").await, "back");
    let details = health(&proxy).await["health"]["readiness"]["details"].clone();
    assert_eq!((&details["restarts_total"], &details["last_exit"]["code"]), (&json!(1), &json!(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_costs_two_workers_is_given_up() {
    let proxy = start(&[]).await;
    for body in [ask("exit:9"), ask_stream("exit:9")] {
        let before = calls(&events(&proxy).await, "turn/start");
        let response = proxy.chat(&body).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.headers()["retry-after"].as_bytes()), (503, &b"1"[..]));
        assert_eq!(response.json::<Value>().await.unwrap()["error"]["code"], "worker_exited");
        assert_eq!(calls(&events(&proxy).await, "turn/start"), before + 2, "one silent retry");
        assert_eq!(proxy.summaries().await[0]["outcome"], "server_error");
        proxy.until_ready().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_closes_its_output_and_lives_on_is_replaced() {
    let stub = FaultyStub::new("ignore-sigterm");
    let proxy = start(&[("CODEX_BIN", &stub.binary), ("WORKER_SHUTDOWN_GRACE_MS", "100")]).await;
    let first = proxy.worker_pid().await.unwrap();
    let (status, error) = error(&proxy, &ask("close-stdout")).await;
    assert_eq!((status, error["code"].as_str()), (503, Some("worker_exited")));
    proxy.until_ready().await;
    assert!(!Path::new(&format!("/proc/{first}")).exists(), "the first worker is gone");
    assert_eq!(text(&proxy, "say:back").await, "back");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_to_turn_start_is_passed_on() {
    let proxy = start(&[]).await;
    let (status, error) = error(&proxy, &ask("rpc-error:-32000:told to: refuse")).await;
    let expected = json!({ "message": "told to: refuse", "type": "server_error", "code": "-32000" });
    assert_eq!((status, error), (500, expected));
    assert_eq!(proxy.summaries().await[0]["outcome"], "server_error");
    assert_eq!(text(&proxy, "say:undisturbed").await, "undisturbed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_never_answered_times_out() {
    let proxy = start(&[("WORKER_REQUEST_TIMEOUT_MS", "500")]).await;
    for body in [ask("silent"), ask_stream("silent")] {
        let (status, error) = error(&proxy, &body).await;
        assert_eq!((status, error["code"].as_str()), (504, Some("worker_request_timeout")));
    }
    assert_eq!(text(&proxy, "say:undisturbed").await, "undisturbed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_is_never_answered_from() {
    let proxy = start(&[]).await;
    for body in [ask("compaction"), ask_stream("compaction")] {
        let (status, error) = error(&proxy, &body).await;
        assert_eq!((status, error["code"].as_str()), (400, Some("context_length_exceeded")));
        let id = proxy.summaries().await[0]["id"].as_str().unwrap().to_owned();
        let events = json_lines(&proxy.trace(&["show", &id, "--json"]).await);
        assert_eq!(calls(&events, "turn/interrupt"), 1, "the turn is not left running");
        assert_eq!(events.last().unwrap()["type"], "response.finished");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_never_looks_whole() {
    let proxy = start(&[]).await;
    let (status, error) = error(&proxy, &ask("interrupted")).await;
    assert_eq!((status, error["code"].as_str()), (500, Some("worker_error")));
    let body = proxy.chat(&ask_stream("interrupted")).send().await.unwrap().text().await.unwrap();
    let (chunks, done) = stream_events(&body);
    assert_eq!((stream_text(&chunks).as_str(), done), ("half ", false));
    assert_eq!(chunks.last().unwrap()["error"]["code"], "worker_error");
    let outcomes: Vec<Value> = proxy.summaries().await.iter().map(|summary| summary["outcome"].clone()).collect();
    assert_eq!(outcomes, ["stream_aborted", "server_error"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_codex_retries_by_itself_is_no_failure() {
    let proxy = start(&[]).await;
    assert_eq!(text(&proxy, "will-retry").await, ANSWER);
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_that_is_reported_twice_counts_once() {
    let proxy = start(&[]).await;
    assert_eq!(text(&proxy, "duplicate-usage").await, ANSWER);
    let tokens = json!({ "input": 11, "cached": 3, "output": 7, "reasoning": 2 });
    assert_eq!(proxy.summaries().await[0]["tokens"], tokens);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_ignores_its_interrupt_holds_nothing_up() {
    let proxy = start(&[]).await;
    let mut body = proxy.chat(&ask_stream("hang-interrupt")).send().await.unwrap().bytes_stream();
    body.next().await.unwrap().unwrap();
    drop(body);
    let over = async || events(&proxy).await.iter().any(|event| event["type"] == "response.finished");
    proxy.until("the request is over", over).await;
    assert_eq!(proxy.summaries().await[0]["outcome"], "cancelled");
    assert!(calls(&events(&proxy).await, "turn/interrupt") > 0);
    assert_eq!(text(&proxy, "say:undisturbed").await, "undisturbed");
    assert_eq!(proxy.stop().await.0, Some(0));
}

/// A worker that fails at its start with `fault`, again and again, until it does not.
async fn recovers_from(fault: &str, reason: &str, detail: &str) {
    let stub = FaultyStub::new(fault);
    let environment = [
        ("CODEX_BIN", stub.binary.as_str()),
        ("WORKER_HANDSHAKE_TIMEOUT_MS", "500"),
        ("WORKER_BACKOFF_INITIAL_MS", "50"),
        ("WORKER_BACKOFF_MAX_MS", "2000"),
    ];
    let proxy = Proxy::spawn_with(&environment).await;
    let failed = async || {
        let response = proxy.get("/readyz").await;
        let status = response.status();
        let body: Value = response.json().await.unwrap();
        status == 503 && body["health"]["readiness"]["reason"] == "handshake_failed"
    };
    proxy.until("readiness says why", failed).await;
    proxy.logged(|line| line.contains("worker restart scheduled") && line.contains("\"consecutive_failures\":4")).await;
    let log = proxy.log();
    let delays: Vec<u64> = log
        .lines()
        .filter(|line| line.contains("worker restart scheduled"))
        // Later ones reach the longest wait, where only jitter tells them apart.
        .take(4)
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["delay_ms"].as_u64().unwrap())
        .collect();
    assert!(delays.is_sorted_by(|shorter, longer| shorter < longer), "{fault}: {delays:?}");

    stub.behave();
    proxy.until_ready().await;
    assert_eq!(text(&proxy, "say:back").await, "back");
    let events = events(&proxy).await;
    let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).map(|event| &event["data"]).collect();
    let (spawned, unhealthy): (Vec<&Value>, Vec<&Value>) = (of("worker.spawned"), of("worker.unhealthy"));
    assert_eq!(unhealthy.len(), spawned.len() - 1);
    assert_eq!(unhealthy[0]["reason"], reason);
    assert!(unhealthy[0]["detail"].as_str().unwrap().contains(detail), "{}", unhealthy[0]);
    let details = health(&proxy).await["health"]["readiness"]["details"].clone();
    assert_eq!((&details["restarts_total"], &details["consecutive_failures"]), (&json!(spawned.len() - 1), &json!(0)));
    for worker in &spawned[..spawned.len() - 1] {
        assert!(!Path::new(&format!("/proc/{}", worker["pid"])).exists(), "{worker} is gone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_handshake_is_tried_again_until_it_succeeds() {
    recovers_from("refuse-handshake", "handshake_failed", "told to refuse the handshake").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_without_an_answer_is_tried_again_until_it_succeeds() {
    recovers_from("silent-handshake", "handshake_timeout", "initialize within 500 ms").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_exits_at_its_start_is_started_until_it_stays() {
    recovers_from("exit-at-start:5", "handshake_failed", "told to exit with 5").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ignores_sigterm_is_ended_by_force() {
    const GRACE: Duration = Duration::from_millis(300);
    let stub = FaultyStub::new("ignore-sigterm");
    let environment = [("CODEX_BIN", stub.binary.as_str()), ("WORKER_SHUTDOWN_GRACE_MS", "300")];
    let proxy = start(&environment).await;
    let worker = proxy.worker_pid().await.unwrap();
    let told = Instant::now();
    let (code, state) = proxy.stop().await;
    let took = told.elapsed();
    assert_eq!(code, Some(0));
    assert!(took >= GRACE && took < GRACE + Duration::from_secs(10), "it took {took:?}");
    assert!(!Path::new(&format!("/proc/{worker}")).exists(), "the worker is gone");
    let events = json_lines(&trace(state.path(), &["events", "--json"]).await);
    let exited = &events.iter().find(|event| event["type"] == "worker.exited").unwrap()["data"];
    assert_eq!((&exited["signal"], &exited["expected"]), (&json!(9), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_streams_side_by_side_are_exact() {
    let proxy = start(&[("WORKER_MAX_CONCURRENCY", "200")]).await;
    let own = |number: usize| (0..50).map(|word| format!("{number}·{word} ")).collect::<String>();
    let burst: String = (0..50).map(|word| format!("w{word} ")).collect();
    let streams = (0..200).map(|number| {
        // Every other one says something of its own, so that no stream can get another's words unnoticed.
        let script = if number % 2 == 0 { "burst:50".to_owned() } else { format!("say:{}", own(number)) };
        let request = proxy.chat(&ask_stream(&script));
        async move {
            let response = request.send().await.unwrap();
            let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
            (id, response.text().await.unwrap())
        }
    });
    let answers = join_all(streams).await;
    let events = events(&proxy).await;
    for (number, (id, body)) in answers.iter().enumerate() {
        let (chunks, done) = stream_events(body);
        let expected = if number % 2 == 0 { burst.clone() } else { own(number) };
        assert_eq!((stream_text(&chunks), done), (expected, true));
        let recorded = events.iter().filter(|event| event["type"] == "response.chunk" && event["request"] == **id);
        let recorded: String = recorded.map(|event| event["data"]["bytes"].as_str().unwrap()).collect();
        assert_eq!(recorded, *body, "the journal holds what the client got");
    }
    assert!(proxy.summaries().await.iter().all(|summary| summary["outcome"] == "ok" && summary["worker"] == "w1"));
}

/// The homes that workers named when they answered `initialize`, oldest first.
async fn homes(state: &Path) -> Vec<PathBuf> {
    let events = json_lines(&trace(state, &["events", "--json"]).await);
    let received = frames(&events, "rpc.received");
    received.iter().filter_map(|frame| frame["result"]["codexHome"].as_str()).map(PathBuf::from).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workers_home_goes_with_it_or_with_the_next_start() {
    let runtime = tempfile::tempdir().unwrap();
    let environment = [("XDG_RUNTIME_DIR", runtime.path().to_str().unwrap())];
    let proxy = start(&environment).await;
    let [first] = &homes(proxy.state.path()).await[..] else { panic!("one worker, one home") };
    assert!(first.starts_with(runtime.path()) && first.join("config.toml").exists(), "{}", first.display());
    assert_eq!(proxy.ask("exit:1").await.status(), 503);
    proxy.until_ready().await;
    assert!(!first.exists(), "the home of a worker that exited is gone");
    let (_, state) = proxy.stop().await;
    let left = || std::fs::read_dir(runtime.path().join("codex-proxy")).unwrap().count();
    assert_eq!(left(), 0, "nothing is left of a service that stopped");

    let stub = tool("app-server-stub");
    let environment = [environment[0], ("CODEX_BIN", stub.to_str().unwrap())];
    let proxy = Proxy::spawn_in(state, &environment).await;
    proxy.until_ready().await;
    let killed = homes(proxy.state.path()).await.pop().unwrap();
    signal(proxy.pid(), "KILL");
    let (_, state) = proxy.stop_after_signal().await;
    assert!(killed.exists(), "nobody was there to remove it");
    let proxy = Proxy::spawn_in(state, &environment).await;
    proxy.until_ready().await;
    let last = homes(proxy.state.path()).await.pop().unwrap();
    assert!(!killed.exists() && last.exists());
    assert_eq!(left(), 1);
    tokio::time::timeout(PATIENCE, proxy.stop()).await.unwrap();
}
