//! A proxy of its own for each test, on ephemeral ports and temporary folders, gone when the test ends.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use model_stub::{ModelStub, RunningStub};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// The key of every test proxy.
pub(crate) const KEY: &str = "e2e-key-0123456789abcdef";

/// The upstream's key, which nobody but the worker may see.
pub(crate) const UPSTREAM_KEY: &str = "upstream-key-fedcba9876543210";

/// How long anything may take before a test gives up: generous, because machines are shared.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running proxy with its scripted model.
pub(crate) struct Proxy {
    child: Child,
    /// `http://HOST:PORT`.
    pub(crate) address: String,
    pub(crate) state: TempDir,
    pub(crate) model: Option<RunningStub>,
    log: watch::Receiver<Vec<String>>,
    http: reqwest::Client,
}

impl Proxy {
    /// A proxy that is ready.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with more environment.
    pub(crate) async fn start_with(environment: &[(&str, &str)]) -> Self {
        let proxy = Self::spawn_with(environment).await;
        proxy.until_ready().await;
        proxy
    }

    /// A proxy that listens; its worker may not be ready.
    pub(crate) async fn spawn_with(environment: &[(&str, &str)]) -> Self {
        let state = tempfile::tempdir().expect("a temporary folder");
        Self::spawn_in(state, environment).await
    }

    /// The same on the state folder of an earlier one.
    pub(crate) async fn spawn_in(state: TempDir, environment: &[(&str, &str)]) -> Self {
        let model = ModelStub::bind(([127, 0, 0, 1], 0).into()).await.expect("the stub finds a port").spawn();
        let mut command = command(state.path());
        command.env("PROXY_UPSTREAM_BASE_URL", model.base_url()).envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("codex-proxy starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let (sender, log) = watch::channel(Vec::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|log: &mut Vec<String>| log.push(line));
            }
        });
        let mut proxy =
            Self { child, address: String::new(), state, model: Some(model), log, http: reqwest::Client::new() };
        let line = proxy.logged(|line| line.starts_with("codex-proxy listening on ")).await;
        proxy.address = line.replace("codex-proxy listening on ", "").replace("/v1", "");
        proxy
    }

    /// Waits for a line of the log.
    pub(crate) async fn logged(&self, wanted: impl Fn(&str) -> bool) -> String {
        let mut log = self.log.clone();
        let found = log.wait_for(|log| log.iter().any(|line| wanted(line)));
        let log = timeout(PATIENCE, found).await.expect("the line comes in time").expect("the proxy lives");
        log.iter().find(|line| wanted(line)).expect("it was found above").clone()
    }

    /// Everything logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.borrow().join("\n")
    }

    pub(crate) async fn until_ready(&self) {
        self.until("/readyz answers 200", async || self.get("/readyz").await.status() == 200).await;
    }

    /// Tries `condition` until it holds.
    pub(crate) async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition().await {
            assert!(Instant::now() < deadline, "not in time: {what}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn model(&self) -> &RunningStub {
        self.model.as_ref().expect("the model runs")
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().expect("it runs").cast_signed()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.address)).send().await.expect("the proxy answers")
    }

    /// A chat request with the key, not yet sent.
    pub(crate) fn chat(&self, body: &Value) -> RequestBuilder {
        self.http.post(format!("{}/v1/chat/completions", self.address)).bearer_auth(KEY).json(body)
    }

    /// The answer to `script`, not streamed.
    pub(crate) async fn ask(&self, script: &str) -> Response {
        self.chat(&ask(script)).send().await.expect("the proxy answers")
    }

    /// The worker's process id, as `/healthz` tells it.
    pub(crate) async fn worker_pid(&self) -> Option<i32> {
        let health: Value = self.get("/healthz").await.json().await.expect("health is JSON");
        health["worker_supervisor"]["pid"].as_i64().and_then(|pid| pid.try_into().ok())
    }

    /// Ends the proxy in order and returns its exit code and the state folder.
    pub(crate) async fn stop(self) -> (Option<i32>, TempDir) {
        signal(self.pid(), "TERM");
        self.stop_after_signal().await
    }

    /// The same for a proxy that was already told to end.
    pub(crate) async fn stop_after_signal(mut self) -> (Option<i32>, TempDir) {
        let status =
            timeout(PATIENCE, self.child.wait()).await.expect("it ends in time").expect("it can be waited for");
        if let Some(model) = self.model.take() {
            model.stop().await.expect("the stub stops");
        }
        (status.code(), self.state)
    }

    /// What `codex-trace` prints for these arguments; it must succeed.
    pub(crate) async fn trace(&self, arguments: &[&str]) -> String {
        trace(self.state.path(), arguments).await
    }

    /// The summaries of all requests, newest first.
    pub(crate) async fn summaries(&self) -> Vec<Value> {
        json_lines(&self.trace(&["list", "--json", "--limit", "10000"]).await)
    }
}

/// A chat request body that asks for `script`.
pub(crate) fn ask(script: &str) -> Value {
    json!({ "model": "codex-5", "messages": [{ "role": "user", "content": script }] })
}

/// The same as a stream.
pub(crate) fn ask_stream(script: &str) -> Value {
    json!({
        "model": "codex-5", "stream": true, "stream_options": { "include_usage": true },
        "messages": [{ "role": "user", "content": script }],
    })
}

/// `codex-proxy` with nothing of this process's environment that could change what it does.
pub(crate) fn command(state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codex-proxy"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", state)
        .env("CODEX_BIN", codex())
        .env("PORT", "0")
        .env("PROXY_API_KEY", KEY)
        .env("PROXY_UPSTREAM_API_KEY", UPSTREAM_KEY)
        .env("PROXY_STATE_DIR", state.join("state"))
        .env("WORKER_HANDSHAKE_TIMEOUT_MS", "30000")
        .env("WORKER_STARTUP_TIMEOUT_MS", "30000");
    command
}

/// The pinned Codex that `./check` installs.
pub(crate) fn codex() -> PathBuf {
    let installed = || Path::new(env!("CARGO_MANIFEST_DIR")).join("node_modules/.bin/codex");
    let codex = std::env::var_os("CODEX_BIN").map_or_else(installed, PathBuf::from);
    assert!(codex.exists(), "no Codex at {}: run ./check once, it installs what the tests need", codex.display());
    codex
}

/// The Codex 0.40.0 that `./check` installs.
pub(crate) fn codex_proto() -> PathBuf {
    let installed = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/codex-proto/node_modules/.bin/codex");
    let codex = std::env::var_os("CODEX_PROTO_BIN").map_or_else(installed, PathBuf::from);
    assert!(
        codex.exists(),
        "no Codex 0.40.0 at {}: run ./check once, it installs what the tests need",
        codex.display()
    );
    codex
}

/// A binary of the package `tools`, built beside `codex-proxy`.
pub(crate) fn tool(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_codex-proxy")).with_file_name(name);
    assert!(path.exists(), "{} is not built: run `cargo build --workspace --bins` first", path.display());
    path
}

pub(crate) async fn trace(state: &Path, arguments: &[&str]) -> String {
    let output = Command::new(tool("codex-trace")).arg("--state-dir").arg(state.join("state")).args(arguments).output();
    let output = output.await.expect("codex-trace runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}

pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
}

/// The data of a stream's events: the chunks as JSON, and whether `[DONE]` came.
pub(crate) fn stream_events(body: &str) -> (Vec<Value>, bool) {
    let data: Vec<&str> = body.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let done = data.last() == Some(&"[DONE]");
    let events = data.iter().filter(|data| **data != "[DONE]");
    (events.map(|data| serde_json::from_str(data).expect("data is JSON")).collect(), done)
}

/// The text of a stream's first choice.
pub(crate) fn stream_text(events: &[Value]) -> String {
    events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
}

pub(crate) fn signal(pid: i32, name: &str) {
    let status = std::process::Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    assert!(status.expect("kill runs").success(), "there is no process {pid}");
}
