//! Finds personal data in plain text: addresses, and numbers that people and accounts are known by.
//!
//! One pass stops at digits, `@` and `:` only. What stands there is decided within a line, by at most [`REACH`] bytes
//! before it and a bounded number behind, so time is linear in the text whatever it holds. A number counts if its form is
//! rare, if its check digits agree, or if a word before it says what it is.

mod address;
mod birth;
mod card;
mod email;
mod iban;
mod national;
pub(crate) mod person;
mod phone;
mod text;
mod vcard;

use std::ops::Range;

use text::Text;

/// So many bytes before a value may decide whether it counts.
const REACH: usize = 64;

/// No number has more digits; a longer run of digits is none.
const MAX_RUN: usize = 20;

/// Every kind that is found here.
pub(crate) const KINDS: &[&str] = &[
    "at-svnr",
    "au-medicare",
    "au-tfn",
    "be-rijksregister",
    "bg-egn",
    "br-cnpj",
    "br-cpf",
    "ca-sin",
    "ch-ahv",
    "cl-rut",
    "cn-resident-id",
    "credit-card",
    "cz-rodne-cislo",
    "date-of-birth",
    "de-tax-id",
    "dk-cpr",
    "email",
    "es-dni",
    "es-nie",
    "fi-hetu",
    "fr-nir",
    "hk-id",
    "hr-oib",
    "iban",
    "ie-pps",
    "in-aadhaar",
    "in-pan",
    "ipv4",
    "ipv6",
    "it-codice-fiscale",
    "jp-my-number",
    "kr-rrn",
    "mx-curp",
    "nl-bsn",
    "no-fodselsnummer",
    "passport",
    "person-name",
    "phone",
    "pl-pesel",
    "pt-nif",
    "ro-cnp",
    "se-personnummer",
    "sg-nric",
    "street-address",
    "tr-kimlik",
    "tw-id",
    "uk-nhs",
    "uk-nino",
    "us-ein",
    "us-itin",
    "us-ssn",
    "za-id",
];

/// Which IP addresses are redacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addresses {
    /// All that name another machine: no loopback, unspecified and broadcast ones, and no netmasks.
    #[default]
    All,
    /// Of those, none of private networks, links and documentation: they tell nothing about a person.
    Public,
    /// None at all.
    None,
}

/// A value that was found: its kind, and where it stands.
type Found = (&'static str, Range<usize>);

/// Calls `found` for the personal data in `text`, from left to right.
pub(crate) fn scan(text: &str, addresses: Addresses, found: &mut impl FnMut(&'static str, Range<usize>)) {
    let text = Text::new(text);
    let (mut from, mut settled) = (0, 0);
    while let Some((next, hit)) = step(text, from, settled, addresses) {
        from = next;
        if let Some((kind, range)) = hit {
            settled = range.end;
            found(kind, range);
        }
    }
}

/// Asks about the first anchor from `from` on: where to go on, and what was found there. Nothing found begins before
/// `settled`.
fn step(text: Text<'_>, from: usize, settled: usize, addresses: Addresses) -> Option<(usize, Option<Found>)> {
    let at = text.next_anchor(from)?;
    let hit = match text.byte(at) {
        b'@' => email::find(text, at, settled),
        b':' => {
            vcard::find(text, at).or_else(|| person::find(text, at)).or_else(|| address::find_v6(text, at, addresses))
        }
        _ => number(text, at, addresses),
    };
    let hit = hit.filter(|(_, range)| range.start >= settled);
    let next = match &hit {
        Some((_, range)) => range.end,
        None if text.byte(at).is_ascii_digit() => text.digits_end(at),
        None => at + 1,
    };
    Some((next, hit))
}

/// What begins with, or shortly before, the run of digits at `at`.
fn number(text: Text<'_>, at: usize, addresses: Addresses) -> Option<Found> {
    let run = text.run(at);
    let within = matches!(text.before(at, 1), b'.' | b'-') && text.before(at, 2).is_ascii_digit();
    if within {
        return None;
    }
    // An account number in one piece may be longer than any number of digits alone.
    if let Some(found) = iban::find(text, at) {
        return Some(found);
    }
    if run > MAX_RUN {
        return None;
    }
    if text.before(at, 1).is_ascii_alphabetic() {
        return national::find(text, at, run);
    }
    // A few digits are a part of something only if something joins them to the rest.
    let next = text.byte(at + run);
    let joined = matches!(next, b' ' | b'-' | b'.' | b'/' | b'+' | b'(') || next == b')' && run > 1;
    if run < 7 && !joined && !next.is_ascii_alphabetic() {
        return None;
    }
    // A digit and a digit, as in a table.
    if run == 1 && next == b' ' && text.run(at + 2) == 1 {
        return None;
    }
    address::find_v4(text, at, addresses)
        .or_else(|| phone::find_international(text, at))
        .or_else(|| card::find(text, at, run))
        .or_else(|| national::find(text, at, run))
        .or_else(|| phone::find_north_american(text, at, run))
        .or_else(|| birth::find(text, at, run))
        .or_else(|| phone::find_national(text, at, run))
}

#[cfg(test)]
mod tests;
