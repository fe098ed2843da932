//! `completions` and `man`: what shells and `man` know of `codex-trace`, made from its command line.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use clap::ValueEnum;
use clap_complete::{Shell, generate};

use crate::examples::command;
use crate::failure::Failure;
use crate::output;

/// A shell whose completions are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhichShell {
    Bash,
    Zsh,
    Fish,
}

/// Prints completions for `shell`.
pub(crate) fn completions(shell: WhichShell) -> Result<(), Failure> {
    let shell = match shell {
        WhichShell::Bash => Shell::Bash,
        WhichShell::Zsh => Shell::Zsh,
        WhichShell::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut command(), "codex-trace", &mut script);
    let mut stdout = output::buffered();
    stdout.write_all(&script)?;
    Ok(stdout.flush()?)
}

/// Writes a page for each command into `dir`, which is made if it is not there.
pub(crate) fn man(dir: &Path) -> Result<(), Failure> {
    let written = fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(command(), dir));
    written.map_err(|error| Failure::NoAccess(format!("cannot write manual pages to {}: {error}", dir.display())))
}
