//! What is said over the control socket: HTTP, with a question as path and query and the answer as lines of JSON.
//!
//! ```text
//! GET  /v1/summaries?limit=N
//! GET  /v1/events?action=events|show|tail&request=ID&from=SEQ&last=N&follow=true
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
//! ```
//!
//! An answer is `application/x-ndjson`: the rows, and `{"error":"…","fault":"…"}` in the place of what could not be read or did
//! not happen. What is refused before it is begun gets a status other than 200 and one such line.

use std::fmt::Write as _;

use journal::{Query, RequestId};
use serde::{Deserialize, Serialize};

/// The path of questions for summaries.
pub(super) const SUMMARIES: &str = "/v1/summaries";

/// The path of questions for events.
pub(super) const EVENTS: &str = "/v1/events";

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// What is wanted.
    pub query: Query,
    /// Whether to go on with the events that happen from now on, until one side leaves.
    pub follow: bool,
}

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SummariesParams {
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsParams {
    #[serde(default)]
    action: Action,
    request: Option<RequestId>,
    from: Option<u64>,
    last: Option<u64>,
    #[serde(default)]
    follow: bool,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    #[default]
    Events,
    Show,
    Tail,
}

// === impl Ask ===

impl Ask {
    /// The request target that asks this.
    pub fn target(&self) -> String {
        let mut target = match self.query {
            Query::List { limit } => {
                return limit.map_or_else(|| SUMMARIES.to_owned(), |limit| format!("{SUMMARIES}?limit={limit}"));
            }
            Query::Events { request: None, from_seq } => format!("{EVENTS}?from={from_seq}"),
            Query::Events { request: Some(id), from_seq } => format!("{EVENTS}?from={from_seq}&request={id}"),
            Query::Show { request } => format!("{EVENTS}?action=show&request={request}"),
            Query::Tail { last } => format!("{EVENTS}?action=tail&last={last}"),
        };
        if self.follow {
            write!(target, "&follow=true").expect("writing to a string cannot fail");
        }
        target
    }
}

impl From<SummariesParams> for Ask {
    fn from(SummariesParams { limit }: SummariesParams) -> Self {
        Self { query: Query::List { limit }, follow: false }
    }
}

impl TryFrom<EventsParams> for Ask {
    type Error = &'static str;

    fn try_from(params: EventsParams) -> Result<Self, Self::Error> {
        let EventsParams { action, request, from, last, follow } = params;
        let query = match (action, request, from, last) {
            (Action::Events, request, from, None) => Query::Events { request, from_seq: from.unwrap_or(0) },
            (Action::Show, Some(request), None, None) => Query::Show { request },
            (Action::Tail, None, None, Some(last)) => Query::Tail { last },
            _ => return Err("events take request and from, show takes request, tail takes last"),
        };
        Ok(Self { query, follow })
    }
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
            Error::NotFound { .. } | Error::NoSuchSegment { .. } | Error::NoSuchHold { .. } => Self::NothingFound,
            Error::NotEmpty { .. } => Self::Usage,
            Error::Damaged { .. } | Error::OtherFormat { .. } => Self::Damaged,
            _ => Self::NoAccess,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::extract;

    use super::*;

    #[test]
    fn a_target_is_read_as_it_was_meant() {
        let request: RequestId = "0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b".parse().unwrap();
        let list = [None, Some(3)].map(|limit| Query::List { limit });
        for query in list {
            let ask = Ask { query, follow: false };
            let params = extract::Query::<SummariesParams>::try_from_uri(&ask.target().parse().unwrap()).unwrap();
            assert_eq!(Ask::from(params.0), ask);
        }
        let events = [
            Query::Events { request: None, from_seq: 0 },
            Query::Events { request: Some(request), from_seq: 7 },
            Query::Show { request },
            Query::Tail { last: 10 },
        ];
        for (query, follow) in events.into_iter().flat_map(|query| [(query, false), (query, true)]) {
            let ask = Ask { query, follow };
            let params = extract::Query::<EventsParams>::try_from_uri(&ask.target().parse().unwrap()).unwrap();
            assert_eq!(Ask::try_from(params.0), Ok(ask));
        }
    }

    #[test]
    fn only_an_error_is_an_error() {
        let line = ErrorLine::parse(ErrorLine::line(&"a \"b\"\n", Fault::Usage).trim_end()).unwrap();
        assert_eq!((line.error.as_str(), line.fault), ("a \"b\"\n", Fault::Usage));
        assert!(ErrorLine::parse(r#"{"seq":1,"type":"x","data":{"error":"no"}}"#).is_none());
    }
}
