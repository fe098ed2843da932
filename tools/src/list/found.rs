//! Requests by what was said in them: a search through the events that are kept tells their ids.

use std::borrow::Cow;
use std::collections::HashSet;

use jiff::Timestamp;
use journal::{Pattern, Query, RequestId, Scope, Syntax};
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::source::Source;

/// As much of an event as tells whose it is.
#[derive(Deserialize)]
struct Owned<'a> {
    request: Option<RequestId>,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

/// What a search found, and what kept the rest from being searched.
pub(super) struct Found {
    pub(super) requests: HashSet<RequestId>,
    pub(super) end: Result<(), Failure>,
}

/// The requests received since `since` in any of whose events `text` is found.
pub(super) fn with_text(source: &Source, text: &str, since: Option<Timestamp>) -> Result<Found, Failure> {
    search(source, text, since, |_| true)
}

/// The requests received since `since` whose answer calls the tool `name`.
pub(super) fn with_tool(source: &Source, name: &str, since: Option<Timestamp>) -> Result<Found, Failure> {
    // A call's head, as it stands in an answer: JSON in a string of JSON. Definitions of tools are not followed by arguments.
    let head = format!(r#""name":{},"arguments""#, Value::from(name));
    let head = Value::from(head).to_string();
    search(source, &head[1..head.len() - 1], since, |kind| kind == "response.chunk")
}

fn search(
    source: &Source,
    text: &str,
    since: Option<Timestamp>,
    wanted: impl Fn(&str) -> bool,
) -> Result<Found, Failure> {
    let pattern = Pattern::try_new(text, Syntax::Literal).map_err(|wrong| Failure::Usage(wrong.to_string()))?;
    let scope = Scope { since, ..Scope::default() };
    let mut requests = HashSet::new();
    let end = source.read(Query::Search { pattern, scope })?.each(|line| {
        let owned: Option<Owned<'_>> = serde_json::from_str(line).ok();
        requests.extend(owned.filter(|event| wanted(&event.kind)).and_then(|event| event.request));
        Ok(())
    });
    match end {
        // The list is what says so.
        Err(Failure::NothingFound(_)) => Ok(Found { requests, end: Ok(()) }),
        Ok(()) | Err(Failure::Damaged(_)) => Ok(Found { requests, end }),
        Err(failure) => Err(failure),
    }
}

// === impl Found ===

impl Found {
    /// What both found.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.requests.retain(|id| other.requests.contains(id));
        Self { requests: self.requests, end: self.end.and(other.end) }
    }
}
