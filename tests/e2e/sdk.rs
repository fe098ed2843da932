//! The official `openai` packages, unmodified, against the real thing. The scenarios are in `tests/sdk`.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::support::{KEY, PATIENCE, Proxy};

/// Runs one scenario of one SDK against a proxy of its own.
async fn scenario(program: PathBuf, script: &str, name: &str) {
    scenario_against(Proxy::start().await, program, script, name).await;
}

async fn scenario_against(proxy: Proxy, program: PathBuf, script: &str, name: &str) {
    let stub = proxy.model().base_url();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(script);
    let run = Command::new(&program)
        .arg(script)
        .arg(name)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("BASE_URL", format!("{}/v1", proxy.address))
        .env("API_KEY", KEY)
        .env("STUB_URL", stub.trim_end_matches("/v1"))
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, run).await.expect("the scenario ends in time");
    let output =
        output.unwrap_or_else(|error| panic!("cannot run {}: {error}; ./check installs it", program.display()));
    assert!(
        output.status.success(),
        "{name} failed\n{}{}\n{}",
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

macro_rules! scenarios {
    ($($name:ident)+) => {
        mod python {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::scenario(super::python(), "python/scenarios.py", stringify!($name)).await;
                }
            )+
        }

        mod node {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::scenario(super::node(), "node/scenarios.mjs", stringify!($name)).await;
                }
            )+
        }
    };
}

scenarios! { text unicode tools parallel n3 usage errors cut cancel models system }

/// On the fallback.
mod proto {
    use super::{node, python, scenario_against};
    use crate::proto::proxy;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_smoke_test_passes() {
        for name in ["text", "unicode", "usage"] {
            scenario_against(proxy().await, python(), "python/scenarios.py", name).await;
            scenario_against(proxy().await, node(), "node/scenarios.mjs", name).await;
        }
    }
}
