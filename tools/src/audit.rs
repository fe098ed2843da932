//! `audit`: what an auditor asks for. Who did what; a report of a period; and evidence that can be checked without our tools.

mod document;
mod entry;
mod evidence;
mod html;
mod log;
mod markdown;
mod period;
mod report;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};

use self::log::LogArgs;
use self::period::PeriodArgs;
use self::report::Report;
use crate::failure::Failure;
use crate::source::Source;
use crate::{output, verify};

#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Who read or changed what, when, and from where, newest first
    Log(LogArgs),
    /// What was kept, disposed of, held, read and changed in a period, and whether the journal is what was written
    Report {
        #[command(flatten)]
        period: PeriodArgs,
        /// For people, for programs, or for a browser
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// The file to write, instead of stdout
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// The report, the ledger of the period and all it takes to check them with sha256sum and openssl, in a folder
    Evidence {
        #[command(flatten)]
        period: PeriodArgs,
        /// The folder to make; it must not exist or be empty
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
    },
}

/// How a report is written.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Format {
    /// Markdown
    #[default]
    Md,
    /// One JSON object
    Json,
    /// A page that needs no other file
    Html,
}

/// Does what `command` says.
pub(crate) fn run(source: &Source, command: &AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::Log(args) => log::print(source, args),
        AuditCommand::Report { period, format, output } => {
            let (report, _) = Report::make(source, period.period()?)?;
            write(&report.render(*format), output.as_deref())?;
            verify::judge(report.verification())
        }
        AuditCommand::Evidence { period, output } => evidence::make(source, period.period()?, output),
    }
}

fn write(text: &str, path: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = path else {
        let mut stdout = output::buffered();
        stdout.write_all(text.as_bytes())?;
        return Ok(stdout.flush()?);
    };
    std::fs::write(path, text)
        .map_err(|error| Failure::NoAccess(format!("cannot write the report to {}: {error}", path.display())))
}

// === impl Report ===

impl Report {
    /// The report as it is written.
    fn render(&self, format: Format) -> String {
        match format {
            Format::Md => markdown::render(&self.document()),
            Format::Json => serde_json::to_string_pretty(self).expect("names, times and numbers serialise") + "\n",
            Format::Html => html::render(&self.document()),
        }
    }
}
