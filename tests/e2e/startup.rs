//! Starts that cannot succeed: each with its exit code and what to do about it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{PATIENCE, Proxy, command, json_lines, signal, trace};

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
async fn with_a_fallback_of_another_version() {
    let state = tempfile::tempdir().unwrap();
    let current = crate::support::codex();
    let failure = fails(&state, &[], &[("CODEX_PROTO_BIN", current.to_str())]).await;
    says(&failure, 69, &["codex proto", "0.40.0", "CODEX_PROTO_BIN"]);
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
    says(&failure, 75, &[&format!("Stop what uses port {port}"), "PORT"]);
}

#[tokio::test]
async fn on_an_address_of_another_machine() {
    let state = tempfile::tempdir().unwrap();
    // Set aside for documentation by RFC 5737.
    let failure = fails(&state, &["--host", "192.0.2.1"], &[]).await;
    says(&failure, 75, &["192.0.2.1", "PROXY_HOST"]);
    assert!(!failure.message.contains("Stop what uses"), "{}", failure.message);
}

#[tokio::test]
async fn in_a_state_folder_that_others_use_too() {
    use std::os::unix::fs::PermissionsExt;
    let state = tempfile::tempdir().unwrap();
    let shared = state.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::write(shared.join("theirs"), "").unwrap();
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o777)).unwrap();
    let failure = fails(&state, &[], &[("PROXY_STATE_DIR", shared.to_str())]).await;
    says(&failure, 75, &["chmod 700", shared.to_str().unwrap(), "PROXY_STATE_DIR"]);
}

#[tokio::test]
async fn with_a_workers_folder_that_somebody_else_put_there() {
    let state = tempfile::tempdir().unwrap();
    let (runtime, victim) = (state.path().join("run"), state.path().join("victim"));
    std::fs::create_dir(&runtime).unwrap();
    std::fs::create_dir_all(victim.join("precious")).unwrap();
    std::os::unix::fs::symlink(&victim, runtime.join("codex-proxy")).unwrap();
    let failure = fails(&state, &[], &[("XDG_RUNTIME_DIR", runtime.to_str())]).await;
    says(&failure, 75, &[runtime.to_str().unwrap(), "remove it", "PROXY_CODEX_WORKDIR"]);
    assert!(victim.join("precious").exists());
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
async fn on_a_journal_whose_master_key_is_lost_or_another() {
    let first = Proxy::start().await;
    let (_, state) = first.stop().await;
    let (key, lock) = (state.path().join("state/journal/keys/master.key"), state.path().join("state/journal/lock"));
    let right = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    says(&fails(&state, &[], &[]).await, 78, &["is encrypted under the master key", "PROXY_JOURNAL_KEY_FILE"]);
    assert!(!key.exists(), "no other is made in its place");
    std::fs::write(&key, "ab".repeat(32)).unwrap();
    says(&fails(&state, &[], &[]).await, 78, &["holds the master key", "PROXY_JOURNAL_KEY_FILE"]);
    assert_eq!(std::fs::read(&lock).unwrap(), b"", "nothing was touched");
    std::fs::write(&key, right).unwrap();
    trace(state.path(), &["verify"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_backend_no_codex_is_needed() {
    let proxy = Proxy::spawn_with(&[("PROXY_USE_APP_SERVER", "false"), ("CODEX_BIN", "/nowhere/codex")]).await;
    let ready = proxy.get("/readyz").await;
    assert_eq!(ready.status(), 503);
    let ready: Value = ready.json().await.unwrap();
    assert_eq!(ready["health"]["readiness"]["reason"], "app_server_disabled");
    let refused = proxy.ask("say:nobody there").await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], "app_server_disabled");
    assert_eq!(proxy.get("/livez").await.status(), 200);
    assert_eq!(proxy.stop().await.0, Some(0));
}

/// A Codex that tells its version and its models, if it is not given the proxy's keys, and then runs `app_server`.
fn scripted_codex(folder: &TempDir, app_server: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let codex = folder.path().join("codex");
    let script = format!(
        r#"#!/bin/sh
        [ -z "$PROXY_API_KEY$PROXY_UPSTREAM_API_KEY" ] || exit 1
        case "$1" in
            --version) echo codex-cli 0.169.0 ;;
            debug) echo '{{"models":[{{"slug":"m"}}]}}' ;;
            *) {app_server} ;;
        esac
        "#
    );
    std::fs::write(&codex, script).unwrap();
    std::fs::set_permissions(&codex, std::fs::Permissions::from_mode(0o755)).unwrap();
    codex
}

/// A Codex that never answers as a worker.
pub(crate) fn silent_codex(folder: &TempDir) -> PathBuf {
    scripted_codex(folder, "sleep 600")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_never_answers_leaves_the_service_alive_and_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let silent = silent_codex(&folder);
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

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_workers_start_has_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let silent = silent_codex(&folder);
    let environment = [("CODEX_BIN", silent.to_str().unwrap()), ("WORKER_STARTUP_TIMEOUT_MS", "2000")];
    let proxy = Proxy::spawn_with(&environment).await;
    let line = proxy.logged(|line| line.contains("handshake_timeout")).await;
    assert!(line.contains("2000 ms"), "{line}");
    assert_eq!(proxy.stop().await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_models_without_end_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let endless = r#"
        while read -r line; do
            case "$line" in *'"id":'*) id=$((id + 1)) && echo "{\"id\":$id,\"result\":{\"userAgent\":\"x\",\"data\":[],\"nextCursor\":\"more\"}}" ;; esac
        done"#;
    let codex = scripted_codex(&folder, endless);
    let proxy = Proxy::spawn_with(&[("CODEX_BIN", codex.to_str().unwrap())]).await;
    let line = proxy.logged(|line| line.contains("handshake_failed")).await;
    assert!(line.contains("100 pages"), "{line}");
    assert_eq!(proxy.stop().await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_during_a_workers_start_is_orderly() {
    let folder = tempfile::tempdir().unwrap();
    let silent = silent_codex(&folder);
    let runtime = folder.path().join("run");
    std::fs::create_dir(&runtime).unwrap();
    let environment = [("CODEX_BIN", silent.to_str().unwrap()), ("XDG_RUNTIME_DIR", runtime.to_str().unwrap())];
    let proxy = Proxy::spawn_with(&environment).await;
    proxy.logged(|line| line.contains("worker spawned")).await;
    let (code, state) = proxy.stop().await;
    assert_eq!(code, Some(0));
    assert_eq!(std::fs::read_dir(runtime.join("codex-proxy")).unwrap().count(), 0, "the worker's folders are gone");
    let events = json_lines(&trace(state.path(), &["events", "--json"]).await);
    let exited = events.iter().find(|event| event["type"] == "worker.exited").expect("the exit is recorded");
    assert_eq!(exited["data"]["expected"], true, "{exited}");
    assert!(events.iter().all(|event| event["type"] != "worker.unhealthy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_a_place_to_live_counts_as_a_failed_start() {
    let runtime = tempfile::tempdir().unwrap();
    let environment = [("XDG_RUNTIME_DIR", runtime.path().to_str().unwrap()), ("PROXY_ENABLE_METRICS", "true")];
    let proxy = Proxy::start_with(&environment).await;
    let homes = runtime.path().join("codex-proxy");
    std::fs::rename(&homes, runtime.path().join("moved")).unwrap();
    std::fs::write(&homes, "").unwrap();
    signal(proxy.worker_pid().await.unwrap(), "KILL");
    proxy.logged(|line| line.contains("start_failed")).await;
    let metrics = proxy.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains(r#"worker_starts_total{result="failed"}"#), "{metrics}");
    std::fs::remove_file(&homes).unwrap();
    proxy.until_ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_ends_nothing() {
    let proxy = Proxy::start().await;
    signal(proxy.pid(), "HUP");
    proxy.logged(|line| line.contains("configuration reloaded")).await;
    assert_eq!(proxy.ask("say:still here").await.status(), 200);
    assert_eq!(proxy.stop().await.0, Some(0));
}
