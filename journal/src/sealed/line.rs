//! What an event line begins with, read without parsing the rest.
//!
//! Every line is written as `{"seq":7,"at":"…","request":"…","type":…`. One that is not is parsed as JSON.

use jiff::Timestamp;
use serde::Deserialize;

use crate::event::RequestId;

/// The beginning of a line.
struct Prefix<'a> {
    seq: u64,
    at: &'a str,
    /// From the comma behind `at`.
    rest: &'a str,
}

/// The same of a line that begins in another way.
#[derive(Deserialize)]
struct Fields {
    seq: Option<u64>,
    at: Option<Timestamp>,
    request: Option<RequestId>,
}

// === impl Prefix ===

impl<'a> Prefix<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let rest = line.strip_prefix(r#"{"seq":"#)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (seq, rest) = rest.split_at(digits);
        let (at, rest) = rest.strip_prefix(r#","at":""#)?.split_once('"')?;
        Some(Self { seq: seq.parse().ok()?, at, rest })
    }
}

// === impl Fields ===

impl Fields {
    fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

/// The sequence number of the event in `line`; `None` if the line is none.
pub(crate) fn seq(line: &str) -> Option<u64> {
    match Prefix::parse(line) {
        Some(prefix) => Some(prefix.seq),
        None => Fields::parse(line)?.seq,
    }
}

/// When the event in `line` happened; `None` if the line is none.
pub(crate) fn at(line: &str) -> Option<Timestamp> {
    let at = Prefix::parse(line).and_then(|prefix| prefix.at.parse().ok());
    at.or_else(|| Fields::parse(line)?.at)
}

/// The request that the event in `line` belongs to; `None` if there is none.
pub(crate) fn request(line: &str) -> Option<RequestId> {
    let Some(Prefix { rest, .. }) = Prefix::parse(line) else { return Fields::parse(line)?.request };
    if rest.starts_with(r#","type":"#) {
        return None;
    }
    let id = rest.strip_prefix(r#","request":""#).and_then(|rest| rest.split_once('"')?.0.parse().ok());
    id.or_else(|| Fields::parse(line)?.request)
}
