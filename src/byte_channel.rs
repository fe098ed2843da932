//! A channel that is bounded by the bytes of what waits in it, not by its number.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// The sending half.
#[derive(Debug)]
pub struct Sender<T> {
    items: mpsc::UnboundedSender<Waiting<T>>,
    room: Arc<Semaphore>,
    limit: u32,
}

/// The receiving half.
#[derive(Debug)]
pub struct Receiver<T> {
    items: mpsc::UnboundedReceiver<Waiting<T>>,
    room: Arc<Semaphore>,
}

/// Room for one item, taken until the item is received.
#[derive(Debug)]
pub struct Room(#[expect(dead_code, reason = "it counts while it lives")] OwnedSemaphorePermit);

/// Nobody receives any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the receiver is gone")]
pub struct Closed;

/// An item with the room that it takes, which is given back when the item is received.
#[derive(Debug)]
struct Waiting<T> {
    item: T,
    _room: Option<Room>,
}

/// A channel in which items of at most `limit` bytes in total wait. One that is larger waits alone.
pub fn channel<T>(limit: u32) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(limit as usize));
    (Sender { items: sender, room: room.clone(), limit }, Receiver { items: receiver, room })
}

// === impl Sender ===

impl<T> Sender<T> {
    /// Room for an item of `bytes` bytes, as soon as there is enough of it. Safe to cancel.
    pub async fn room(&self, bytes: usize) -> Result<Room, Closed> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.limit);
        self.room.clone().acquire_many_owned(bytes).await.map(Room).map_err(|_| Closed)
    }

    /// Sends an item in the `room` that was made for it; without any it goes beyond the bound.
    pub fn send(&self, item: T, room: Option<Room>) -> Result<(), Closed> {
        self.items.send(Waiting { item, _room: room }).map_err(|_| Closed)
    }

    /// Waits until nobody receives any more.
    pub async fn closed(&self) {
        self.items.closed().await;
    }

    /// Whether nobody receives any more.
    pub fn is_closed(&self) -> bool {
        self.items.is_closed()
    }
}

// === impl Receiver ===

impl<T> Receiver<T> {
    /// The next item; `None` when every sender is gone and nothing waits.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let waiting = ready!(self.items.poll_recv(cx));
        Poll::Ready(waiting.map(|waiting| waiting.item))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Whoever waits for room learns that there is nobody to make it.
        self.room.close();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use futures_util::FutureExt;

    use super::*;

    /// The next of what waits.
    async fn next(receiver: &mut Receiver<char>) -> Option<char> {
        poll_fn(|cx| receiver.poll_recv(cx)).await
    }

    async fn send(sender: &Sender<char>, item: char, bytes: usize) -> Result<(), Closed> {
        sender.send(item, Some(sender.room(bytes).await?))
    }

    #[tokio::test]
    async fn a_full_channel_takes_the_next_item_once_there_is_room() {
        let (sender, mut receiver) = channel(10);
        send(&sender, 'a', 6).await.unwrap();
        let mut second = pin!(send(&sender, 'b', 5));
        assert_eq!(second.as_mut().now_or_never(), None);
        assert_eq!(next(&mut receiver).await, Some('a'));
        assert_eq!(second.await, Ok(()));
    }

    #[tokio::test]
    async fn an_item_above_the_bound_waits_alone() {
        let (sender, mut receiver) = channel(10);
        send(&sender, 'a', 1).await.unwrap();
        let mut large = pin!(send(&sender, 'b', 1000));
        assert_eq!(large.as_mut().now_or_never(), None);
        next(&mut receiver).await;
        assert_eq!(large.await, Ok(()));
        assert_eq!(send(&sender, 'c', 1).now_or_never(), None);
    }

    #[tokio::test]
    async fn what_goes_beyond_the_bound_gives_no_room_back() {
        let (sender, mut receiver) = channel(10);
        send(&sender, 'a', 10).await.unwrap();
        sender.send('b', None).unwrap();
        assert_eq!([next(&mut receiver).await, next(&mut receiver).await], [Some('a'), Some('b')]);
        send(&sender, 'c', 10).await.unwrap();
        assert_eq!(send(&sender, 'd', 1).now_or_never(), None);
    }

    #[tokio::test]
    async fn whoever_waits_for_room_learns_that_nobody_receives() {
        let (sender, receiver) = channel(1);
        send(&sender, 'a', 1).await.unwrap();
        let mut waiting = pin!(send(&sender, 'b', 1));
        assert_eq!(waiting.as_mut().now_or_never(), None);
        drop(receiver);
        assert_eq!(waiting.await, Err(Closed));
        assert_eq!(sender.send('c', None), Err(Closed));
    }
}
