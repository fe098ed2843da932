//! Starts that cannot succeed: each with its exit code and what to do about it.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{PATIENCE, Proxy, command, signal};

struct Failure {
    code: Option<i32>,
    message: String,
    after: Duration,
}

/// Runs `codex-proxy` with these arguments and this environment on top of a valid one, to its end.
async fn fails(state: &TempDir, arguments: &[&str], environment: &[(&str, Option<&str>)]) -> Failure {
    let mut command = command(state.path());
    command.args(arguments).env("PROXY_UPSTREAM_BASE_URL", "http://127.0.0.1:9/v1").kill_on_drop(true);
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let started = Instant::now();
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends by itself").expect("it runs");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    Failure { code: output.status.code(), message, after: started.elapsed() }
}

fn says(failure: &Failure, code: i32, parts: &[&str]) {
    assert_eq!(failure.code, Some(code), "{}", failure.message);
    for part in parts {
        assert!(failure.message.contains(part), "{part:?} is not in {:?}", failure.message);
    }
}

#[tokio::test]
async fn without_codex() {
    let state = tempfile::tempdir().unwrap();
    let failure = fails(&state, &[], &[("CODEX_BIN", Some("/nowhere/codex"))]).await;
    says(&failure, 69, &["/nowhere/codex", "npm install @openai/codex@0.169.0", "CODEX_BIN"]);
    assert!(failure.after < Duration::from_secs(10), "it took {:?}", failure.after);
}

#[tokio::test]
async fn with_a_codex_that_is_too_old() {
    use std::os::unix::fs::PermissionsExt;
    let state = tempfile::tempdir().unwrap();
    let old = state.path().join("codex");
    std::fs::write(&old, "#!/bin/sh\necho codex-cli 0.110.0\n").unwrap();
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o755)).unwrap();
    let failure = fails(&state, &[], &[("CODEX_BIN", old.to_str())]).await;
    says(&failure, 69, &["0.110.0", "0.140.0", "thread/inject_items"]);
}

#[tokio::test]
async fn without_a_key() {
    let state = tempfile::tempdir().unwrap();
    let failure = fails(&state, &[], &[("PROXY_API_KEY", None)]).await;
    says(&failure, 78, &["PROXY_API_KEY=$(openssl rand -hex 24)"]);
}

#[tokio::test]
async fn with_every_mistake_named_at_once() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("config.toml");
    std::fs::write(&file, "[server]\nprot = 1\n\n[worker]\nbackoff_max_ms = \"soon\"\n").unwrap();
    let arguments = ["check-config", "--config", file.to_str().unwrap()];
    let failure = fails(&state, &arguments, &[("PORT", Some("eleven"))]).await;
    says(&failure, 78, &["config.toml:2", "server.port", "config.toml:5", "backoff_max_ms", "PORT", "eleven"]);
}

#[tokio::test]
async fn with_a_wrong_command_line() {
    let state = tempfile::tempdir().unwrap();
    says(&fails(&state, &["serv"], &[]).await, 64, &["serve"]);
}

#[tokio::test]
async fn on_a_port_that_is_taken() {
    let state = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let failure = fails(&state, &["--port", &port], &[]).await;
    says(&failure, 75, &[&port, "PORT"]);
}

#[tokio::test]
async fn in_a_state_folder_that_is_none() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("file");
    std::fs::write(&file, "").unwrap();
    let failure = fails(&state, &[], &[("PROXY_STATE_DIR", file.join("state").to_str())]).await;
    says(&failure, 75, &[file.to_str().unwrap(), "PROXY_STATE_DIR"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_state_folder_that_another_instance_holds() {
    let first = Proxy::start().await;
    let failure = fails(&first.state, &[], &[]).await;
    says(&failure, 75, &[&first.pid().to_string()]);
    assert_eq!(first.ask("say:undisturbed").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_journal_of_a_newer_format() {
    let first = Proxy::start().await;
    let (_, state) = first.stop().await;
    let format = state.path().join("state/journal/FORMAT");
    std::fs::write(&format, r#"{"format":99,"written_by":"9.9.9","readable_from":"9.0.0"}"#).unwrap();
    let failure = fails(&state, &[], &[]).await;
    says(&failure, 78, &["format 99", "9.0.0"]);
    assert!(std::fs::read_to_string(&format).unwrap().contains("99"), "nothing was touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_never_answers_leaves_the_service_alive_and_not_ready() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let silent = folder.path().join("codex");
    let script = "#!/bin/sh\ncase \"$1\" in --version) echo codex-cli 0.169.0;; debug) echo '{\"models\":[{\"slug\":\"m\"}]}';; *) sleep 600;; esac\n";
    std::fs::write(&silent, script).unwrap();
    std::fs::set_permissions(&silent, std::fs::Permissions::from_mode(0o755)).unwrap();
    let environment = [("CODEX_BIN", silent.to_str().unwrap()), ("WORKER_HANDSHAKE_TIMEOUT_MS", "100")];
    let proxy = Proxy::spawn_with(&environment).await;
    proxy.logged(|line| line.contains("handshake_timeout")).await;
    proxy.logged(|line| line.contains("worker restart scheduled")).await;
    assert_eq!(proxy.get("/readyz").await.status(), 503);
    assert_eq!(proxy.get("/livez").await.status(), 200);
    assert_eq!(proxy.ask("say:nobody there").await.status(), 503);
    signal(proxy.pid(), "TERM");
    assert_eq!(proxy.stop_after_signal().await.0, Some(0));
}
