//! `app-server-stub`: stands in for the `codex` binary, for speed and for faults that the real one does not show on demand.
//!
//! It proves nothing about Codex: that is what the tests on the real binary are for.

mod frames;
mod garbage;
mod output;
mod script;
mod server;
mod turn;

use std::io::BufRead as _;
use std::process::ExitCode;
use std::str::FromStr;

use clap::{Parser, Subcommand};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::output::Output;
use crate::script::SCRIPTS;
use crate::server::Server;

/// The version it claims to be.
const VERSION: &str = "0.169.0";

/// The only model of its catalog.
const MODEL: &str = "gpt-5.5";

const FAULTS: &str = "\
Go wrong from the start:
  silent-handshake      never answer initialize
  refuse-handshake      answer initialize with an error
  exit-at-start:<code>  say so on stderr and exit
  garbage-at-start      first write lines that are no frames
  ignore-sigterm        outlive SIGTERM and the end of stdin";

/// A scripted stand-in for the codex binary: `--version`, `debug models` and `app-server` on stdio, as codex-proxy uses them.
#[derive(Debug, Parser)]
#[command(display_name = "codex-cli", version = VERSION, after_help = SCRIPTS, subcommand_required = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Speak JSON-RPC on stdio
    #[command(after_help = SCRIPTS)]
    AppServer {
        #[arg(long, value_name = "FAULT", help = FAULTS)]
        fault: Option<Fault>,
    },
    /// Tell about itself
    Debug {
        #[command(subcommand)]
        what: DebugCommand,
    },
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum DebugCommand {
    /// Print the model catalog
    Models,
}

/// What goes wrong with the process as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    SilentHandshake,
    RefuseHandshake,
    ExitAtStart(u8),
    GarbageAtStart,
    IgnoreSigterm,
}

// === impl Fault ===

impl FromStr for Fault {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "silent-handshake" => Ok(Self::SilentHandshake),
            "refuse-handshake" => Ok(Self::RefuseHandshake),
            "garbage-at-start" => Ok(Self::GarbageAtStart),
            "ignore-sigterm" => Ok(Self::IgnoreSigterm),
            _ => text
                .strip_prefix("exit-at-start:")
                .and_then(|code| code.parse().ok())
                .map(Self::ExitAtStart)
                .ok_or("there is no such fault; --help lists them"),
        }
    }
}

fn main() -> ExitCode {
    match Args::parse().command {
        Command::Debug { what: DebugCommand::Models } => {
            println!(
                "{}",
                json!({ "models": [{ "slug": MODEL, "display_name": MODEL, "use_responses_lite": false }] })
            );
            ExitCode::SUCCESS
        }
        Command::AppServer { fault: Some(Fault::ExitAtStart(code)) } => {
            eprintln!("app-server-stub: told to exit with {code} at the start");
            ExitCode::from(code)
        }
        Command::AppServer { fault } => match app_server(fault) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("app-server-stub: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

/// Serves until stdin ends or SIGTERM comes, like Codex.
#[tokio::main(flavor = "current_thread")]
async fn app_server(fault: Option<Fault>) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    if fault == Some(Fault::GarbageAtStart) {
        for line in garbage::NOISE {
            Output::default().bytes(line);
        }
    }
    let (sender, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let stdin = std::io::stdin().lock();
        stdin.split(b'\n').map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    let mut server = Server::new(fault);
    let ends = fault != Some(Fault::IgnoreSigterm);
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) => server.on_line(&line),
                None if ends => return Ok(()),
                None => std::future::pending().await,
            },
            _ = terminate.recv(), if ends => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_called_as_codex_is() {
        for arguments in [&["codex", "app-server"][..], &["codex", "debug", "models"]] {
            assert!(Args::try_parse_from(arguments).is_ok(), "{arguments:?}");
        }
        let version = Args::try_parse_from(["codex", "--version"]).expect_err("clap answers this itself");
        assert_eq!(version.to_string(), "codex-cli 0.169.0\n");
    }

    #[test]
    fn faults_are_read() {
        assert_eq!("exit-at-start:3".parse(), Ok(Fault::ExitAtStart(3)));
        assert_eq!("ignore-sigterm".parse(), Ok(Fault::IgnoreSigterm));
        assert!("exit-at-start".parse::<Fault>().is_err());
    }
}
