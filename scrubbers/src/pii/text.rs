//! A text as the scanner sees it: bytes, and nothing behind its ends.

use std::ops::Deref;

use super::MAX_RUN;

/// Bytes that are looked at together when skipping text that holds nothing.
const STRIDE: usize = 32;

#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'t>(&'t str);

/// The letters and digits of a value, without what separates them; what is longer than any value is cut.
#[derive(Debug, Default)]
pub(super) struct Compact {
    bytes: [u8; 32],
    length: usize,
}

// === impl Compact ===

impl Compact {
    pub(super) fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }
}

impl Deref for Compact {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

// === impl Text ===

impl<'t> Text<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self(text)
    }

    pub(super) fn as_str(self) -> &'t str {
        self.0
    }

    fn bytes(self) -> &'t [u8] {
        self.0.as_bytes()
    }

    /// The byte at `at`, or NUL, which no value holds.
    pub(super) fn byte(self, at: usize) -> u8 {
        self.bytes().get(at).copied().unwrap_or(0)
    }

    /// The byte `distance` bytes before `at`, or NUL.
    pub(super) fn before(self, at: usize, distance: usize) -> u8 {
        at.checked_sub(distance).map_or(0, |at| self.byte(at))
    }

    /// The first digit, `@` or `:` from `from` on.
    pub(super) fn next_anchor(self, from: usize) -> Option<usize> {
        let rest = self.bytes().get(from..)?;
        // Without a branch per byte, so that the compiler compares many at once.
        let holds = |stride: &[u8]| stride.iter().fold(false, |any, &byte| any | is_anchor(byte));
        let skipped = rest.chunks(STRIDE).take_while(|stride| !holds(stride)).count() * STRIDE;
        let at = rest.get(skipped..)?.iter().position(|&byte| is_anchor(byte))?;
        Some(from + skipped + at)
    }

    /// How many digits stand at `at`, counted to one more than any number has.
    pub(super) fn run(self, at: usize) -> usize {
        (0..=MAX_RUN).take_while(|place| self.byte(at + place).is_ascii_digit()).count()
    }

    /// Where the digits at `at` end, however many they are.
    pub(super) fn digits_end(self, at: usize) -> usize {
        at + self.bytes()[at..].iter().take_while(|byte| byte.is_ascii_digit()).count()
    }

    /// Whether a value can begin at `at`: not within a word, a number, an identifier or an amount.
    pub(super) fn starts_value(self, at: usize) -> bool {
        match (self.before(at, 2), self.before(at, 1)) {
            (_, b'_' | b'$') => false,
            (_, before) if before.is_ascii_alphanumeric() => false,
            (before, b'-') => !before.is_ascii_alphanumeric(),
            (before, b'.') => before.is_ascii_alphabetic(),
            (before, b'+') => !before.is_ascii_digit(),
            // Thousands; but a list may go on after a comma.
            (before, b',') => !(before.is_ascii_digit() && self.run(at) == 3 && self.byte(at + 3) != b'-'),
            _ => true,
        }
    }

    /// Whether a value can end before `end`.
    pub(super) fn ends_value(self, end: usize) -> bool {
        match (self.byte(end), self.byte(end + 1)) {
            (b'_' | b'@' | b'%', _) => false,
            (next, _) if next.is_ascii_alphanumeric() => false,
            (b'-' | b'.', next) => !next.is_ascii_alphanumeric(),
            // Thousands.
            (b',', next) if next.is_ascii_digit() => self.run(end + 1) != 3,
            _ => true,
        }
    }

    /// Whether `pattern` stands at `at`, and where it ends: `#` is a digit, `A` a capital letter, `x` a letter or digit,
    /// the rest itself.
    pub(super) fn matches(self, at: usize, pattern: &str) -> Option<usize> {
        let fits = |(place, wanted): (usize, u8)| {
            let byte = self.byte(at + place);
            match wanted {
                b'#' => byte.is_ascii_digit(),
                b'A' => byte.is_ascii_uppercase(),
                b'x' => byte.is_ascii_alphanumeric(),
                _ => byte == wanted,
            }
        };
        pattern.bytes().enumerate().all(fits).then_some(at + pattern.len())
    }

    /// Whether groups of four go on before `start` or behind `end`: a row of numbers or a dump, no value.
    pub(super) fn is_row(self, start: usize, end: usize, separator: u8) -> bool {
        let behind = self.byte(end) == separator && (1..=4).all(|place| self.byte(end + place).is_ascii_hexdigit());
        let before =
            self.before(start, 1) == separator && (2..=5).all(|place| self.before(start, place).is_ascii_hexdigit());
        behind || before
    }

    /// The letters and digits from `start` to `end`.
    pub(super) fn compact(self, start: usize, end: usize) -> Compact {
        let mut compact = Compact::default();
        self.bytes()[start..end]
            .iter()
            .filter(|byte| byte.is_ascii_alphanumeric())
            .for_each(|&byte| compact.push(byte));
        compact
    }

    /// Whether no letter stands within `reach` bytes before `at`; decided for many bytes at once.
    pub(super) fn is_wordless(self, at: usize, reach: usize) -> bool {
        self.bytes()[at.saturating_sub(reach)..at].iter().fold(0, |most, &byte| byte.max(most)) < b'A'
    }

    /// Whether one of `words`, in any case, stands within `reach` bytes before `at` on the line. Words are lower case.
    pub(super) fn mentions(self, at: usize, reach: usize, words: &[&str]) -> bool {
        let from = at.saturating_sub(reach);
        let near = &self.bytes()[from..at];
        if self.is_wordless(at, reach) {
            return false;
        }
        let joins = |byte: u8| byte.is_ascii_alphabetic();
        let from = from + near.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        let line = &self.bytes()[from..at];
        (0..line.len()).any(|start| {
            // `userSSN`, `taxId`: a capital begins a word too.
            let begins = match start.checked_sub(1) {
                Some(before) => {
                    !joins(line[before]) || line[start].is_ascii_uppercase() && line[before].is_ascii_lowercase()
                }
                None => !joins(self.before(from, 1)),
            };
            let first = line[start].to_ascii_lowercase();
            (first.is_ascii_lowercase() || !first.is_ascii())
                && begins
                && words.iter().any(|word| {
                    let end = start + word.len();
                    word.as_bytes()[0] == first
                        && line.get(start..end).is_some_and(|there| there.eq_ignore_ascii_case(word.as_bytes()))
                        && !line.get(end).is_some_and(|&next| next.is_ascii_lowercase())
                })
        })
    }
}

/// Digits and `:` follow each other in ASCII.
fn is_anchor(byte: u8) -> bool {
    byte.wrapping_sub(b'0') <= b':' - b'0' || byte == b'@'
}
