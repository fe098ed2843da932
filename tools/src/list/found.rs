//! Requests by what was said in them: a search through the events that are kept tells their ids.

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
    kind: std::borrow::Cow<'a, str>,
}

/// The requests received since `since` in any of whose events `text` is found.
pub(super) fn with_text(source: &Source, text: &str, since: Option<Timestamp>) -> Result<HashSet<RequestId>, Failure> {
    search(source, text, since, |_| true)
}

/// The requests received since `since` whose answer calls the tool `name`.
pub(super) fn with_tool(source: &Source, name: &str, since: Option<Timestamp>) -> Result<HashSet<RequestId>, Failure> {
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
) -> Result<HashSet<RequestId>, Failure> {
    let pattern = Pattern::try_new(text, Syntax::Literal).map_err(|wrong| Failure::Usage(wrong.to_string()))?;
    let scope = Scope { since, ..Scope::default() };
    let mut found = HashSet::new();
    let end = source.read(Query::Search { pattern, scope })?.each(|line| {
        let owned: Option<Owned<'_>> = serde_json::from_str(line).ok();
        found.extend(owned.filter(|event| wanted(&event.kind)).and_then(|event| event.request));
        Ok(())
    });
    match end {
        // It is said of the list.
        Ok(()) | Err(Failure::NothingFound(_)) => Ok(found),
        Err(failure) => Err(failure),
    }
}
