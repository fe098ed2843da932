//! What holds for requests beside their own key: rates, streams, places. Exchanged as a whole by a reload.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::keys::Key;
use super::queue::Queue;
use super::rate::{Left, Limiter, Networks, Rate, TooMany};
use crate::config::Config;

/// The limits in force.
#[derive(Debug)]
pub struct Limits {
    rate: Option<PerKey>,
    global: Option<Limiter>,
    streams: Option<Arc<Semaphore>>,
    queue: Queue,
}

/// The rate that holds for each key without its own, and for each network.
#[derive(Debug)]
struct PerKey {
    rate: Rate,
    /// By the key's id: there are no more than keys.
    keys: Mutex<HashMap<Arc<str>, Arc<Limiter>>>,
    networks: Networks,
}

/// A bound on what runs at a time is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyAtOnce;

/// Held while a request runs.
#[derive(Debug)]
pub struct Running {
    _of_key: Option<OwnedSemaphorePermit>,
    _stream: Option<OwnedSemaphorePermit>,
}

// === impl Limits ===

impl Limits {
    /// Those that `config` asks for.
    pub fn new(config: &Config) -> Self {
        let places = config.worker_max_concurrency;
        Self::with_queue(config, Queue::new(places, config.queue_max, config.queue_timeout))
    }

    /// The same for another configuration. Places that are taken stay taken, and what was counted against a rate that stays is kept.
    #[must_use]
    pub fn changed(&self, config: &Config) -> Self {
        let mut changed = Self::with_queue(config, self.queue.with_limits(config.queue_max, config.queue_timeout));
        if let (Some(new), Some(old)) = (&mut changed.rate, &self.rate)
            && new.rate == old.rate
        {
            new.keys = Mutex::new(old.keys.lock().unwrap_or_else(PoisonError::into_inner).clone());
        }
        changed
    }

    fn with_queue(config: &Config, queue: Queue) -> Self {
        let rate = Rate::new(config.rate_limit_max, config.rate_limit_window).filter(|_| config.rate_limit_enabled);
        let global = Rate::new(config.rate_limit_global_max, config.rate_limit_window);
        Self {
            rate: rate.map(PerKey::new),
            global: global.map(Limiter::new),
            streams: (config.sse_max_concurrency > 0).then(|| Arc::new(Semaphore::new(config.sse_max_concurrency))),
            queue,
        }
    }

    /// Counts a request, and tells what is left of the rate that it counts against.
    ///
    /// # Errors
    /// If it is one too many.
    pub fn spend(&self, key: Option<&Key>, network: IpAddr) -> Result<Option<Left>, TooMany> {
        let left = match (key, &self.rate) {
            (Some(Key { rate: Some(own), .. }), _) => Some(own.spend()?),
            (Some(key), Some(rate)) => Some(rate.of(key).spend()?),
            (None, Some(rate)) => {
                rate.networks.spend(network)?;
                None
            }
            (_, None) => None,
        };
        // Strangers get no further, so they take nothing from the others.
        if let (Some(global), Some(_)) = (&self.global, key) {
            global.spend()?;
        }
        Ok(left)
    }

    /// Counts a request among those that run.
    ///
    /// # Errors
    /// If as many run as may.
    pub fn begin(&self, key: &Key, streams: bool) -> Result<Running, TooManyAtOnce> {
        let take = |bound: &Option<Arc<Semaphore>>| match bound {
            Some(bound) => bound.clone().try_acquire_owned().map(Some).map_err(|_| TooManyAtOnce),
            None => Ok(None),
        };
        let stream = if streams { take(&self.streams)? } else { None };
        Ok(Running { _of_key: take(&key.concurrency)?, _stream: stream })
    }

    /// The places on the worker.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }
}

// === impl PerKey ===

impl PerKey {
    fn new(rate: Rate) -> Self {
        Self { rate, keys: Mutex::default(), networks: Networks::new(rate) }
    }

    fn of(&self, key: &Key) -> Arc<Limiter> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.entry(key.id.clone()).or_insert_with(|| Arc::new(Limiter::new(self.rate))).clone()
    }
}
