//! Counting requests.

use std::collections::BTreeMap;

use jiff::Timestamp;
use journal::{Outcome, Summary};
use serde::Serialize;

/// The upper ends of the histogram's bars, in milliseconds; the last bar has none.
const BOUNDS: &[u32] =
    &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000];

/// What some requests have in common.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    ok: u64,
    durations: Vec<f64>,
    ttfts: Vec<f64>,
    pub(crate) tokens_in: u64,
    pub(crate) tokens_out: u64,
    /// How many failed, by the code of the error, or else by how they ended.
    pub(crate) errors: BTreeMap<String, u64>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// Of some values the smallest ones that are not exceeded by 50, 95 and 99 in a hundred, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
}

/// One bar of a histogram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bar {
    /// Up to so many milliseconds; `None` for more than in the bar before.
    pub(crate) up_to: Option<u32>,
    pub(crate) requests: usize,
}

// === impl Tally ===

impl Tally {
    pub(crate) fn add(&mut self, summary: &Summary) {
        self.requests += 1;
        self.durations.push(summary.duration_ms);
        self.ttfts.extend(summary.ttft_ms);
        if let Some(tokens) = summary.tokens {
            self.tokens_in += tokens.input;
            self.tokens_out += tokens.output;
        }
        if summary.outcome == Outcome::Ok {
            self.ok += 1;
        } else {
            let code = summary.error.as_deref().unwrap_or(summary.outcome.as_str());
            *self.errors.entry(code.to_owned()).or_default() += 1;
        }
        self.first = Some(self.first.map_or(summary.at, |first| first.min(summary.at)));
        self.last = self.last.max(Some(summary.at));
    }

    /// The share of those that went well; `None` without any.
    #[allow(clippy::cast_precision_loss, reason = "nobody counts so many requests")]
    pub(crate) fn success(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.ok as f64 / self.requests as f64)
    }

    /// How many there were in a minute, from `since` to `until`, or from the first to the last; `None` without such a time.
    #[allow(clippy::cast_precision_loss, reason = "nobody counts so many requests")]
    pub(crate) fn per_minute(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Option<f64> {
        let time = until.or(self.last)?.duration_since(since.or(self.first)?).as_secs_f64();
        (time > 0.0).then(|| self.requests as f64 * 60.0 / time)
    }

    pub(crate) fn duration(&mut self) -> Option<Percentiles> {
        Percentiles::of(&mut self.durations)
    }

    /// Of the time to the first content.
    pub(crate) fn ttft(&mut self) -> Option<Percentiles> {
        Percentiles::of(&mut self.ttfts)
    }

    /// How long they took, from the first bar that is not empty to the last.
    pub(crate) fn histogram(&self) -> Vec<Bar> {
        let mut bars: Vec<_> = BOUNDS.iter().map(|bound| Bar { up_to: Some(*bound), requests: 0 }).collect();
        bars.push(Bar { up_to: None, requests: 0 });
        for ms in &self.durations {
            bars[BOUNDS.partition_point(|bound| f64::from(*bound) < *ms)].requests += 1;
        }
        let is_empty = |bar: &Bar| bar.requests == 0;
        let bars: Vec<_> = bars.into_iter().skip_while(is_empty).collect();
        let kept = bars.iter().rposition(|bar| !is_empty(bar)).map_or(0, |last| last + 1);
        bars.into_iter().take(kept).collect()
    }
}

// === impl Percentiles ===

impl Percentiles {
    /// `None` without a value.
    fn of(values: &mut [f64]) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let rank = |percent: usize| values.get((values.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Some(Self { p50: rank(50)?, p95: rank(95)?, p99: rank(99)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(second: u32, outcome: &str, error: Option<&str>, duration_ms: f64) -> Summary {
        serde_json::from_value(serde_json::json!({
            "id": "0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b", "at": format!("2026-11-23T10:00:{second:02}Z"),
            "route": "/v1/models", "model": null, "key": null, "status": 200, "outcome": outcome, "error": error,
            "stream": true, "tokens": { "input": 10, "cached": 0, "output": 1, "reasoning": 0 },
            "ttft_ms": (duration_ms > 5.0).then_some(duration_ms / 2.0), "duration_ms": duration_ms, "worker": null,
            "events": 2,
        }))
        .unwrap()
    }

    fn tally(summaries: &[Summary]) -> Tally {
        let mut tally = Tally::default();
        for summary in summaries {
            tally.add(summary);
        }
        tally
    }

    #[test]
    fn shares_and_rates_are_of_what_was_counted() {
        let mut counted = tally(&[
            summary(30, "ok", None, 4.0),
            summary(0, "server_error", Some("worker_exited"), 40.0),
            summary(10, "cancelled", None, 8.0),
            summary(20, "ok", None, 1e9),
        ]);
        assert_eq!(counted.success(), Some(0.5));
        assert_eq!(counted.per_minute(None, None), Some(8.0));
        let since = "2026-11-23T09:59:30Z".parse().ok();
        assert_eq!(counted.per_minute(since, None), Some(4.0));
        assert_eq!((counted.tokens_in, counted.tokens_out), (40, 4));
        let errors: Vec<_> = counted.errors.iter().map(|(code, count)| (code.as_str(), *count)).collect();
        assert_eq!(errors, [("cancelled", 1), ("worker_exited", 1)]);
        assert_eq!(counted.duration(), Some(Percentiles { p50: 8.0, p95: 1e9, p99: 1e9 }));
        assert_eq!(counted.ttft().map(|ttft| ttft.p50), Some(20.0));
        let bars: Vec<_> = counted.histogram().iter().map(|bar| (bar.up_to, bar.requests)).collect();
        assert_eq!([bars[0], bars[1], bars[2], bars[3]], [(Some(5), 1), (Some(10), 1), (Some(20), 0), (Some(50), 1)]);
        assert_eq!(bars.last(), Some(&(None, 1)));
    }

    #[test]
    fn nothing_has_neither_shares_nor_percentiles() {
        let mut nothing = Tally::default();
        assert_eq!((nothing.success(), nothing.per_minute(None, None), nothing.duration()), (None, None, None));
        assert!(nothing.histogram().is_empty());
        assert_eq!(tally(&[summary(0, "ok", None, 1.0)]).per_minute(None, None), None);
    }

    #[test]
    fn percentiles_are_values_that_were_there() {
        let mut values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(Percentiles::of(&mut values), Some(Percentiles { p50: 100.0, p95: 190.0, p99: 198.0 }));
        assert_eq!(Percentiles::of(&mut [7.0]), Some(Percentiles { p50: 7.0, p95: 7.0, p99: 7.0 }));
    }
}
