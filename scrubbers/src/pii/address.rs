//! IP addresses in all textual forms (RFC 4291 2.2, RFC 4007 11): no versions, times, paths or fingerprints.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::text::Text;
use super::{Addresses, Found};

/// `INET6_ADDRSTRLEN` without the terminator.
const MAX_V6: usize = 45;

/// The longest zone that is taken along (`IFNAMSIZ`).
const MAX_ZONE: usize = 16;

/// What stands before four numbers that are a version.
const VERSION: &[&str] = &[
    "version", "versions", "ver", "v", "release", "revision", "rev", "build", "section", "chapter", "clause",
    "appendix", "table", "figure", "rule",
];

// === impl Addresses ===

impl Addresses {
    fn count(self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::All, IpAddr::V4(v4)) => is_remote_v4(v4),
            (Self::All, IpAddr::V6(v6)) => !v6.is_loopback() && !v6.is_unspecified(),
            (Self::None, _) => false,
            (Self::Public, IpAddr::V4(v4)) => is_public_v4(v4),
            (Self::Public, IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
                Some(v4) => is_public_v4(v4),
                None => is_public_v6(v6),
            },
        }
    }
}

fn is_remote_v4(address: Ipv4Addr) -> bool {
    // What begins with 255 is a netmask or the broadcast address.
    !address.is_loopback() && !matches!(address.octets()[0], 0 | 255)
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    is_remote_v4(address) && !address.is_documentation() && !address.is_private() && !address.is_link_local()
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // RFC 3849, RFC 9637.
    let documentation = (first, second) == (0x2001, 0x0db8) || first == 0x3fff && second < 0x1000;
    let quiet = address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || documentation;
    !quiet
}

/// The address whose first number stands at `at`.
pub(super) fn find_v4(text: Text<'_>, at: usize, addresses: Addresses) -> Option<Found> {
    let end = v4_end(text, at)?;
    let address: Ipv4Addr = text.as_str().get(at..end)?.parse().ok()?;
    let whole = match (text.before(at, 2), text.before(at, 1)) {
        (_, before) if before.is_ascii_alphanumeric() || matches!(before, b'.' | b'_' | b'^' | b'~' | b'$' | b'+') => {
            false
        }
        // `name-1.2.3.4`, `Chrome/120.0.0.0`, `==1.2.3.4`.
        (before, b'-' | b'/') => !before.is_ascii_alphanumeric(),
        (before, b'=') => !matches!(before, b'=' | b'>' | b'<' | b'~' | b'!'),
        _ => true,
    };
    let counts = whole && addresses.count(address.into()) && !is_version(text, at);
    counts.then_some(("ipv4", at..end))
}

/// Where the four numbers at `at` end, if nothing goes on behind.
fn v4_end(text: Text<'_>, at: usize) -> Option<usize> {
    let mut end = at;
    for place in 0..4 {
        if place > 0 {
            end = text.matches(end, ".")?;
        }
        let run = text.run(end);
        if !matches!(run, 1..=3) {
            return None;
        }
        end += run;
    }
    let whole = match (text.byte(end), text.byte(end + 1)) {
        (next, _) if next.is_ascii_alphanumeric() || next == b'_' => false,
        (b'.', next) => !next.is_ascii_alphanumeric(),
        (b'-' | b'+', next) => !next.is_ascii_alphabetic(),
        // A network.
        (b'/', next) if next.is_ascii_digit() => text.before(end, 2) != b'.' || text.before(end, 1) != b'0',
        _ => true,
    };
    whole.then_some(end)
}

/// Whether the word right before `at` says that a version follows.
fn is_version(text: Text<'_>, at: usize) -> bool {
    let is_joint = |byte: u8| matches!(byte, b' ' | b':' | b'=' | b'"' | b'\'' | b'\\');
    let joints = (1..=6).take_while(|&distance| is_joint(text.before(at, distance))).count();
    let word = at - joints;
    // Only the word itself: its first letter is one byte behind where the longest begins.
    VERSION.iter().any(|version| text.mentions(word, version.len(), &[version]))
}

/// The address whose first colon is at `colon`.
pub(super) fn find_v6(text: Text<'_>, colon: usize, addresses: Addresses) -> Option<Found> {
    let head = (1..=5).take_while(|&distance| text.before(colon, distance).is_ascii_hexdigit()).count();
    let begins = |start: usize| {
        let before = text.before(start, 1);
        !(before.is_ascii_alphanumeric() || matches!(before, b':' | b'_' | b'.'))
    };
    let start = if head <= 4 && begins(colon - head) {
        colon - head
    } else if text.byte(colon + 1).is_ascii_hexdigit() && text.before(colon - head, 1).is_ascii_alphanumeric() {
        // `address:2001:…`.
        colon + 1
    } else {
        return None;
    };
    let length = (0..=MAX_V6)
        .take_while(|place| matches!(text.byte(start + place), b':' | b'.' | b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F'))
        .count();
    if !(3..=MAX_V6).contains(&length) {
        return None;
    }
    let mut token = text.as_str()[start..start + length].trim_end_matches('.');
    if token.ends_with(':') && !token.ends_with("::") {
        token = &token[..token.len() - 1];
    }
    let end = start + token.len();
    let whole = !text.byte(end).is_ascii_alphanumeric() && text.byte(end) != b'_' && text.matches(end, "::").is_none();
    // `[2001:…]:443` ends at the bracket; without brackets a port cannot be told from a group.
    let address: Ipv6Addr = token.parse().ok()?;
    let counts = whole && looks_meant(token, address) && addresses.count(address.into());
    counts.then(|| ("ipv6", start..zone_end(text, end)))
}

/// Whether what parses is likely to be an address: not `a::b` or `[1::2]` of a program, nor eight pairs of hex digits.
fn looks_meant(token: &str, address: Ipv6Addr) -> bool {
    let groups = token.split(':').filter(|group| !group.is_empty());
    if address.is_loopback() || token.contains('.') {
        return true;
    }
    if !token.contains("::") {
        return groups.clone().any(|group| group.len() != 2) && token.bytes().any(|byte| byte.is_ascii_digit());
    }
    let assigned = matches!(address.segments()[0], 0x2000..=0x3fff | 0xfc00..=0xfdff | 0xfe80..=0xfebf | 0xff00..);
    token.bytes().any(|byte| byte.is_ascii_digit()) && (groups.count() >= 4 || assigned)
}

fn zone_end(text: Text<'_>, end: usize) -> usize {
    if text.byte(end) != b'%' {
        return end;
    }
    let zone = (1..=MAX_ZONE).take_while(|place| text.byte(end + place).is_ascii_alphanumeric()).count();
    if zone == 0 { end } else { end + 1 + zone }
}
