//! International bank account numbers (ISO 13616-1), by the SWIFT IBAN Registry.

use super::Found;
use super::text::Text;
use crate::checksums;

/// Country, length, and whether all behind the country are digits.
const COUNTRIES: &[(&[u8; 2], usize, bool)] = &[
    (b"AD", 24, false),
    (b"AE", 23, true),
    (b"AL", 28, false),
    (b"AT", 20, true),
    (b"AZ", 28, false),
    (b"BA", 20, true),
    (b"BE", 16, true),
    (b"BG", 22, false),
    (b"BH", 22, false),
    (b"BI", 27, true),
    (b"BR", 29, false),
    (b"BY", 28, false),
    (b"CH", 21, false),
    (b"CR", 22, true),
    (b"CY", 28, false),
    (b"CZ", 24, true),
    (b"DE", 22, true),
    (b"DJ", 27, true),
    (b"DK", 18, true),
    (b"DO", 28, false),
    (b"EE", 20, true),
    (b"EG", 29, true),
    (b"ES", 24, true),
    (b"FI", 18, true),
    (b"FK", 18, false),
    (b"FO", 18, true),
    (b"FR", 27, false),
    (b"GB", 22, false),
    (b"GE", 22, false),
    (b"GI", 23, false),
    (b"GL", 18, true),
    (b"GR", 27, false),
    (b"GT", 28, false),
    (b"HN", 28, false),
    (b"HR", 21, true),
    (b"HU", 28, true),
    (b"IE", 22, false),
    (b"IL", 23, true),
    (b"IQ", 23, false),
    (b"IS", 26, true),
    (b"IT", 27, false),
    (b"JO", 30, false),
    (b"KW", 30, false),
    (b"KZ", 20, false),
    (b"LB", 28, false),
    (b"LC", 32, false),
    (b"LI", 21, false),
    (b"LT", 20, true),
    (b"LU", 20, false),
    (b"LV", 21, false),
    (b"LY", 25, true),
    (b"MC", 27, false),
    (b"MD", 24, false),
    (b"ME", 22, true),
    (b"MK", 19, false),
    (b"MN", 20, true),
    (b"MR", 27, true),
    (b"MT", 31, false),
    (b"MU", 30, false),
    (b"NI", 28, false),
    (b"NL", 18, false),
    (b"NO", 15, true),
    (b"OM", 23, false),
    (b"PK", 24, false),
    (b"PL", 28, true),
    (b"PS", 29, false),
    (b"PT", 25, true),
    (b"QA", 29, false),
    (b"RO", 24, false),
    (b"RS", 22, true),
    (b"RU", 33, false),
    (b"SA", 24, false),
    (b"SC", 31, false),
    (b"SD", 18, true),
    (b"SE", 24, true),
    (b"SI", 19, true),
    (b"SK", 24, true),
    (b"SM", 27, false),
    (b"SO", 23, true),
    (b"ST", 25, true),
    (b"SV", 28, false),
    (b"TL", 23, true),
    (b"TN", 24, true),
    (b"TR", 26, false),
    (b"UA", 29, false),
    (b"VA", 22, true),
    (b"VG", 24, false),
    (b"XK", 20, true),
    (b"YE", 30, false),
];

/// The IBAN whose check digits stand at `at`.
pub(super) fn find(text: Text<'_>, at: usize) -> Option<Found> {
    if !(text.before(at, 1).is_ascii_alphabetic() && text.before(at, 2).is_ascii_alphabetic()) {
        return None;
    }
    let start = at - 2;
    let country = [text.byte(start).to_ascii_uppercase(), text.byte(start + 1).to_ascii_uppercase()];
    let &(_, length, digits) = COUNTRIES.iter().find(|(code, ..)| **code == country)?;
    if !text.starts_value(start) {
        return None;
    }
    let mut characters = Vec::with_capacity(length);
    let mut end = start;
    while characters.len() < length {
        if text.byte(end) == b' ' && characters.len() >= 4 {
            end += 1;
        }
        let byte = text.byte(end);
        if !byte.is_ascii_alphanumeric() || (digits && characters.len() >= 2 && !byte.is_ascii_digit()) {
            return None;
        }
        characters.push(byte);
        end += 1;
    }
    let one_case = !(characters.iter().any(u8::is_ascii_lowercase) && characters.iter().any(u8::is_ascii_uppercase));
    let valid = one_case && text.ends_value(end) && text.byte(at + 1).is_ascii_digit() && checksums::iban(&characters);
    valid.then_some(("iban", start..end))
}
