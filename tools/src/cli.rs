//! The command line.

use std::path::PathBuf;

use clap::{FromArgMatches as _, Parser, Subcommand};
use journal::RequestId;

use crate::audit::AuditCommand;
use crate::doctor::DoctorArgs;
use crate::erase::EraseArgs;
use crate::examples;
use crate::export::Form;
use crate::failure::Failure;
use crate::grep::GrepArgs;
use crate::hold::HoldCommand;
use crate::incident::IncidentArgs;
use crate::list::ListArgs;
use crate::manual::WhichShell;
use crate::remote::Remote;
use crate::replay::ReplayArgs;
use crate::scrub::ScrubArgs;
use crate::settings::Settings;
use crate::show::ShowArgs;
use crate::smoke::SmokeArgs;
use crate::stats::StatsArgs;
use crate::terminal::TerminalArgs;

const AFTER_HELP: &str = "\
While codex-proxy runs, it is asked through its control socket; otherwise the journal is opened directly. With --url, a service \
elsewhere is asked. Every reading is recorded in the journal as an audit.read event.

Examples:
  codex-trace list --limit 20               the newest requests
  codex-trace show 0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b
                                            one request, by the X-Request-Id of its answer
  codex-trace events --json > events.jsonl  everything, in order
  codex-trace tail -f                       what happens now
  codex-trace verify                        whether the journal is what was written
  codex-trace retention status              what is kept, what is due, and what was disposed of
  codex-trace audit report --quarter 2026Q4 what was kept, disposed of, held, read and changed
  codex-trace scrub --explain app.log       which secrets a text holds, and how each was found

Times are written as 2026-11-23T12:00:00Z, as 2026-11-23 (its beginning, UTC), or as an age: 30m, 2h, 3d.

Exit codes:
  0  done
  1  nothing found; or nothing done: a sweep that waits because the clock may be wrong,
     an erasure of what is held
  2  wrong command line or configuration
  3  no access: permissions, a wrong master key, or the journal is in use and its owner does not answer
  4  the journal is damaged (what can be read is printed), was changed, or is of a newer version";

const STATE_DIR_HELP: &str =
    "The state folder of codex-proxy [env: PROXY_STATE_DIR] [default: as codex-proxy is configured]";

const KEY_FILE_HELP: &str = "The file of the journal's master key, while no codex-proxy runs \
[env: PROXY_JOURNAL_KEY_FILE] [default: as codex-proxy is configured]";

const URL_HELP: &str =
    "Ask the service whose admin listener (PROXY_ADMIN_LISTEN) is here, instead of the one on this machine";

const TOKEN_HELP: &str = "The key for it, of the role auditor, engineer or operator";

/// Reads the trace journal of codex-proxy, proves that it is whole, and looks after what it keeps and for how long.
#[derive(Parser)]
#[command(name = "codex-trace", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[arg(long, global = true, value_name = "DIR", help = STATE_DIR_HELP)]
    state_dir: Option<PathBuf>,
    #[arg(long, global = true, value_name = "FILE", help = KEY_FILE_HELP)]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) terminal: TerminalArgs,
    #[arg(long, global = true, value_name = "URL", help = URL_HELP)]
    url: Option<String>,
    #[arg(long, global = true, value_name = "KEY", env = "CODEX_TRACE_TOKEN", hide_env_values = true, help = TOKEN_HELP)]
    token: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Finished requests, newest first
    List(ListArgs),
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
    Show(ShowArgs),
    /// Write requests into a file that can be attached to a ticket: scrubbed as they are kept, with a proof of the journal
    Export {
        /// The requests' ids
        #[arg(value_name = "ID", required = true, value_parser = request_id)]
        requests: Vec<RequestId>,
        /// What the file is for
        #[arg(long, value_enum, default_value = "codextrace")]
        form: Form,
        /// The file to make, such as bug.codextrace; `-` for standard output, such as for `age -r …`
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Put the requests of an exported file into the journal, while no codex-proxy runs
    Import {
        /// The file; `-` for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Run recorded requests through this version's translators, or play them to a real proxy
    Replay(ReplayArgs),
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
    /// Events in which a text is found, newest first
    Grep(GrepArgs),
    /// How many requests there were, and how they went: rates, times, tokens, errors
    Stats(StatsArgs),
    /// What runs at this moment, and how the last minute went, each second; q ends it, and in a pipe it is one frame
    Top,
    /// Check every byte, the chain, the seals and the ledger's signatures
    Verify {
        /// Whether the ledger still has the entry with this digest, which was kept elsewhere
        #[arg(long, value_name = "HASH")]
        anchor: Option<String>,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// What is kept and for how long
    #[command(subcommand)]
    Retention(RetentionCommand),
    /// Legal holds: what is kept beyond its time
    #[command(subcommand)]
    Hold(HoldCommand),
    /// Destroy content of a request or a key before its time, but nothing that is held; the ledger tells of it
    Erase(EraseArgs),
    /// What an auditor asks for: who did what, a report of a period, and evidence to take away
    #[command(subcommand)]
    Audit(AuditCommand),
    /// The ledger: segments, seals, disposals, holds and readings, in order
    #[command(args_conflicts_with_subcommands = true)]
    Ledger {
        #[command(subcommand)]
        command: Option<LedgerCommand>,
        /// The entries as they stand, one a line, each with its signature as the last member
        #[arg(long)]
        json: bool,
    },
    /// The segments: what lies on disk
    Segments {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Copy the journal as it is at this moment, also while codex-proxy runs
    Backup {
        /// The folder to make; it must not exist or be empty
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Make a journal from a backup, where there is none, and check it
    Restore {
        /// The backup
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// The state folder to put it into, instead of that of codex-proxy
        #[arg(long, value_name = "STATE_DIR")]
        into: Option<PathBuf>,
    },
    /// Wrap the journal's keys by another master key, while no codex-proxy runs
    Rekey {
        /// The file of the new master key; made if there is none
        #[arg(long, value_name = "FILE")]
        new_key_file: PathBuf,
    },
    /// Gather what an incident's review needs into a folder: timeline, error budget, errors, the requests that were hit
    Incident(IncidentArgs),
    /// Whether a service can run here as it is configured, and if not, what to do
    Doctor(DoctorArgs),
    /// Check a running service over HTTP as its partners use it
    Smoke(SmokeArgs),
    /// Redact a text as the journal would, or explain what would be redacted and why
    Scrub(ScrubArgs),
    /// What completes the command line in a shell
    Completions {
        #[arg(value_name = "SHELL", value_enum)]
        shell: WhichShell,
    },
    /// Write manual pages, one for each command
    Man {
        /// The folder
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}

#[derive(Subcommand)]
pub(crate) enum RetentionCommand {
    /// The policy, what is kept, whether sweeps wait and why, and every disposal on record, newest first
    Status {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// What the next sweep disposes of; nothing is touched
    Plan {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Dispose of what is due now; exit code 1 if the clock may be wrong, so that nothing was done
    Run {
        /// The wall clock is right, however far it is past what the journal knows
        #[arg(long)]
        confirm_clock: bool,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum LedgerCommand {
    /// Record how far the journal is, and print the ledger's head (number, digest, time) to be kept elsewhere
    Head {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

// === impl Cli ===

impl Cli {
    /// The command line that this process was started with. What is wrong with it ends the process.
    pub(crate) fn of_this_process() -> Self {
        let matches = examples::command().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|wrong| wrong.exit())
    }

    /// The flags, else what the service itself would use.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        match (&self.url, &self.token) {
            (None, _) => Settings::find(self.state_dir.as_deref(), self.key_file.as_deref()),
            (Some(url), Some(token)) => Ok(Settings::elsewhere(Remote { url: url.clone(), token: token.clone() })),
            (Some(_), None) => Err(Failure::Usage("the service wants a key: --token or CODEX_TRACE_TOKEN".to_owned())),
        }
    }
}

/// Reads a request id.
pub(crate) fn request_id(text: &str) -> Result<RequestId, &'static str> {
    let wrong = "a request id looks like 0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b: the X-Request-Id of an answer, or an id of \
                 `codex-trace list`";
    text.trim().parse().map_err(|_| wrong)
}
