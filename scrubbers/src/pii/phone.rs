//! Phone numbers: international (ITU-T E.164), North American (NANP), and national ones that a word announces.

use super::Found;
use super::text::{Compact, Text};

/// So many bytes before a national number may hold the word that announces it.
const REACH: usize = 32;

/// E.164: the most digits of a number, its country code included; one more for the `(0)` that some write.
const MAX_DIGITS: usize = 16;

/// No number is written with more groups.
const MAX_GROUPS: usize = 8;

const WORDS: &[&str] = &[
    "tel",
    "phone",
    "phones",
    "telephone",
    "mobile",
    "mobil",
    "cell",
    "cellphone",
    "call",
    "fax",
    "whatsapp",
    "telefon",
    "handy",
    "telegram",
    "signal",
    "sms",
    "text me",
    "reach me",
    "tél",
    "téléphone",
    "teléfono",
    "telefono",
    "móvil",
    "cellulare",
    "phonenumber",
    "phone_number",
    "msisdn",
    "rufnummer",
    "celular",
    "电话",
    "手机",
    "電話",
    "携帯",
];

/// Numbers that stand as they are, tried from a bracket or from the first digit. Area codes never begin with 0 or 1.
const NANP: &[&str] = &[
    "(###) ###-####",
    "(###)###-####",
    "(###) ### ####",
    "(###) ###.####",
    "(###)-###-####",
    "###-###-####",
    "###.###.####",
    "1-###-###-####",
    "1.###.###.####",
    "1 ###-###-####",
    "1 (###) ###-####",
    "1-(###)-###-####",
    "1 (###)###-####",
    "1(###)###-####",
];

/// A number in groups, from its first digit on.
struct Groups {
    digits: Compact,
    /// How many digits there are up to the end of each group, and where it ends.
    ends: [(usize, usize); MAX_GROUPS],
    count: usize,
}

/// The number behind the `+` before `at`.
pub(super) fn find_international(text: Text<'_>, at: usize) -> Option<Found> {
    if text.before(at, 1) != b'+' {
        return None;
    }
    let start = at - 1;
    let before = text.before(start, 1);
    if before.is_ascii_alphanumeric() || matches!(before, b'+' | b'_' | b'.' | b')' | b']') || text.byte(at) == b'0' {
        return None;
    }
    let groups = Groups::at(text, at);
    // One digit alone is North America's code, or Russia's; a path holds a number in one piece (`wa.me/+1…`).
    let (code, _) = groups.ends[0];
    if code == 1 && !matches!(text.byte(at), b'1' | b'7') || before == b'/' && groups.count > 1 && code < 8 {
        return None;
    }
    // Two groups and a point are a number with a sign.
    let float = text.matches(groups.ends[0].1, ".#").is_some();
    let end = groups.end(text, |digits, count| {
        is_international(digits, if count == 1 { 9 } else { 8 }) && !(float && count == 2)
    })?;
    Some(("phone", start..end))
}

/// The North American number at `at`, where `run` digits stand.
pub(super) fn find_north_american(text: Text<'_>, at: usize, run: usize) -> Option<Found> {
    let trunk = run == 1
        && text.byte(at) == b'1'
        && (text.run(at + 2) == 3 || text.byte(at + 2) == b'(' || text.byte(at + 1) == b'(');
    if run != 3 && !trunk {
        return None;
    }
    let bracket = text.before(at, 1) == b'(';
    let whole = |&start: &usize| text.starts_value(start) && text.before(start, 1) != b'.';
    let starts = [at - usize::from(bracket), at].into_iter().filter(whole);
    let (start, end) = starts
        .flat_map(|start| {
            let fitting = NANP.iter().filter(move |form| form.as_bytes()[at - start + run] == text.byte(at + run));
            fitting.filter_map(move |form| text.matches(start, form).map(|end| (start, end)))
        })
        .next()?;
    let digits = text.compact(start, end);
    let number = &digits[digits.len() - 10..];
    // Within brackets, made-up exchanges are meant as phone numbers too.
    let bracket = text.byte(start) == b'(';
    let valid = number[0] >= b'2' && (bracket || number[3] >= b'2');
    (valid && ends(text, end)).then(|| ("phone", start..extension_end(text, end)))
}

/// The number at `at` that a word before it announces.
pub(super) fn find_national(text: Text<'_>, at: usize, run: usize) -> Option<Found> {
    let goes_on = (0..3).any(|place| text.byte(at + run + 1 + place).is_ascii_digit());
    if run < 2 || run < 7 && !goes_on {
        return None;
    }
    let start = if text.before(at, 1) == b'(' { at - 1 } else { at };
    if !text.starts_value(start) || is_date(text, at) || !text.mentions(start, REACH, WORDS) {
        return None;
    }
    let groups = Groups::at(text, at);
    let end = groups.end(text, is_national)?;
    Some(("phone", start..end))
}

/// Whether a date stands at `at`: of `call me on 24.11.2026` no digit is a phone number's.
fn is_date(text: Text<'_>, at: usize) -> bool {
    let forms = ["##.##.####", "##/##/####", "##-##-####", "####-##-##", "####/##/##"];
    forms.iter().any(|form| text.matches(at, form).is_some_and(|end| !text.byte(end).is_ascii_digit()))
}

/// Whether `digits`, country code first, are as many as that country's numbers have.
fn is_international(digits: &[u8], least: usize) -> bool {
    let most = match digits {
        [b'1', rest @ ..] => return rest.len() == 10 && rest[0] >= b'2',
        [b'7', ..] => return digits.len() == 11,
        // What Ofcom, the ITU and others list for the countries met most; a `(0)` may add one.
        [b'3', b'3' | b'1' | b'2' | b'4', ..] | [b'6', b'1', ..] | [b'4', b'1' | b'5' | b'7', ..] => 12,
        [b'4', b'4', ..] | [b'9', b'1', ..] | [b'8', b'1' | b'2', ..] => 13,
        [b'4' | b'3', b'9', ..] | [b'8', b'6', ..] | [b'5', b'5', ..] => 14,
        // Not assigned.
        [b'2', b'1' | b'8', ..] | [b'8', b'3' | b'4' | b'9', ..] | [b'0', ..] => return false,
        _ => 15,
    };
    (least..=most).contains(&digits.len())
}

/// Whether `digits` in `count` groups can be a national number.
fn is_national(digits: &[u8], count: usize) -> bool {
    match digits {
        [b'0', b'0', rest @ ..] => is_international(rest, 9),
        [b'0', rest @ ..] => (7..=12).contains(&rest.len()),
        [first, ..] if count == 1 => {
            digits.len() == 10 && *first >= b'2' || digits.len() == 11 && digits.starts_with(b"13")
        }
        _ => (7..=12).contains(&digits.len()),
    }
}

/// Whether a number can end before `end`; an extension may follow.
fn ends(text: Text<'_>, end: usize) -> bool {
    text.ends_value(end) || text.matches(end, "x#").is_some()
}

/// Where an extension at `end` ends: ` ext. 12`, `x12`.
fn extension_end(text: Text<'_>, end: usize) -> usize {
    let marks = [" ext. ", " ext ", " x", "x"];
    let found = marks.iter().find_map(|mark| {
        let digits = text.matches(end, mark)?;
        matches!(text.run(digits), 1..=6).then(|| digits + text.run(digits))
    });
    found.unwrap_or(end)
}

// === impl Groups ===

impl Groups {
    fn at(text: Text<'_>, start: usize) -> Self {
        let mut groups = Self { digits: Compact::default(), ends: [(0, 0); MAX_GROUPS], count: 0 };
        let mut at = start;
        while groups.count < MAX_GROUPS {
            let run = text.run(at);
            if run == 0 || groups.digits.len() + run > MAX_DIGITS {
                break;
            }
            (at..at + run).for_each(|place| groups.digits.push(text.byte(place)));
            at += run;
            groups.ends[groups.count] = (groups.digits.len(), at);
            groups.count += 1;
            // ` (0)`, `) `, ` - ` and single separators.
            let joints = (0..3)
                .take_while(|place| matches!(text.byte(at + place), b' ' | b'-' | b'.' | b'(' | b')' | b'/'))
                .count();
            if joints == 0 {
                break;
            }
            at += joints;
        }
        groups
    }

    /// Where the longest number ends that `fits`, given its digits and how many groups hold them.
    fn end(&self, text: Text<'_>, fits: impl Fn(&[u8], usize) -> bool) -> Option<usize> {
        let longest = self.ends[..self.count]
            .iter()
            .enumerate()
            .rev()
            .find(|&(place, &(digits, end))| fits(&self.digits[..digits], place + 1) && ends(text, end));
        longest.map(|(_, &(_, end))| extension_end(text, end))
    }
}
