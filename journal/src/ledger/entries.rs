//! Reading the ledger.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;

/// One entry of the ledger.
#[derive(Debug, Clone)]
pub struct LedgerEntry {
    /// Its number: 1, 2, 3, … without a gap.
    pub n: u64,
    /// When it was made.
    pub at: Timestamp,
    /// SHA-256 of the entry before it, in hex; zeros for the first.
    pub prev: String,
    /// What happened, such as `segment.sealed`.
    pub kind: String,
    /// The entry as it stands in the file: what is signed, and what the next entry's `prev` is the digest of.
    pub text: String,
    /// The signature, in hex.
    pub signature: String,
}

/// Entries of the ledger in order. What is no entry is an error, and the iterator goes on after it.
pub struct LedgerEntries {
    dir: PathBuf,
    /// Files still to read, the next one last.
    months: Vec<String>,
    lines: Option<(String, BufReader<File>)>,
    /// How entries of a type that is not wanted look.
    unwanted: Option<String>,
}

/// The fields of an entry.
#[derive(Deserialize)]
struct Fields<'a> {
    n: u64,
    at: Timestamp,
    prev: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

// === impl LedgerEntry ===

impl LedgerEntry {
    /// Reads a line without its line end.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (text, signature) = line.split_once('\t')?;
        let Fields { n, at, prev, kind, data: _ } = serde_json::from_str(text).ok()?;
        Some(Self { n, at, prev, kind, text: text.to_owned(), signature: signature.to_owned() })
    }

    /// Its data.
    pub(crate) fn data<'a, T: Deserialize<'a>>(&'a self) -> Option<T> {
        let fields: Fields<'a> = serde_json::from_str(&self.text).ok()?;
        serde_json::from_str(fields.data.get()).ok()
    }
}

// === impl LedgerEntries ===

impl LedgerEntries {
    pub(crate) fn open(journal: &Path) -> Result<Self, Error> {
        let dir = journal.join(super::DIR);
        let mut months = super::months(&dir)?;
        months.reverse();
        Ok(Self { dir, months, lines: None, unwanted: None })
    }

    /// The same without the entries of one type, which are not even parsed.
    pub(crate) fn without(journal: &Path, kind: &str) -> Result<Self, Error> {
        let unwanted = Some(format!(r#","type":"{kind}","data":"#));
        Ok(Self { unwanted, ..Self::open(journal)? })
    }

    fn next_line(&mut self) -> Result<Option<(String, String)>, Error> {
        loop {
            let Some((month, reader)) = &mut self.lines else {
                let Some(month) = self.months.pop() else { return Ok(None) };
                let path = self.dir.join(&month);
                let file = File::open(&path).map_err(Error::io("read", &path))?;
                self.lines = Some((month, BufReader::new(file)));
                continue;
            };
            let mut line = Vec::new();
            let read = reader.read_until(b'\n', &mut line);
            let path = || self.dir.join(&*month);
            read.map_err(|error| Error::io("read", &path())(error))?;
            // A line without an end is being written this moment, or is what a crash left of one.
            if line.pop() != Some(b'\n') {
                self.lines = None;
                continue;
            }
            let month = month.clone();
            // What is no text is no entry either.
            let line = String::from_utf8_lossy(&line).into_owned();
            if self.unwanted.as_ref().is_none_or(|unwanted| !line.contains(unwanted)) {
                return Ok(Some((month, line)));
            }
        }
    }
}

impl Iterator for LedgerEntries {
    type Item = Result<LedgerEntry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (month, line) = match self.next_line() {
            Ok(line) => line?,
            Err(error) => {
                self.lines = None;
                return Some(Err(error));
            }
        };
        let entry = LedgerEntry::parse(&line).ok_or_else(|| Error::Damaged {
            segment: month,
            block: None,
            what: "a line of the ledger is no entry".to_owned(),
        });
        Some(entry)
    }
}
