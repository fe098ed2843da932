//! Dates of birth: a date that a word announces. Any other date stays.

use super::Found;
use super::text::Text;

/// So many bytes before a date may hold the word that announces it.
const REACH: usize = 32;

const WORDS: &[&str] = &[
    "born",
    "birth",
    "birthdate",
    "birthday",
    "birthdate",
    "dob",
    "dateofbirth",
    "date_of_birth",
    "bday",
    "geboren",
    "geburtsdatum",
    "geb",
    "naissance",
    "née",
    "nacimiento",
    "nascita",
    "nato",
    "nata",
    "geboortedatum",
    "født",
    "född",
    "生年月日",
    "出生日期",
];

const FORMS: &[&str] = &[
    "####-##-##",
    "####/##/##",
    "####.##.##",
    "##/##/####",
    "##-##-####",
    "##.##.####",
    "#/##/####",
    "##/#/####",
    "#/#/####",
    "#.#.####",
    "##.#.####",
    "#.##.####",
    "##/##/##",
];

/// Beginnings of the months' names.
const MONTHS: &[&[u8; 3]] =
    &[b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];

/// No month has a longer name.
const MAX_MONTH: usize = 9;

/// The date of birth whose first `run` digits stand at `at`.
pub(super) fn find(text: Text<'_>, at: usize, run: usize) -> Option<Found> {
    if !matches!(run, 1 | 2 | 4) || !text.starts_value(at) {
        return None;
    }
    let next = text.byte(at + run);
    let (start, end) = FORMS
        .iter()
        .filter(|form| form.as_bytes()[run] == next)
        .find_map(|form| text.matches(at, form).filter(|&end| text.ends_value(end) || text.byte(end) == b'T'))
        .map(|end| (at, end))
        .or_else(|| named(text, at, run))?;
    text.mentions(start, REACH, WORDS).then_some(("date-of-birth", start..end))
}

/// A date with the month's name: `12 March 1985`, `March 12, 1985`.
fn named(text: Text<'_>, at: usize, run: usize) -> Option<(usize, usize)> {
    if run > 2 {
        return None;
    }
    let mut end = at + run;
    end += if ["st", "nd", "rd", "th"].iter().any(|ordinal| text.matches(end, ordinal).is_some()) { 2 } else { 0 };
    if text.before(at, 1) == b' ' {
        let letters = letters(|place| text.before(at, place + 2));
        if letters > 0 && is_month(text, at - 1 - letters, letters) {
            let year = end + usize::from(text.byte(end) == b',');
            let end = text.matches(year, " ####").filter(|&end| text.ends_value(end))?;
            return Some((at - 1 - letters, end));
        }
    }
    end += usize::from(text.byte(end) == b'.');
    let month = text.matches(end, " ")?;
    let letters = letters(|place| text.byte(month + place));
    let year = month + letters + usize::from(matches!(text.byte(month + letters), b',' | b'.'));
    let end = text.matches(year, " ####").filter(|&end| text.ends_value(end))?;
    is_month(text, month, letters).then_some((at, end))
}

fn letters(byte: impl Fn(usize) -> u8) -> usize {
    (0..=MAX_MONTH).take_while(|&place| byte(place).is_ascii_alphabetic()).count()
}

fn is_month(text: Text<'_>, start: usize, letters: usize) -> bool {
    let name = [0, 1, 2].map(|place| text.byte(start + place).to_ascii_lowercase());
    (3..=MAX_MONTH).contains(&letters) && MONTHS.iter().any(|&month| *month == name)
}
