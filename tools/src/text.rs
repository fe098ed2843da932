//! Text from outside, made fit for a terminal.

use jiff::Timestamp;

/// `text` on one line of at most `max` characters, without anything that moves the cursor or turns the writing direction:
/// clients choose what stands in the journal.
pub(crate) fn plain(text: &str, max: usize) -> String {
    let mut shown = String::new();
    for (n, char) in text.chars().enumerate() {
        if n == max {
            shown.push_str("...");
            break;
        }
        if is_harmless(char) {
            shown.push(char);
        } else {
            shown.extend(char.escape_default());
        }
    }
    shown
}

/// So many of something: `1 request`, `2 requests`.
pub(crate) fn count(number: usize, of: &str) -> String {
    if number == 1 { format!("1 {of}") } else { format!("{number} {of}s") }
}

/// The same for numbers of the journal.
pub(crate) fn counted(number: u64, of: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), of)
}

/// A number of bytes, to three digits: `3.42 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    let (mut divisor, mut unit) = (1_u64, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if bytes / divisor >= 1024 {
            (divisor, unit) = (divisor * 1024, larger);
        }
    }
    let (whole, rest) = (bytes / divisor, bytes % divisor);
    match whole {
        _ if divisor == 1 => format!("{whole} B"),
        0..10 => format!("{whole}.{:02} {unit}", rest * 100 / divisor),
        10..100 => format!("{whole}.{} {unit}", rest * 10 / divisor),
        _ => format!("{whole} {unit}"),
    }
}

/// A time span in its two largest units: `3d 4h`, `2m 5s`.
pub(crate) fn span(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    let units = [("d", 86_400, 3_600, "h"), ("h", 3_600, 60, "m"), ("m", 60, 1, "s")];
    let fits = units.into_iter().find(|(_, unit, ..)| seconds >= *unit);
    fits.map_or_else(
        || format!("{sign}{seconds}s"),
        |(name, unit, below, name_below)| {
            format!("{sign}{}{name} {}{name_below}", seconds / unit, seconds % unit / below)
        },
    )
}

/// A moment to the second, UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Whether it neither moves the cursor nor turns the writing direction.
pub(crate) fn is_harmless(char: char) -> bool {
    !char.is_control()
        && !matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        assert_eq!(plain("a\u{1b}[31mb\nc", 99), "a\\u{1b}[31mb\\nc");
        assert_eq!(plain("\u{202e}x\u{9b}", 99), "\\u{202e}x\\u{9b}");
        assert_eq!(plain("grün 🦀", 99), "grün 🦀");
        assert_eq!((plain("abcd", 4).as_str(), plain("abcde", 4).as_str()), ("abcd", "abcd..."));
    }

    #[test]
    fn sizes_and_spans_are_short() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (3_585_868, "3.41 MiB"), (20 << 30, "20.0 GiB")]
        {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size(u64::MAX), "16777215 TiB");
        for (seconds, text) in
            [(0, "0s"), (59, "59s"), (125, "2m 5s"), (7_500, "2h 5m"), (273_600, "3d 4h"), (-61, "-1m 1s")]
        {
            assert_eq!(span(seconds), text);
        }
    }
}
