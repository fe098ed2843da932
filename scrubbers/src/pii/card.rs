//! Payment card numbers (ISO/IEC 7812-1): an issuer's range and length, the usual groups, Luhn's check digit.

use super::text::Text;
use super::{Found, REACH};
use crate::checksums::luhn;

/// Groups that cards are printed in: the longest first, for a security code may follow a number.
const GROUPS: &[&[usize]] = &[&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];

/// What makes a number of a rare length a card.
const WORDS: &[&str] =
    &["card", "cards", "credit", "debit", "visa", "maestro", "cc", "pan", "payment", "kreditkarte", "carte", "tarjeta"];

/// The card number that begins with the `run` digits at `at`.
pub(super) fn find(text: Text<'_>, at: usize, run: usize) -> Option<Found> {
    if !matches!(text.byte(at), b'2'..=b'6') || !text.starts_value(at) {
        return None;
    }
    let end = match run {
        13..=19 => plain(text, at, run)?,
        4 => GROUPS.iter().find_map(|groups| grouped(text, at, groups))?,
        _ => return None,
    };
    Some(("credit-card", at..end))
}

fn plain(text: Text<'_>, at: usize, run: usize) -> Option<usize> {
    let end = at + run;
    let digits = text.compact(at, end);
    let known = match Issuer::of(&digits)? {
        Issuer::Usual => true,
        Issuer::Rare => text.mentions(at, REACH, WORDS),
    };
    (text.ends_value(end) && luhn(&digits) && known).then_some(end)
}

fn grouped(text: Text<'_>, at: usize, groups: &[usize]) -> Option<usize> {
    let separator = text.byte(at + 4);
    if !matches!(separator, b' ' | b'-' | b'+') {
        return None;
    }
    let mut end = at;
    for (place, &group) in groups.iter().enumerate() {
        if place > 0 {
            end += usize::from(text.byte(end) == separator);
        }
        if text.run(end) != group {
            return None;
        }
        end += group;
    }
    let whole = text.ends_value(end) && !(groups[1] == 4 && text.is_row(at, end, separator));
    if !whole {
        return None;
    }
    let digits = text.compact(at, end);
    (luhn(&digits) && Issuer::of(&digits).is_some()).then_some(end)
}

/// How much an issuer's number of that length says.
enum Issuer {
    Usual,
    /// Other numbers begin so and are that long: only a word before it makes it a card.
    Rare,
}

// === impl Issuer ===

impl Issuer {
    /// Ranges as of the issuers' own lists (Visa, Mastercard, American Express, Discover, JCB, `UnionPay`).
    fn of(digits: &[u8]) -> Option<Self> {
        let prefix = digits[..4].iter().fold(0, |prefix, digit| prefix * 10 + u32::from(digit - b'0'));
        match (prefix, digits.len()) {
            // American Express; Diners Club; Visa; Mastercard; JCB; Discover; UnionPay.
            (3400..=3499 | 3700..=3799, 15)
            | (3000..=3059 | 3095 | 3600..=3699 | 3800..=3999, 14)
            | (4000..=4999 | 5100..=5599 | 2221..=2720 | 3528..=3589 | 6011 | 6440..=6599, 16)
            | (6200..=6299, 16..=19) => Some(Self::Usual),
            // Visa of old and of late, Maestro, RuPay, Mir.
            (4000..=4999, 13 | 19) | (5000..=5099 | 5600..=6999, 13..=19) | (2200..=2204 | 8100..=8299, 16) => {
                Some(Self::Rare)
            }
            _ => None,
        }
    }
}
