//! The door through which text is made safe before it is kept.

use crate::counts::Counts;
use crate::pseudonyms::DayKey;

/// Removes what must not be kept from an event before it reaches a block.
pub trait Scrub: Send + Sync {
    /// Changes `json`, the event as one line of JSON without its `seq`, in place. It must stay one line of JSON and keep
    /// `at`, `request` and `type`; whatever else stays in it is written to disk. Returns how often each kind was redacted,
    /// which is written behind the data.
    ///
    /// What stands in place of a secret may depend on `key`, so that the secrets of a day can be told apart for as long as the
    /// content of that day is kept.
    fn scrub(&self, key: &DayKey, json: &mut String) -> Counts;
}

/// Keeps everything: for journals that are only read, and for events that hold nothing of a client's.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoScrub;

impl Scrub for NoScrub {
    fn scrub(&self, _key: &DayKey, _json: &mut String) -> Counts {
        Counts::default()
    }
}
