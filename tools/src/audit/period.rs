//! The time that is audited.

use clap::{ArgGroup, Args};
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::failure::Failure;
use crate::when;

/// From one moment until before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Period {
    /// The first moment.
    pub(super) since: Timestamp,
    /// The first moment after it.
    pub(super) until: Timestamp,
}

#[derive(Args)]
#[command(group(ArgGroup::new("period").required(true).args(["quarter", "since"])))]
pub(crate) struct PeriodArgs {
    /// A quarter (UTC), such as 2026Q4
    #[arg(long, value_name = "QUARTER", value_parser = quarter)]
    quarter: Option<Period>,
    /// From this time
    #[arg(long, value_name = "TIME", value_parser = when::time)]
    since: Option<Timestamp>,
    /// … until before this one; now by default
    #[arg(long, value_name = "TIME", value_parser = when::time, requires = "since")]
    until: Option<Timestamp>,
}

/// Reads a quarter: `2026Q4`.
fn quarter(text: &str) -> Result<Period, String> {
    let wrong = || "a quarter is written as 2026Q4".to_owned();
    let (year, number) = text.trim().split_once(['Q', 'q']).ok_or_else(wrong)?;
    let is_year = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    let year = year.parse::<i16>().ok().filter(|year| is_year && *year < 9999).ok_or_else(wrong)?;
    let number = number.parse::<i8>().ok().filter(|number| (1..=4).contains(number)).ok_or_else(wrong)?;
    let begins = |year: i16, month: i8| {
        TimeZone::UTC.to_timestamp(date(year, month, 1).at(0, 0, 0, 0)).map_err(|error| error.to_string())
    };
    let until = if number == 4 { begins(year + 1, 1) } else { begins(year, number * 3 + 1) };
    Ok(Period { since: begins(year, number * 3 - 2)?, until: until? })
}

// === impl Period ===

impl Period {
    /// Whether `at` is in it.
    pub(super) fn has(&self, at: Timestamp) -> bool {
        self.since <= at && at < self.until
    }
}

// === impl PeriodArgs ===

impl PeriodArgs {
    /// The time that is asked for.
    pub(super) fn period(&self) -> Result<Period, Failure> {
        let period = match (self.quarter, self.since) {
            (Some(quarter), _) => quarter,
            (None, Some(since)) => Period { since, until: self.until.unwrap_or_else(Timestamp::now) },
            (None, None) => unreachable!("the command line asks for one of them"),
        };
        if period.since < period.until {
            Ok(period)
        } else {
            Err(Failure::Usage("the period ends after it begins".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_is_three_months() {
        let period = quarter("2026Q4").unwrap();
        assert_eq!(
            (period.since.to_string(), period.until.to_string()),
            ("2026-10-01T00:00:00Z".to_owned(), "2027-01-01T00:00:00Z".to_owned())
        );
        assert_eq!(quarter("2026q1").unwrap().until, quarter("2026Q2").unwrap().since);
        assert!(period.has(period.since) && !period.has(period.until));
        for text in ["", "2026", "2026Q0", "2026Q5", "26Q1", "-026Q1", "2026-Q1", "9999Q4"] {
            assert!(quarter(text).is_err(), "{text}");
        }
    }
}
