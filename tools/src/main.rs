//! `codex-trace`: reads the trace journal and looks after it.

mod audit;
mod backup;
mod bundle;
mod cli;
mod describe;
mod erase;
mod export;
mod failure;
mod folder;
mod hold;
mod ledger;
mod list;
mod output;
mod rekey;
mod replay;
mod retention;
mod scrub;
mod segments;
mod serve;
mod settings;
mod show;
mod socket;
mod source;
mod table;
mod text;
mod verify;
mod waited;
mod when;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use codex_completions_api::admin::Operation;
use journal::{Pattern, Query, Scope, Syntax};

use crate::cli::{Cli, Command, LedgerCommand, RetentionCommand};
use crate::describe::Describer;
use crate::failure::Failure;
use crate::hold::HoldCommand;
use crate::output::Output;
use crate::source::Source;

fn main() -> ExitCode {
    if let Some(code) = serve::as_codex() {
        return code;
    }
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
    // It needs no journal, and so no configuration that is right.
    if let Command::Scrub(args) = &cli.command {
        return scrub::run(args);
    }
    if let Command::Replay(args) = &cli.command {
        return replay::run(|| Ok(Source::new(cli.settings()?)), args);
    }
    let settings = cli.settings()?;
    match &cli.command {
        // These open the journal themselves.
        Command::Restore { dir, into } => return backup::restore(&settings, dir, into.as_deref()),
        Command::Import { file } => return export::import(&settings, file),
        Command::Rekey { new_key_file } => return rekey::run(&settings, new_key_file),
        _ => {}
    }
    let source = Source::new(settings);
    match &cli.command {
        Command::List { filter, limit, json } => {
            let (filter, limit) = (filter.filter(), limit.map(Into::into));
            let lines = source.read(Query::List { filter, limit, before: None })?;
            if *json { output::copy(lines) } else { list::print(lines) }
        }
        Command::Events { request, from, json } => {
            print_events(source.read(Query::Events { request: *request, from_seq: *from })?, *json)
        }
        Command::Show { request, json } => {
            let lines = source.read(Query::Show { request: *request })?;
            if *json { output::copy(lines) } else { show::print(lines, *request) }
        }
        Command::Export { requests, output } => export::export(&source, requests, output),
        Command::Tail { lines, follow, json } => {
            let query = Query::Tail { last: *lines };
            print_events(if *follow { source.follow(query)? } else { source.read(query)? }, *json)
        }
        Command::Grep { pattern, regex, ignore_case, since, until, limit, json } => {
            let syntax = match (regex, ignore_case) {
                (true, _) => Syntax::Regex,
                (false, true) => Syntax::IgnoreCase,
                (false, false) => Syntax::Literal,
            };
            let pattern = Pattern::try_new(pattern, syntax).map_err(|wrong| Failure::Usage(wrong.to_string()))?;
            let scope = Scope { since: *since, until: *until, before: None, limit: limit.map(Into::into) };
            print_events(source.read(Query::Search { pattern, scope })?, *json)
        }
        Command::Verify { anchor, json } => {
            verify::print(source.operate(&Operation::Verify { anchor: anchor.clone() })?, *json)
        }
        Command::Retention(command) => run_retention(&source, command),
        Command::Hold(command) => run_hold(&source, command),
        Command::Erase(args) => erase::run(&source, args),
        Command::Audit(command) => audit::run(&source, command),
        Command::Ledger { command: Some(LedgerCommand::Head { json }), .. } => {
            ledger::print_head(source.operate(&Operation::Anchor)?, *json)
        }
        Command::Ledger { command: None, json } => {
            let lines = source.operate(&Operation::Ledger)?;
            if *json { output::copy(lines) } else { ledger::print(lines) }
        }
        Command::Segments { json } => {
            let lines = source.operate(&Operation::Segments)?;
            if *json { output::copy(lines) } else { segments::print(lines) }
        }
        Command::Backup { dir, json } => {
            backup::print(source.operate(&Operation::Backup { path: backup::target(dir)? })?, *json)
        }
        Command::Restore { .. }
        | Command::Import { .. }
        | Command::Rekey { .. }
        | Command::Replay(_)
        | Command::Scrub(_) => Ok(()),
    }
}

fn run_retention(source: &Source, command: &RetentionCommand) -> Result<(), Failure> {
    match *command {
        RetentionCommand::Status { json } => {
            retention::print_status(source.operate(&Operation::RetentionStatus)?, json)
        }
        RetentionCommand::Plan { json } => retention::print_plan(source.operate(&Operation::RetentionPlan)?, json),
        RetentionCommand::Run { confirm_clock, json } => {
            retention::print_sweep(source.operate(&Operation::RetentionRun { confirm_clock })?, json)
        }
    }
}

fn run_hold(source: &Source, command: &HoldCommand) -> Result<(), Failure> {
    match command {
        HoldCommand::Place(place) => {
            let (selector, reason) = (place.selector(), place.reason.clone());
            hold::print_placed(source.operate(&Operation::PlaceHold { selector, reason })?)
        }
        HoldCommand::List { json } => {
            let lines = source.operate(&Operation::Holds)?;
            if *json { output::copy(lines) } else { hold::print_list(lines) }
        }
        HoldCommand::Lift { hold, reason } => {
            let (hold, reason) = (hold.clone(), reason.clone());
            hold::print_lifted(source.operate(&Operation::LiftHold { hold, reason })?)
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
