//! `doctor`: can a service run here, and if not, what is in its way?
//!
//! [`machine`] looks at what there is: configuration, Codex, folders, disk, clock. [`trial`] starts a service of its own on that
//! configuration, in a temporary state folder, and asks it something.

mod machine;
mod trial;

use clap::Args;
use codex_completions_api::config::{self, Purpose, Sources};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;
use crate::settings::Settings;
use crate::source::Source;
use crate::text::plain;

/// The longest detail that is shown whole, in characters.
const DETAIL_MAX: usize = 300;

const AFTER_HELP: &str = "\
It reads the same environment, file and folders as codex-proxy would; run it as the user that runs the service. The turn at the end asks
the configured model for a few words, which costs as much.

Exit codes: 0 nothing is in the way, 1 something is.

Examples:
  codex-trace doctor
  codex-trace doctor --no-turn --json";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DoctorArgs {
    /// Do not ask the model anything
    #[arg(long)]
    no_turn: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Finding {
    /// What was looked at.
    check: &'static str,
    result: Health,
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    Ok,
    /// The service runs, and somebody should know.
    Warning,
    /// In the way.
    Problem,
}

/// Looks at everything, and tells of each.
pub(crate) fn run(settings: Result<Settings, Failure>, args: &DoctorArgs) -> Result<(), Failure> {
    let findings = examine(settings, args);
    print(&findings, args.json)?;
    let problems = findings.iter().filter(|finding| finding.result == Health::Problem).count();
    if problems == 0 { Ok(()) } else { Err(Failure::NothingFound(format!("{problems} problems; see above"))) }
}

fn examine(settings: Result<Settings, Failure>, args: &DoctorArgs) -> Vec<Finding> {
    let sources = Sources { flags: [].into(), environment: config::process_environment(), purpose: Purpose::Inspect };
    let config = match config::load(&sources) {
        Ok(config) => config,
        // Nothing else can be judged without it.
        Err(mistakes) => {
            return vec![Finding::problem("configuration", mistakes.to_string(), "correct what is listed")];
        }
    };
    let mut findings = vec![machine::configuration(&config)];
    let codex = machine::codex(&config);
    let has_codex = codex.result != Health::Problem;
    findings.push(codex);
    findings.push(machine::login(&config));
    findings.push(machine::bounds());
    findings.push(machine::descriptors());
    match settings {
        Ok(settings) => {
            findings.push(machine::state_folder(&settings.state_dir));
            findings.push(machine::disk(&settings.state_dir, &config));
            findings.extend(machine::journal(&Source::new(settings), &config));
        }
        Err(failure) => {
            findings.push(Finding::problem("state folder", failure.to_string(), "name it with --state-dir"));
        }
    }
    if has_codex {
        findings.extend(trial::run(&config, !args.no_turn));
    }
    findings
}

fn print(findings: &[Finding], as_json: bool) -> Result<(), Failure> {
    let mut output = Output::new();
    if as_json {
        output.line(&serde_json::json!({ "findings": findings }).to_string())?;
        return output.end();
    }
    for Finding { check, result, detail, fix } in findings {
        let result = match result {
            Health::Ok => "ok",
            Health::Warning => "warning",
            Health::Problem => "PROBLEM",
        };
        let mut lines = detail.lines();
        output.line(&format!("{result:<8} {check:<14} {}", plain(lines.next().unwrap_or_default(), DETAIL_MAX)))?;
        for line in lines {
            output.line(&format!("{:<23} {}", "", plain(line, DETAIL_MAX)))?;
        }
        if let Some(fix) = fix {
            output.line(&format!("{:<23} fix: {}", "", plain(fix, DETAIL_MAX)))?;
        }
    }
    output.end()
}

// === impl Finding ===

impl Finding {
    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, result: Health::Ok, detail: detail.into(), fix: None }
    }

    fn warning(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, result: Health::Warning, detail: detail.into(), fix: Some(fix.into()) }
    }

    fn problem(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, result: Health::Problem, detail: detail.into(), fix: Some(fix.into()) }
    }
}
