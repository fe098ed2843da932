//! Times and sizes as people write them in the configuration.

use std::time::Duration;

/// The units of a time with their nanoseconds, largest first.
const TIME_UNITS: &[(&str, u128)] = &[
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

const DAY: u128 = 24 * 3_600_000_000_000;

/// The units of a size with their bytes, largest first.
const SIZE_UNITS: &[(&str, u128)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)];

/// A time in the largest unit that says it exactly; in days only from a week on, since up to there people count hours.
pub(crate) fn time(time: Duration) -> String {
    let nanos = time.as_nanos();
    if nanos >= 7 * DAY && nanos.is_multiple_of(DAY) {
        return format!("{}d", nanos / DAY);
    }
    in_largest(nanos, TIME_UNITS)
}

/// A number of bytes in the largest unit that says it exactly.
pub(crate) fn size(bytes: u64) -> String {
    in_largest(bytes.into(), SIZE_UNITS)
}

fn in_largest(number: u128, units: &[(&str, u128)]) -> String {
    let fits = units.iter().find(|(_, factor)| number.is_multiple_of(*factor) && number > 0);
    fits.map_or_else(|| number.to_string(), |(unit, factor)| format!("{}{unit}", number / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_they_are_written() {
        const HOUR: Duration = Duration::from_secs(3600);
        for (given, text) in [
            (HOUR * 72, "72h"),
            (HOUR * 167, "167h"),
            (HOUR * 168, "7d"),
            (HOUR * 24 * 90, "90d"),
            (HOUR * 169, "169h"),
            (HOUR * 3 / 2, "90m"),
            (Duration::from_secs(61), "61s"),
            (Duration::from_millis(1500), "1500ms"),
            (Duration::from_micros(1), "1us"),
            (Duration::new(1, 1), "1000000001ns"),
            (Duration::ZERO, "0"),
        ] {
            assert_eq!(time(given), text);
        }
    }

    #[test]
    fn sizes_read_as_they_are_written() {
        for (given, text) in [
            (20 << 30, "20GiB"),
            (1536 << 20, "1536MiB"),
            (1 << 10, "1KiB"),
            (1025, "1025"),
            (0, "0"),
            (u64::MAX, "18446744073709551615"),
        ] {
            assert_eq!(size(given), text);
        }
    }
}
