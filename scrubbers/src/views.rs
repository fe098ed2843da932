//! Texts inside texts: what a text stands for once its escapes are taken away, and where each part of that came from.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::marker::MASK;

/// From this many characters on, a run of base64 or hex digits is looked into: shorter ones hold no secret worth the name.
const RUN_MIN: usize = 16;

/// So many decoded bytes tell text from chance: one random run in a few thousand passes.
const PROBE: usize = 9;

/// What is cut out of a longer text may end anywhere.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);

const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// A text that was decoded from another, its source.
#[derive(Debug, Default)]
pub(crate) struct View {
    text: String,
    /// Where the bytes after each escape stand, in the text and in the source. In between, both go on alike.
    steps: Vec<(usize, usize)>,
}

/// A run of base64 or hex digits that stands for text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where it stands.
    pub(crate) range: Range<usize>,
    /// The text.
    pub(crate) text: String,
}

// === impl View ===

impl View {
    /// `source` without the escapes of JSON and the like: `\n`, `\"`, `\u0041`, `\x41`. What is no escape stays as it is. `None`
    /// if there are none.
    pub(crate) fn unescaped(source: &str) -> Option<Self> {
        Self::without(source, b'\\', b'\\', b'\\')
    }

    /// The same, and without percent escapes (RFC 3986 §2.1) of UTF-8, and without the `+` that forms have for a space.
    pub(crate) fn decoded(source: &str) -> Option<Self> {
        Self::without(source, b'\\', b'%', b'+')
    }

    /// `source` without the escapes that begin with one of these marks.
    fn without(source: &str, mark: u8, other: u8, third: u8) -> Option<Self> {
        let bytes = source.as_bytes();
        let mut view = Self::default();
        let mut copied = 0;
        let mut at = 0;
        let mut form = Form::default();
        while let Some(next) = memchr::memchr3(mark, other, third, &bytes[at..]) {
            at += next;
            let escape = match bytes[at] {
                b'%' => percent_decode_one(&bytes[at..]),
                b'+' => form.holds(bytes, at).then_some((' ', 1)),
                _ => unescape_one(&bytes[at..]),
            };
            let Some((character, length)) = escape else {
                at += 1;
                continue;
            };
            if view.steps.is_empty() {
                // What has one escape often has many.
                view.text.reserve(source.len());
                view.steps.reserve(32);
            }
            view.text.push_str(&source[copied..at]);
            view.text.push(character);
            at += length;
            copied = at;
            view.steps.push((view.text.len(), at));
        }
        if view.steps.is_empty() {
            return None;
        }
        view.text.push_str(&source[copied..]);
        Some(view)
    }

    /// `source` with one character that is in no text for each of these parts of it.
    pub(crate) fn masked(source: &str, parts: &[Range<usize>]) -> Self {
        let mut view = Self { text: String::with_capacity(source.len()), steps: Vec::with_capacity(parts.len()) };
        let mut copied = 0;
        for part in parts {
            view.text.push_str(&source[copied..part.start]);
            view.text.push(MASK);
            copied = part.end;
            view.steps.push((view.text.len(), copied));
        }
        view.text.push_str(&source[copied..]);
        view
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Where a part of the text stands in the source.
    pub(crate) fn source(&self, part: &Range<usize>) -> Range<usize> {
        self.source_of(part.start)..self.source_of(part.end)
    }

    fn source_of(&self, at: usize) -> usize {
        let after = self.steps.partition_point(|&(text, _)| text <= at);
        let (text, source) = if after == 0 { (0, 0) } else { self.steps[after - 1] };
        source + (at - text)
    }
}

/// The word that was last looked at, which may be the pairs of a form (WHATWG URL §5.1).
#[derive(Default)]
struct Form {
    end: usize,
    /// From its first `=` on, spaces are written `+`; nowhere, if it is no form.
    from: Option<usize>,
}

impl Form {
    /// Whether the `+` at `at` stands for a space. Asked from left to right, it looks at each byte once.
    fn holds(&mut self, bytes: &[u8], at: usize) -> bool {
        if at >= self.end {
            let breaks = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`');
            let start = bytes[self.end..at].iter().rposition(breaks).map_or(self.end, |before| self.end + before + 1);
            self.end = bytes[at..].iter().position(breaks).map_or(bytes.len(), |length| at + length);
            let word = &bytes[start..self.end];
            let is_form = word.iter().any(|byte| matches!(byte, b'&' | b'%'));
            self.from = memchr::memchr(b'=', word).filter(|_| is_form).map(|first| start + first);
        }
        self.from.is_some_and(|from| from < at)
    }
}

/// The text that a JSON string's content stands for.
pub(crate) fn unescape(content: &str) -> Cow<'_, str> {
    View::unescaped(content).map_or(Cow::Borrowed(content), |view| Cow::Owned(view.text))
}

/// The character that the escape at the beginning of `bytes` stands for, and its length. A surrogate without its partner,
/// which no text can hold, becomes U+FFFD.
fn unescape_one(bytes: &[u8]) -> Option<(char, usize)> {
    let simple = match bytes.get(1)? {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => return unescape_unicode(bytes),
        b'x' => return Some((char::from(hex_byte(bytes.get(2..4)?)?), 4)),
        &other @ (b'"' | b'\\' | b'/' | b'\'' | b'`') => char::from(other),
        _ => return None,
    };
    Some((simple, 2))
}

fn unescape_unicode(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        Some(u16::from_be_bytes([hex_byte(&digits[..2])?, hex_byte(&digits[2..])?]))
    };
    let high = unit(0)?;
    if (0xD800..0xDC00).contains(&high)
        && let Some(low) = unit(6).filter(|low| (0xDC00..0xE000).contains(low))
    {
        let pair = char::decode_utf16([high, low]).next().and_then(Result::ok);
        return Some((pair.unwrap_or(char::REPLACEMENT_CHARACTER), 12));
    }
    Some((char::from_u32(u32::from(high)).unwrap_or(char::REPLACEMENT_CHARACTER), 6))
}

/// The character whose UTF-8 bytes are percent-encoded at the beginning of `bytes`, and the length of that.
fn percent_decode_one(bytes: &[u8]) -> Option<(char, usize)> {
    let byte = |index: usize| {
        let escape = bytes.get(3 * index..3 * index + 3)?;
        if escape[0] == b'%' { hex_byte(&escape[1..]) } else { None }
    };
    let first = byte(0)?;
    let length = match first {
        0..0x80 => return Some((char::from(first), 3)),
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0..0xF8 => 4,
        _ => return None,
    };
    let mut encoded = [0; 4];
    for (index, slot) in encoded.iter_mut().enumerate().take(length) {
        *slot = byte(index)?;
    }
    let character = str::from_utf8(&encoded[..length]).ok()?.chars().next()?;
    Some((character, 3 * length))
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    match digits {
        &[high, low] => Some(value(high)? << 4 | value(low)?),
        _ => None,
    }
}

// === impl Run ===

impl Run {
    /// The runs in `source` that stand for text.
    pub(crate) fn all(source: &str) -> Vec<Self> {
        let mut runs = Vec::new();
        let bytes = source.as_bytes();
        let mut at = 0;
        while at + RUN_MIN <= bytes.len() {
            // A run that is long enough covers this place: most places rule one out at once.
            let probe = at + RUN_MIN - 1;
            if !is_run(bytes[probe]) {
                at = probe + 1;
                continue;
            }
            let start = bytes[at..probe].iter().rposition(|&byte| !is_run(byte)).map_or(at, |before| at + before + 1);
            let end =
                bytes[probe..].iter().position(|&byte| !is_run(byte)).map_or(bytes.len(), |length| probe + length);
            if end - start >= RUN_MIN {
                runs.extend(decode(&source[start..end]).map(|text| Self { range: start..end, text }));
            }
            at = end + 1;
        }
        runs
    }
}

/// What base64 in both alphabets, and so hex, is made of.
fn is_run(byte: u8) -> bool {
    const TABLE: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0_u8;
        loop {
            table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
            if byte == u8::MAX {
                break table;
            }
            byte += 1;
        }
    };
    TABLE[usize::from(byte)]
}

/// The text that `run` stands for, if it stands for one.
fn decode(run: &str) -> Option<String> {
    if run.len().is_multiple_of(2) && run.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return decode_hex(run.as_bytes());
    }
    let run = run.trim_matches('=');
    // A name or path may be glued to the front.
    let mut skips = std::iter::once(0).chain(run.find(['=', '/']).map(|at| at + 1));
    skips.find_map(|skip| decode_base64(run.get(skip..)?))
}

fn decode_hex(digits: &[u8]) -> Option<String> {
    let decode = |digits: &[u8]| digits.chunks_exact(2).map(hex_byte).collect::<Option<Vec<_>>>();
    if !is_text(&decode(&digits[..RUN_MIN])?) {
        return None;
    }
    String::from_utf8(decode(digits)?).ok().filter(|text| is_text(text.as_bytes()))
}

fn decode_base64(run: &str) -> Option<String> {
    let engine = if run.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    // Twelve characters are nine bytes: most runs are no text, and are not decoded.
    let mut head = [0; PROBE];
    engine.decode_slice(run.get(..PROBE / 3 * 4)?, &mut head).ok()?;
    if !is_text(&head) {
        return None;
    }
    let run = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
    String::from_utf8(engine.decode(run).ok()?).ok().filter(|text| is_text(text.as_bytes()))
}

/// Whether bytes are such as texts are made of: no control characters but white space.
fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte >= b' ' && byte != 0x7F || matches!(byte, b'\n' | b'\r' | b'\t'))
}
