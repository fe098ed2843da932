//! Benches of the HTTP side that need no worker's stub: how soon a client that leaves takes its turn with it, and whether the time of
//! a refusal tells anything about the key.

mod cancel;
mod client;
mod keys;
#[path = "../bench/service.rs"]
#[allow(dead_code, reason = "these benches do not ask for the process")]
mod service;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::service::Failure;

/// Measure the HTTP side.
#[derive(Debug, Parser)]
#[command(after_help = "Example:\n  CODEX_BIN=node_modules/.bin/codex http-bench cancel --tries 20")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Time from a client's leaving to the upstream's noticing, on the real Codex
    Cancel {
        /// How often in each of the three cases.
        #[arg(long, default_value_t = 20)]
        tries: usize,
        /// The Codex to run.
        #[arg(long, env = "CODEX_BIN")]
        codex: PathBuf,
    },
    /// Whether refusals of keys that are nearly right take longer than others
    Keys {
        /// How many requests.
        #[arg(long, default_value_t = 10_000)]
        requests: usize,
    },
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    match Arguments::parse().what {
        What::Cancel { tries, codex } => cancel::run(tries, &codex).await,
        What::Keys { requests } => keys::run(requests).await,
    }
}
