//! `rekey`: another master key.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::output::Output;
use crate::settings::Settings;

/// Wraps every key of the journal by the master key in `new_file`, and says what is left to do.
pub(crate) fn run(settings: &Settings, new_file: &Path) -> Result<(), Failure> {
    let journal = settings.journal_dir();
    let old_file = settings.key_file.clone().unwrap_or_else(|| journal.join("keys/master.key"));
    let new_file = std::path::absolute(new_file).map_err(|error| Failure::Usage(error.to_string()))?;
    if is_same(&old_file, &new_file) {
        return Err(Failure::Usage(format!("{} holds the present master key; name a new file", old_file.display())));
    }
    let actor = format!("uid:{}", rustix::process::getuid().as_raw());
    let (key, count) = journal::rekey(&journal, settings.key_file.as_deref(), &new_file, &actor)?;
    let (old_file, new_file) = (old_file.display(), new_file.display());
    let mut output = Output::new();
    output.line(&format!("{count} keys are wrapped by the master key {key} now, which is in {new_file}"))?;
    if count == 0 {
        output.line("all of them were before, so nothing has changed")?;
        return output.end();
    }
    for step in [
        format!("1. keep a copy of {new_file}: without it nothing in the journal can be read"),
        format!("2. point codex-proxy to it: PROXY_JOURNAL_KEY_FILE={new_file} (journal.key_file)"),
        format!("3. destroy {old_file} and its copies, unless a backup from before is still needed, which they open"),
    ] {
        output.line(&step)?;
    }
    output.end()
}

fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
    real(one) == real(other)
}
