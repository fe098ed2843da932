//! `codex-trace` for those on call: smoke tests, the doctor, an incident's folder.

use serde_json::Value;
use tokio::process::Command;

use crate::proto;
use crate::support::{KEY, Proxy, tool};

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
