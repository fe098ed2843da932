//! The strings of a JSON document, found without building a tree and without recursion.

use std::ops::Range;

use crate::traits::Traits;

/// Iterates over the strings of a document in order. Ends with an error where the text is no JSON.
///
/// Memory is one byte per open container, so that a document nested millions of levels deep is walked like any other.
pub(crate) struct Strings<'a> {
    json: &'a [u8],
    at: usize,
    expect: Expect,
    open: Vec<Container>,
    /// In an object the latest key; in an array the key whose value the array is.
    member: Option<Range<usize>>,
    /// How many elements of the current array have begun, and the first of them if it is a string.
    begun: usize,
    first: Option<Range<usize>>,
}

/// One string or number of a document. Ranges are those of contents: of strings what is between the quotes, still escaped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) content: Range<usize>,
    /// Of a string's content, as it stands there.
    pub(crate) traits: Traits,
    /// Whether it is a key itself.
    pub(crate) is_key: bool,
    /// Whether it is a number, without quotes.
    pub(crate) is_number: bool,
    /// The key whose value this string is, directly or as an element of a list.
    pub(crate) member: Option<Range<usize>>,
    /// The first string of an array of exactly two, for the second.
    pub(crate) partner: Option<Range<usize>>,
}

/// The text is no JSON document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Object,
    Array,
}

#[derive(Clone, Copy)]
enum Expect {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    CommaOrEnd,
    Nothing,
}

/// Whether `text` looks like a JSON object, array or string: what a string may hold that is worth walking.
pub(crate) fn may_be_document(text: &str) -> bool {
    matches!(text.trim_ascii_start().as_bytes().first(), Some(b'{' | b'[' | b'"'))
}

/// Whether `text` is a JSON object, array or string.
pub(crate) fn is_document(text: &str) -> bool {
    may_be_document(text) && is_valid(text)
}

/// Whether `text` is one JSON value.
pub(crate) fn is_valid(text: &str) -> bool {
    Strings::new(text).all(|string| string.is_ok())
}

/// `text` as the content of a JSON string.
#[cfg(test)]
pub(crate) fn escape(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

// === impl Strings ===

impl<'a> Strings<'a> {
    /// The strings of `json`, which need not be valid.
    pub(crate) fn new(json: &'a str) -> Self {
        Self {
            json: json.as_bytes(),
            at: 0,
            expect: Expect::Value,
            open: Vec::new(),
            member: None,
            begun: 0,
            first: None,
        }
    }

    /// How many containers the last string was in.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Reads on to the next string; `None` at the document's end.
    fn advance(&mut self) -> Result<Option<Token>, Malformed> {
        loop {
            self.skip_whitespace();
            let Some(&byte) = self.json.get(self.at) else {
                return if matches!(self.expect, Expect::Nothing) { Ok(None) } else { Err(Malformed) };
            };
            match (self.expect, byte) {
                (Expect::Key | Expect::KeyOrEnd, b'"') => return self.key().map(Some),
                (Expect::ValueOrEnd, b']') | (Expect::KeyOrEnd, b'}') | (Expect::CommaOrEnd, b']' | b'}') => {
                    self.close(byte)?;
                }
                (Expect::CommaOrEnd, b',') => {
                    self.at += 1;
                    self.expect = if self.inside(Container::Object) { Expect::Key } else { Expect::Value };
                }
                (Expect::Value | Expect::ValueOrEnd, b'"') => return self.string_value().map(Some),
                (Expect::Value | Expect::ValueOrEnd, b'-' | b'0'..=b'9') => return self.number_value().map(Some),
                (Expect::Value | Expect::ValueOrEnd, _) => self.other_value(byte)?,
                _ => return Err(Malformed),
            }
        }
    }

    fn key(&mut self) -> Result<Token, Malformed> {
        let (content, traits) = self.string()?;
        self.skip_whitespace();
        if self.json.get(self.at) != Some(&b':') {
            return Err(Malformed);
        }
        self.at += 1;
        self.expect = Expect::Value;
        self.member = Some(content.clone());
        Ok(Token { content, traits, is_key: true, is_number: false, member: None, partner: None })
    }

    fn string_value(&mut self) -> Result<Token, Malformed> {
        let (content, traits) = self.string()?;
        let mut partner = None;
        if self.inside(Container::Array) {
            self.begun += 1;
            if self.begun == 1 {
                self.first = Some(content.clone());
            } else {
                partner = self.first.take().filter(|_| self.begun == 2 && self.next_is(b']'));
            }
        }
        self.value_ended();
        Ok(Token { content, traits, is_key: false, is_number: false, member: self.member.clone(), partner })
    }

    fn number_value(&mut self) -> Result<Token, Malformed> {
        self.begun += 1;
        let start = self.at;
        self.number()?;
        let (content, traits) = (start..self.at, Traits::default());
        Ok(Token { content, traits, is_key: false, is_number: true, member: self.member.clone(), partner: None })
    }

    fn other_value(&mut self, byte: u8) -> Result<(), Malformed> {
        self.begun += 1;
        match byte {
            b'{' => {
                self.open.push(Container::Object);
                self.member = None;
                self.at += 1;
                self.expect = Expect::KeyOrEnd;
            }
            b'[' => {
                // An array inside an array has no key of its own.
                if !self.inside(Container::Object) {
                    self.member = None;
                }
                self.open.push(Container::Array);
                (self.begun, self.first) = (0, None);
                self.at += 1;
                self.expect = Expect::ValueOrEnd;
            }
            b't' => self.literal(b"true")?,
            b'f' => self.literal(b"false")?,
            b'n' => self.literal(b"null")?,
            _ => return Err(Malformed),
        }
        Ok(())
    }

    fn close(&mut self, byte: u8) -> Result<(), Malformed> {
        let closes = if byte == b'}' { Container::Object } else { Container::Array };
        if self.open.pop() != Some(closes) {
            return Err(Malformed);
        }
        self.at += 1;
        // What surrounds the closed container is not remembered: an array that holds one is no pair of strings.
        (self.member, self.begun, self.first) = (None, 2, None);
        self.value_ended();
        Ok(())
    }

    fn value_ended(&mut self) {
        self.expect = if self.open.is_empty() { Expect::Nothing } else { Expect::CommaOrEnd };
    }

    fn inside(&self, container: Container) -> bool {
        self.open.last() == Some(&container)
    }

    fn next_is(&mut self, byte: u8) -> bool {
        self.skip_whitespace();
        self.json.get(self.at) == Some(&byte)
    }

    fn skip_whitespace(&mut self) {
        self.skip_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    fn skip_while(&mut self, matches: impl Fn(u8) -> bool) -> usize {
        let count = self.json[self.at..].iter().take_while(|&&byte| matches(byte)).count();
        self.at += count;
        count
    }

    /// Reads a string from its opening quote to behind its closing one; the range of its content, and its traits.
    fn string(&mut self) -> Result<(Range<usize>, Traits), Malformed> {
        let start = self.at + 1;
        self.at = start;
        let mut traits = Traits::default();
        loop {
            self.at += traits.add_up_to_special(&self.json[self.at..]);
            match self.json[self.at..] {
                [b'"', ..] => {
                    self.at += 1;
                    return Ok((start..self.at - 1, traits));
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.at += 2,
                [b'\\', b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(u8::is_ascii_hexdigit) => self.at += 6,
                _ => return Err(Malformed),
            }
            traits.add_escape();
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Malformed> {
        if !self.json[self.at..].starts_with(word) {
            return Err(Malformed);
        }
        self.at += word.len();
        self.value_ended();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Malformed> {
        self.at += usize::from(self.json[self.at] == b'-');
        if self.json.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.json.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.json.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.json.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        self.value_ended();
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        if self.skip_while(|byte| byte.is_ascii_digit()) == 0 { Err(Malformed) } else { Ok(()) }
    }
}

impl Iterator for Strings<'_> {
    type Item = Result<Token, Malformed>;

    /// After an error there is nothing more to ask for.
    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;
    use crate::views::unescape;

    /// Contents of all strings, with the key and the partner of each.
    fn strings(json: &str) -> Vec<(&str, Option<&str>, Option<&str>)> {
        let text = |range: Range<usize>| &json[range];
        Strings::new(json)
            .map(|string| string.expect("valid"))
            .filter(|string| !string.is_number)
            .map(|string| (text(string.content), string.member.map(text), string.partner.map(text)))
            .collect()
    }

    #[test]
    fn a_string_knows_its_key_and_its_partner() {
        let json = r#"{"a":"1", "b" : ["2",3,"4"],"c":[["5","6"],["7","8","9"]],"d":{"e":["x",{"f":"y"}]}}"#;
        let expected = [
            ("a", None, None),
            ("1", Some("a"), None),
            ("b", None, None),
            ("2", Some("b"), None),
            ("4", Some("b"), None),
            ("c", None, None),
            ("5", None, None),
            ("6", None, Some("5")),
            ("7", None, None),
            ("8", None, None),
            ("9", None, None),
            ("d", None, None),
            ("e", None, None),
            ("x", Some("e"), None),
            ("f", None, None),
            ("y", Some("f"), None),
        ];
        assert_eq!(strings(json), expected);
    }

    proptest! {
        #[test]
        fn validity_is_what_serde_json_says(text in r#"([\[\]{}:,"]|[ ]|-?[0-9]{1,2}|true|"a"|\\u00e9|[.eE+-]){0,12}"#) {
            prop_assert_eq!(is_valid(&text), serde_json::from_str::<&RawValue>(&text).is_ok());
        }

        #[test]
        fn escaping_is_undone(text in any::<String>()) {
            let escaped = escape(&text);
            prop_assert_eq!(unescape(&escaped), text);
        }
    }
}
