//! Which requests are wanted, said of their summaries.

use std::borrow::Cow;
use std::fmt::{self, Display};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::Outcome;
use crate::summary::Summary;

/// What a summary has to be like. Every field that is given must hold; the default holds for all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Received at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Received before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// With the client's key of this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// For this model, as the client wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// On this route: its template, such as `/v1/chat/completions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Answered with this HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Ended in this way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Took this long or longer, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_duration_ms: Option<u32>,
    /// Run by this worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
}

/// What a filter looks at of a summary. Most of those that are looked at are not wanted, and making the whole of one costs
/// several times as much.
#[derive(Deserialize)]
pub(crate) struct Facts<'a> {
    at: Timestamp,
    #[serde(borrow)]
    route: Cow<'a, str>,
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    status: u16,
    outcome: Outcome,
    duration_ms: f64,
    #[serde(borrow)]
    worker: Option<Cow<'a, str>>,
}

// === impl Filter ===

impl Filter {
    /// Whether `summary` is wanted.
    pub fn matches(&self, summary: &Summary) -> bool {
        self.holds_for(&Facts::of(summary))
    }

    /// Whether every summary is wanted.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn holds_for(&self, facts: &Facts<'_>) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == found)
        };
        self.status.is_none_or(|status| status == facts.status)
            && self.outcome.is_none_or(|outcome| outcome == facts.outcome)
            && self.min_duration_ms.is_none_or(|least| facts.duration_ms >= f64::from(least))
            && self.since.is_none_or(|since| since <= facts.at)
            && self.until.is_none_or(|until| facts.at < until)
            && is(&self.key, facts.key.as_deref())
            && is(&self.model, facts.model.as_deref())
            && is(&self.route, Some(&facts.route))
            && is(&self.worker, facts.worker.as_deref())
    }
}

impl Display for Filter {
    /// What is given, as `key=k1 status=200`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: [(&str, Option<&dyn Display>); 9] = [
            ("since", self.since.as_ref().map(|since| since as _)),
            ("until", self.until.as_ref().map(|until| until as _)),
            ("key", self.key.as_ref().map(|key| key as _)),
            ("model", self.model.as_ref().map(|model| model as _)),
            ("route", self.route.as_ref().map(|route| route as _)),
            ("status", self.status.as_ref().map(|status| status as _)),
            ("outcome", self.outcome.as_ref().map(|outcome| outcome as _)),
            ("min_duration_ms", self.min_duration_ms.as_ref().map(|least| least as _)),
            ("worker", self.worker.as_ref().map(|worker| worker as _)),
        ];
        let given = words.into_iter().filter_map(|(name, value)| Some((name, value?)));
        for (n, (name, value)) in given.enumerate() {
            write!(f, "{}{name}={value}", if n > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

// === impl Facts ===

impl<'a> Facts<'a> {
    fn of(summary: &'a Summary) -> Self {
        Self {
            at: summary.at,
            route: Cow::Borrowed(&summary.route),
            model: summary.model.as_deref().map(Cow::Borrowed),
            key: summary.key.as_deref().map(Cow::Borrowed),
            status: summary.status,
            outcome: summary.outcome,
            duration_ms: summary.duration_ms,
            worker: summary.worker.as_deref().map(Cow::Borrowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        serde_json::from_str(
            r#"{"id":"0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b","at":"2026-11-23T10:00:00Z","route":"/v1/models","model":"m\"1",
            "key":null,"status":404,"outcome":"client_error","stream":true,"tokens":null,"ttft_ms":1.5,"duration_ms":20.5,
            "worker":"w1","events":3}"#,
        )
        .unwrap()
    }

    #[test]
    fn every_field_alone_takes_and_refuses() {
        let text = serde_json::to_string(&summary()).unwrap();
        let facts: Facts<'_> = serde_json::from_str(&text).unwrap();
        for (taken, filter) in [
            (true, r"{}"),
            (true, r#"{"since":"2026-11-23T10:00:00Z"}"#),
            (false, r#"{"since":"2026-11-23T10:00:00.001Z"}"#),
            (true, r#"{"until":"2026-11-23T10:00:00.001Z"}"#),
            (false, r#"{"until":"2026-11-23T10:00:00Z"}"#),
            (false, r#"{"key":"k1"}"#),
            (true, r#"{"model":"m\"1"}"#),
            (false, r#"{"model":"m"}"#),
            (true, r#"{"route":"/v1/models"}"#),
            (false, r#"{"route":"/v1"}"#),
            (true, r#"{"status":404}"#),
            (false, r#"{"status":200}"#),
            (true, r#"{"outcome":"client_error"}"#),
            (false, r#"{"outcome":"ok"}"#),
            (true, r#"{"min_duration_ms":20}"#),
            (false, r#"{"min_duration_ms":21}"#),
            (true, r#"{"worker":"w1"}"#),
            (false, r#"{"worker":"w2"}"#),
            (false, r#"{"worker":"w1","status":200}"#),
        ] {
            let filter: Filter = serde_json::from_str(filter).unwrap();
            assert_eq!(filter.matches(&summary()), taken, "{filter}");
            assert_eq!(filter.holds_for(&facts), taken, "{filter}");
        }
    }

    #[test]
    fn its_words_name_what_is_given() {
        let filter = r#"{"since":"2026-11-23T10:00:00Z","key":"k1","status":200,"outcome":"ok","min_duration_ms":5}"#;
        let filter: Filter = serde_json::from_str(filter).unwrap();
        let words = "since=2026-11-23T10:00:00Z key=k1 status=200 outcome=ok min_duration_ms=5";
        assert_eq!(filter.to_string(), words);
        assert_eq!(Filter::default().to_string(), "");
    }
}
