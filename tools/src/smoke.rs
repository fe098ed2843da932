//! `smoke`: is a service that was just deployed what its partners expect? For people, and for pipelines.

mod checks;
mod report;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

use self::checks::CHECKS;
use crate::failure::Failure;
use crate::service::Service;

const AFTER_HELP: &str = "\
Exit codes: 0 everything is as it should be, 1 something is not, 2 wrong command line.

Examples:
  codex-trace smoke http://127.0.0.1:11435 \"$PROXY_API_KEY\"
  codex-trace smoke https://proxy.example \"$KEY\" --model codex-5-low --junit smoke.xml
  codex-trace smoke http://127.0.0.1:11435 \"$KEY\" --backend proto    after a rollback";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct SmokeArgs {
    /// Where the service is
    #[arg(value_name = "URL")]
    url: String,
    /// A key that may ask models
    #[arg(value_name = "KEY", env = "PROXY_API_KEY", hide_env_values = true)]
    key: String,
    /// The model to ask; otherwise the first that is advertised
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// The backend that must be in use
    #[arg(long, value_name = "NAME", value_parser = ["app-server", "proto"], default_value = "app-server")]
    backend: String,
    /// The token for /metrics; without it, metrics that are not shown are no failure
    #[arg(long, value_name = "TOKEN", env = "PROXY_METRICS_TOKEN", hide_env_values = true)]
    metrics_token: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Write a report in the form of `JUnit` too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// What the checks know.
struct Subject {
    service: Service,
    model: String,
    backend: String,
    metrics_token: Option<String>,
}

/// What came of a check.
enum Verdict {
    Passed(String),
    Skipped(String),
    Failed(String),
}

/// A check that was made.
struct Checked {
    name: &'static str,
    verdict: Verdict,
    took: Duration,
}

/// Makes every check, and tells of each.
pub(crate) fn run(args: &SmokeArgs) -> Result<(), Failure> {
    let service = Service::new(&args.url, &args.key).map_err(Failure::Usage)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let checked = runtime.block_on(async {
        let model = match &args.model {
            Some(model) => model.clone(),
            None => checks::first_model(&service).await,
        };
        let (backend, metrics_token) = (args.backend.clone(), args.metrics_token.clone());
        let subject = Subject { service, model, backend, metrics_token };
        let mut checked = Vec::new();
        for (name, check) in CHECKS {
            let began = Instant::now();
            let verdict = check(&subject).await.unwrap_or_else(Verdict::Failed);
            checked.push(Checked { name, verdict, took: began.elapsed() });
        }
        checked
    });
    report::print(&checked, args.json)?;
    if let Some(path) = &args.junit {
        report::write_junit(&checked, path)?;
    }
    let failed = checked.iter().filter(|checked| matches!(checked.verdict, Verdict::Failed(_))).count();
    if failed == 0 { Ok(()) } else { Err(Failure::NothingFound(format!("{failed} checks failed"))) }
}
