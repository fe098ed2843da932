//! The part of an event line that every event has.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event::RequestId;

/// An event line with its data left unparsed.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    pub(crate) at: Timestamp,
    pub(crate) request: Option<RequestId>,
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) data: &'a RawValue,
}

// === impl Envelope ===

impl<'a> Envelope<'a> {
    pub(crate) fn parse(line: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line)
    }
}
