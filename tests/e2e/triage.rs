//! `codex-trace` for those on call: smoke tests, the doctor, an incident's folder.

use model_stub::ModelStub;
use serde_json::Value;
use tokio::process::Command;

use crate::proto;
use crate::support::{KEY, Proxy, codex, signal, tool};

async fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().await.expect("codex-trace runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

async fn smoke(proxy: &Proxy, arguments: &[&str]) -> (Option<i32>, Value) {
    let mut command = Command::new(tool("codex-trace"));
    command.arg("smoke").arg(&proxy.address).arg(KEY).arg("--json").args(arguments);
    let (code, told, said) = run(&mut command).await;
    (code, serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{said}")))
}

/// The checks with this result.
fn checks<'a>(report: &'a Value, result: &str) -> Vec<&'a str> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks.filter(|check| check["result"] == result).map(|check| check["check"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_well_passes_the_smoke_test_on_both_backends() {
    let proxy = Proxy::start_with(&[("PROXY_ENABLE_METRICS", "true")]).await;
    let (code, report) = smoke(&proxy, &[]).await;
    assert_eq!((code, checks(&report, "ok").len()), (Some(0), 13), "{report}");

    let proxy = proto::proxy().await;
    let (code, report) = smoke(&proxy, &["--backend", "proto"]).await;
    assert_eq!((code, checks(&report, "failed").len()), (Some(0), 0), "{report}");
    assert_eq!(checks(&report, "skipped"), ["tools", "metrics"]);
    let (code, report) = smoke(&proxy, &[]).await;
    assert_eq!(code, Some(1));
    assert!(checks(&report, "failed").contains(&"backend"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_in_maintenance_fails_it_and_is_said_to_be() {
    let proxy = Proxy::start_with(&[("PROXY_MAINTENANCE_MODE", "true")]).await;
    let (code, report) = smoke(&proxy, &[]).await;
    assert_eq!((code, &checks(&report, "failed")[..4]), (Some(1), &["readiness", "completion", "stream", "tools"][..]));
    assert!(report.to_string().contains("ctl maintenance off"), "{report}");
}

/// The doctor in the environment of a proxy, and what it finds: the check, the result.
async fn doctor(change: impl FnOnce(&mut Command)) -> (Option<i32>, Vec<(String, String)>, Value) {
    let model = ModelStub::bind(([127, 0, 0, 1], 0).into()).await.unwrap().spawn();
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new(tool("codex-trace"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", state.path())
        .env("CODEX_BIN", codex())
        .env("PROXY_API_KEY", KEY)
        .env("PROXY_UPSTREAM_BASE_URL", model.base_url())
        .env("PROXY_UPSTREAM_API_KEY", "k")
        .env("PROXY_STATE_DIR", state.path().join("state"))
        .env("WORKER_HANDSHAKE_TIMEOUT_MS", "30000")
        .env("WORKER_STARTUP_TIMEOUT_MS", "30000")
        .args(["doctor", "--json"]);
    change(&mut command);
    let (code, told, said) = run(&mut command).await;
    let report: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{said}"));
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    let found = findings.map(|finding| (text(finding, "check"), text(finding, "result"))).collect();
    model.stop().await.unwrap();
    (code, found, report)
}

fn result<'a>(found: &'a [(String, String)], check: &str) -> &'a str {
    found.iter().find(|(name, _)| name == check).map_or("not looked at", |(_, result)| result)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_nothing_wrong_where_nothing_is() {
    let (code, found, report) = doctor(|_| {}).await;
    assert_eq!(code, Some(0), "{report}");
    for check in ["configuration", "codex", "login", "state folder", "worker", "turn"] {
        assert_eq!(result(&found, check), "ok", "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_what_is_in_the_way_and_what_to_do() {
    let (code, found, report) = doctor(|command| {
        command.env("CODEX_BIN", "/nowhere/codex");
    })
    .await;
    assert_eq!((code, result(&found, "codex"), result(&found, "worker")), (Some(1), "problem", "not looked at"));
    assert!(report.to_string().contains("npm install @openai/codex@0.169.0"), "{report}");
    let (code, found, report) = doctor(|command| {
        command.env("WORKER_RESTART_MAX", "many");
    })
    .await;
    assert_eq!((code, result(&found, "configuration")), (Some(1), "problem"), "{report}");
    let (code, found, report) = doctor(|command| {
        command.env_remove("PROXY_UPSTREAM_BASE_URL").env_remove("PROXY_UPSTREAM_API_KEY").arg("--no-turn");
    })
    .await;
    assert_eq!((code, result(&found, "login"), result(&found, "turn")), (Some(1), "problem", "not looked at"));
    assert!(report.to_string().contains("codex login"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_gathered_into_a_folder() {
    let proxy = Proxy::start().await;
    assert_eq!(proxy.ask("say:well").await.status(), 200);
    assert_eq!(proxy.ask("err:500").await.status(), 500);
    let first = proxy.worker_pid().await;
    signal(first.unwrap(), "KILL");
    proxy
        .until("there is another worker", async || {
            let pid = proxy.worker_pid().await;
            pid.is_some() && pid != first
        })
        .await;
    proxy.until("both are on record", async || proxy.summaries().await.len() == 2).await;
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("incident-17");
    proxy.trace(&["incident", "--since", "1h", "-o", place.to_str().unwrap()]).await;
    let report = std::fs::read_to_string(place.join("incident.md")).unwrap();
    for part in [
        "2 requests, 2 of them count",
        "50.000 % were served",
        "| server_error | 500 | codex-5 | 1 |",
        "worker.exited",
        "service.started",
    ] {
        assert!(report.contains(part), "{part} is not in\n{report}");
    }
    let exported = place.join("affected.codextrace");
    let (code, told, said) = run(Command::new(tool("codex-trace")).arg("replay").arg(exported)).await;
    assert!(code == Some(0) && told.contains("identical"), "{told}{said}");
}
