//! Framing of the app-server's stdio: one JSON document a line, JSON-RPC 2.0 without the `jsonrpc` member.
//!
//! Sans-IO: [`Incoming::parse`] turns a line into what it is, [`request`] and its siblings write the lines we send. Facts from
//! the recorded transcripts in `tests/transcripts`.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

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
        fn no_line_makes_the_parser_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Incoming::parse(&line);
        }
    }
}
