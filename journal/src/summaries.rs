//! Summaries on disk: one database per UTC day, keyed by request id, which is by time. Values are encrypted by the day's key.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use jiff::civil::Date;

use crate::cipher::{Cipher, DataKey, random};
use crate::database;
use crate::error::Error;
use crate::event::RequestId;
use crate::shared::Shared;
use crate::summary::Summary;

/// Rows read at once, so that a reader that stalls holds no database open.
const PAGE: usize = 256;

/// Length of the nonce that a value begins with.
const NONCE: usize = 12;

/// The summaries of one day.
pub(crate) struct Day {
    path: PathBuf,
    database: sled::Db,
    file: File,
    cipher: Cipher,
}

/// Summaries, newest first. See [`Reader::summaries`](crate::Reader::summaries).
pub struct Summaries {
    shared: Arc<Shared>,
    /// Days still to read, the next one last.
    days: Vec<Date>,
    /// Within the day at the end of `days`: read on below this key.
    below: Option<Vec<u8>>,
    page: vec::IntoIter<Result<Summary, Error>>,
    left: usize,
}

// === impl Day ===

impl Day {
    pub(crate) fn open(path: &Path, key: &DataKey) -> Result<Self, Error> {
        let database = database::open(path)?;
        let db_file = path.join("db");
        let file = File::open(&db_file).map_err(Error::io("open", &db_file))?;
        Ok(Self { path: path.to_owned(), database, file, cipher: key.cipher("summaries", &[0; 32]) })
    }

    pub(crate) fn contains(&self, id: RequestId) -> Result<bool, Error> {
        self.database.contains_key(id.as_bytes()).map_err(Error::sled("look into", &self.path, None))
    }

    pub(crate) fn get(&self, id: RequestId) -> Result<Option<Summary>, Error> {
        let value = self.database.get(id.as_bytes()).map_err(Error::sled("look into", &self.path, None))?;
        value.map(|value| self.summary(id.as_bytes(), &value)).transpose()
    }

    pub(crate) fn insert(&self, summary: &Summary) -> Result<(), Error> {
        // Random nonces: a day has far fewer requests than the 2³² after which that would matter.
        let nonce: [u8; NONCE] = random();
        let mut value = nonce.to_vec();
        serde_json::to_writer(&mut value, summary).expect("a summary is plain data");
        self.cipher.encrypt(nonce, summary.id.as_bytes(), &mut value, NONCE);
        let inserted = self.database.insert(summary.id.as_bytes(), value);
        inserted.map(drop).map_err(Error::sled("write a summary to", &self.path, None))
    }

    /// Makes what was inserted survive a crash of the process.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        self.database.flush().map(drop).map_err(Error::sled("flush", &self.path, None))
    }

    /// Makes what was flushed survive a crash of the machine.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(Error::io("sync", &self.path))
    }

    /// Copies the rows, encrypted as they are, into a new database at `path`.
    pub(crate) fn copy_to(&self, path: &Path) -> Result<(), Error> {
        let copy = database::open(path)?;
        for row in self.database.iter() {
            let (key, value) = row.map_err(Error::sled("read summaries of", &self.path, None))?;
            copy.insert(key, value).map_err(Error::sled("copy summaries to", path, None))?;
        }
        copy.flush().map_err(Error::sled("flush", path, None))?;
        let file = path.join("db");
        File::open(&file).and_then(|file| file.sync_data()).map_err(Error::io("sync", &file))
    }

    /// Up to a page of rows below the key `below`, newest first, and the key to go on below, if there may be more.
    fn page(&self, below: Option<Vec<u8>>) -> (Vec<Result<Summary, Error>>, Option<Vec<u8>>) {
        let rows = match below {
            Some(key) => self.database.range(..key),
            None => self.database.iter(),
        };
        let mut page = Vec::with_capacity(PAGE);
        for row in rows.rev().take(PAGE) {
            let (key, value) = match row {
                Ok(row) => row,
                // sled cannot go on behind a page it cannot read.
                Err(error) => {
                    page.push(Err(Error::sled("read summaries of", &self.path, None)(error)));
                    return (page, None);
                }
            };
            page.push(self.summary(&key, &value));
            if page.len() == PAGE {
                return (page, Some(key.to_vec()));
            }
        }
        (page, None)
    }

    fn summary(&self, key: &[u8], value: &[u8]) -> Result<Summary, Error> {
        let damaged = |what: String| Error::Damaged {
            segment: self.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            block: None,
            what: format!("the summary of request {}: {what}", hex::encode(key)),
        };
        let (nonce, text) = value.split_first_chunk::<NONCE>().ok_or_else(|| damaged("it is too short".to_owned()))?;
        let mut text = text.to_vec();
        let json = self.cipher.decrypt(*nonce, key, &mut text).map_err(|error| damaged(error.to_string()))?;
        serde_json::from_slice(json).map_err(|error| damaged(format!("it is none (column {})", error.column())))
    }
}

// === impl Summaries ===

impl Summaries {
    pub(crate) fn new(shared: Arc<Shared>, limit: Option<usize>) -> Result<Self, Error> {
        let days = shared.days()?;
        let left = limit.unwrap_or(usize::MAX);
        Ok(Self { shared, days, below: None, page: Vec::new().into_iter(), left })
    }

    fn load_page(&mut self, date: Date) -> Result<(), Error> {
        let Some(day) = self.shared.day(date)? else { return Ok(()) };
        let (page, below) = day.page(self.below.take());
        self.page = page.into_iter();
        self.below = below;
        Ok(())
    }
}

impl Iterator for Summaries {
    type Item = Result<Summary, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        loop {
            if let Some(row) = self.page.next() {
                self.left -= 1;
                return Some(row);
            }
            let date = *self.days.last()?;
            let loaded = self.load_page(date);
            if self.below.is_none() {
                self.days.pop();
            }
            if let Err(error) = loaded {
                return Some(Err(error));
            }
        }
    }
}
