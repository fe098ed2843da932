//! The keys that pseudonyms are made with: one for the requests of a UTC day.
//!
//! A request is of the day on which it was received, which its id names; an event of no request is of its own. So what belongs to one
//! request has one key, also across midnight. Keys go with the content of their day: then nobody can tell any more which of the
//! tokens that are left elsewhere stand for the same secret.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cipher::{DataKey, KEY_LEN};
use crate::error::Error;
use crate::event::Draft;
use crate::keys::{Keys, Kind};

/// Keys that are kept in memory: today's, and yesterday's for requests that go on over midnight.
const RECENT: usize = 2;

const DAY: i64 = 24 * 60 * 60;

/// What pseudonyms of one UTC day are made with. In memory only; on disk it is wrapped. Wiped when no longer used.
#[derive(Debug)]
pub struct DayKey(DataKey);

/// The keys of the days used last.
#[derive(Default)]
pub(crate) struct DayKeys {
    /// By number of days since 1970; the one used last comes first. Only whoever serialises events locks it.
    recent: Mutex<Vec<(i64, Arc<DayKey>)>>,
}

// === impl DayKey ===

impl DayKey {
    /// The key, which is random.
    pub fn as_bytes(&self) -> &[u8; KEY_LEN] {
        self.0.as_bytes()
    }

    /// Reads the key of the day of `at`, or makes it. Once this returns, it survives a crash of the machine.
    fn load_or_make(keys: &Keys, at: Timestamp) -> Result<Self, Error> {
        let day = TimeZone::UTC.to_datetime(at).date().to_string();
        match keys.load(Kind::Pseudonyms, &day) {
            Ok(Some(key)) => return Ok(key.into()),
            // Summaries are of the same day as their request, so there was a key.
            Ok(None) if keys.path(Kind::Summaries, &day).exists() => {
                tracing::warn!(kind = "journal", day, "the key of a day's pseudonyms is gone; {MADE_ANEW}");
            }
            Ok(None) => {}
            // Nothing that is kept depends on it, so nothing is to stop for it.
            Err(error @ Error::Damaged { .. }) => {
                tracing::error!(kind = "journal", day, %error, "the key of a day's pseudonyms is damaged; {MADE_ANEW}");
            }
            Err(error) => return Err(error),
        }
        keys.create(Kind::Pseudonyms, &day).map(Self::from)
    }
}

const MADE_ANEW: &str = "a new one is made: a secret has another token from now on";

impl From<DataKey> for DayKey {
    fn from(key: DataKey) -> Self {
        Self(key)
    }
}

// === impl DayKeys ===

impl DayKeys {
    /// The key for the pseudonyms in `draft`.
    pub(crate) fn of(&self, draft: &Draft, keys: &Keys) -> Result<Arc<DayKey>, Error> {
        let at = draft.request.and_then(|id| id.time()).unwrap_or(draft.at);
        let day = at.as_second().div_euclid(DAY);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = recent.iter().position(|(known, _)| *known == day) {
            recent[..=found].rotate_right(1);
        } else {
            let key = Arc::new(DayKey::load_or_make(keys, at)?);
            recent.truncate(RECENT - 1);
            recent.insert(0, (day, key));
        }
        Ok(Arc::clone(&recent[0].1))
    }

    /// Forgets all of them, because some are destroyed.
    pub(crate) fn forget(&self) {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
