//! A `codex-proxy` of its own for a bench.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Its key.
pub(crate) const KEY: &str = "bench-key";

pub(crate) type Failure = Box<dyn Error>;

/// The service. Dropping it ends it.
pub(crate) struct Service {
    /// `HOST:PORT`.
    pub(crate) address: String,
    child: Child,
    _state: tempfile::TempDir,
}

/// A binary that was built beside this one.
pub(crate) fn sibling(name: &str) -> Result<PathBuf, Failure> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.exists() { Ok(path) } else { Err(format!("{} is not built", path.display()).into()) }
}

// === impl Service ===

impl Service {
    /// The id of its process.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Starts it on the stubbed worker, and waits until that is ready.
    pub(crate) async fn start() -> Result<Self, Failure> {
        Self::start_on(&sibling("app-server-stub")?, "http://127.0.0.1:9/v1").await
    }

    /// The same on another worker and its upstream.
    pub(crate) async fn start_on(codex: &Path, upstream: &str) -> Result<Self, Failure> {
        let state = tempfile::tempdir()?;
        let mut child = Command::new(sibling("codex-proxy")?)
            .env("CODEX_BIN", codex)
            .env("PORT", "0")
            .env("PROXY_API_KEY", KEY)
            .env("PROXY_UPSTREAM_BASE_URL", upstream)
            .env("PROXY_STATE_DIR", state.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut log = BufReader::new(child.stdout.take().ok_or("stdout is piped")?).lines();
        let (mut address, mut ready) = (None, false);
        while address.is_none() || !ready {
            let line = log.next_line().await?.ok_or("codex-proxy ended before it was ready")?;
            ready |= line.contains("worker ready");
            if let Some(url) = line.strip_prefix("codex-proxy listening on http://") {
                address = Some(url.trim_end_matches("/v1").to_owned());
            }
        }
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Ok(Self { address: address.ok_or("no address")?, child, _state: state })
    }
}
