//! A `codex-proxy` of its own for a bench.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::Failure;

/// The key of the service.
pub(crate) const KEY: &str = "http-bench-0123456789abcdef0123456789abcdef";

/// A service that is ready. It ends with this value.
pub(crate) struct Service {
    _child: Child,
    _state: tempfile::TempDir,
    address: String,
}

// === impl Service ===

impl Service {
    /// Starts it on this Codex and upstream.
    pub(crate) async fn start(codex: &Path, upstream: &str) -> Result<Self, Failure> {
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
        Ok(Self { _child: child, _state: state, address: address.ok_or("no address")? })
    }

    /// A connection to it.
    pub(crate) async fn connect(&self) -> Result<TcpStream, Failure> {
        let socket = TcpStream::connect(&self.address).await?;
        socket.set_nodelay(true)?;
        Ok(socket)
    }
}

/// Sends a chat request.
pub(crate) async fn post(socket: &mut TcpStream, key: &str, body: &str) -> Result<(), Failure> {
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    Ok(socket.write_all(request.as_bytes()).await?)
}

/// A binary that was built beside this one.
pub(crate) fn sibling(name: &str) -> Result<PathBuf, Failure> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.exists() { Ok(path) } else { Err(format!("{} is not built", path.display()).into()) }
}
