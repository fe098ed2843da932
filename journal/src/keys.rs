//! Keys on disk: one file each, wrapped by the master key, so that destroying the file destroys what it encrypts.
//!
//! A key is never an entry of a database, because what is removed from one stays in its files.

mod master;
mod wrapped;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use zeroize::Zeroizing;

pub use self::master::KeyError;
pub(crate) use self::master::{MasterKey, Place};
use self::wrapped::Wrapped;
use crate::cipher::{DataKey, KEY_LEN};
use crate::error::Error;
use crate::event::{Draft, EventBody};
use crate::format;
use crate::lock::LockFile;
use crate::scrub::NoScrub;
use crate::writer::{Journal, Options};

/// The folder of the keys in a journal.
const DIR: &str = "keys";

/// A journal with this folder has had keys.
const LEDGER: &str = "ledger";

/// What a key is for. Each kind has a folder of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The events of a segment.
    Segment,
    /// What of a segment is held beyond its time.
    Hold,
    /// The summaries of a day.
    Summaries,
    /// The pseudonyms of a day. It encrypts nothing.
    Pseudonyms,
    /// The private half of the key that signs the ledger.
    Ledger,
}

/// The keys of one journal.
#[derive(Debug)]
pub(crate) struct Keys {
    dir: PathBuf,
    master: MasterKey,
}

// === impl Kind ===

impl Kind {
    const ALL: [Self; 5] = [Self::Segment, Self::Hold, Self::Summaries, Self::Pseudonyms, Self::Ledger];

    fn folder(self) -> &'static str {
        match self {
            Self::Segment => "segments",
            Self::Hold => "holds",
            Self::Summaries => "summaries",
            Self::Pseudonyms => "pseudonyms",
            Self::Ledger => "ledger",
        }
    }
}

// === impl Keys ===

impl Keys {
    /// The keys of the journal in `journal`, whose master key is in the file `place` says. It is made if the journal has no keys
    /// yet. Otherwise it must be the one that wrapped them; nothing is touched if it is not.
    pub(crate) fn open(journal: &Path, key_file: Option<&Path>) -> Result<Self, Error> {
        let dir = journal.join(DIR);
        let needed = master_in_use(&dir)?;
        let place = Place::new(journal, &dir, key_file);
        let master = match needed {
            Some(needed) => MasterKey::load(&place, &needed)?,
            None if journal.join(LEDGER).exists() => return Err(KeyError::Lost { dir }.into()),
            None => MasterKey::load_or_make(&place)?,
        };
        master.warn_of_its_place(&place);
        Ok(Self { dir, master })
    }

    /// The folder they lie in.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The master key's name: it tells nothing of the key.
    pub(crate) fn master_id(&self) -> &str {
        self.master.id()
    }

    /// Makes the key of `name`. Once this returns, it survives a crash of the machine.
    pub(crate) fn create(&self, kind: Kind, name: &str) -> Result<DataKey, Error> {
        let key = DataKey::generate();
        self.store(kind, name, &key)?;
        Ok(key)
    }

    /// The key of `name`; `None` if there is none, because it was destroyed.
    pub(crate) fn load(&self, kind: Kind, name: &str) -> Result<Option<DataKey>, Error> {
        let path = self.path(kind, name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(damaged(&path, "it is no text")),
            Err(error) => return Err(Error::io("read the key", &path)(error)),
        };
        let wrapped =
            Wrapped::parse(&text).ok_or_else(|| damaged(&path, "it should be one line with a wrapped key"))?;
        if wrapped.master != self.master.id() {
            let (needed, path) = (wrapped.master, self.master.path().to_owned());
            return Err(KeyError::Wrong { path, found: self.master.id().to_owned(), needed }.into());
        }
        let bytes =
            wrapped.unwrap(&self.master, &aad(kind, name)).map_err(|error| damaged(&path, &error.to_string()))?;
        Ok(Some(DataKey::from_bytes(bytes)))
    }

    /// Destroys the keys of `names`: once this returns, what they encrypted cannot be read any more. Content with keys that
    /// are gone already.
    pub(crate) fn destroy<'a>(&self, kind: Kind, names: impl IntoIterator<Item = &'a str>) -> Result<(), Error> {
        let folder = self.dir.join(kind.folder());
        let mut destroyed = false;
        for name in names {
            let path = self.path(kind, name);
            match erase(&path) {
                Ok(()) => destroyed = true,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("destroy the key", &path)(error)),
            }
        }
        if destroyed { sync(&folder) } else { Ok(()) }
    }

    /// Gives the journal in `target` the key of `name` too, if it was not destroyed.
    pub(crate) fn copy(&self, kind: Kind, name: &str, target: &Path) -> Result<(), Error> {
        let Some(key) = self.load(kind, name)? else { return Ok(()) };
        self.store_in(&target.join(DIR), kind, name, &key)
    }

    /// Names of the keys of one kind that exist.
    pub(crate) fn names(&self, kind: Kind) -> Result<Vec<String>, Error> {
        names(&self.dir.join(kind.folder()))
    }

    /// Wraps every key anew, by the master key in `new_file`, which is made if it is not there. Interrupted, it can be run
    /// again. Returns the new master key's id and how many keys were wrapped.
    pub(crate) fn rewrap(&mut self, journal: &Path, new_file: &Path) -> Result<(String, usize), Error> {
        let new = MasterKey::load_or_make(&Place::new(journal, &self.dir, Some(new_file)))?;
        let mut count = 0;
        for kind in Kind::ALL {
            for name in self.names(kind)? {
                let path = self.path(kind, &name);
                let text = fs::read_to_string(&path).map_err(Error::io("read the key", &path))?;
                if Wrapped::parse(&text).is_some_and(|wrapped| wrapped.master == new.id()) {
                    continue;
                }
                let Some(key) = self.load(kind, &name)? else { continue };
                store(&path, &Wrapped::wrap(&new, &aad(kind, &name), key.as_bytes()))?;
                count += 1;
            }
        }
        self.master = new;
        Ok((self.master.id().to_owned(), count))
    }

    /// Keeps `key` as that of `name`, in place of one there may be.
    pub(crate) fn store(&self, kind: Kind, name: &str, key: &DataKey) -> Result<(), Error> {
        self.store_in(&self.dir, kind, name, key)
    }

    fn store_in(&self, dir: &Path, kind: Kind, name: &str, key: &DataKey) -> Result<(), Error> {
        let path = path(dir, kind, name);
        let folder = dir.join(kind.folder());
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(Error::io("create", &folder))?;
        store(&path, &Wrapped::wrap(&self.master, &aad(kind, name), key.as_bytes()))
    }

    /// Where the key of `name` lies.
    pub(crate) fn path(&self, kind: Kind, name: &str) -> PathBuf {
        path(&self.dir, kind, name)
    }
}

const EXTENSION: &str = ".key";

/// Wraps the keys of the journal in `dir` anew, by the master key in `new_file`, which is made if it is not there, and records that
/// `actor` did so. The one in `old_file` is of no use for the journal afterwards; for backups made before, it is. Interrupted,
/// it can be run again. Returns the new master key's id and how many keys were wrapped.
///
/// Fails with [`Error::Locked`] while a service or another tool has the journal open.
pub fn rekey(dir: &Path, old_file: Option<&Path>, new_file: &Path, actor: &str) -> Result<(String, usize), Error> {
    if !format::check(dir)? {
        return Err(Error::NotFound { path: dir.to_owned() });
    }
    let lock = LockFile::acquire(dir)?;
    let mut keys = Keys::open(dir, old_file)?;
    let from = keys.master_id().to_owned();
    let (to, count) = keys.rewrap(dir, new_file)?;
    drop(lock);
    if count > 0 {
        let options = Options { create: false, key_file: Some(new_file.to_owned()), ..Options::default() };
        let mut journal = Journal::open(dir, options, Arc::new(NoScrub))?;
        let body = EventBody::KeyRotated { from, to: to.clone(), keys: count, actor: actor.to_owned() };
        journal.append(&Draft { at: Timestamp::now(), request: None, body })?;
        journal.close()?;
    }
    Ok((to, count))
}

fn path(dir: &Path, kind: Kind, name: &str) -> PathBuf {
    dir.join(kind.folder()).join(format!("{name}{EXTENSION}"))
}

/// What binds a wrapped key to its place.
fn aad(kind: Kind, name: &str) -> Vec<u8> {
    format!("{}/{name}", kind.folder()).into_bytes()
}

/// The id of the master key that wrapped the keys in `dir`. While keys are wrapped anew there are two; the ledger's is wrapped
/// last and tells which one is still needed.
fn master_in_use(dir: &Path) -> Result<Option<String>, Error> {
    for kind in [Kind::Ledger, Kind::Segment, Kind::Hold, Kind::Summaries, Kind::Pseudonyms] {
        let folder = dir.join(kind.folder());
        for name in names(&folder)? {
            let path = path(dir, kind, &name);
            let text = fs::read_to_string(&path).map_err(Error::io("read the key", &path))?;
            if let Some(wrapped) = Wrapped::parse(&text) {
                return Ok(Some(wrapped.master));
            }
            // Of a damaged one the next may tell.
        }
    }
    Ok(None)
}

fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let list = || {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let mut names: Vec<String> = names.collect::<std::io::Result<_>>()?;
        names.retain_mut(|name| name.strip_suffix(EXTENSION).map(str::len).map(|len| name.truncate(len)).is_some());
        names.sort_unstable();
        Ok(names)
    };
    list().map_err(Error::io("list", folder))
}

/// Writes a wrapped key; it appears whole or not at all.
fn store(path: &Path, wrapped: &Wrapped) -> Result<(), Error> {
    let draft = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(wrapped.to_string().as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().map_err(Error::io("write the key", path))?;
    path.parent().map_or(Ok(()), sync)
}

/// Overwrites the file before its name goes: on a disk that writes in place nothing is left to be found.
fn erase(path: &Path) -> std::io::Result<()> {
    let length = fs::metadata(path)?.len();
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(&vec![0; usize::try_from(length).unwrap_or(KEY_LEN)])?;
    file.sync_data()?;
    fs::remove_file(path)
}

fn sync(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
}

fn damaged(path: &Path, what: &str) -> Error {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Error::Damaged { segment: name, block: None, what: format!("its key file {} is damaged: {what}", path.display()) }
}

/// The bytes of a key in memory.
type Secret = Zeroizing<[u8; KEY_LEN]>;

#[cfg(test)]
mod tests;
