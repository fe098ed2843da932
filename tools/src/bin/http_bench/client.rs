//! Raw requests to the service of a bench.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::service::{Failure, Service};

/// A connection to it.
pub(crate) async fn connect(service: &Service) -> Result<TcpStream, Failure> {
    let socket = TcpStream::connect(&service.address).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// Sends a chat request.
pub(crate) async fn post(socket: &mut TcpStream, key: &str, body: &str) -> Result<(), Failure> {
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    Ok(socket.write_all(request.as_bytes()).await?)
}
