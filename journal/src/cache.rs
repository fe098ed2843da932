//! The databases that are open, few at a time.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;

/// How long [`Cache::close`] waits. Whoever uses a database does so for one read or write, so this is never reached.
const CLOSING: Duration = Duration::from_secs(5);

/// Keeps the most recently used databases open. A database locks its folder, so one that somebody still uses is handed out
/// again rather than opened twice, also after it fell out of the cache.
pub(crate) struct Cache<K, T> {
    capacity: usize,
    /// Most recently used first.
    slots: Vec<Slot<K, T>>,
}

struct Slot<K, T> {
    key: K,
    /// Keeps it open; `None` beyond the capacity.
    kept: Option<Arc<T>>,
    used: Weak<T>,
}

// === impl Cache ===

impl<K: PartialEq, T> Cache<K, T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, slots: Vec::new() }
    }

    /// The database of `key`, opened by `open` if it is not open already.
    pub(crate) fn get_or_open(&mut self, key: K, open: impl FnOnce() -> Result<T, Error>) -> Result<Arc<T>, Error> {
        let known = self.slots.iter().position(|slot| slot.key == key).map(|at| self.slots.remove(at));
        let database = match known.and_then(|slot| slot.used.upgrade()) {
            Some(database) => database,
            None => Arc::new(open()?),
        };
        let slot = Slot { key, kept: Some(Arc::clone(&database)), used: Arc::downgrade(&database) };
        self.slots.insert(0, slot);
        for slot in self.slots.iter_mut().skip(self.capacity) {
            slot.kept = None;
        }
        self.slots.retain(|slot| slot.used.strong_count() > 0);
        Ok(database)
    }

    /// Closes the database of `key`, waiting for whoever uses it this moment. Returns whether nobody holds it any more.
    pub(crate) fn close(&mut self, key: &K) -> bool {
        let Some(at) = self.slots.iter().position(|slot| slot.key == *key) else { return true };
        self.slots[at].kept = None;
        let started = Instant::now();
        while self.slots[at].used.strong_count() > 0 {
            if started.elapsed() > CLOSING {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        self.slots.remove(at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_in_use_is_shared_and_one_out_of_use_is_opened_again() {
        let mut cache = Cache::new(1);
        let first = cache.get_or_open(1, || Ok("first")).unwrap();
        cache.get_or_open(2, || Ok("second")).unwrap();
        assert!(Arc::ptr_eq(&first, &cache.get_or_open(1, || panic!("it is open")).unwrap()));
        assert_eq!(*cache.get_or_open(2, || Ok("again")).unwrap(), "again");
        drop(first);
        assert!(cache.close(&1) && cache.close(&2));
    }
}
