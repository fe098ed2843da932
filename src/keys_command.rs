//! `codex-proxy keys`: makes, lists, exchanges and revokes keys. A running service reads the file again by itself.

use std::num::NonZeroUsize;
use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use jiff::{SignedDuration, Timestamp};

use crate::config::{Form as _, Period};
use crate::exit::Exit;
use crate::gateway::keys::Role;
use crate::gateway::keys::file::{self, Entry, KeysError, Secret};
use crate::gateway::rate::Rate;

/// What is to be done with keys.
#[derive(Debug, Args)]
pub struct KeysCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key and show it, this once
    Add {
        /// Its name, in the journal too: 1 to 64 letters, digits, `-`, `_` and `.`
        id: String,
        #[command(flatten)]
        terms: Box<Terms>,
    },
    /// List the keys
    List {
        /// As JSON, one key a line
        #[arg(long)]
        json: bool,
    },
    /// Replace a key by a new one with the same terms, and show that
    Rotate {
        /// Its name
        id: String,
    },
    /// Remove a key: it opens nothing from then on
    Revoke {
        /// Its name
        id: String,
    },
}

/// What a key may do.
#[derive(Debug, Args)]
struct Terms {
    /// What it may do
    #[arg(long, default_value = "partner")]
    role: RoleName,
    /// When it ends: a time (RFC 3339), or a span from now such as 90d
    #[arg(long, value_name = "WHEN", value_parser = end)]
    expires: Option<Timestamp>,
    /// The only models it may ask for
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    models: Option<Vec<String>>,
    /// Its own rate of requests, such as 60/1m
    #[arg(long)]
    rate: Option<Rate>,
    /// How many of its chat requests may run at a time
    #[arg(long, value_name = "N")]
    max_concurrency: Option<NonZeroUsize>,
    /// Keep of what it says only shapes, sizes and digests
    #[arg(long)]
    drop_content: bool,
}

/// A [`Role`] on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleName {
    /// Asks models, and sees its own usage
    Partner,
    /// Reads the record of what happened, and proofs
    Auditor,
    /// Reads traces to find a bug
    Engineer,
    /// Runs the service: all of that
    Operator,
}

// === impl KeysCommand ===

impl KeysCommand {
    /// Does it to the keys in `path`.
    pub fn run(self, path: &Path) -> Exit {
        match self.command.run(path) {
            Ok(()) => Exit::Ok,
            Err(error) => {
                eprintln!("codex-proxy: {error}");
                match error {
                    KeysError::Invalid(_) => Exit::Usage,
                    KeysError::Malformed { .. } => Exit::Configuration,
                    KeysError::Io { .. } => Exit::TemporaryFailure,
                }
            }
        }
    }
}

// === impl Command ===

impl Command {
    fn run(self, path: &Path) -> Result<(), KeysError> {
        match self {
            Self::Add { id, terms } => show(&id, &add(path, &id, *terms)?),
            Self::Rotate { id } => {
                let secret = file::change(path, |keys| {
                    let entry = find(keys, &id)?;
                    let (secret, rotated) = entry.rotated();
                    *entry = rotated;
                    Ok(secret)
                })?;
                show(&id, &secret);
            }
            Self::Revoke { id } => {
                file::change(path, |keys| {
                    find(keys, &id)?;
                    keys.retain(|entry| entry.id != id);
                    Ok(())
                })?;
                println!("revoked {id}: it opens nothing any more");
            }
            Self::List { json } => list(&file::read(path)?, json),
        }
        Ok(())
    }
}

fn add(path: &Path, id: &str, terms: Terms) -> Result<Secret, KeysError> {
    file::check_id(id)?;
    let (secret, entry) = Entry::generate(id, terms.role.into());
    let Terms { role: _, expires, models, rate, max_concurrency, drop_content } = terms;
    let entry = Entry { expires, models, rate, max_concurrency, drop_content, ..entry };
    file::change(path, |keys| {
        if keys.iter().any(|entry| entry.id == id) {
            return Err(KeysError::Invalid(format!(
                "there is a key called {id:?}; rotate or revoke it, or take another name"
            )));
        }
        keys.push(entry);
        Ok(())
    })?;
    Ok(secret)
}

fn find<'a>(keys: &'a mut [Entry], id: &str) -> Result<&'a mut Entry, KeysError> {
    let none = || KeysError::Invalid(format!("there is no key called {id:?}; `codex-proxy keys list` shows them"));
    keys.iter_mut().find(|entry| entry.id == id).ok_or_else(none)
}

fn show(id: &str, secret: &Secret) {
    eprintln!("The key {id}, shown this once; only its hash is kept:");
    println!("{}", secret.expose());
}

fn list(keys: &[Entry], json: bool) {
    if json {
        for entry in keys {
            println!("{}", serde_json::to_string(entry).expect("names and numbers serialise"));
        }
        return;
    }
    println!("{:<24} {:<9} {:<10} {:<20} {:<20} terms", "id", "role", "begins", "created", "expires");
    for entry in keys {
        let Entry { id, role, prefix, created, expires, models, rate, max_concurrency, drop_content, .. } = entry;
        let expires = expires.map_or_else(|| "never".to_owned(), |at| at.to_string());
        let mut terms = Vec::new();
        terms.extend(models.as_ref().map(|models| format!("models {}", models.join(","))));
        terms.extend(rate.map(|rate| format!("rate {rate}")));
        terms.extend(max_concurrency.map(|count| format!("{count} at a time")));
        terms.extend(drop_content.then(|| "content dropped".to_owned()));
        let line = format!("{id:<24} {role:<9} {prefix:<10} {created:<20} {expires:<20} {}", terms.join("; "));
        println!("{}", line.trim_end());
    }
}

/// A time, or a span from now.
fn end(text: &str) -> Result<Timestamp, String> {
    let in_span = || {
        let span = SignedDuration::try_from(Period::parse(text).ok()?).ok()?;
        Timestamp::now().checked_add(span).ok()
    };
    let end =
        text.parse().ok().or_else(in_span).ok_or("write a time such as 2027-01-31T00:00:00Z, or a span such as 90d")?;
    // Whole seconds are easier to read.
    Ok(Timestamp::from_second(end.as_second()).unwrap_or(end))
}

// === impl RoleName ===

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Partner => Self::Partner,
            RoleName::Auditor => Self::Auditor,
            RoleName::Engineer => Self::Engineer,
            RoleName::Operator => Self::Operator,
        }
    }
}
