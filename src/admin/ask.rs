//! How events and summaries are asked for over HTTP.

use jiff::Timestamp;
use journal::{Filter, Outcome, Pattern, PatternError, Query, RequestId, Scope, Syntax};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::escape;

/// The path of questions for summaries.
pub(super) const SUMMARIES: &str = "/v1/summaries";

/// The path of questions for events.
pub(super) const EVENTS: &str = "/v1/events";

/// The path of questions for events in which something is found.
pub(super) const SEARCH: &str = "/v1/search";

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// What is wanted.
    pub query: Query,
    /// Whether to go on with the events that happen from now on, until one side leaves.
    pub follow: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SummariesParams {
    limit: Option<usize>,
    before: Option<RequestId>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    key: Option<String>,
    model: Option<String>,
    route: Option<String>,
    status: Option<u16>,
    outcome: Option<Outcome>,
    min_duration_ms: Option<u32>,
    worker: Option<String>,
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

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    #[default]
    Events,
    Show,
    Tail,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchParams {
    text: String,
    #[serde(default)]
    syntax: Syntax,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    before: Option<u64>,
    limit: Option<usize>,
}

// === impl Ask ===

impl Ask {
    /// The request target that asks this.
    pub fn target(&self) -> String {
        let (path, mut params) = match &self.query {
            Query::List { filter, limit, before } => {
                let mut params = serde_json::to_value(filter).expect("times, names and numbers serialise");
                params["limit"] = json!(limit);
                params["before"] = json!(before);
                (SUMMARIES, params)
            }
            Query::Events { request, from_seq } => (EVENTS, json!({ "from": from_seq, "request": request })),
            Query::Show { request } => (EVENTS, json!({ "action": Action::Show, "request": request })),
            Query::Tail { last } => (EVENTS, json!({ "action": Action::Tail, "last": last })),
            Query::Search { pattern, scope } => {
                let Scope { since, until, before, limit } = scope;
                let (text, syntax) = (pattern.text(), pattern.syntax());
                (
                    SEARCH,
                    json!({
                        "text": text, "syntax": syntax, "since": since, "until": until, "before": before, "limit": limit,
                    }),
                )
            }
        };
        if self.follow {
            params["follow"] = json!(true);
        }
        let pairs = params.as_object().into_iter().flatten().filter_map(|(name, value)| match value {
            Value::Null => None,
            Value::String(text) => Some(format!("{name}={}", escape(text))),
            other => Some(format!("{name}={other}")),
        });
        let pairs: Vec<_> = pairs.collect();
        if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
    }
}

impl From<SummariesParams> for Ask {
    fn from(params: SummariesParams) -> Self {
        let SummariesParams { limit, before, since, until, .. } = params;
        let SummariesParams { key, model, route, status, outcome, min_duration_ms, worker, .. } = params;
        let filter = Filter { since, until, key, model, route, status, outcome, min_duration_ms, worker };
        Self { query: Query::List { filter, limit, before }, follow: false }
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

impl TryFrom<SearchParams> for Ask {
    type Error = PatternError;

    fn try_from(params: SearchParams) -> Result<Self, Self::Error> {
        let SearchParams { text, syntax, since, until, before, limit } = params;
        let (pattern, scope) = (Pattern::try_new(&text, syntax)?, Scope { since, until, before, limit });
        Ok(Self { query: Query::Search { pattern, scope }, follow: false })
    }
}

#[cfg(test)]
mod tests {
    use axum::extract;
    use serde::de::DeserializeOwned;

    use super::*;

    fn params<T: DeserializeOwned>(ask: &Ask) -> T {
        extract::Query::try_from_uri(&ask.target().parse().unwrap()).unwrap().0
    }

    #[test]
    fn a_target_is_read_as_it_was_meant() {
        let request: RequestId = "0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b".parse().unwrap();
        let all = Filter {
            since: Some(Timestamp::UNIX_EPOCH),
            until: Some("2026-11-23T12:00:00.5Z".parse().unwrap()),
            key: Some("a&b=ü %".to_owned()),
            model: Some("m/1".to_owned()),
            route: Some("/v1/chat/completions".to_owned()),
            status: Some(200),
            outcome: Some(Outcome::StreamAborted),
            min_duration_ms: Some(7),
            worker: Some("w1".to_owned()),
        };
        let none = Filter::default();
        for (filter, limit, before) in [(none, None, None), (all.clone(), Some(3), None), (all, None, Some(request))] {
            let ask = Ask { query: Query::List { filter, limit, before }, follow: false };
            assert_eq!(Ask::from(params::<SummariesParams>(&ask)), ask);
        }
        let events = [
            Query::Events { request: None, from_seq: 0 },
            Query::Events { request: Some(request), from_seq: 7 },
            Query::Show { request },
            Query::Tail { last: 10 },
        ];
        for (query, follow) in events.into_iter().flat_map(|query| [(query.clone(), false), (query, true)]) {
            let ask = Ask { query, follow };
            assert_eq!(Ask::try_from(params::<EventsParams>(&ask)), Ok(ask));
        }
        let whole = Scope { since: None, until: None, before: None, limit: None };
        let part = Scope { since: Some(Timestamp::UNIX_EPOCH), limit: Some(5), before: Some(9), ..whole };
        for (syntax, scope) in [(Syntax::Literal, whole), (Syntax::IgnoreCase, part), (Syntax::Regex, part)] {
            let query = Query::Search { pattern: Pattern::try_new("a+b & \"c\"", syntax).unwrap(), scope };
            let ask = Ask { query, follow: false };
            assert_eq!(Ask::try_from(params::<SearchParams>(&ask)), Ok(ask));
        }
    }
}
