//! What a glance at a text says of what can be in it. Most strings of most events can hold nothing.

/// What bytes there are in a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits {
    classes: u8,
    digits: usize,
}

const DIGIT: u8 = 1;
const AT: u8 = 2;
const COLON: u8 = 4;
const OPERATOR: u8 = 8;
const ESCAPE: u8 = 16;
const OPENING: u8 = 32;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut digit = b'0';
    while digit <= b'9' {
        classes[digit as usize] = DIGIT;
        digit += 1;
    }
    classes[b'@' as usize] = AT;
    classes[b':' as usize] = COLON | OPERATOR;
    classes[b'=' as usize] = OPERATOR;
    classes[b'>' as usize] = OPERATOR;
    classes[b'\\' as usize] = ESCAPE;
    classes[b'%' as usize] = ESCAPE;
    classes[b'{' as usize] = OPENING;
    classes[b'[' as usize] = OPENING;
    classes[b'"' as usize] = OPENING;
    classes
};

// === impl Traits ===

impl Traits {
    pub(crate) fn of(text: &str) -> Self {
        let (mut classes, mut digits) = (0, 0);
        for &byte in text.as_bytes() {
            let class = CLASSES[usize::from(byte)];
            classes |= class;
            digits += usize::from(class & DIGIT);
        }
        Self { classes, digits }
    }

    /// Whether there can be personal data in it: the shortest numbers that count have four digits.
    pub(crate) fn may_be_personal(self) -> bool {
        self.digits >= 4 || self.classes & (AT | COLON) != 0
    }

    /// Whether something may be assigned to a name.
    pub(crate) fn may_assign(self) -> bool {
        self.classes & OPERATOR != 0
    }

    pub(crate) fn may_be_escaped(self) -> bool {
        self.classes & ESCAPE != 0
    }

    /// Whether it may be, or hold, a document or a marker.
    pub(crate) fn may_be_structured(self) -> bool {
        self.classes & OPENING != 0
    }
}

/// Whether a text is nothing but an id or a time as every event has several: a UUID, perhaps behind a prefix of ours, or a timestamp
/// of RFC 3339.
pub(crate) fn is_identifier(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_time = || {
        bytes[4] == b'-'
            && bytes[7] == b'-'
            && bytes[10] == b'T'
            && bytes[bytes.len() - 1] == b'Z'
            && bytes.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.' | b'T' | b'Z'))
    };
    match bytes.len() {
        36 => is_uuid(bytes),
        45 => bytes.strip_prefix(b"chatcmpl-").is_some_and(is_uuid),
        20..=30 => is_time(),
        _ => false,
    }
}

fn is_uuid(bytes: &[u8]) -> bool {
    let is_right = |(at, byte): (usize, &u8)| {
        if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
    };
    bytes.len() == 36 && bytes.iter().enumerate().all(is_right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_times_are_known() {
        for text in [
            "01a20b3a-4214-703d-b602-bd62a17a26d4",
            "chatcmpl-01a20b3a-4214-703d-b602-bd62a17a26d4",
            "2026-11-24T01:44:56.936232Z",
            "2026-11-24T01:44:56Z",
        ] {
            assert!(is_identifier(text), "{text}");
        }
        for text in ["", "01a20b3a-4214-703d-b602-bd62a17a26dg", "2026-11-24 and hunter2 Z", "4111111111111111111111"] {
            assert!(!is_identifier(text), "{text}");
        }
    }
}
