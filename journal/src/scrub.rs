//! The door through which text is made safe before it is kept.

/// Removes what must not be kept from an event before it reaches a block.
pub trait Scrub: Send + Sync {
    /// Changes `json`, the event as one line of JSON without its `seq`, in place. It must stay one line of JSON and keep
    /// `at`, `request` and `type`; whatever else stays in it is written to disk.
    fn scrub(&self, json: &mut String);
}

/// Keeps everything: for journals that are only read, and for events that hold nothing of a client's.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoScrub;

impl Scrub for NoScrub {
    fn scrub(&self, _json: &mut String) {}
}
