//! The configuration file: TOML text to entries with their lines.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, nearest};
use super::models;
use super::origin::Origin;
use super::scrub::{self, ScrubRules};
use super::table::SETTINGS;

/// The largest configuration file, in bytes; far more than every setting with its comment takes.
const MAX_BYTES: u64 = 1 << 20;

/// What a configuration file says.
#[derive(Default)]
pub(super) struct Document {
    /// The file; `None` if there is none.
    pub(super) path: Option<Arc<Path>>,
    /// The settings it sets, by key with section.
    pub(super) entries: BTreeMap<String, Entry>,
    /// Its `[models]` table, if it has one.
    pub(super) aliases: Option<Vec<models::Alias>>,
    /// What it adds to the scrubber.
    pub(super) scrub: ScrubRules,
    /// Whether the file could not be read, so that nothing can be said about what is missing.
    pub(super) unreadable: bool,
}

/// One setting in the file.
pub(super) struct Entry {
    /// Counted from 1.
    pub(super) line: usize,
    /// Its TOML kind by the name of the specification.
    pub(super) kind: &'static str,
    /// The value as other sources would write it; empty for kinds that no setting has.
    pub(super) text: String,
}

/// Reads a document's tables.
struct Reader<'a> {
    source: &'a str,
    path: &'a Arc<Path>,
    document: &'a mut Document,
    mistakes: &'a mut Vec<Mistake>,
}

/// A key of a table as the parser gives it.
type Name<'i> = Cow<'i, str>;

/// A table's entries in the order of the file.
pub(super) fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Spanned<Name<'i>>, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

/// A key below `section`, written as TOML would need it.
pub(super) fn join(section: &str, name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let name = if !name.is_empty() && name.bytes().all(is_bare) { name.to_owned() } else { format!("{name:?}") };
    if section.is_empty() { name } else { format!("{section}.{name}") }
}

/// Line and column of a byte of `source`, both counted from 1.
pub(super) fn position(source: &str, at: usize) -> (usize, usize) {
    let before = source.get(..at).unwrap_or(source);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// All of a file that is not too large. A mistaken name may lead to one without end.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        let what = format!("it is larger than {} MiB", MAX_BYTES >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(bytes)
}

/// A scalar as text; empty for what is no scalar of ours.
fn text_of(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Integer(number) => {
            i128::from_str_radix(number.as_str(), number.radix()).map_or_else(|_| number.to_string(), |n| n.to_string())
        }
        _ => String::new(),
    }
}

// === impl Document ===

impl Document {
    /// Reads a file that `named_by` names.
    pub(super) fn open(path: &Path, named_by: &Origin, mistakes: &mut Vec<Mistake>) -> Self {
        match read_bounded(path) {
            Ok(bytes) => Self::from_bytes(path, &bytes, mistakes),
            Err(error) => Self::failed(path, &named_by.place(), &error, mistakes),
        }
    }

    /// Reads a file if there is one.
    pub(super) fn open_if_there(path: &Path, mistakes: &mut Vec<Mistake>) -> Self {
        match read_bounded(path) {
            Ok(bytes) => Self::from_bytes(path, &bytes, mistakes),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Self::default()
            }
            Err(error) => Self::failed(path, "default", &error, mistakes),
        }
    }

    /// The origin of a key of this document.
    pub(super) fn origin(&self, key: &str, line: usize) -> Origin {
        let path = self.path.clone().unwrap_or_else(|| Arc::from(PathBuf::new()));
        Origin::File { path, line, key: key.to_owned() }
    }

    fn failed(path: &Path, place: &str, error: &io::Error, mistakes: &mut Vec<Mistake>) -> Self {
        let wrong = format!("the configuration file {} cannot be read: {error}", path.display());
        mistakes.push(Mistake::of_file(place.to_owned(), wrong, "name a file that this user can read"));
        Self { path: Some(path.into()), unreadable: true, ..Self::default() }
    }

    fn from_bytes(path: &Path, bytes: &[u8], mistakes: &mut Vec<Mistake>) -> Self {
        let mut document = Self { path: Some(path.into()), ..Self::default() };
        match std::str::from_utf8(bytes) {
            Ok(source) => document.read(path, source, mistakes),
            Err(error) => {
                let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let (line, _) = position(&valid, valid.len());
                let place = format!("{}:{line}", path.display());
                mistakes.push(Mistake::of_file(place, "the file is not UTF-8".to_owned(), "save it as UTF-8"));
                document.unreadable = true;
            }
        }
        document
    }

    fn read(&mut self, path: &Path, source: &str, mistakes: &mut Vec<Mistake>) {
        let (table, mut errors) = DeTable::parse_recoverable(source);
        errors.sort_by_key(|error| error.span().map(|span| span.start));
        let mut last_line = 0;
        for error in &errors {
            let (line, column) = position(source, error.span().map_or(0, |span| span.start));
            // What follows on the same line is mostly an echo of the first.
            if line != last_line {
                let place = format!("{}:{line}:{column}", path.display());
                // Only the message: the error's own rendering quotes the line, which may hold a secret.
                let wrong = format!("this is not TOML: {}", error.message());
                mistakes.push(Mistake::of_file(place, wrong, "see https://toml.io for how to write it"));
            }
            last_line = line;
        }
        self.unreadable = !errors.is_empty();
        if !self.unreadable {
            let path = Arc::from(path);
            Reader { source, path: &path, document: self, mistakes }.table("", table.get_ref());
        }
    }
}

// === impl Reader ===

impl Reader<'_> {
    /// Reads a table. The parser bounds how deep tables can be nested.
    fn table(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in in_order(table) {
            let key = join(section, name.get_ref());
            let (line, _) = position(self.source, name.span().start);
            let value = value.get_ref();
            let is_section = SETTINGS.iter().any(|setting| setting.key.split_once('.').is_some_and(|(s, _)| s == key));
            if key == "models" {
                self.models(line, value);
            } else if scrub::KEYS.contains(&key.as_str()) {
                self.scrub(&key, line, value);
            } else if SETTINGS.iter().any(|setting| setting.key == key) {
                self.document.entries.insert(key, Entry { line, kind: value.type_str(), text: text_of(value) });
            } else if let DeValue::Table(inner) = value
                && (is_section || !inner.is_empty())
            {
                self.table(&key, inner);
            } else if is_section {
                self.not_a_table(&key, line, value);
            } else {
                let known = nearest(
                    &key,
                    SETTINGS.iter().map(|setting| setting.key).chain(["models"]).chain(scrub::KEYS.iter().copied()),
                );
                let place = format!("{}:{line}", self.path.display());
                self.mistakes.push(Mistake::unknown_key(place, &key, known));
            }
        }
    }

    fn models(&mut self, line: usize, value: &DeValue<'_>) {
        let DeValue::Table(table) = value else {
            return self.not_a_table("models", line, value);
        };
        self.document.aliases = Some(models::read(table, self.source, self.path, self.mistakes));
    }

    fn scrub(&mut self, key: &str, line: usize, value: &DeValue<'_>) {
        let path = self.path;
        let origin = |key: &str, line| Origin::File { path: Arc::clone(path), line, key: key.to_owned() };
        let mut reader = scrub::Reader { source: self.source, origin: &origin, mistakes: self.mistakes };
        reader.read(key, line, value, &mut self.document.scrub);
    }

    fn not_a_table(&mut self, key: &str, line: usize, value: &DeValue<'_>) {
        let wrong = format!("is written as {}, not as table", value.type_str());
        let origin = self.document.origin(key, line);
        self.mistakes.push(Mistake::of_value(&origin, key, wrong, "a table of settings"));
    }
}
