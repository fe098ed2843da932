//! What a glance at a text says of what can be in it. Most strings of most events can hold nothing.

/// What bytes there are in a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traits {
    classes: u8,
    digits: u32,
}

const DIGIT: u8 = 1;
const AT: u8 = 2;
const COLON: u8 = 4;
const OPERATOR: u8 = 8;
const ESCAPE: u8 = 16;
const OPENING: u8 = 32;
/// What stands between the elements of a list.
const COMMA: u8 = 128;
/// What is not itself in a JSON string: quotes, escapes and control characters.
const SPECIAL: u8 = 64;

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
    classes[b',' as usize] = COMMA;
    // A space in a form.
    classes[b'+' as usize] = ESCAPE;
    classes[b'{' as usize] = OPENING;
    classes[b'[' as usize] = OPENING;
    classes[b'"' as usize] = OPENING | SPECIAL;
    classes[b'\\' as usize] |= SPECIAL;
    let mut control = 0;
    while control < b' ' {
        classes[control as usize] |= SPECIAL;
        control += 1;
    }
    classes
};

// === impl Traits ===

impl Traits {
    pub(crate) fn of(text: &str) -> Self {
        let mut traits = Self::default();
        text.bytes().for_each(|byte| traits.add(CLASSES[usize::from(byte)]));
        traits
    }

    /// Adds those of a JSON string's characters up to the first one that is not itself there, and says how many they are.
    pub(crate) fn add_up_to_special(&mut self, json: &[u8]) -> usize {
        let mut seen = *self;
        let plain = json.iter().position(|&byte| {
            let class = CLASSES[usize::from(byte)];
            if class & SPECIAL == 0 {
                seen.add(class);
            }
            class & SPECIAL != 0
        });
        *self = seen;
        plain.unwrap_or(json.len())
    }

    /// Adds those of an escape.
    pub(crate) fn add_escape(&mut self) {
        self.classes |= ESCAPE;
    }

    fn add(&mut self, class: u8) {
        self.classes |= class;
        self.digits = self.digits.saturating_add(u32::from(class & DIGIT));
    }

    /// Whether there can be a list in it.
    pub(crate) fn may_list(self) -> bool {
        self.classes & COMMA != 0
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
    match bytes.len() {
        36 => is_uuid(bytes),
        45 => bytes.strip_prefix(b"chatcmpl-").is_some_and(is_uuid),
        20..=30 => is_time(bytes),
        _ => false,
    }
}

fn is_uuid(bytes: &[u8]) -> bool {
    // The dashes first: most texts have none there.
    [8, 13, 18, 23].iter().all(|&dash| bytes.get(dash) == Some(&b'-'))
        && [0..8, 9..13, 14..18, 19..23, 24..36].into_iter().all(|part| are_hex(&bytes[part]))
}

/// Without a branch per byte, so that the compiler looks at many at once.
fn are_hex(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .fold(true, |all, &byte| all & (byte.wrapping_sub(b'0') < 10) | all & ((byte | 0x20).wrapping_sub(b'a') < 6))
}

fn is_time(bytes: &[u8]) -> bool {
    bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[10] == b'T'
        && bytes[bytes.len() - 1] == b'Z'
        && bytes.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.' | b'T' | b'Z'))
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
