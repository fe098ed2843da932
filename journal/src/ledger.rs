//! The ledger: what an auditor needs when the segments are gone. It holds no content.
//!
//! A text file for each UTC month, `ledger/2026-11.ledger`, one entry a line:
//!
//! ```text
//! {"n":17,"at":"…","prev":"<SHA-256 of entry 16>","type":"segment.sealed","data":{…}} TAB <signature> LF
//! ```
//!
//! The digest and the Ed25519 signature are over the bytes before the tab, so `sha256sum` and `openssl` can check them. Types
//! and data are those of the events with the same names. A database would do less: what is removed from one stays in its
//! files, and sled cuts off what follows a damaged place without a word.

mod check;
mod entries;
mod signer;
mod state;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::value::RawValue;

pub(crate) use self::check::check;
pub use self::entries::{LedgerEntries, LedgerEntry};
use self::signer::Signer;
pub(crate) use self::signer::{NAME as SIGNING_KEY, is_signed, pem};
pub(crate) use self::state::LedgerState;
use crate::error::Error;
use crate::keys::Keys;

/// The folder of the ledger in a journal.
pub(crate) const DIR: &str = "ledger";

const EXTENSION: &str = ".ledger";

/// Where the ledger ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerHead {
    /// The number of the last entry.
    pub n: u64,
    /// Its SHA-256, in hex.
    pub hash: String,
    /// When it was made.
    pub at: Timestamp,
}

/// The ledger, to write to it.
pub(crate) struct Ledger {
    dir: PathBuf,
    signer: Signer,
    /// The month written to.
    month: Option<Month>,
    head: Option<LedgerHead>,
    state: LedgerState,
}

/// A file of the ledger.
struct Month {
    name: String,
    file: File,
    /// Bytes of whole entries. What a failed write may have left behind them is cut off by the next.
    len: u64,
}

/// The ledger as it was at one moment.
pub(crate) struct Snapshot {
    /// Files, each with its length in bytes of whole entries.
    pub(crate) files: Vec<(String, u64)>,
    /// The number of the last entry.
    pub(crate) last_entry: u64,
}

/// What goes into the ledger next.
pub(crate) struct Record<'a> {
    pub(crate) at: Timestamp,
    pub(crate) kind: &'a str,
    /// A JSON document of one line.
    pub(crate) data: &'a str,
}

/// Data of `ledger.opened`, the first entry.
#[derive(Serialize)]
struct Opened<'a> {
    version: &'a str,
    public_key: String,
}

// === impl Ledger ===

impl Ledger {
    /// Opens the ledger of the journal in `journal`, or begins it. A line that a crash left unfinished is cut off.
    pub(crate) fn open(journal: &Path, keys: &Keys, now: Timestamp) -> Result<Self, Error> {
        let dir = journal.join(DIR);
        let is_new = months(&dir)?.is_empty();
        let signer = if is_new { Signer::load_or_make(keys, &dir)? } else { Signer::load(keys, &dir)? };
        let state = LedgerState::load(journal)?;
        let mut ledger = Self { dir, signer, month: None, head: None, state };
        ledger.find_end()?;
        if ledger.head.is_none() {
            let opened =
                Opened { version: env!("CARGO_PKG_VERSION"), public_key: hex::encode(ledger.signer.public_key()) };
            let data = serde_json::to_string(&opened).expect("strings serialise");
            ledger.append(&[Record { at: now, kind: "ledger.opened", data: &data }])?;
        }
        Ok(ledger)
    }

    /// The last entry, of which there always is one.
    pub(crate) fn head(&self) -> &LedgerHead {
        self.head.as_ref().expect("opening sees to it that there is an entry")
    }

    /// What its entries add up to.
    pub(crate) fn state(&self) -> &LedgerState {
        &self.state
    }

    /// The key that its signatures are checked with.
    pub(crate) fn public_key(&self) -> &[u8; 32] {
        self.signer.public_key()
    }

    /// Adds entries. Once this returns, they survive a crash of the machine; on an error none of them was added.
    pub(crate) fn append(&mut self, records: &[Record<'_>]) -> Result<(), Error> {
        let Some(last) = records.last() else { return Ok(()) };
        self.open_month(last.at)?;
        let (mut text, mut head) = (String::new(), self.head.clone());
        for record in records {
            let entry = entry(head.as_ref(), record);
            text.push_str(&entry);
            text.push('\t');
            text.push_str(&hex::encode(self.signer.sign(entry.as_bytes())));
            text.push('\n');
            let n = head.map_or(1, |head| head.n + 1);
            head = Some(LedgerHead { n, hash: hash(entry.as_bytes()), at: record.at });
        }
        let month = self.month.as_mut().expect("it was just opened");
        let write = || {
            month.file.set_len(month.len)?;
            month.file.write_all_at(text.as_bytes(), month.len)?;
            month.file.sync_data()
        };
        if let Err(error) = write() {
            // If this fails too, the next write does it.
            let _ = month.file.set_len(month.len);
            return Err(Error::io("write to the ledger", &self.dir.join(&month.name))(error));
        }
        month.len += text.len() as u64;
        self.head = head;
        for record in records {
            self.state.apply(record.at, record.kind, record.data);
        }
        Ok(())
    }

    /// The months that were over before `cut`, but for the newest, each with its last entry.
    pub(crate) fn due_before(&self, cut: Timestamp) -> Result<Vec<(String, LedgerHead)>, Error> {
        let mut months = months(&self.dir)?;
        months.pop();
        let first_kept = month_of(cut);
        months.retain(|month| **month < *first_kept);
        let due = months.into_iter().map(|name| {
            let (_, head) = last_entry(&self.dir.join(&name))?;
            Ok(head.map(|head| (name.trim_end_matches(EXTENSION).to_owned(), head)))
        });
        due.filter_map(Result::transpose).collect()
    }

    /// Removes a month, of which an entry must tell.
    pub(crate) fn remove(&self, month: &str) -> Result<(), Error> {
        let path = self.dir.join(format!("{month}{EXTENSION}"));
        fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", &self.dir))
    }

    fn find_end(&mut self) -> Result<(), Error> {
        for name in months(&self.dir)?.into_iter().rev() {
            let path = self.dir.join(&name);
            let (len, head) = last_entry(&path)?;
            let file = OpenOptions::new().write(true).open(&path).map_err(Error::io("open", &path))?;
            if file.metadata().map_err(Error::io("measure", &path))?.len() > len {
                tracing::warn!(path = %path.display(), "the ledger ended with a part of an entry, which is cut off");
                file.set_len(len).map_err(Error::io("cut the end of", &path))?;
            }
            self.month.get_or_insert(Month { name, file, len });
            if head.is_some() {
                self.head = head;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Opens the file for entries of the time `at`. After a clock was set back, it stays the one that is open.
    fn open_month(&mut self, at: Timestamp) -> Result<(), Error> {
        let name = month_of(at);
        if self.month.as_ref().is_some_and(|month| month.name >= name) {
            return Ok(());
        }
        let path = self.dir.join(&name);
        let open = || {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
            let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
            File::open(&self.dir)?.sync_all()?;
            Ok(file)
        };
        let file = open().map_err(Error::io("begin", &path))?;
        self.month = Some(Month { name, file, len: 0 });
        Ok(())
    }
}

/// The present end of the ledger of the journal in `journal`.
pub(crate) fn snapshot(journal: &Path) -> Result<Snapshot, Error> {
    let dir = journal.join(DIR);
    let mut snapshot = Snapshot { files: Vec::new(), last_entry: 0 };
    for name in months(&dir)? {
        let (len, head) = last_entry(&dir.join(&name))?;
        snapshot.last_entry = head.map_or(snapshot.last_entry, |head| head.n);
        snapshot.files.push((name, len));
    }
    Ok(snapshot)
}

/// The entry that follows `head`.
fn entry(head: Option<&LedgerHead>, record: &Record<'_>) -> String {
    #[derive(Serialize)]
    struct Entry<'a> {
        n: u64,
        at: Timestamp,
        prev: &'a str,
        r#type: &'a str,
        data: &'a RawValue,
    }
    let none = "0".repeat(64);
    let entry = Entry {
        n: head.map_or(1, |head| head.n + 1),
        at: record.at,
        prev: head.map_or(&none, |head| &head.hash),
        r#type: record.kind,
        data: serde_json::from_str(record.data).expect("data of an event is a JSON document"),
    };
    serde_json::to_string(&entry).expect("numbers and strings serialise")
}

pub(crate) fn hash(entry: &[u8]) -> String {
    hex::encode(digest(&SHA256, entry))
}

fn month_of(at: Timestamp) -> String {
    format!("{}{EXTENSION}", TimeZone::UTC.to_datetime(at).strftime("%Y-%m"))
}

/// Names of the files, oldest first.
fn months(dir: &Path) -> Result<Vec<String>, Error> {
    let list = || {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let mut names: Vec<String> = names.collect::<std::io::Result<_>>()?;
        names.retain(|name| name.ends_with(EXTENSION));
        names.sort_unstable();
        Ok(names)
    };
    list().map_err(Error::io("list", dir))
}

/// How many bytes of whole lines the file has, and its last entry, if there is one and it can be read.
fn last_entry(path: &Path) -> Result<(u64, Option<LedgerHead>), Error> {
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let Some(end) = memchr::memrchr(b'\n', &bytes) else { return Ok((0, None)) };
    let begin = memchr::memrchr(b'\n', &bytes[..end]).map_or(0, |at| at + 1);
    let damaged = || Error::Damaged {
        segment: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        block: None,
        what: "the last entry of the ledger is none".to_owned(),
    };
    let line = std::str::from_utf8(&bytes[begin..end]).map_err(|_| damaged())?;
    let entry = LedgerEntry::parse(line).ok_or_else(damaged)?;
    Ok((end as u64 + 1, Some(LedgerHead { n: entry.n, hash: hash(entry.text.as_bytes()), at: entry.at })))
}

#[cfg(test)]
mod tests;
