//! `codex-trace`: reads the trace journal and looks after it.

mod against;
mod audit;
mod backup;
mod bundle;
mod cli;
mod convert;
mod describe;
mod doctor;
mod erase;
mod examples;
mod export;
mod failure;
mod folder;
mod grep;
mod hold;
mod incident;
mod ink;
mod ledger;
mod line_buffer;
mod list;
mod manual;
mod output;
mod rekey;
mod remote;
mod replay;
mod retention;
mod scrub;
mod segments;
mod serve;
mod service;
mod settings;
mod show;
mod smoke;
mod socket;
mod source;
mod stats;
mod table;
mod terminal;
mod text;
mod top;
mod unknown;
mod verify;
mod waited;
mod when;

use std::io::Write as _;
use std::process::ExitCode;

use codex_completions_api::admin::Operation;
use journal::Query;

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
    let cli = Cli::of_this_process();
    cli.terminal.apply();
    match run(&cli) {
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
    match &cli.command {
        // These need no journal, and so no configuration that is right.
        Command::Scrub(args) => return scrub::run(args),
        Command::Completions { shell } => return manual::completions(*shell),
        Command::Man { dir } => return manual::man(dir),
        Command::Smoke(args) => return smoke::run(args),
        Command::Doctor(args) => return doctor::run(cli.settings(), args),
        Command::Replay(args) => return replay::run(|| Ok(Source::new(cli.settings()?)), args),
        _ => {}
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
        Command::List(args) => list::run(&source, args),
        Command::Events { request, from, json } => {
            print_events(source.read(Query::Events { request: *request, from_seq: *from })?, *json)
        }
        Command::Show(args) => show::run(&source, args),
        Command::Incident(args) => incident::run(&source, args),
        Command::Export { requests, form, output } => export::export(&source, requests, *form, output),
        Command::Tail { lines, follow, json } => {
            let query = Query::Tail { last: *lines };
            print_events(if *follow { source.follow(query)? } else { source.read(query)? }, *json)
        }
        Command::Stats(args) => stats::run(&source, args),
        Command::Top => top::run(&source),
        Command::Grep(args) => grep::run(&source, args),
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
        | Command::Doctor(_)
        | Command::Import { .. }
        | Command::Rekey { .. }
        | Command::Replay(_)
        | Command::Scrub(_)
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Smoke(_) => Ok(()),
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
