//! Summaries on disk: one database per UTC day, keyed by request id, which is by time.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use jiff::civil::Date;

use crate::database;
use crate::error::Error;
use crate::event::RequestId;
use crate::shared::Shared;
use crate::summary::Summary;

/// Rows read at once, so that a reader that stalls holds no database open.
const PAGE: usize = 256;

/// The summaries of one day.
pub(crate) struct Day {
    path: PathBuf,
    database: sled::Db,
    file: File,
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
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let database = database::open(path)?;
        let db_file = path.join("db");
        let file = File::open(&db_file).map_err(Error::io("open", &db_file))?;
        Ok(Self { path: path.to_owned(), database, file })
    }

    pub(crate) fn contains(&self, id: RequestId) -> Result<bool, Error> {
        self.database.contains_key(id.as_bytes()).map_err(Error::sled("look into", &self.path, None))
    }

    pub(crate) fn insert(&self, summary: &Summary) -> Result<(), Error> {
        let json = serde_json::to_vec(summary).expect("a summary is plain data");
        let inserted = self.database.insert(summary.id.as_bytes(), json);
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
            page.push(serde_json::from_slice(&value).map_err(|error| self.damaged(&key, &error)));
            if page.len() == PAGE {
                return (page, Some(key.to_vec()));
            }
        }
        (page, None)
    }

    fn damaged(&self, key: &[u8], error: &serde_json::Error) -> Error {
        Error::Damaged {
            segment: self.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            block: None,
            what: format!("the value of key {key:02x?} is no summary (column {})", error.column()),
        }
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
