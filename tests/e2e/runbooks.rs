//! The commands of `docs/runbooks`, as they stand there, against a running service.

use std::path::Path;

use tokio::process::Command;

use crate::support::{KEY, PATIENCE, Proxy, UPSTREAM_KEY, codex, codex_proto, tool};

/// The commands of a page, in order.
fn commands(page: &str) -> String {
    let mut commands = String::from("set -euo pipefail\n");
    for block in page.split("```sh\n").skip(1) {
        commands.push_str(block.split_once("```").expect("a block ends").0);
    }
    commands
}

/// Follows a page, in an empty folder.
async fn follow(name: &str) {
    let proto = codex_proto();
    let proxy = Proxy::start_with(&[("CODEX_PROTO_BIN", proto.to_str().unwrap())]).await;
    assert_eq!(proxy.ask("say:a greeting").await.status(), 200);
    proxy.until("it is on record", async || proxy.summaries().await.len() == 1).await;
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks").join(name);
    let commands = commands(&std::fs::read_to_string(page).unwrap());
    assert!(commands.lines().count() > 2, "{name} has commands");
    let folder = tempfile::tempdir().unwrap();
    let bins = tool("codex-trace").parent().unwrap().to_str().unwrap().to_owned();
    let run = Command::new("bash")
        .arg("-c")
        .arg(&commands)
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", format!("{bins}:{}", std::env::var("PATH").unwrap_or_default()))
        .env("HOME", proxy.state.path())
        .env("URL", &proxy.address)
        .env("CODEX_BIN", codex())
        .env("CODEX_PROTO_BIN", &proto)
        .env("PROXY_API_KEY", KEY)
        .env("PROXY_STATE_DIR", proxy.state.path().join("state"))
        .env("PROXY_UPSTREAM_BASE_URL", proxy.model().base_url())
        .env("PROXY_UPSTREAM_API_KEY", UPSTREAM_KEY)
        .env("WORKER_HANDSHAKE_TIMEOUT_MS", "30000")
        .env("WORKER_STARTUP_TIMEOUT_MS", "30000")
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, run).await.expect("it ends in time").expect("bash runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{name}: {}{}", text(&output.stdout), text(&output.stderr));
}

macro_rules! pages {
    ($($test:ident: $name:literal)+) => {
        const PAGES: &[&str] = &[$($name),+];

        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                follow($name).await;
            }
        )+
    };
}

pages! {
    flags: "flags.md"
    maintenance: "maintenance.md"
    worker_restarts: "worker-restarts.md"
    rollback_to_proto: "rollback-to-proto.md"
    journal_full: "journal-full.md"
    verification_failed: "verification-failed.md"
    bug_reproduction: "bug-reproduction.md"
    quarterly_audit: "quarterly-audit.md"
}

#[test]
fn every_page_is_followed_and_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks");
    let list = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name != "README.md" {
            assert!(PAGES.contains(&name.as_str()) && list.contains(&format!("({name})")), "{name}");
        }
    }
}
