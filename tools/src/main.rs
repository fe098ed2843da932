//! `codex-trace`: reads the trace journal.

mod cli;
mod describe;
mod failure;
mod folder;
mod list;
mod output;
mod show;
mod socket;
mod source;
mod text;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use journal::Query;

use crate::cli::{Cli, Command};
use crate::describe::Describer;
use crate::failure::Failure;
use crate::output::Output;
use crate::source::Source;

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has seen enough.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            note(&failure.to_string());
            failure.exit_code()
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let source = Source::new(cli.state_dir()?);
    match cli.command {
        Command::List { limit, json } => {
            let lines = source.read(Query::List { limit: limit.map(Into::into) })?;
            if json { output::copy(lines) } else { list::print(lines) }
        }
        Command::Events { request, from, json } => {
            print_events(source.read(Query::Events { request, from_seq: from })?, json)
        }
        Command::Show { request, json } => {
            let lines = source.read(Query::Show { request })?;
            if json { output::copy(lines) } else { show::print(lines, request) }
        }
        Command::Tail { lines, follow, json } => {
            let query = Query::Tail { last: lines };
            print_events(if follow { source.follow(query)? } else { source.read(query)? }, json)
        }
    }
}

fn print_events(lines: source::Lines, json: bool) -> Result<(), Failure> {
    if json {
        return output::copy(lines);
    }
    let mut describer = Describer::default();
    let mut output = Output::for_answer(&lines);
    let end = lines.each(|line| output.line(&describer.describe(line)?.to_string()));
    output.end()?;
    end
}

/// Says something to whoever watches stderr, if anybody does.
fn note(message: &str) {
    let _ = writeln!(std::io::stderr(), "codex-trace: {message}");
}
