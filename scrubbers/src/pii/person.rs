//! Members of documents that hold somebody's name or where they live.

use super::Found;
use super::text::Text;

/// Nobody's name or street is longer, in bytes.
const MAX_VALUE: usize = 128;

/// No member's name is longer.
const MAX_NAME: usize = 24;

/// Members that hold somebody's name, in lower case and without what joins their words.
const NAMES: &[&str] = &[
    "firstname",
    "lastname",
    "middlename",
    "givenname",
    "familyname",
    "maidenname",
    "surname",
    "fullname",
    "cardholder",
    "cardholdername",
    "nameoncard",
    "accountholder",
    "accountholdername",
    "recipientname",
    "patientname",
];

/// Members that hold a street and a number.
const STREETS: &[&str] = &[
    "street",
    "streetaddress",
    "addressline1",
    "addressline2",
    "address1",
    "address2",
    "line1",
    "homeaddress",
    "billingaddress",
    "shippingaddress",
    "mailingaddress",
    "postaladdress",
    "address",
];

/// What a member holds by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Member {
    Name,
    Street,
}

/// What a member of this name holds, if it is about a person.
pub(crate) fn member(name: &str) -> Option<Member> {
    let mut folded = [0; MAX_NAME];
    let folded = folded_name(name, &mut folded)?;
    let is_one = |names: &[&str]| names.iter().any(|name| name.as_bytes() == folded);
    if is_one(NAMES) { Some(Member::Name) } else { is_one(STREETS).then_some(Member::Street) }
}

/// The kind of what such a member holds. Prose, a type or a path is none.
pub(crate) fn kind(member: Member, value: &str) -> Option<&'static str> {
    if value.len() > MAX_VALUE || value.contains(['<', '{', '$', '\n', '/', '[', ':']) {
        return None;
    }
    let begins = value.chars().next().is_some_and(|first| first.is_uppercase() || !first.is_ascii());
    if member == Member::Name {
        let words = ["String", "Required", "Optional", "None", "Null", "Unknown", "First", "Last", "Full", "Name"];
        let is_of_name = |c: char| c.is_alphabetic() || " -.'’".contains(c);
        let is_one = value.chars().all(is_of_name) && !value.split(' ').any(|word| words.contains(&word));
        return (begins && is_one).then_some("person-name");
    }
    // The number of the house stands first or last.
    let numbered = |word: Option<&str>| word.is_some_and(|word| word.bytes().any(|byte| byte.is_ascii_digit()));
    let is_one = numbered(value.split(' ').next()) || begins && numbered(value.split([' ', ',']).next_back());
    let has_word = value.contains(' ')
        && value.split([' ', ',']).any(|word| word.chars().count() > 2 && word.chars().all(char::is_alphabetic));
    (is_one && has_word).then_some("street-address")
}

/// A member's name in lower case and without what joins its words; `None` if none in the tables is so long, or so short.
fn folded_name<'b>(member: &str, buffer: &'b mut [u8; MAX_NAME]) -> Option<&'b [u8]> {
    if !(5..=MAX_NAME).contains(&member.len()) {
        return None;
    }
    let mut length = 0;
    for byte in member.bytes().filter(|byte| !matches!(byte, b'_' | b'-')) {
        buffer[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    Some(&buffer[..length])
}

/// The value behind `colon` in a text that holds a part of a document, perhaps cut off: `"first_name": "…"`.
pub(super) fn find(text: Text<'_>, colon: usize) -> Option<Found> {
    let close = colon.checked_sub(1).filter(|&close| text.byte(close) == b'"')?;
    let length = (1..=MAX_NAME + 1).find(|&distance| text.before(close, distance) == b'"')? - 1;
    let member = member(text.as_str().get(close - length..close)?)?;
    let spaces = (1..=4).take_while(|distance| text.byte(colon + distance) == b' ').count();
    let start = colon + 1 + spaces;
    if text.byte(start) != b'"' {
        return None;
    }
    let end = (1..=MAX_VALUE + 1).find(|distance| matches!(text.byte(start + distance), b'"' | b'\n' | 0))? + start;
    let value = text.as_str().get(start + 1..end)?;
    kind(member, value).map(|kind| (kind, start + 1..end))
}
