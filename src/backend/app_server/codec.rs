//! Framing of the app-server's stdio: one JSON document a line, JSON-RPC 2.0 without the `jsonrpc` member.
//!
//! Sans-IO: [`LineDecoder`] turns bytes into lines however they were split, [`Incoming::parse`] turns a line into what it
//! is, [`request`] and its siblings write the lines we send. Facts from the recorded transcripts in `tests/transcripts`.

use std::borrow::Cow;

use bytes::{Buf, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The longest line accepted, in bytes. A 16 MiB body of images comes back in an echo at about its own size.
pub const MAX_LINE: usize = 64 << 20;

/// Cuts a byte stream into lines.
#[derive(Debug)]
pub struct LineDecoder {
    buffer: BytesMut,
    /// Bytes of `buffer` known to hold no line end.
    scanned: usize,
    /// Bytes thrown away of a line that is too long; `None` outside of such a line.
    skipped: Option<usize>,
    max_line: usize,
}

/// One line of a worker's output.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A whole line without its line end; never empty.
    Whole(Bytes),
    /// A line above the limit was thrown away.
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
}

/// A line that is a JSON-RPC frame.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// The answer to one of our requests.
    Response {
        /// The id we gave the request.
        id: u64,
        /// The result, or the error instead.
        result: Result<&'a RawValue, RpcError>,
    },
    /// The worker asks something of us.
    Request {
        /// The id to answer under, verbatim.
        id: &'a RawValue,
        /// The method's name.
        method: Cow<'a, str>,
        /// The parameters, if any.
        params: Option<&'a RawValue>,
    },
    /// The worker tells us something.
    Notification {
        /// The method's name.
        method: Cow<'a, str>,
        /// The parameters, if any.
        params: Option<&'a RawValue>,
    },
}

/// The `error` member of a response.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("JSON-RPC error {code}: {message}")]
pub struct RpcError {
    /// The JSON-RPC code; the app-server answers -32600 to almost everything it does not like.
    pub code: i64,
    /// What it did not like.
    pub message: String,
}

// === impl LineDecoder ===

impl Default for LineDecoder {
    fn default() -> Self {
        Self::with_max_line(MAX_LINE)
    }
}

impl LineDecoder {
    /// A decoder that gives up on lines longer than `max_line` bytes.
    pub fn with_max_line(max_line: usize) -> Self {
        Self { buffer: BytesMut::new(), scanned: 0, skipped: None, max_line }
    }

    /// Where a reader appends what it read.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next line, if the buffer holds a whole one.
    pub fn next_line(&mut self) -> Option<Line> {
        loop {
            let Some(end) = self.buffer[self.scanned..].iter().position(|&byte| byte == b'\n') else {
                self.keep_within_limit();
                return None;
            };
            let mut line = self.buffer.split_to(self.scanned + end).freeze();
            self.buffer.advance(1);
            self.scanned = 0;
            if let Some(skipped) = self.skipped.take() {
                return Some(Line::TooLong { length: skipped + line.len() });
            }
            if line.len() > self.max_line {
                return Some(Line::TooLong { length: line.len() });
            }
            if line.last() == Some(&b'\r') {
                line.truncate(line.len() - 1);
            }
            if !line.is_empty() {
                return Some(Line::Whole(line));
            }
        }
    }

    fn keep_within_limit(&mut self) {
        if self.skipped.is_none() && self.buffer.len() <= self.max_line {
            self.scanned = self.buffer.len();
            return;
        }
        *self.skipped.get_or_insert(0) += self.buffer.len();
        // Not cleared but dropped: so much memory is not kept for one line.
        self.buffer = BytesMut::new();
        self.scanned = 0;
    }
}

// === impl Incoming ===

impl<'a> Incoming<'a> {
    /// What `line` is, or `None` if it is no JSON-RPC frame.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow)]
            id: Option<&'a RawValue>,
            #[serde(borrow)]
            method: Option<Cow<'a, str>>,
            #[serde(borrow)]
            params: Option<&'a RawValue>,
            #[serde(borrow)]
            result: Option<&'a RawValue>,
            error: Option<RpcError>,
        }
        let envelope: Envelope<'a> = serde_json::from_slice(line).ok()?;
        match (envelope.method, envelope.id) {
            (Some(method), Some(id)) => Some(Self::Request { id, method, params: envelope.params }),
            (Some(method), None) => Some(Self::Notification { method, params: envelope.params }),
            (None, Some(id)) => {
                let id = id.get().parse().ok()?;
                let result = match (envelope.error, envelope.result) {
                    (Some(error), _) => Err(error),
                    (None, Some(result)) => Ok(result),
                    (None, None) => return None,
                };
                Some(Self::Response { id, result })
            }
            (None, None) => None,
        }
    }
}

// === what we send ===

/// A request line without its line end.
pub fn request(id: u64, method: &str, params: &impl Serialize) -> Bytes {
    #[derive(Serialize)]
    struct Request<'a, P> {
        id: u64,
        method: &'a str,
        params: &'a P,
    }
    encode(&Request { id, method, params })
}

/// A notification line without its line end.
pub fn notification(method: &str) -> Bytes {
    #[derive(Serialize)]
    struct Notification<'a> {
        method: &'a str,
    }
    encode(&Notification { method })
}

/// A line that refuses the worker's request `id`.
pub fn refusal(id: &RawValue, message: &str) -> Bytes {
    /// JSON-RPC 2.0 section 5.1: "The method does not exist / is not available."
    const METHOD_NOT_FOUND: i64 = -32601;
    #[derive(Serialize)]
    struct Refusal<'a> {
        id: &'a RawValue,
        error: Error<'a>,
    }
    #[derive(Serialize)]
    struct Error<'a> {
        code: i64,
        message: &'a str,
    }
    encode(&Refusal { id, error: Error { code: METHOD_NOT_FOUND, message } })
}

fn encode(frame: &impl Serialize) -> Bytes {
    serde_json::to_vec(frame).expect("frames have string keys and no failing serializer").into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(chunks: &[&[u8]], max_line: usize) -> Vec<Line> {
        let mut decoder = LineDecoder::with_max_line(max_line);
        let mut lines = Vec::new();
        for chunk in chunks {
            decoder.buffer().extend_from_slice(chunk);
            lines.extend(std::iter::from_fn(|| decoder.next_line()));
        }
        lines
    }

    #[test]
    fn carriage_returns_and_empty_lines_are_no_content() {
        assert_eq!(decode(&[b"a\r\n\n\r\nb\n"], 10), [Line::Whole("a".into()), Line::Whole("b".into())]);
    }

    #[test]
    fn a_line_above_the_limit_is_reported_and_the_next_one_survives() {
        let lines = decode(&[b"01234", b"56789", b"0\nnext\n"], 8);
        assert_eq!(lines, [Line::TooLong { length: 11 }, Line::Whole("next".into())]);
    }

    #[test]
    fn frames_are_told_apart() {
        let parse = |line: &'static str| Incoming::parse(line.as_bytes());
        assert!(matches!(parse(r#"{"id":7,"result":{}}"#), Some(Incoming::Response { id: 7, result: Ok(_) })));
        assert!(matches!(
            parse(r#"{"id":7,"error":{"code":-32600,"message":"no"}}"#),
            Some(Incoming::Response { id: 7, result: Err(RpcError { code: -32600, .. }) })
        ));
        assert!(matches!(parse(r#"{"id":"x","method":"item/tool/call"}"#), Some(Incoming::Request { .. })));
        assert!(matches!(
            parse(r#"{"method":"turn/started","params":{},"emittedAtMs":1}"#),
            Some(Incoming::Notification { params: Some(_), .. })
        ));
        for garbage in
            ["", "null", "[]", "{}", "thread panicked", r#"{"id":1}"#, r#"{"id":"x","result":1}"#, "{\"id\":1,"]
        {
            assert!(parse(garbage).is_none(), "{garbage}");
        }
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(
            lines in prop::collection::vec("[^\n\r]{1,40}", 0..20),
            cuts in prop::collection::vec(0_usize..900, 0..30),
        ) {
            let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]).collect();
            let expected: Vec<Line> = lines.into_iter().map(|line| Line::Whole(line.into())).collect();
            prop_assert_eq!(decode(&chunks, 1000), expected);
        }

        #[test]
        fn no_line_makes_the_parser_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Incoming::parse(&line);
        }
    }
}
