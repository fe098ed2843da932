//! The master key: the one secret from which the whole journal hangs.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Secret;
use crate::cipher::{Cipher, KEY_LEN, random};
use crate::error::Error;

/// The master key's file when nobody names another.
const DEFAULT: &str = "master.key";

/// Where the master key is to be found.
pub(crate) struct Place {
    path: PathBuf,
    journal: PathBuf,
    beside_the_keys: bool,
}

/// Wraps all other keys.
pub(crate) struct MasterKey {
    path: PathBuf,
    id: String,
    secret: Secret,
}

/// The master key cannot be used. Nothing was touched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There are keys and no master key.
    #[error(
        "the journal {} is encrypted under the master key {needed}, and there is no key file {}; put that file back, or name \
         it with PROXY_JOURNAL_KEY_FILE (journal.key_file)",
        journal.display(), path.display()
    )]
    Missing {
        /// The journal.
        journal: PathBuf,
        /// Where the key file was looked for.
        path: PathBuf,
        /// The id of the master key that is needed.
        needed: String,
    },
    /// The key file holds another master key.
    #[error(
        "the key file {} holds the master key {found}, and what is in the journal is encrypted under {needed}; name the file \
         with that key with PROXY_JOURNAL_KEY_FILE (journal.key_file)",
        path.display()
    )]
    Wrong {
        /// The key file.
        path: PathBuf,
        /// The id of the key in it.
        found: String,
        /// The id of the key that is needed.
        needed: String,
    },
    /// There is a journal, and none of its keys.
    #[error(
        "the keys of the journal are gone from {}: nothing of it can be read without them; put that folder back, or move the \
         journal away to begin a new one",
        dir.display()
    )]
    Lost {
        /// The folder of the keys.
        dir: PathBuf,
    },
    /// The key file holds no key.
    #[error(
        "the key file {} is no master key: it should hold 64 hexadecimal digits and nothing else; put the right file back, or \
         name it with PROXY_JOURNAL_KEY_FILE (journal.key_file)",
        path.display()
    )]
    Malformed {
        /// The key file.
        path: PathBuf,
    },
}

// === impl Place ===

impl Place {
    /// For the journal in `journal` with its keys in `keys`: `key_file`, or a file among the keys.
    pub(super) fn new(journal: &Path, keys: &Path, key_file: Option<&Path>) -> Self {
        let path = key_file.map_or_else(|| keys.join(DEFAULT), Path::to_owned);
        let beside_the_keys = path.parent() == Some(keys);
        Self { path, journal: journal.to_owned(), beside_the_keys }
    }
}

// === impl MasterKey ===

impl MasterKey {
    /// The key with the id `needed`.
    pub(super) fn load(place: &Place, needed: &str) -> Result<Self, Error> {
        let Some(key) = Self::read(place)? else {
            let (journal, path) = (place.journal.clone(), place.path.clone());
            return Err(KeyError::Missing { journal, path, needed: needed.to_owned() }.into());
        };
        if key.id != needed {
            return Err(KeyError::Wrong { path: key.path, found: key.id, needed: needed.to_owned() }.into());
        }
        Ok(key)
    }

    /// The key in the file, or a new one for which the file is made.
    pub(super) fn load_or_make(place: &Place) -> Result<Self, Error> {
        if let Some(key) = Self::read(place)? {
            return Ok(key);
        }
        let key = Self::new(&place.path, Zeroizing::new(random()));
        key.write().map_err(Error::io("make the master key", &place.path))?;
        tracing::warn!(
            kind = "journal", path = %place.path.display(), key = key.id,
            "a master key for the journal was made; without it nothing in the journal can be read, so keep a copy of it"
        );
        Ok(key)
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn cipher(&self) -> Cipher {
        Cipher::new(&self.secret)
    }

    /// Says so if the key lies where it is of little use.
    pub(super) fn warn_of_its_place(&self, place: &Place) {
        if place.beside_the_keys {
            tracing::warn!(
                kind = "journal", path = %self.path.display(),
                "the journal's master key lies beside the keys it protects: whoever copies the state folder can read the \
                 journal; keep it elsewhere and name it with PROXY_JOURNAL_KEY_FILE"
            );
        }
    }

    fn new(path: &Path, secret: Secret) -> Self {
        let digest = blake3::derive_key("codex-completions-api journal master key id", &*secret);
        Self { path: path.to_owned(), id: hex::encode(&digest[..8]), secret }
    }

    fn read(place: &Place) -> Result<Option<Self>, Error> {
        let path = &place.path;
        let text = match fs::read(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read the master key", path)(error)),
        };
        let mut secret = Zeroizing::new([0; KEY_LEN]);
        hex::decode_to_slice(text.trim_ascii(), &mut *secret)
            .map_err(|_| KeyError::Malformed { path: path.clone() })?;
        let mode = fs::metadata(path).map_err(Error::io("read the master key", path))?.mode();
        if mode & 0o077 != 0 {
            tracing::warn!(
                kind = "journal", path = %path.display(), mode = format!("{:o}", mode & 0o777),
                "other users may read the journal's master key; close it with chmod 600"
            );
        }
        Ok(Some(Self::new(path, secret)))
    }

    /// The file appears whole or not at all, and never in place of another.
    fn write(&self) -> std::io::Result<()> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let draft = self.path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        let text = Zeroizing::new(hex::encode(*self.secret) + "\n");
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::hard_link(&draft, &self.path)?;
        fs::remove_file(&draft)?;
        File::open(folder)?.sync_all()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("id", &self.id).finish_non_exhaustive()
    }
}
