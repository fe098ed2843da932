//! How long to wait before a worker is started again.

use std::time::Duration;

/// Doubles from the first wait to the longest, with jitter so that many proxies do not start workers in step.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
    /// After so many failures in a row the wait is [`Backoff::SLOW`].
    restart_max: u32,
}

// === impl Backoff ===

impl Backoff {
    /// One try a minute, once the bounded number of quick ones is used up.
    pub const SLOW: Duration = Duration::from_secs(60);

    /// The share of a wait that jitter adds or takes at most.
    const JITTER: f64 = 0.2;

    /// A backoff from `initial` to `max`.
    pub fn new(initial: Duration, max: Duration, restart_max: u32) -> Self {
        Self { initial, max, restart_max }
    }

    /// The wait after the `failures`th failure in a row; `random` is uniform in 0…1.
    pub fn delay(&self, failures: u32, random: f64) -> Duration {
        let base = if failures > self.restart_max {
            Self::SLOW
        } else {
            let doublings = failures.saturating_sub(1).min(16);
            self.initial.saturating_mul(1 << doublings).min(self.max)
        };
        base.mul_f64(1.0 + Self::JITTER * (2.0 * random - 1.0))
    }

    /// Whether the bounded number of quick tries is used up.
    pub fn is_exhausted(&self, failures: u32) -> bool {
        failures > self.restart_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(failures: impl IntoIterator<Item = u32>, random: f64) -> Vec<u64> {
        let backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(5), 25);
        failures.into_iter().map(|n| u64::try_from(backoff.delay(n, random).as_millis()).unwrap()).collect()
    }

    #[test]
    fn it_doubles_to_the_longest_wait_and_then_slows_down() {
        assert_eq!(delays([1, 2, 3, 4, 5, 25, 26], 0.5), [500, 1000, 2000, 4000, 5000, 5000, 60_000]);
    }

    #[test]
    fn jitter_is_a_fifth_at_most() {
        assert_eq!(delays([1], 0.0), [400]);
        assert_eq!(delays([1], 1.0), [600]);
    }
}
