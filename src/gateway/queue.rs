//! Places on the worker, and the queue before them: bounded, fair between keys, and nobody waits for ever.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

/// Places, and who waits for them. Clones share both.
///
/// Keys take turns: one that has many requests waiting gets no more places than one that has a few. A request that needs several places
/// at once gets them together, and who comes after it waits until it has them, so that it is not overtaken for ever.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Mutex<State>>,
    max_waiting: usize,
    patience: Duration,
}

/// Places that are taken; given back when this is dropped.
pub struct Places {
    shared: Arc<Mutex<State>>,
    count: usize,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// All places are taken, and as many wait as may.
    #[error("all places are taken and the queue is full")]
    Full,
    /// None became free in time.
    #[error("no place became free in time")]
    TimedOut,
}

/// Somebody who may leave the queue: those behind may have waited for nothing else. Dropped after what is waited for.
struct Leaving<'a>(&'a Arc<Mutex<State>>);

struct State {
    free: usize,
    /// By key, each in the order of their coming.
    waiting: HashMap<Arc<str>, VecDeque<Waiting>>,
    /// The keys with somebody waiting, the next in turn first.
    turns: VecDeque<Arc<str>>,
    count: usize,
}

struct Waiting {
    places: usize,
    granted: oneshot::Sender<Places>,
}

// === impl Queue ===

impl Queue {
    /// `places` places; at most `max_waiting` requests wait for them, none longer than `patience`.
    pub fn new(places: usize, max_waiting: usize, patience: Duration) -> Self {
        let state = State { free: places, waiting: HashMap::new(), turns: VecDeque::new(), count: 0 };
        Self { shared: Arc::new(Mutex::new(state)), max_waiting, patience }
    }

    /// The same places with other limits to waiting.
    #[must_use]
    pub fn with_limits(&self, max_waiting: usize, patience: Duration) -> Self {
        Self { shared: Arc::clone(&self.shared), max_waiting, patience }
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        lock(&self.shared).count
    }

    /// `count` places for a request of this key, which may wait for them. Safe to cancel: whoever goes gives up the place in the queue.
    ///
    /// # Errors
    /// If there is no place, now or in time.
    pub async fn places(&self, key: &Arc<str>, count: usize) -> Result<Places, NoPlace> {
        let _leaving = Leaving(&self.shared);
        let granted = {
            let mut state = lock(&self.shared);
            if state.turns.is_empty() && state.free >= count {
                state.free -= count;
                return Ok(Places { shared: Arc::clone(&self.shared), count });
            }
            // Those who have gone are counted until it is their turn.
            if state.count >= self.max_waiting {
                state.forget_the_gone();
            }
            if state.count >= self.max_waiting {
                return Err(NoPlace::Full);
            }
            state.join(key, count)
        };
        match timeout(self.patience, granted).await {
            Ok(Ok(places)) => Ok(places),
            Ok(Err(_)) | Err(_) => Err(NoPlace::TimedOut),
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.shared);
        f.debug_struct("Queue").field("free", &state.free).field("waiting", &state.count).finish_non_exhaustive()
    }
}

// === impl State ===

impl State {
    fn join(&mut self, key: &Arc<str>, places: usize) -> oneshot::Receiver<Places> {
        let (granted, receiver) = oneshot::channel();
        let own = self.waiting.entry(Arc::clone(key)).or_default();
        if own.is_empty() {
            self.turns.push_back(Arc::clone(key));
        }
        own.push_back(Waiting { places, granted });
        self.count += 1;
        receiver
    }

    /// The next in turn, if there are places for it. Whoever has gone is passed over.
    fn next(&mut self) -> Option<Waiting> {
        loop {
            let key = self.turns.front()?;
            let own = self.waiting.get_mut(key)?;
            let next = own.front()?;
            if !next.granted.is_closed() && next.places > self.free {
                return None;
            }
            let next = own.pop_front()?;
            self.count -= 1;
            let key = self.turns.pop_front()?;
            if own.is_empty() {
                self.waiting.remove(&key);
            } else {
                self.turns.push_back(key);
            }
            if !next.granted.is_closed() {
                return Some(next);
            }
        }
    }

    fn forget_the_gone(&mut self) {
        for own in self.waiting.values_mut() {
            own.retain(|waiting| !waiting.granted.is_closed());
        }
        self.waiting.retain(|_, own| !own.is_empty());
        self.turns.retain(|key| self.waiting.contains_key(key));
        self.count = self.waiting.values().map(VecDeque::len).sum();
    }
}

/// Hands free places out to those whose turn it is.
fn hand_out(shared: &Arc<Mutex<State>>) {
    loop {
        let (next, places) = {
            let mut state = lock(shared);
            let Some(next) = state.next() else { return };
            state.free -= next.places;
            let places = Places { shared: Arc::clone(shared), count: next.places };
            (next, places)
        };
        // Whoever goes at this moment gives the places back by dropping them, which hands them out again.
        let _ = next.granted.send(places);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Whole between any two statements.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Leaving ===

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        hand_out(self.0);
    }
}

// === impl Places ===

impl Drop for Places {
    fn drop(&mut self) {
        lock(&self.shared).free += self.count;
        hand_out(&self.shared);
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places").field("count", &self.count).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn key(name: &str) -> Arc<str> {
        name.into()
    }

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn keys_take_turns_however_many_requests_each_has() {
        let queue = Queue::new(1, 10, LONG);
        let (greedy, modest) = (key("greedy"), key("modest"));
        let running = queue.places(&greedy, 1).await.unwrap();
        let mut waiting: Vec<_> = [&greedy, &greedy, &greedy, &modest]
            .into_iter()
            .map(|key| (key.clone(), Box::pin(queue.places(key, 1))))
            .collect();
        for (_, place) in &mut waiting {
            assert!(poll(place.as_mut()).is_pending());
        }
        assert_eq!(queue.waiting(), 4);
        drop(running);
        let mut order = Vec::new();
        while !waiting.is_empty() {
            let ready = waiting.iter_mut().position(|(_, place)| match poll(place.as_mut()) {
                Poll::Ready(place) => {
                    drop(place.unwrap());
                    true
                }
                Poll::Pending => false,
            });
            order.push(waiting.remove(ready.expect("somebody has the place")).0);
        }
        assert_eq!(order.iter().map(|key| &**key).collect::<Vec<_>>(), ["greedy", "modest", "greedy", "greedy"]);
    }

    #[tokio::test]
    async fn the_queue_is_bounded_and_those_who_left_do_not_count() {
        let queue = Queue::new(1, 1, LONG);
        let key = key("k");
        let running = queue.places(&key, 1).await.unwrap();
        {
            let mut gone = pin!(queue.places(&key, 1));
            assert!(poll(gone.as_mut()).is_pending());
            assert_eq!(queue.places(&key, 1).await.unwrap_err(), NoPlace::Full);
        }
        let mut waits = pin!(queue.places(&key, 1));
        assert!(poll(waits.as_mut()).is_pending());
        drop(running);
        assert!(matches!(poll(waits.as_mut()), Poll::Ready(Ok(_))));
    }

    #[tokio::test]
    async fn without_a_queue_a_request_is_refused_at_once() {
        let queue = Queue::new(2, 0, LONG);
        let key = key("k");
        let _running = queue.places(&key, 1).await.unwrap();
        assert_eq!(queue.places(&key, 2).await.unwrap_err(), NoPlace::Full);
        queue.places(&key, 1).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_allowed() {
        let queue = Queue::new(1, 5, Duration::from_secs(2));
        let key = key("k");
        let running = queue.places(&key, 1).await.unwrap();
        let began = tokio::time::Instant::now();
        assert_eq!(queue.places(&key, 1).await.unwrap_err(), NoPlace::TimedOut);
        assert_eq!(began.elapsed(), Duration::from_secs(2));
        drop(running);
        queue.places(&key, 1).await.unwrap();
    }

    #[tokio::test]
    async fn several_places_come_together_and_are_not_overtaken() {
        let queue = Queue::new(2, 5, LONG);
        let (many, one) = (key("many"), key("one"));
        let first = queue.places(&one, 1).await.unwrap();
        let mut both = pin!(queue.places(&many, 2));
        assert!(poll(both.as_mut()).is_pending());
        let mut single = pin!(queue.places(&one, 1));
        assert!(poll(single.as_mut()).is_pending(), "one place is free, and it is not its turn");
        drop(first);
        let Poll::Ready(Ok(places)) = poll(both.as_mut()) else { panic!("both are free") };
        assert!(poll(single.as_mut()).is_pending());
        drop(places);
        assert!(matches!(poll(single.as_mut()), Poll::Ready(Ok(_))));
    }

    #[tokio::test]
    async fn who_leaves_lets_the_next_one_in() {
        let queue = Queue::new(2, 5, LONG);
        let key = key("k");
        let _running = queue.places(&key, 1).await.unwrap();
        let mut single = {
            let mut both = pin!(queue.places(&key, 2));
            assert!(poll(both.as_mut()).is_pending());
            let mut single = Box::pin(queue.places(&key, 1));
            assert!(poll(single.as_mut()).is_pending());
            single
        };
        assert!(matches!(poll(single.as_mut()), Poll::Ready(Ok(_))));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn never_more_than_the_places_run_and_all_get_one() {
        use std::sync::atomic::{AtomicUsize, Ordering};

        let queue = Queue::new(7, 1000, LONG);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..500)
            .map(|n| {
                let (queue, running, most) = (queue.clone(), running.clone(), most.clone());
                tokio::spawn(async move {
                    let count = 1 + n % 3;
                    let places = queue.places(&format!("key-{}", n % 5).into(), count).await.unwrap();
                    most.fetch_max(running.fetch_add(count, Ordering::SeqCst) + count, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    running.fetch_sub(count, Ordering::SeqCst);
                    drop(places);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(most.load(Ordering::SeqCst) <= 7);
        assert_eq!((queue.waiting(), lock(&queue.shared).free), (0, 7));
    }
}
