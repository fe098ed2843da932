//! Bytes that came from outside and go into an event as they are.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A frame or a body, handed over without being parsed or copied by whoever records it.
///
/// Serialised, it is the JSON document it holds, verbatim except that line breaks between tokens become spaces (an event
/// is one line). What is not a JSON object or array becomes a JSON string, invalid UTF-8 replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payload(pub Bytes);

impl Payload {
    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn as_document(&self) -> Option<&RawValue> {
        let starts_document = matches!(self.0.trim_ascii_start().first(), Some(b'{' | b'['));
        starts_document.then(|| serde_json::from_slice(&self.0).ok()).flatten()
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(document) = self.as_document() else {
            return String::from_utf8_lossy(&self.0).serialize(serializer);
        };
        if !document.get().contains(['\n', '\r']) {
            return document.serialize(serializer);
        }
        // Inside a JSON string a line break is always escaped, so these are all between tokens.
        let one_line = document.get().replace(['\n', '\r'], " ");
        RawValue::from_string(one_line).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        match serde_json::from_str::<String>(raw.get()) {
            Ok(text) => Ok(Self(Bytes::from(text))),
            Err(_) => Ok(Self(Bytes::from(raw.get().to_owned()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Payload;

    fn round_trip(payload: &Payload) -> Payload {
        let line = serde_json::to_string(payload).expect("payloads always serialise");
        assert!(!line.contains('\n'), "{line:?} is more than one line");
        serde_json::from_str(&line).expect("what was written can be read")
    }

    #[test]
    fn a_document_is_kept_verbatim() {
        let payload = Payload("{\"b\": 1.50, \"a\" : [\"\\u00e9\"]}".into());
        assert_eq!(round_trip(&payload), payload);
    }

    #[test]
    fn line_breaks_between_tokens_become_spaces() {
        let payload = Payload("{\r\n  \"a\": \"x\\ny\"\n}".into());
        assert_eq!(round_trip(&payload), Payload("{    \"a\": \"x\\ny\" }".into()));
    }

    #[test]
    fn what_is_no_document_becomes_a_string() {
        for text in ["", "not json", "{\"cut\":", "42", "\"quoted\""] {
            let payload = Payload(text.into());
            assert!(serde_json::to_string(&payload).expect("serialises").starts_with('"'));
        }
    }

    proptest! {
        #[test]
        fn any_text_that_is_no_document_survives(text in "[^\\[{\"].*") {
            let payload = Payload(text.clone().into());
            prop_assert_eq!(round_trip(&payload), payload);
        }
    }
}
