//! `replay --serve`: the worker's side of recorded requests, played to a real proxy in place of Codex.
//!
//! [`make`] lays a folder out with this program under the name `codex` and the recording beside it: `CODEX_BIN=FOLDER/codex`. Started
//! under that name, this program is that [`worker`]; a worker's bounds let it read its own folder and little else. [`recording`] is
//! what the file says a worker did.

mod recording;
mod turn;
mod worker;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use self::recording::Recording;
use crate::bundle::Bundle;
use crate::failure::Failure;
use crate::note;
use crate::output::Output;
use crate::text;

/// The name under which this program is a worker.
const NAME: &str = "codex";

/// The version that it claims to be: the one whose frames are in the recording.
const VERSION: &str = "codex-cli 0.169.0";

/// The recording, beside the program.
const RECORDING: &str = "recording.codextrace";

/// How it is played, beside it.
const PACE: &str = "pace.json";

/// How fast a recording is played.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pace {
    /// 1 as it was recorded, 2 twice as fast; 0 without any pause.
    pub(crate) speed: f64,
}

/// Lays `folder` out, so that `codex` in it plays the recording in `file`.
pub(crate) fn make(file: &Path, folder: &Path, pace: Pace) -> Result<(), Failure> {
    let turns = Recording::of(&Bundle::read(file)?.events).turns.len();
    if turns == 0 {
        return Err(Failure::NothingFound(format!("{} has no turn of an app-server to play", file.display())));
    }
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Failure::NoAccess(format!("cannot {what} in {}: {error}", folder.display()))
    };
    fs::create_dir_all(folder).map_err(|error| failed("make the folder", &error))?;
    let program = std::env::current_exe().map_err(|error| failed("find this program", &error))?;
    let worker = std::path::absolute(folder).map_err(|error| failed("find the folder", &error))?.join(NAME);
    fs::copy(program, &worker).map_err(|error| failed("put this program", &error))?;
    fs::copy(file, folder.join(RECORDING)).map_err(|error| failed("put the recording", &error))?;
    let pace = serde_json::to_string(&pace).expect("a number serialises");
    fs::write(folder.join(PACE), pace).map_err(|error| failed("put the pace", &error))?;
    let mut output = Output::new();
    output.line(&format!("{} to play: CODEX_BIN={} codex-proxy", text::count(turns, "turn"), worker.display()))?;
    output.end()
}

/// Plays the recording in `file` on stdio, as `codex app-server` speaks there.
pub(crate) fn on_stdio(file: &Path, pace: Pace) -> Result<(), Failure> {
    let recording = Recording::of(&Bundle::read(file)?.events);
    Ok(worker::run(recording, pace)?)
}

/// Plays the worker, if this program was started under its name.
pub(crate) fn as_codex() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    (Path::new(&name).file_name() == Some(OsStr::new(NAME))).then(|| {
        let arguments: Vec<String> = arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
        match play(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                note(&failure.to_string());
                failure.exit_code()
            }
        }
    })
}

fn play(arguments: &[&str]) -> Result<(), Failure> {
    let beside = |name: &str| -> Result<PathBuf, Failure> {
        let program = std::env::current_exe().map_err(|error| Failure::NoAccess(error.to_string()))?;
        Ok(program.with_file_name(name))
    };
    match arguments {
        ["--version"] => {
            let mut output = Output::new();
            output.line(VERSION)?;
            output.end()
        }
        ["debug", "models"] => {
            let mut output = Output::new();
            output.line(&Recording::of(&Bundle::read(&beside(RECORDING)?)?.events).catalog())?;
            output.end()
        }
        ["app-server", ..] => {
            let pace = fs::read_to_string(beside(PACE)?).ok().and_then(|text| serde_json::from_str(&text).ok());
            on_stdio(&beside(RECORDING)?, pace.unwrap_or(Pace { speed: 1.0 }))
        }
        other => Err(Failure::Usage(format!("a recorded worker does not know {other:?}"))),
    }
}
