//! Libraries that partners use, unmodified, against the real thing. The scenarios are in `tests/sdk`, in files that begin with the library's
//! name. All scenarios of a file share a process and a proxy, except those of `openai_refusals`: each of them needs a proxy that refuses for
//! its reason.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use crate::support::{KEY, PATIENCE, Proxy, json_lines, tool};
use crate::{gateway, proto, startup};

/// Runs scenarios of a file one after the other: those named, or all.
async fn run(proxy: &Proxy, file: &str, names: &[&str]) {
    let stub = proxy.model().base_url();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(file);
    let program = if file.starts_with("python/") { python() } else { node() };
    let run = Command::new(&program)
        .arg(script)
        .args(names)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("BASE_URL", format!("{}/v1", proxy.address))
        .env("API_KEY", KEY)
        .env("STUB_URL", stub.trim_end_matches("/v1"))
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE * 3, run).await.expect("the scenarios end in time");
    let output =
        output.unwrap_or_else(|error| panic!("cannot run {}: {error}; ./check installs it", program.display()));
    assert!(
        output.status.success(),
        "{file} failed\n{}{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        proxy.log(),
    );
}

fn python() -> PathBuf {
    let installed = || Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    std::env::var_os("PYTHON").map_or_else(installed, PathBuf::from)
}

fn node() -> PathBuf {
    std::env::var_os("NODE").map_or_else(|| "node".into(), PathBuf::from)
}

macro_rules! all_scenarios {
    ($($library:ident: $file:literal)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $library() {
                run(&Proxy::start().await, $file, &[]).await;
            }
        )+
    };
}

all_scenarios! {
    openai_python: "python/openai_scenarios.py"
    openai_python_failures: "python/openai_failures.py"
    openai_node: "node/openai_scenarios.mjs"
    openai_node_failures: "node/openai_failures.mjs"
    langchain: "python/langchain_scenarios.py"
    agents: "python/agents_scenarios.py"
}

/// What refuses for the reason that `scenario` names, seen through both packages.
async fn refusal(proxy: &Proxy, scenario: &str) {
    run(proxy, "python/openai_refusals.py", &[scenario]).await;
    run(proxy, "node/openai_refusals.mjs", &[scenario]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_at_the_limits() {
    let limits = [
        ("PROXY_MAX_PROMPT_TOKENS", "50"),
        ("PROXY_MAX_BODY_BYTES", "64KiB"),
        ("WORKER_MAX_CONCURRENCY", "1"),
        ("PROXY_QUEUE_MAX", "0"),
        ("PROXY_SSE_MAX_CONCURRENCY", "1"),
    ];
    refusal(&Proxy::start_with(&limits).await, "limits").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_on_a_silent_model() {
    let impatient = [("PROXY_IDLE_TIMEOUT_MS", "300"), ("PROXY_STREAM_HEAD_MS", "100")];
    refusal(&Proxy::start_with(&impatient).await, "silence").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_without_a_backend() {
    refusal(&Proxy::spawn_with(&[("PROXY_USE_APP_SERVER", "false")]).await, "disabled").await;
    let folder = tempfile::tempdir().unwrap();
    let silent = startup::silent_codex(&folder);
    refusal(&Proxy::spawn_with(&[("CODEX_BIN", silent.to_str().unwrap())]).await, "not_ready").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_on_a_worker_that_fails() {
    let stub = tool("app-server-stub");
    let failing = [("CODEX_BIN", stub.to_str().unwrap()), ("WORKER_REQUEST_TIMEOUT_MS", "500")];
    let proxy = Proxy::start_with(&failing).await;
    run(&proxy, "python/openai_refusals.py", &["worker"]).await;
    proxy.until_ready().await;
    run(&proxy, "node/openai_refusals.mjs", &["worker"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_comes_back_while_there_is_maintenance() {
    let proxy = Proxy::start().await;
    gateway::done(&proxy, &["ctl", "maintenance", "on", "--retry-after", "1"]).await;
    refusal(&proxy, "maintenance").await;
    let of_each = [0, 1, 2].map(|count| (count, 503));
    assert_eq!(tries(&proxy).await, of_each.repeat(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_comes_back_when_its_rate_allows() {
    let rate =
        [("PROXY_RATE_LIMIT_ENABLED", "true"), ("PROXY_RATE_LIMIT_MAX", "1"), ("PROXY_RATE_LIMIT_WINDOW_MS", "1500")];
    let proxy = Proxy::start_with(&rate).await;
    refusal(&proxy, "rate").await;
    let tries = tries(&proxy).await;
    let refused = tries.iter().filter(|(_, status)| *status == 429).count();
    let retries = tries.iter().filter(|(count, _)| *count > 0).count();
    assert!(refused >= 2 && refused == retries, "a retry for each refusal: {tries:?}");
}

/// Every try of a package as the journal has it, in order: how many it says came before for the same request, and the status it got.
async fn tries(proxy: &Proxy) -> Vec<(u64, u64)> {
    let events = json_lines(&proxy.trace(&["events", "--json"]).await);
    let received = events.iter().filter(|event| event["type"] == "request.received");
    let counts = received.filter_map(retry_count);
    let summaries = proxy.summaries().await;
    let asked = summaries.iter().rev().filter(|summary| summary["route"] == "/v1/chat/completions");
    counts.zip(asked.map(|summary| summary["status"].as_u64().unwrap())).collect()
}

fn retry_count(received: &Value) -> Option<u64> {
    let headers = received["data"]["headers"].as_array()?;
    let count = headers.iter().find(|header| header[0] == "x-stainless-retry-count")?;
    count[1].as_str()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_on_the_fallback() {
    let proxy = proto::proxy().await;
    for file in ["python/openai_scenarios.py", "node/openai_scenarios.mjs"] {
        run(&proxy, file, &["text", "unicode", "usage"]).await;
    }
}
