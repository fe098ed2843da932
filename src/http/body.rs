//! Reading a request's body within its limits.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::error::ApiError;

/// The longest body that is read for somebody without a valid key, in bytes.
pub const LIMIT_WITHOUT_KEY: usize = 1 << 20;

/// The longest pause within a body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// What is read and thrown away of a body that is too large, in bytes, so that its sender gets to read the refusal: a
/// connection closed under somebody who still writes is an error without a status.
const DISCARDED_MAX: usize = 32 << 20;

/// How long that may take.
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// Reads the whole of `body`, at most `limit` bytes.
///
/// A client that waits for leave to send (`expects_continue`) and announces too much gets none.
pub async fn read<B>(mut body: B, limit: usize, expects_continue: bool) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit && expects_continue {
        return Err(ApiError::BodyTooLarge);
    }
    if announced > limit {
        return Err(refuse(body, announced, limit).await);
    }
    let mut read = BytesMut::with_capacity(announced);
    while let Some(data) = next_data(&mut body).await? {
        if read.len() + data.len() > limit {
            return Err(refuse(body, announced, limit).await);
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

/// Throws away what is left of a body that is too large, unless that is too much to be worth it.
async fn refuse<B>(mut body: B, announced: usize, limit: usize) -> ApiError
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut left = limit.saturating_add(DISCARDED_MAX);
    if announced > left {
        return ApiError::BodyTooLarge;
    }
    let discarded = async {
        while let Ok(Some(data)) = next_data(&mut body).await {
            match left.checked_sub(data.len()) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    let _ = timeout(DISCARD_TIME, discarded).await;
    ApiError::BodyTooLarge
}

async fn next_data<B>(body: &mut B) -> Result<Option<Bytes>, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        let frame = timeout(READ_TIMEOUT, body.frame()).await.map_err(|_| ApiError::BodyTimeout)?;
        match frame.transpose().map_err(|_| ApiError::BodyUnreadable)?.map(Frame::into_data) {
            Some(Ok(data)) => return Ok(Some(data)),
            // Trailers mean nothing here.
            Some(Err(_)) => {}
            None => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{Stream, StreamExt, stream};
    use http_body_util::{Full, StreamBody};
    use tokio::time::{Instant, sleep};

    use super::*;

    /// A body of `size` bytes that come one by one, with this pause before each.
    fn slow(size: usize, pause: Duration) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        StreamBody::new(Box::pin(bytes(size, pause)))
    }

    fn bytes(size: usize, pause: Duration) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> {
        stream::iter(0..size).then(move |_| async move {
            sleep(pause).await;
            Ok(Frame::data(Bytes::from_static(b"x")))
        })
    }

    #[tokio::test]
    async fn the_limit_is_inclusive() {
        let body = || Full::new(Bytes::from_static(b"12345"));
        assert_eq!(read(body(), 5, false).await.unwrap(), "12345");
        assert!(matches!(read(body(), 4, false).await, Err(ApiError::BodyTooLarge)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_may_be_long_and_no_longer() {
        assert_eq!(read(slow(5, READ_TIMEOUT / 10 * 9), 5, false).await.unwrap(), "xxxxx");
        let began = Instant::now();
        assert!(matches!(read(slow(5, READ_TIMEOUT / 10 * 11), 5, false).await, Err(ApiError::BodyTimeout)));
        assert_eq!(began.elapsed(), READ_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_large_is_not_listened_to_for_ever() {
        let began = Instant::now();
        let endless = slow(usize::MAX, DISCARD_TIME / 10);
        assert!(matches!(read(endless, 3, false).await, Err(ApiError::BodyTooLarge)));
        assert_eq!(began.elapsed(), DISCARD_TIME / 10 * 4 + DISCARD_TIME);
        let began = Instant::now();
        let silent = slow(4, Duration::ZERO).with_trailers(std::future::pending());
        assert!(matches!(read(silent, 3, false).await, Err(ApiError::BodyTooLarge)));
        assert_eq!(began.elapsed(), DISCARD_TIME);
    }
}
