//! `backup` and `restore`.

use std::fs;
use std::path::{Path, PathBuf};

use codex_completions_api::admin::answers::Backed;
use codex_completions_api::state_dir::StateDir;
use journal::{Backup, Journal};

use crate::failure::Failure;
use crate::output::Output;
use crate::settings::Settings;
use crate::source::Lines;
use crate::verify;

/// The file of a backup that says what it is.
const MANIFEST: &str = "backup.json";

/// `path` as whoever makes the backup has to be told it, in whatever folder they are.
pub(crate) fn target(path: &Path) -> Result<PathBuf, Failure> {
    let wrong =
        |why: &dyn std::fmt::Display| Failure::Usage(format!("cannot make a backup in {}: {why}", path.display()));
    let path = std::path::absolute(path).map_err(|error| wrong(&error))?;
    if path.to_str().is_none() {
        return Err(wrong(&"its path is no UTF-8"));
    }
    Ok(path)
}

/// Says what is in a backup that was made.
pub(crate) fn print(lines: Lines, json: bool) -> Result<(), Failure> {
    let (text, Backed { path, backup }) = lines.document()?;
    let mut output = Output::new();
    if json {
        output.line(&text)?;
        return output.end();
    }
    let Backup { last_seq, segments, summary_days, ledger_entries, master_key, .. } = backup;
    for fact in [
        format!("backup    {}", path.display()),
        format!("events    up to {last_seq}, in {segments} segments"),
        format!("days      {summary_days} of summaries"),
        format!("ledger    {ledger_entries} entries"),
        format!("key       {master_key}: keep a copy of that master key elsewhere; it is not in the backup"),
        "retention does not reach it: what is in it stays until it is removed".to_owned(),
    ] {
        output.line(&fact)?;
    }
    output.end()
}

/// Makes a journal from a backup, where there is none, and checks it.
pub(crate) fn restore(settings: &Settings, from: &Path, into: Option<&Path>) -> Result<(), Failure> {
    let state_dir = into.unwrap_or(&settings.state_dir);
    let backup = manifest(from)?;
    let Some(key_file) = &settings.key_file else {
        return Err(Failure::Usage(format!(
            "a backup is without its master key: name the file that holds the key {} with --key-file",
            backup.master_key
        )));
    };
    let state_dir = StateDir::prepare(state_dir).map_err(|error| Failure::NoAccess(error.to_string()))?;
    let found = Journal::restore(from, &state_dir.journal(), Some(key_file.clone()))?;
    let mut output = Output::new();
    verify::describe(&found, &mut output)?;
    if found.problems.is_empty() {
        let (journal, key_file) = (state_dir.journal(), key_file.display());
        output.line(&format!("restored to {}", journal.display()))?;
        output.line(&format!("codex-proxy reads it with PROXY_JOURNAL_KEY_FILE={key_file}"))?;
    }
    output.end()?;
    verify::judge(&found)
}

fn manifest(from: &Path) -> Result<Backup, Failure> {
    let path = from.join(MANIFEST);
    let text = fs::read(&path).map_err(|error| {
        let what =
            format!("no backup, or none that was finished, in {}: cannot read {MANIFEST}: {error}", from.display());
        Failure::NothingFound(what)
    })?;
    serde_json::from_slice(&text).map_err(|error| Failure::Damaged(format!("{} is damaged: {error}", path.display())))
}
