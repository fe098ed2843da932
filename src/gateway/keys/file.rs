//! The file of keys: one `[[key]]` a key, with the hash and never the key itself.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rand::Rng as _;
use rand::distr::Alphanumeric;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::{DEFAULT_KEY, Role};
use crate::gateway::rate::Rate;

/// What every key of ours begins with, so that it is recognised wherever it turns up.
pub const PREFIX: &str = "cxp_";

/// Characters of a key behind that: 238 bits.
const LENGTH: usize = 40;

/// Characters of a key that are kept to recognise it by: of the rest, 208 bits stay unknown.
const SHOWN: usize = PREFIX.len() + 5;

/// A key that was just made. It is shown once and kept nowhere.
pub struct Secret(String);

/// What is kept of a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name, in the journal too: 1 to 64 of letters, digits, `-`, `_` and `.`.
    pub id: String,
    /// What it may do.
    pub role: Role,
    /// How it begins, to recognise it by.
    pub prefix: String,
    /// Its SHA-256. A key is random, so that nothing slower is needed.
    pub sha256: Digest,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it opens nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The only models it may ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// Its own rate of requests, such as `60/1m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// How many of its chat requests may run at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<NonZeroUsize>,
    /// Whether of what it says only shapes, sizes and digests are kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop_content: bool,
}

/// A SHA-256, in hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub(super) [u8; 32]);

/// All that is in a file of keys.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    key: Vec<Entry>,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The system says so.
    #[error("cannot {what} the keys in {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("the keys in {} cannot be used: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
    /// What was asked for makes no sense.
    #[error("{0}")]
    Invalid(String),
}

// === impl Secret ===

impl Secret {
    /// The key.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

// === impl Entry ===

impl Entry {
    /// A new key and what is kept of it.
    pub fn generate(id: &str, role: Role) -> (Secret, Self) {
        let random = rand::rng().sample_iter(Alphanumeric).take(LENGTH).map(char::from);
        let secret = Secret(PREFIX.chars().chain(random).collect());
        let entry = Self {
            id: id.to_owned(),
            role,
            prefix: secret.0[..SHOWN].to_owned(),
            sha256: Digest(Sha256::digest(&secret.0).into()),
            // Whole seconds are easier to read.
            created: Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default(),
            expires: None,
            models: None,
            rate: None,
            max_concurrency: None,
            drop_content: false,
        };
        (secret, entry)
    }

    /// The same with a new key, and that.
    #[must_use]
    pub fn rotated(&self) -> (Secret, Self) {
        let (secret, Self { prefix, sha256, created, .. }) = Self::generate(&self.id, self.role);
        (secret, Self { prefix, sha256, created, ..self.clone() })
    }
}

/// Whether a name can be that of a key.
pub fn check_id(id: &str) -> Result<(), KeysError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if id == DEFAULT_KEY {
        return Err(KeysError::Invalid(format!(
            "{DEFAULT_KEY:?} is the name of the key in PROXY_API_KEY; take another"
        )));
    }
    if id.is_empty() || id.len() > 64 || !id.bytes().all(is_plain) {
        let what = format!("{id:?} is no name of a key: use 1 to 64 letters, digits, '-', '_' and '.'");
        return Err(KeysError::Invalid(what));
    }
    Ok(())
}

/// The keys in `path`; none if there is no such file.
pub fn read(path: &Path) -> Result<Vec<Entry>, KeysError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(KeysError::Io { what: "read", path: path.to_owned(), source }),
    };
    let malformed = |what: String| KeysError::Malformed { path: path.to_owned(), what };
    // The parser's own message quotes the line, and somebody may have put a key there.
    let at = |error: &toml::de::Error| error.span().map_or(0, |span| text[..span.start].lines().count().max(1));
    let document: Document = toml::from_str(&text).map_err(|error| {
        malformed(format!("line {}: {}; restore it, or remove the entry", at(&error), error.message()))
    })?;
    let mut ids = BTreeSet::new();
    for entry in &document.key {
        check_id(&entry.id).map_err(|error| malformed(error.to_string()))?;
        if !ids.insert(&entry.id) {
            return Err(malformed(format!("there are two keys called {:?}", entry.id)));
        }
    }
    Ok(document.key)
}

/// Changes the keys in `path`, as a whole or not at all. Two that do so at the same time come one after the other.
pub fn change<T>(path: &Path, change: impl FnOnce(&mut Vec<Entry>) -> Result<T, KeysError>) -> Result<T, KeysError> {
    let failed = |what, path: &Path, source| KeysError::Io { what, path: path.to_owned(), source };
    let lock_path = path.with_extension("lock");
    let private = |options: &mut OpenOptions, path: &Path| -> io::Result<File> { options.mode(0o600).open(path) };
    let lock = private(OpenOptions::new().create(true).truncate(false).write(true), &lock_path)
        .map_err(|source| failed("lock", &lock_path, source))?;
    lock.lock().map_err(|source| failed("lock", &lock_path, source))?;
    let mut key = read(path)?;
    let result = change(&mut key)?;
    let text = toml::to_string_pretty(&Document { key })
        .map_err(|error| KeysError::Malformed { path: path.to_owned(), what: error.to_string() })?;
    let new = path.with_extension("new");
    let write = || {
        let mut file = private(OpenOptions::new().create(true).truncate(true).write(true), &new)?;
        file.write_all(
            b"# The keys of codex-proxy, by their hashes. `codex-proxy keys --help` tells how to change them.\n\n",
        )?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|source| failed("write", path, source))?;
    Ok(result)
}

// === impl Digest ===

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            let _ = write!(text, "{byte:02x}");
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut digest = [0; 32];
        hex::decode_to_slice(&text, &mut digest)
            .map_err(|_| serde::de::Error::custom("sha256 must be 64 hexadecimal digits"))?;
        Ok(Self(digest))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn what_was_written_is_read_and_nobody_else_may() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.toml");
        let (secret, mut entry) = Entry::generate("acme", Role::Engineer);
        entry.rate = Some("60/1m".parse().unwrap());
        entry.models = Some(vec!["codex-5".to_owned()]);
        entry.max_concurrency = NonZeroUsize::new(4);
        entry.expires = Some("2030-01-01T00:00:00Z".parse().unwrap());
        entry.drop_content = true;
        change(&path, |keys| {
            keys.push(entry.clone());
            Ok(())
        })
        .unwrap();
        assert_eq!(read(&path).unwrap(), [entry.clone()]);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&secret.expose()[SHOWN..]), "{text}");
        let (other, rotated) = entry.rotated();
        assert_ne!(other.expose(), secret.expose());
        assert_eq!((rotated.rate, rotated.expires), (entry.rate, entry.expires));
    }

    #[test]
    fn a_change_that_fails_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.toml");
        let failed: Result<(), _> = change(&path, |keys| {
            keys.push(Entry::generate("acme", Role::Partner).1);
            Err(KeysError::Invalid("no".to_owned()))
        });
        assert!(failed.is_err() && !path.exists());
    }

    #[test]
    fn a_wrong_file_is_told_with_its_line_and_without_what_stands_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.toml");
        for (text, wanted) in [
            ("[[key]]\nid = \"a\"\nrole = \"boss\"\n", "line"),
            ("[[key]]\nid = \"a b\"\nrole = \"partner\"\n", "line"),
            ("[[key]\nsecret = \"cxp_SECRETSECRET\"\n", "line 1"),
        ] {
            fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(wanted) && error.contains("keys.toml") && !error.contains("SECRET"), "{error}");
        }
        let (_, entry) = Entry::generate("acme", Role::Partner);
        fs::write(&path, toml::to_string(&Document { key: vec![entry.clone(), entry] }).unwrap()).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("two keys called \"acme\""));
    }

    #[test]
    fn names_are_checked() {
        for id in ["acme", "team-1.prod_eu"] {
            check_id(id).unwrap();
        }
        for id in ["", "default", "a b", "é", &"x".repeat(65)] {
            assert!(check_id(id).is_err(), "{id}");
        }
    }
}
