//! `codex-proxy ctl`: tells the running service what to do, through its control socket.

use std::io;
use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::admin::protocol::ErrorLine;
use crate::admin::{Call, socket};
use crate::exit::Exit;
use crate::live::{Reloaded, Status};

/// The longest time that the service may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is to be done.
#[derive(Debug, Args)]
pub struct Ctl {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer new chat requests with 503 and a hint when to come back; those that run go on
    Maintenance {
        #[command(subcommand)]
        switch: Switch,
    },
    /// Send new requests to another backend; those that run end where they began
    Backend {
        /// `app-server` or `proto`
        backend: String,
    },
    /// Read the configuration and the keys again; what is wrong changes nothing
    Reload,
    /// Show what the service is doing
    Status,
}

#[derive(Debug, Subcommand)]
enum Switch {
    /// Begin, or say something else
    On {
        /// What clients read
        #[arg(long)]
        message: Option<String>,
        /// When they shall come back, in seconds (they are told 60 at most) [default: 30]
        #[arg(long, value_name = "SECONDS")]
        retry_after: Option<u64>,
    },
    /// End
    Off,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
enum CtlError {
    #[error("no codex-proxy runs on this state folder: {path} cannot be reached: {source}")]
    Absent { path: String, source: io::Error },
    #[error("codex-proxy does not answer: {0}")]
    Silent(String),
    #[error("codex-proxy refuses: {0}")]
    Refused(String),
}

// === impl Ctl ===

impl Ctl {
    /// Does it, with the service that owns `state_dir`.
    pub async fn run(self, state_dir: &Path) -> Exit {
        let done = match self.command {
            Command::Maintenance { switch: Switch::On { message, retry_after } } => {
                let call = Call::maintenance(true, message.as_deref(), retry_after);
                ask(state_dir, call).await.map(|status| show_status(&status))
            }
            Command::Maintenance { switch: Switch::Off } => {
                ask(state_dir, Call::maintenance(false, None, None)).await.map(|status| show_status(&status))
            }
            Command::Backend { backend } => {
                ask(state_dir, Call::backend(&backend)).await.map(|status| show_status(&status))
            }
            Command::Reload => ask(state_dir, Call::reload()).await.map(|reloaded| show_reloaded(&reloaded)),
            Command::Status => ask(state_dir, Call::status()).await.map(|status| show_status(&status)),
        };
        match done {
            Ok(()) => Exit::Ok,
            Err(error) => {
                eprintln!("codex-proxy: {error}");
                if matches!(error, CtlError::Refused(_)) { Exit::Configuration } else { Exit::TemporaryFailure }
            }
        }
    }
}

fn show_status(status: &Status) {
    let Status { ready, backend, maintenance, requests, queued, keys } = status;
    println!("ready        {}", if *ready { "yes" } else { "no" });
    println!("backend      {}", backend.as_deref().unwrap_or("disabled"));
    match maintenance {
        Some(notice) => {
            let message = notice.message.as_deref().unwrap_or("(the usual message)");
            println!("maintenance  on, retry after {} s: {message}", notice.retry_after_s);
        }
        None => println!("maintenance  off"),
    }
    println!("requests     {requests} running, {queued} waiting for a place");
    println!("keys         {keys}");
}

fn show_reloaded(reloaded: &Reloaded) {
    let Reloaded { applied, restart_needed, keys } = reloaded;
    let list = |names: &[String]| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    println!("changed         {}", list(applied));
    println!("needs a restart {}", list(restart_needed));
    println!("keys            {keys}");
}

/// Asks, and reads the one row of the answer.
async fn ask<T: DeserializeOwned>(state_dir: &Path, call: Call) -> Result<T, CtlError> {
    let path = socket::find(state_dir);
    let absent = |source| CtlError::Absent { path: path.display().to_string(), source };
    let stream = UnixStream::connect(&path).await.map_err(absent)?;
    let silent = |error: &dyn std::error::Error| CtlError::Silent(error.to_string());
    let answer = async {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let (answer, _) = tokio::join!(
            async { sender.send_request(call.into_request()).await?.into_body().collect().await },
            connection
        );
        answer
    };
    let answer = timeout(PATIENCE, answer).await.map_err(|error| silent(&error))?.map_err(|error| silent(&error))?;
    let line = String::from_utf8_lossy(&answer.to_bytes()).into_owned();
    if let Some(refusal) = ErrorLine::parse(&line) {
        return Err(CtlError::Refused(refusal.error));
    }
    serde_json::from_str(&line).map_err(|error| silent(&error))
}
