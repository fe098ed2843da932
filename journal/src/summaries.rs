//! Summaries on disk: one database per UTC day, keyed by request id, which is by time. Values are encrypted by the day's key.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::cipher::{Cipher, DataKey, random};
use crate::database::{self, Closing};
use crate::error::Error;
use crate::event::RequestId;
use crate::filter::{Filter, Sieve};
use crate::shared::Shared;
use crate::summary::Summary;

/// Rows looked at in one go, so that a reader that stalls holds no database open.
const PAGE: usize = 256;

/// How far the time that an id names and that of its summary may be apart: a request is received when its body was read, and
/// clocks are set.
const APART: SignedDuration = SignedDuration::from_mins(5);

/// Length of the nonce that a value begins with.
const NONCE: usize = 12;

/// The summaries of one day.
pub(crate) struct Day {
    path: PathBuf,
    database: Closing<sled::Db>,
    file: File,
    cipher: Cipher,
}

/// The key of a summary, or a bound of some: the bytes of a request id.
type Key = [u8; 16];

/// Summaries, newest first. See [`Reader::summaries`](crate::Reader::summaries).
pub struct Summaries {
    shared: Arc<Shared>,
    wanted: Sieve,
    /// The lowest key that may be wanted.
    from: Key,
    /// Only keys below this one are wanted.
    to: Option<Key>,
    /// Days still to read, the next one last.
    days: Vec<Date>,
    /// Within the day at the end of `days`: read on below this key.
    below: Option<Key>,
    page: vec::IntoIter<Result<Summary, Error>>,
    left: usize,
}

/// Some rows of a day.
struct Page {
    rows: Vec<Result<Summary, Error>>,
    /// Where there may be more, if there may.
    below: Option<Key>,
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

    /// Inserts summaries. Readers see them when this returns.
    pub(crate) fn insert(&self, summaries: &[&Summary]) -> Result<(), Error> {
        let mut batch = sled::Batch::default();
        for summary in summaries {
            // Random nonces: a day has far fewer requests than the 2³² after which that would matter.
            let nonce: [u8; NONCE] = random();
            let mut value = nonce.to_vec();
            serde_json::to_writer(&mut value, summary).expect("a summary is plain data");
            self.cipher.encrypt(nonce, summary.id.as_bytes(), &mut value, NONCE);
            batch.insert(summary.id.as_bytes(), value);
        }
        self.database.apply_batch(batch).map_err(Error::sled("write summaries to", &self.path, None))
    }

    /// Makes what was inserted survive a crash of the process and of the machine.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.database.flush().map_err(Error::sled("flush", &self.path, None))?;
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

    /// Of a page of rows from the key `from` to below `below`, newest first, those that are wanted.
    fn page(&self, wanted: &Sieve, from: Key, below: Option<Key>) -> Page {
        let mut page = Page { rows: Vec::new(), below: None };
        let rows = match below {
            Some(below) if below <= from => return page,
            Some(below) => self.database.range(from..below),
            None => self.database.range(from..),
        };
        for (n, row) in rows.rev().take(PAGE).enumerate() {
            let (key, value) = match row {
                Ok(row) => row,
                // sled cannot go on behind a page it cannot read.
                Err(error) => {
                    page.rows.push(Err(Error::sled("read summaries of", &self.path, None)(error)));
                    return page;
                }
            };
            page.rows.extend(self.read(&key, &value, |json| wanted.parse(json)).transpose());
            if n + 1 == PAGE {
                page.below = key.as_ref().try_into().ok();
            }
        }
        page
    }

    fn summary(&self, key: &[u8], value: &[u8]) -> Result<Summary, Error> {
        self.read(key, value, |json| serde_json::from_slice(json))
    }

    /// Decrypts `value` and parses it by `parse`.
    fn read<T>(
        &self,
        key: &[u8],
        value: &[u8],
        parse: impl FnOnce(&[u8]) -> Result<T, serde_json::Error>,
    ) -> Result<T, Error> {
        let damaged = |what: String| Error::Damaged {
            segment: self.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            block: None,
            what: format!("the summary of request {}: {what}", hex::encode(key)),
        };
        let (nonce, text) = value.split_first_chunk::<NONCE>().ok_or_else(|| damaged("it is too short".to_owned()))?;
        let mut text = text.to_vec();
        let json = self.cipher.decrypt(*nonce, key, &mut text).map_err(|error| damaged(error.to_string()))?;
        parse(json).map_err(|error| damaged(format!("it is none (column {})", error.column())))
    }
}

// === impl Summaries ===

impl Summaries {
    /// All of them, at most `limit`.
    pub(crate) fn new(shared: Arc<Shared>, limit: Option<usize>) -> Result<Self, Error> {
        Self::matching(shared, Filter::default(), limit, None)
    }

    /// Those that `filter` wants, at most `limit`, and below the id `before`.
    pub(crate) fn matching(
        shared: Arc<Shared>,
        filter: Filter,
        limit: Option<usize>,
        before: Option<RequestId>,
    ) -> Result<Self, Error> {
        let since = filter.since.map(|since| since.saturating_sub(APART).unwrap_or(Timestamp::MIN));
        let until = filter.until.map(|until| until.saturating_add(APART).unwrap_or(Timestamp::MAX));
        let (oldest, newest) = (since.map(utc_day), until.map(utc_day));
        let mut days = shared.days()?;
        days.retain(|day| oldest.is_none_or(|oldest| oldest <= *day) && newest.is_none_or(|newest| *day <= newest));
        if let Some(last) = before.and_then(|id| id.time()).map(utc_day) {
            days.retain(|day| *day <= last);
        }
        let to = [before.map(|id| *id.as_bytes()), until.map(first_key)].into_iter().flatten().min();
        let from = since.map_or([0; 16], first_key);
        let left = limit.unwrap_or(usize::MAX);
        Ok(Self { shared, wanted: Sieve::new(filter), from, to, days, below: None, page: Vec::new().into_iter(), left })
    }

    /// Reads the next page of the day `date`.
    fn load_page(&mut self, date: Date) -> Result<(), Error> {
        let below = self.below.take();
        let Some(day) = self.shared.day(date)? else { return Ok(()) };
        let page = day.page(&self.wanted, self.from, below.or(self.to));
        self.page = page.rows.into_iter();
        self.below = page.below;
        Ok(())
    }
}

impl Iterator for Summaries {
    type Item = Result<Summary, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            if let Some(row) = self.page.next() {
                self.left -= usize::from(row.is_ok());
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
        None
    }
}

fn utc_day(time: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(time).date()
}

/// The lowest id of the millisecond of `time`.
fn first_key(time: Timestamp) -> Key {
    let millis = u64::try_from(time.as_millisecond()).unwrap_or(0);
    let mut key = [0; 16];
    key[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    key
}
