//! What is said over the control socket: HTTP, with a question as path and query and the answer as lines of JSON.
//!
//! ```text
//! GET  /v1/summaries?limit=N&before=ID&since=TIME&until=TIME&key=…&model=…&route=…&status=N&outcome=…&min_duration_ms=N&worker=…
//! GET  /v1/events?action=events|show|tail&request=ID&from=SEQ&last=N&follow=true
//! GET  /v1/search?text=…&syntax=literal|ignore_case|regex&since=TIME&until=TIME&before=SEQ&limit=N
//! GET  /v1/segments
//! GET  /v1/retention/status
//! GET  /v1/retention/plan
//! POST /v1/retention/run    {"confirm_clock":false}
//! GET  /v1/holds
//! POST /v1/holds            {"selector":{"request":"ID"},"reason":"…"}; also {"key":"…"}, {"range":{"since":"…","until":"…"}}
//! POST /v1/holds/HOLD/lift  {"reason":"…"}
//! POST /v1/verify           {"anchor":"HASH"}
//! POST /v1/backup           {"path":"/…"}
//! GET  /v1/ledger
//! POST /v1/ledger/head
//! GET  /v1/status
//! POST /v1/maintenance      {"on":true,"message":"…","retry_after_s":20}
//! POST /v1/backend          {"backend":"app-server"}
//! POST /v1/reload
//! ```
//!
//! An answer is `application/x-ndjson`: the rows, and `{"error":"…","fault":"…"}` in the place of what could not be read or did
//! not happen. What is refused before it is begun gets a status other than 200 and one such line.

use serde::{Deserialize, Serialize};

/// A line that tells what went wrong.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorLine {
    /// What it was, for people.
    pub error: String,
    /// What to do about it.
    pub fault: Fault,
}

/// What whoever asked has to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing: there is no such thing.
    NothingFound,
    /// Ask otherwise.
    Usage,
    /// See that the service, or whoever asks, can do what was asked.
    NoAccess,
    /// Look after the journal: a part of it is not what was written.
    Damaged,
}

// === impl ErrorLine ===

impl ErrorLine {
    /// The line for `error`, with its line end.
    pub(super) fn line(error: &impl ToString, fault: Fault) -> String {
        let line = Self { error: error.to_string(), fault };
        serde_json::to_string(&line).expect("a struct of strings serialises") + "\n"
    }

    /// What went wrong, if `line` is such a line and no row.
    pub fn parse(line: &str) -> Option<Self> {
        // No row begins so; what does not is not parsed a second time.
        line.starts_with(r#"{"error":"#).then(|| serde_json::from_str(line).ok())?
    }
}

// === impl Fault ===

impl From<&journal::Error> for Fault {
    fn from(error: &journal::Error) -> Self {
        use journal::Error;
        match error {
            Error::NotFound { .. } | Error::NoSuchSegment { .. } | Error::NoSuchHold { .. } | Error::Held { .. } => {
                Self::NothingFound
            }
            Error::NotEmpty { .. } => Self::Usage,
            Error::Damaged { .. } | Error::OtherFormat { .. } => Self::Damaged,
            _ => Self::NoAccess,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_is_an_error() {
        let line = ErrorLine::parse(ErrorLine::line(&"a \"b\"\n", Fault::Usage).trim_end()).unwrap();
        assert_eq!((line.error.as_str(), line.fault), ("a \"b\"\n", Fault::Usage));
        assert!(ErrorLine::parse(r#"{"seq":1,"type":"x","data":{"error":"no"}}"#).is_none());
    }
}
