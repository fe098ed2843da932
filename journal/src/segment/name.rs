//! How segments are called.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const TIME: &str = "%Y%m%dT%H%M%SZ";

/// Names a segment, and its folder: its first sequence number and when it was opened. Ordered as the segments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SegmentName {
    pub(crate) first_seq: u64,
    /// In whole seconds.
    pub(crate) opened_at: Timestamp,
}

// === impl SegmentName ===

impl SegmentName {
    pub(crate) fn new(first_seq: u64, opened_at: Timestamp) -> Self {
        let opened_at = Timestamp::from_second(opened_at.as_second()).expect("a timestamp's own seconds");
        Self { first_seq, opened_at }
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}-{}", self.first_seq, self.opened_at.strftime(TIME))
    }
}

impl FromStr for SegmentName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (first_seq, time) = text.split_once('-').ok_or(())?;
        let time = DateTime::strptime(TIME, time).map_err(drop)?;
        let opened_at = TimeZone::UTC.to_timestamp(time).map_err(drop)?;
        let name = Self { first_seq: first_seq.parse().map_err(drop)?, opened_at };
        if name.to_string() == text && name.first_seq > 0 { Ok(name) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_its_folder_is_called() {
        let name = SegmentName::new(42, "2026-11-23T19:15:00.25Z".parse().unwrap());
        assert_eq!(name.to_string(), "00000000000000000042-20261123T191500Z");
        assert_eq!(name.to_string().parse(), Ok(name));
        for wrong in ["", "42-20261123T191500Z", "00000000000000000042-2026", ".00000000000000000042-20261123T191500Z"]
        {
            assert!(wrong.parse::<SegmentName>().is_err(), "{wrong}");
        }
    }
}
