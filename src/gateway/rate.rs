//! Rates of requests: so many in a span, of which all may come at once (GCRA).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::{Form as _, Period};

/// Networks that are remembered at a time.
const NETWORKS_MAX: usize = 10_000;

/// At that bound, those that have all of their requests again are forgotten once in so many requests.
const PRUNED_EVERY: u64 = 1000;

/// So many requests in a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    per: Duration,
}

/// Counts requests against a rate.
pub struct Limiter {
    rate: Rate,
    state: RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>,
    clock: DefaultClock,
}

/// Counts requests without a key, by the network they come from.
pub struct Networks {
    rate: Rate,
    state: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
    requests: AtomicU64,
}

/// What is left of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// The whole of it.
    pub limit: u32,
    /// Requests that may come now.
    pub remaining: u32,
    /// Until all of them may again.
    pub reset: Duration,
}

/// A request too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// Until the next one may come.
    pub retry_after: Duration,
    /// The whole of the rate.
    pub limit: u32,
    /// Until all of it is there again.
    pub reset: Duration,
}

/// A text that is no rate.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no rate: write requests and a time span, such as 60/1m")]
pub struct NoRate(String);

// === impl Rate ===

impl Rate {
    /// `count` requests in `per`; `None` if that makes no sense.
    pub fn new(count: u32, per: Duration) -> Option<Self> {
        let rate = Self { count: NonZeroU32::new(count)?, per };
        // Below a nanosecond each there is no limit any more.
        (!(per / count).is_zero()).then_some(rate)
    }

    fn quota(self) -> Quota {
        let quota = Quota::with_period(self.per / self.count.get()).expect("a rate is never that high");
        quota.allow_burst(self.count)
    }
}

impl FromStr for Rate {
    type Err = NoRate;

    fn from_str(text: &str) -> Result<Self, NoRate> {
        let rate = || {
            let (count, per) = text.split_once('/')?;
            Self::new(count.trim().parse().ok()?, Period::parse(per.trim()).ok()?)
        };
        rate().ok_or_else(|| NoRate(text.to_owned()))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, Period::show(&self.per))
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

// === impl Limiter ===

impl Limiter {
    /// With all of its requests.
    pub fn new(rate: Rate) -> Self {
        let state = RateLimiter::direct(rate.quota()).with_middleware();
        Self { rate, state, clock: DefaultClock::default() }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// If it is one too many; it is not counted then.
    pub fn spend(&self) -> Result<Left, TooMany> {
        match self.state.check() {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let spent = self.rate.count.get() - remaining;
                Ok(Left {
                    limit: self.rate.count.get(),
                    remaining,
                    reset: self.rate.per / self.rate.count.get() * spent,
                })
            }
            Err(until) => Err(TooMany::new(self.rate, &until, &self.clock)),
        }
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Limiter").field(&self.rate.to_string()).finish()
    }
}

// === impl Networks ===

impl Networks {
    /// Each network with all of its requests.
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            state: RateLimiter::keyed(rate.quota()),
            clock: DefaultClock::default(),
            requests: AtomicU64::new(0),
        }
    }

    /// Counts one request from `network`.
    ///
    /// # Errors
    /// If it is one too many.
    pub fn spend(&self, network: IpAddr) -> Result<(), TooMany> {
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        let is_full = self.state.len() >= NETWORKS_MAX;
        if is_full && count.is_multiple_of(PRUNED_EVERY) {
            self.state.retain_recent();
            self.state.shrink_to_fit();
        }
        // Strangers beyond the bound share what one of them has.
        let network = if is_full { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { network };
        self.state.check_key(&network).map_err(|until| TooMany::new(self.rate, &until, &self.clock))
    }
}

impl fmt::Debug for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Networks").field("known", &self.state.len()).finish_non_exhaustive()
    }
}

// === impl TooMany ===

impl TooMany {
    fn new(rate: Rate, until: &NotUntil<<DefaultClock as Clock>::Instant>, clock: &DefaultClock) -> Self {
        Self { retry_after: until.wait_time_from(clock.now()), limit: rate.count.get(), reset: rate.per }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Instant;

    use super::*;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    #[test]
    fn a_rate_is_written_as_it_is_read() {
        for text in ["60/1m", "1/500ms", "1000000/1s"] {
            assert_eq!(rate(text).to_string(), text);
        }
        for text in ["", "60", "0/1m", "1/0s", "x/1m", "60/1", "-1/1m"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_burst_is_the_whole_rate_and_what_is_left_is_told() {
        let limiter = Limiter::new(rate("3/1h"));
        let left = || limiter.spend().unwrap().remaining;
        assert_eq!([left(), left(), left()], [2, 1, 0]);
        let refused = limiter.spend().unwrap_err();
        assert_eq!(refused.limit, 3);
        let each = Duration::from_secs(20 * 60);
        assert!(refused.retry_after <= each && refused.retry_after + Duration::from_secs(5) > each, "{refused:?}");
    }

    #[test]
    fn five_hundred_at_once_get_no_more_than_the_rate_allows() {
        let limiter = Arc::new(Limiter::new(rate("100/10s")));
        let began = Instant::now();
        let threads: Vec<_> = (0..500)
            .map(|_| {
                let limiter = limiter.clone();
                thread::spawn(move || (0..20).filter(|_| limiter.spend().is_ok()).count())
            })
            .collect();
        let passed: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        let allowed = 100.0 + began.elapsed().as_secs_f64() * 10.0 + 1.0;
        assert!(passed >= 100 && f64::from(u32::try_from(passed).unwrap()) <= allowed, "{passed} of {allowed}");
    }

    #[test]
    fn strangers_are_counted_by_network_and_bounded_in_number() {
        let rate = rate("1/1h");
        let networks = Networks::new(rate);
        let network = |n: u32| IpAddr::V4(n.into());
        assert!(networks.spend(network(1)).is_ok() && networks.spend(network(1)).is_err());
        for n in 1..=u32::try_from(NETWORKS_MAX).unwrap() + 100 {
            let _ = networks.spend(network(n));
        }
        assert!(networks.state.len() <= NETWORKS_MAX + 1, "{}", networks.state.len());
        assert!(networks.spend(network(u32::MAX)).is_err(), "those beyond share one rate");
    }
}
