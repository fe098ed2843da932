//! In which order requests are listed.

use std::cmp::Ordering;

use clap::ValueEnum;
use journal::Summary;

/// What comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Order {
    /// The newest
    #[default]
    At,
    /// What took longest
    Duration,
    /// What took longest to its first content; those without any last
    Ttft,
    /// What took most tokens, in and out
    Tokens,
    /// The highest status
    Status,
}

// === impl Order ===

impl Order {
    /// Puts `rows` in order; those that are equal stay as they are.
    pub(super) fn sort<T>(self, rows: &mut [T], summary: impl Fn(&T) -> &Summary) {
        rows.sort_by(|a, b| self.compare(summary(b), summary(a)));
    }

    fn compare(self, a: &Summary, b: &Summary) -> Ordering {
        let tokens = |summary: &Summary| summary.tokens.map_or(0, |tokens| tokens.input + tokens.output);
        match self {
            Self::At => a.at.cmp(&b.at),
            Self::Duration => a.duration_ms.total_cmp(&b.duration_ms),
            Self::Ttft => a.ttft_ms.unwrap_or(-1.0).total_cmp(&b.ttft_ms.unwrap_or(-1.0)),
            Self::Tokens => tokens(a).cmp(&tokens(b)),
            Self::Status => a.status.cmp(&b.status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Second of the day, status, duration, first content, tokens.
    fn summary(second: u32, status: u16, duration_ms: f64, ttft_ms: Option<f64>, tokens: u64) -> Summary {
        serde_json::from_value(serde_json::json!({
            "id": "0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b", "at": format!("2026-11-23T10:00:{second:02}Z"),
            "route": "/v1/models", "model": null, "key": null, "status": status, "outcome": "ok", "stream": true,
            "tokens": { "input": tokens, "cached": 0, "output": 1, "reasoning": 0 }, "ttft_ms": ttft_ms,
            "duration_ms": duration_ms, "worker": null, "events": 2,
        }))
        .unwrap()
    }

    #[test]
    fn the_most_comes_first_and_equals_stay() {
        let rows =
            [summary(3, 200, 5.0, None, 30), summary(2, 500, 9.5, Some(1.0), 10), summary(1, 200, 9.25, Some(0.5), 20)];
        for (order, expected) in [
            (Order::At, [3, 2, 1]),
            (Order::Duration, [2, 1, 3]),
            (Order::Ttft, [2, 1, 3]),
            (Order::Tokens, [3, 1, 2]),
            (Order::Status, [2, 3, 1]),
        ] {
            let mut sorted = rows.to_vec();
            order.sort(&mut sorted, |row| row);
            let seconds = sorted.iter().map(|row| row.at.as_second() % 60);
            assert_eq!(seconds.collect::<Vec<_>>(), expected, "{order:?}");
        }
    }
}
