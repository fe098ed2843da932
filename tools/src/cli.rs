//! The command line.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use codex_completions_api::config::{self, Purpose, Sources};
use journal::RequestId;

use crate::failure::Failure;

const AFTER_HELP: &str = "\
While codex-proxy runs, it is asked through its control socket; otherwise the journal is opened directly. Every \
reading is recorded in the journal as an audit.read event.

Examples:
  codex-trace list --limit 20               the newest requests
  codex-trace show 0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b
                                            one request, by the X-Request-Id of its answer
  codex-trace events --json > events.jsonl  everything, in order
  codex-trace tail -f                       what happens now

Exit codes:
  0  done
  1  nothing found
  2  wrong command line
  3  no access: permissions, or the journal is in use and its owner does not answer
  4  the journal is damaged (what can be read is printed) or of a newer version";

const STATE_DIR_HELP: &str =
    "The state folder of codex-proxy [env: PROXY_STATE_DIR] [default: as codex-proxy is configured]";

/// Reads the trace journal of codex-proxy: requests, and everything that happened in them.
#[derive(Parser)]
#[command(name = "codex-trace", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[arg(long, global = true, value_name = "DIR", help = STATE_DIR_HELP)]
    state_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Finished requests, newest first
    List {
        /// At most so many
        #[arg(long, value_name = "N")]
        limit: Option<NonZeroUsize>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Every event in order, one a line
    Events {
        /// Only those of this request
        #[arg(long, value_name = "ID", value_parser = request_id)]
        request: Option<RequestId>,
        /// From this sequence number on
        #[arg(long, value_name = "SEQ", default_value_t = 0, hide_default_value = true)]
        from: u64,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// One request as a timeline: who sent what to whom, and when
    Show {
        /// The request's id: the X-Request-Id of its answer
        #[arg(value_name = "ID", value_parser = request_id)]
        request: RequestId,
        /// Its events instead, one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// The newest events
    Tail {
        /// So many
        #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
        lines: u64,
        /// Go on with what happens from now on
        #[arg(short, long)]
        follow: bool,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

// === impl Cli ===

impl Cli {
    /// The state folder: the flag, or what the service itself would use.
    pub(crate) fn state_dir(&self) -> Result<PathBuf, Failure> {
        if let Some(path) = &self.state_dir {
            return Ok(path.clone());
        }
        let environment = config::process_environment();
        // A mistake elsewhere in the configuration must not keep anybody from reading.
        if let Some(path) = environment.get("PROXY_STATE_DIR").filter(|path| !path.is_empty()) {
            return Ok(path.into());
        }
        let sources = Sources { flags: BTreeMap::new(), environment, purpose: Purpose::Inspect };
        config::load(&sources).map(|config| config.state_dir).map_err(|mistakes| {
            Failure::Usage(format!(
                "cannot tell the state folder, because the configuration of codex-proxy is wrong; give --state-dir DIR\n{mistakes}"
            ))
        })
    }
}

fn request_id(text: &str) -> Result<RequestId, &'static str> {
    let wrong = "a request id looks like 0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b: the X-Request-Id of an answer, or an id of \
                 `codex-trace list`";
    text.trim().parse().map_err(|_| wrong)
}
