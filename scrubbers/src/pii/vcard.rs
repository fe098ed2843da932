//! Lines of a vCard (RFC 6350) that say who somebody is and where they live.

use super::text::Text;
use super::{Found, REACH};

/// The longest value that is taken along.
const MAX_VALUE: usize = 1024;

/// What a text that is only a part of a line stands between: quotes, tags, the pairs of a query.
const OPENING: [char; 5] = ['"', '\'', '`', '>', '='];
const CLOSING: [char; 6] = ['"', '\'', '`', '<', '&', '\\'];

/// The value behind `colon`, if the line, perhaps indented, or a text in quotes begins with one of the properties.
pub(super) fn find(text: Text<'_>, colon: usize) -> Option<Found> {
    if !text.before(colon, 1).is_ascii_alphanumeric() && text.before(colon, 1) != b'"' {
        return None;
    }
    let length =
        (1..=REACH).find(|&distance| matches!(text.before(colon, distance), b'\n' | b' ' | b':' | b'{' | 0))? - 1;
    let start = colon - length;
    let head = text.as_str().get(start..colon)?;
    let property = head.split(';').next()?;
    let (is_within, property) = property.rsplit_once(OPENING).map_or((false, property), |(_, rest)| (true, rest));
    if !is_within && !begins_line(text, start) {
        return None;
    }
    // Groups: `item1.ADR`.
    let property = property.rsplit_once('.').map_or(property, |(_, property)| property);
    let (kind, parts) = match property {
        "FN" => ("person-name", 1),
        "N" => ("person-name", 2),
        "ADR" => ("street-address", 4),
        "TEL" => ("phone", 1),
        _ => return None,
    };
    let rest = text.as_str()[colon + 1..].char_indices();
    let length = rest
        .take_while(|&(place, character)| {
            let ends = matches!(character, '\n' | '\r') || is_within && CLOSING.contains(&character);
            !ends && place < MAX_VALUE
        })
        .map(|(place, character)| place + character.len_utf8())
        .last()?;
    let value = &text.as_str()[colon + 1..colon + 1 + length];
    let fits = value.split(';').count() >= parts
        && value.chars().any(|c| if kind == "phone" { c.is_ascii_digit() } else { c.is_alphabetic() });
    let empty = value.len() - value.trim_start().len();
    let end = colon + 1 + value.trim_end().len();
    (fits && (kind != "phone" || value.bytes().filter(u8::is_ascii_digit).count() >= 6))
        .then(|| (kind, colon + 1 + empty..end))
}

/// Whether nothing but an indentation stands before `start` on its line.
fn begins_line(text: Text<'_>, start: usize) -> bool {
    let indent = (1..=REACH).take_while(|&distance| matches!(text.before(start, distance), b' ' | b'\t')).count();
    matches!(text.before(start, indent + 1), b'\n' | 0)
}
