//! A service of its own for a moment: does its worker start, does its model answer?

use std::io::BufReader;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use codex_completions_api::config::Config;
use serde_json::json;

use super::Finding;
use crate::service::Service;

/// The key of that service, which nobody else can reach in time to use it.
const KEY: &str = "codex-trace-doctor";

/// How long the service may take to listen.
const LISTEN_LIMIT: Duration = Duration::from_secs(20);

/// The pause between two looks at whether it is ready.
const PAUSE: Duration = Duration::from_millis(50);

/// A service that runs. It ends with this value.
struct Trial {
    child: Child,
    url: String,
    _state: tempfile::TempDir,
}

/// Starts a service, and asks it something if `with_turn`.
pub(super) fn run(config: &Config, with_turn: bool) -> Vec<Finding> {
    let began = Instant::now();
    let trial = match Trial::start() {
        Ok(trial) => trial,
        Err(why) => return vec![Finding::problem("service", why, "the message says what to change")],
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return Vec::new() };
    let service = match Service::new(&trial.url, KEY) {
        Ok(service) => service,
        Err(why) => return vec![Finding::problem("service", why, "see README")],
    };
    runtime.block_on(async {
        let limit = config.worker_startup_timeout + config.worker_handshake_timeout;
        let worker = ready(&service, limit, began).await;
        let is_ready = worker.fix.is_none();
        let mut findings = vec![worker];
        if is_ready && with_turn {
            findings.push(turn(&service).await);
        }
        findings
    })
}

async fn ready(service: &Service, limit: Duration, began: Instant) -> Finding {
    let asked = Instant::now();
    loop {
        let answer = service.get("/readyz").await;
        if answer.as_ref().is_ok_and(|answer| answer.status == 200) {
            return Finding::ok("worker", format!("ready {} ms after the start", began.elapsed().as_millis()));
        }
        if asked.elapsed() > limit {
            let why = answer.map(|answer| answer.json()["health"]["readiness"]["reason"].to_string());
            let told = format!("not ready within {} s: {}", limit.as_secs(), why.unwrap_or_else(|error| error));
            return Finding::problem("worker", told, "run codex-proxy with RUST_LOG=debug and look at its log");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn turn(service: &Service) -> Finding {
    let began = Instant::now();
    let models = service.get("/v1/models").await.map(|answer| answer.json()).unwrap_or_default();
    let message = json!({ "role": "user", "content": "Say: well." });
    let body = json!({ "model": models["data"][0]["id"], "messages": [message] });
    let answer = match service.chat(&body).await {
        Ok(answer) => answer,
        Err(why) => return Finding::problem("turn", why, "look at the log of codex-proxy"),
    };
    let body = answer.json();
    if answer.status == 200 {
        let usage = &body["usage"]["total_tokens"];
        return Finding::ok("turn", format!("answered in {} ms, {usage} tokens", began.elapsed().as_millis()));
    }
    let text = |field: &str| body["error"][field].as_str().unwrap_or("?").to_owned();
    let fix = match answer.status {
        401 => "log Codex in again, or give a valid PROXY_UPSTREAM_API_KEY",
        404 => "set CODEX_MODEL to a model that this account has",
        429 => "the account's limit is reached; try again later",
        _ => "see whether the upstream can be reached from here, and the log of codex-proxy",
    };
    Finding::problem("turn", format!("{} {}: {}", answer.status, text("code"), text("message")), fix)
}

// === impl Trial ===

impl Trial {
    fn start() -> Result<Self, String> {
        let state = tempfile::tempdir().map_err(|error| format!("cannot make a temporary folder: {error}"))?;
        let mut child = Command::new(program()?)
            .args(["--port", "0", "--host", "127.0.0.1", "--state-dir"])
            .arg(state.path())
            .env("PROXY_API_KEY", KEY)
            // Nobody waits for minutes to learn that there is no answer.
            .env("PROXY_IDLE_TIMEOUT_MS", "30000")
            // Its own, beside a service that may run: keys, certificates and journal are not what is tried.
            .env_remove("PROXY_JOURNAL_KEY_FILE")
            .env_remove("PROXY_JOURNAL_ANCHOR_FILE")
            .env_remove("PROXY_TLS_CERT")
            .env_remove("PROXY_TLS_KEY")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start codex-proxy: {error}"))?;
        let stdout = child.stdout.take().ok_or("stdout is piped")?;
        let listening = listening(BufReader::new(stdout));
        let Ok(url) = listening.recv_timeout(LISTEN_LIMIT) else {
            let _ = child.kill();
            let mut said = String::new();
            if let Some(mut stderr) = child.stderr.take() {
                let _ = std::io::Read::read_to_string(&mut stderr, &mut said);
            }
            let _ = child.wait();
            return Err(if said.trim().is_empty() { "codex-proxy did not listen in time".to_owned() } else { said });
        };
        Ok(Self { child, url, _state: state })
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        // In order, so that its worker's folders are removed.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

/// Tells the address once it is told; what else is logged goes nowhere.
fn listening(lines: impl std::io::BufRead + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok) {
            if let Some(url) = line.strip_prefix("codex-proxy listening on ") {
                let _ = sender.send(url.to_owned());
            }
        }
    });
    receiver
}

/// `codex-proxy`, beside this program or in `PATH`.
fn program() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let beside = own.with_file_name("codex-proxy");
    Ok(if beside.exists() { beside } else { PathBuf::from("codex-proxy") })
}
