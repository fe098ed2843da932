//! What is kept for how long.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::written;

/// What a policy is made of, as the configuration has it. Unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long the content of requests and answers is kept. It goes by whole segments, once the oldest event of a segment
    /// reaches this age, so that some goes earlier, by up to `segment_period`.
    pub content_ttl: Duration,
    /// How long the summaries of requests are kept. They go by whole UTC days, once the last moment of a day reaches this
    /// age, so that some are kept for up to a day longer.
    pub summary_ttl: Duration,
    /// How long the ledger is kept. It goes by whole UTC months, once the last moment of a month reaches this age.
    pub ledger_ttl: Duration,
    /// The longest `content_ttl` there may be: the limit that the organisation promised.
    pub max_content_ttl: Duration,
    /// How long a segment of the journal is written to.
    pub segment_period: Duration,
    /// The time between two sweeps.
    pub sweep_interval: Duration,
    /// How many bytes of segments are kept on disk. Beyond, the oldest go before their time.
    pub max_bytes: u64,
}

/// How long traces are kept: [`Terms`] that can be kept together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    terms: Terms,
}

/// Why terms make no policy. Displayed as `KEY: WRONG; allowed: …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {wrong}; allowed: {allowed}")]
pub struct PolicyError {
    /// The key of the configuration, with its section, that is to be mended.
    pub key: &'static str,
    /// What is wrong with its value.
    pub wrong: String,
    /// What would do.
    pub allowed: String,
}

// === impl Terms ===

impl Terms {
    fn zeros(&self) -> Vec<PolicyError> {
        let times = [
            ("retention.content_ttl", self.content_ttl, "72h"),
            ("retention.summary_ttl", self.summary_ttl, "90d"),
            ("retention.ledger_ttl", self.ledger_ttl, "400d"),
            ("retention.max_content_ttl", self.max_content_ttl, "30d"),
            ("retention.sweep_interval", self.sweep_interval, "60s"),
            ("journal.segment_period", self.segment_period, "1h"),
        ];
        let times = times.map(|(key, time, example)| (key, time.is_zero(), "a time span", example));
        let sizes = [("retention.max_bytes", self.max_bytes == 0, "a size", "20GiB")];
        let zeros = times.into_iter().chain(sizes).filter(|(_, is_zero, ..)| *is_zero);
        zeros
            .map(|(key, _, what, example)| PolicyError {
                key,
                wrong: "is zero".to_owned(),
                allowed: format!("{what} above zero, such as {example}"),
            })
            .collect()
    }

    fn conflicts(&self) -> Vec<PolicyError> {
        let mut conflicts = Vec::new();
        let content = written::time(self.content_ttl);
        if self.content_ttl > self.max_content_ttl {
            let limit = written::time(self.max_content_ttl);
            conflicts.push(PolicyError {
                key: "retention.content_ttl",
                wrong: format!("{content} is more than retention.max_content_ttl (the SOC limit), {limit}"),
                allowed: format!("{limit} or less, unless whoever answers for the limit raises it"),
            });
        }
        let delay = self.segment_period.saturating_add(self.sweep_interval);
        if self.content_ttl <= delay {
            let (period, interval) = (written::time(self.segment_period), written::time(self.sweep_interval));
            let delay = written::time(delay);
            conflicts.push(PolicyError {
                key: "retention.content_ttl",
                wrong: format!(
                    "{content} is not more than journal.segment_period ({period}) and retention.sweep_interval \
                     ({interval}) together, so that segments would be due while they are written to"
                ),
                allowed: format!("a time span above {delay}, or a shorter period or interval"),
            });
        }
        if self.ledger_ttl < self.content_ttl {
            conflicts.push(PolicyError {
                key: "retention.ledger_ttl",
                wrong: format!(
                    "{} is less than retention.content_ttl, {content}, so that the ledger would forget segments that are \
                     still there",
                    written::time(self.ledger_ttl)
                ),
                allowed: format!("{content} or more; 400d covers a yearly audit"),
            });
        }
        conflicts
    }
}

// === impl Policy ===

impl Policy {
    /// Checks `terms` and says all that is wrong with them, in words for whoever wrote the configuration.
    ///
    /// - None is zero.
    /// - `content_ttl` is not above `max_content_ttl`.
    /// - `content_ttl` is above `segment_period` and `sweep_interval` together: a segment is never due before its
    ///   successor had the time to begin.
    /// - `ledger_ttl` is not below `content_ttl`. Only the ledger tells a segment that vanished from one that was never
    ///   there, so it must know of each for as long as it is kept. What it says of a disposal it keeps for `ledger_ttl`
    ///   from then on.
    ///
    /// `summary_ttl` may be anything: no other record leans on the summaries.
    pub fn try_new(terms: Terms) -> Result<Self, Vec<PolicyError>> {
        let mut errors = terms.zeros();
        if errors.is_empty() {
            errors = terms.conflicts();
        }
        if errors.is_empty() { Ok(Self { terms }) } else { Err(errors) }
    }

    /// What it is made of.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The terms by the names of their keys, in the order of the alphabet, times and sizes as people write them.
    pub fn to_json(&self) -> Value {
        let Terms { content_ttl, summary_ttl, ledger_ttl, max_content_ttl, segment_period, sweep_interval, max_bytes } =
            self.terms;
        json!({
            "content_ttl": written::time(content_ttl),
            "ledger_ttl": written::time(ledger_ttl),
            "max_bytes": written::size(max_bytes),
            "max_content_ttl": written::time(max_content_ttl),
            "segment_period": written::time(segment_period),
            "summary_ttl": written::time(summary_ttl),
            "sweep_interval": written::time(sweep_interval),
        })
    }

    /// Names the policy: the SHA-256, in hex, of [`to_json`](Self::to_json) written without white space.
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.to_json().to_string()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const HOUR: Duration = Duration::from_secs(3600);
    pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

    /// The defaults of the configuration.
    pub(crate) fn terms() -> Terms {
        Terms {
            content_ttl: HOUR * 72,
            summary_ttl: DAY * 90,
            ledger_ttl: DAY * 400,
            max_content_ttl: DAY * 30,
            segment_period: HOUR,
            sweep_interval: Duration::from_secs(60),
            max_bytes: 20 << 30,
        }
    }

    fn keys(terms: Terms) -> Vec<&'static str> {
        Policy::try_new(terms).map_or_else(|errors| errors.iter().map(|error| error.key).collect(), |_| Vec::new())
    }

    #[test]
    fn terms_are_checked_to_the_millisecond() {
        const MS: Duration = Duration::from_millis(1);
        const JUST_BELOW: Duration = Duration::from_millis(72 * 3_600_000 - 1);
        let minute = Duration::from_secs(60);
        let content = "retention.content_ttl";
        for (terms, expected) in [
            (terms(), vec![]),
            (Terms { max_content_ttl: HOUR * 72, ..terms() }, vec![]),
            (Terms { max_content_ttl: JUST_BELOW, ..terms() }, vec![content]),
            (Terms { content_ttl: HOUR + minute + MS, ..terms() }, vec![]),
            (Terms { content_ttl: HOUR + minute, ..terms() }, vec![content]),
            (Terms { ledger_ttl: HOUR * 72, ..terms() }, vec![]),
            (Terms { ledger_ttl: JUST_BELOW, ..terms() }, vec!["retention.ledger_ttl"]),
            (Terms { summary_ttl: MS, ..terms() }, vec![]),
            (Terms { segment_period: Duration::MAX, ..terms() }, vec![content]),
            (Terms { content_ttl: Duration::MAX, ledger_ttl: DAY, ..terms() }, vec![content, "retention.ledger_ttl"]),
        ] {
            assert_eq!(keys(terms), expected, "{terms:?}");
        }
    }

    #[test]
    fn every_zero_is_refused_and_named() {
        let zero = Duration::ZERO;
        for (terms, key) in [
            (Terms { content_ttl: zero, ..terms() }, "retention.content_ttl"),
            (Terms { summary_ttl: zero, ..terms() }, "retention.summary_ttl"),
            (Terms { ledger_ttl: zero, ..terms() }, "retention.ledger_ttl"),
            (Terms { max_content_ttl: zero, ..terms() }, "retention.max_content_ttl"),
            (Terms { segment_period: zero, ..terms() }, "journal.segment_period"),
            (Terms { sweep_interval: zero, ..terms() }, "retention.sweep_interval"),
            (Terms { max_bytes: 0, ..terms() }, "retention.max_bytes"),
        ] {
            assert_eq!(keys(terms), [key]);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_do() {
        let wrong = Terms { content_ttl: DAY * 31, ..terms() };
        assert_eq!(
            Policy::try_new(wrong).unwrap_err()[0].to_string(),
            "retention.content_ttl: 31d is more than retention.max_content_ttl (the SOC limit), 30d; \
             allowed: 30d or less, unless whoever answers for the limit raises it"
        );
        let wrong = Terms { content_ttl: HOUR, ..terms() };
        let error = Policy::try_new(wrong).unwrap_err()[0].to_string();
        assert!(error.contains("journal.segment_period (1h) and retention.sweep_interval (1m) together"), "{error}");
        assert!(error.ends_with("allowed: a time span above 61m, or a shorter period or interval"), "{error}");
    }

    #[test]
    fn the_digest_is_that_of_the_json() {
        let policy = Policy::try_new(terms()).unwrap();
        let json = concat!(
            r#"{"content_ttl":"72h","ledger_ttl":"400d","max_bytes":"20GiB","max_content_ttl":"30d","#,
            r#""segment_period":"1h","summary_ttl":"90d","sweep_interval":"1m"}"#
        );
        assert_eq!(policy.to_json().to_string(), json);
        // printf '%s' JSON | sha256sum
        assert_eq!(policy.digest(), "d4eb06ab9222c323dac2c2a944c1006d8592c84e56c94706204cc28c50591ffc");
        let other = Policy::try_new(Terms { max_bytes: (20 << 30) + 1, ..terms() }).unwrap();
        assert_ne!(other.digest(), policy.digest());
    }
}
