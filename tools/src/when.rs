//! Times as people write them on a command line.

use codex_completions_api::config::{Form as _, Period};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Reads a time: RFC 3339, a date (its beginning, UTC), or an age such as `2h` or `3d`.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    time_at(text.trim(), Timestamp::now())
}

fn time_at(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    // A date with more behind it parses as one too, and is not what was meant.
    if text.len() == "2026-11-23".len()
        && let Ok(date) = text.parse::<Date>()
    {
        return TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).map_err(|error| error.to_string());
    }
    let age = Period::parse(text).map_err(|_| {
        "a time is written as 2026-11-23T12:00:00Z, as 2026-11-23 (its beginning, UTC), or as an age: 30m, 2h, 3d"
            .to_owned()
    })?;
    now.checked_sub(age).map_err(|_| "nothing is as old as that".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_moment_a_day_or_an_age() {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-11-22T10:00:00+01:00", "2026-11-22T09:00:00Z"),
            ("2026-11-22", "2026-11-22T00:00:00Z"),
            ("2h", "2026-11-23T10:00:00Z"),
            ("3d", "2026-11-20T12:00:00Z"),
        ] {
            assert_eq!(time_at(text, now).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "2", "-2h", "2026-11-22T10:00"] {
            assert!(time_at(text, now).is_err(), "{text}");
        }
    }
}
