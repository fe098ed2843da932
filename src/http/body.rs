//! Reading a request's body within its limits.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;

use super::error::ApiError;

/// The longest body that is read for somebody without a valid key, in bytes.
pub const LIMIT_WITHOUT_KEY: usize = 1 << 20;

/// The longest pause within a body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads the whole of `body`, at most `limit` bytes.
pub async fn read<B>(mut body: B, limit: usize) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(ApiError::BodyTooLarge);
    }
    let mut read = BytesMut::with_capacity(announced);
    while let Some(frame) = tokio::time::timeout(READ_TIMEOUT, body.frame()).await.map_err(|_| ApiError::BodyTimeout)? {
        let Ok(data) = frame.map_err(|_| ApiError::BodyUnreadable)?.into_data() else { continue };
        if read.len() + data.len() > limit {
            return Err(ApiError::BodyTooLarge);
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn the_limit_is_inclusive() {
        let body = || Full::new(Bytes::from_static(b"12345"));
        assert_eq!(read(body(), 5).await.unwrap(), "12345");
        assert!(matches!(read(body(), 4).await, Err(ApiError::BodyTooLarge)));
    }
}
