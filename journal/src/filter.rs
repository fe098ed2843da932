//! Which requests are wanted, said of their summaries.

use std::fmt;

use jiff::Timestamp;
use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};
use serde_json::json;

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

/// Takes the summaries that a filter matches out of many. Most are not wanted, and are passed over without being parsed.
pub(crate) struct Sieve {
    filter: Filter,
    /// What stands in the JSON of every summary that is wanted.
    needles: Vec<Finder<'static>>,
}

// === impl Filter ===

impl Filter {
    /// Whether `summary` is wanted.
    pub fn matches(&self, summary: &Summary) -> bool {
        let is =
            |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|wanted| Some(wanted) == found);
        self.status.is_none_or(|status| status == summary.status)
            && self.outcome.is_none_or(|outcome| outcome == summary.outcome)
            && self.min_duration_ms.is_none_or(|least| summary.duration_ms >= f64::from(least))
            && self.since.is_none_or(|since| since <= summary.at)
            && self.until.is_none_or(|until| summary.at < until)
            && is(&self.key, summary.key.as_deref())
            && is(&self.model, summary.model.as_deref())
            && is(&self.route, Some(&summary.route))
            && is(&self.worker, summary.worker.as_deref())
    }
}

impl fmt::Display for Filter {
    /// What is given, as `key="k1" status=200`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &Option<String>| text.as_ref().map(|text| format!("{text:?}"));
        let words = [
            ("since", self.since.map(|since| since.to_string())),
            ("until", self.until.map(|until| until.to_string())),
            ("key", quoted(&self.key)),
            ("model", quoted(&self.model)),
            ("route", quoted(&self.route)),
            ("status", self.status.map(|status| status.to_string())),
            ("outcome", self.outcome.map(|outcome| outcome.as_str().to_owned())),
            ("min_duration_ms", self.min_duration_ms.map(|least| least.to_string())),
            ("worker", quoted(&self.worker)),
        ];
        let given = words.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        f.write_str(&given.collect::<Vec<_>>().join(" "))
    }
}

// === impl Sieve ===

impl Sieve {
    pub(crate) fn new(filter: Filter) -> Self {
        let texts =
            [("key", &filter.key), ("model", &filter.model), ("route", &filter.route), ("worker", &filter.worker)];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, json!(text.as_ref()?))));
        let others =
            [("status", filter.status.map(|status| json!(status))), ("outcome", filter.outcome.map(|end| json!(end)))];
        let others = others.into_iter().filter_map(|(name, value)| Some((name, value?)));
        // As `serde_json` writes it, without spaces.
        let needle = |(name, value)| Finder::new(&format!("\"{name}\":{value}")).into_owned();
        let needles = texts.chain(others).map(needle).collect();
        Self { filter, needles }
    }

    /// The summary in `json`, as `serde_json` wrote it, if it is wanted.
    pub(crate) fn parse(&self, json: &[u8]) -> Result<Option<Summary>, serde_json::Error> {
        if self.needles.iter().any(|needle| needle.find(json).is_none()) {
            return Ok(None);
        }
        let summary = serde_json::from_slice(json)?;
        Ok(Some(summary).filter(|summary| self.filter.matches(summary)))
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
            let words = filter.to_string();
            assert_eq!(Sieve::new(filter).parse(text.as_bytes()).unwrap().is_some(), taken, "{words}");
        }
    }

    #[test]
    fn its_words_name_what_is_given() {
        let filter = r#"{"since":"2026-11-23T10:00:00Z","key":"k1","status":200,"outcome":"ok","min_duration_ms":5}"#;
        let filter: Filter = serde_json::from_str(filter).unwrap();
        let words = r#"since=2026-11-23T10:00:00Z key="k1" status=200 outcome=ok min_duration_ms=5"#;
        assert_eq!(filter.to_string(), words);
        assert_eq!(Filter::default().to_string(), "");
    }
}
