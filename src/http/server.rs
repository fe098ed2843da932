//! Accepts connections and serves them until the service drains.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;

use super::{App, routes, tls};

/// The longest time that a request's head may take to arrive, the first one of a connection included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest time that a client may read nothing of an answer that waits for it. Its connection holds what the buffers hold until then.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest head of a request, in bytes. Most servers accept 8 to 16 KiB.
const HEAD_MAX: usize = 64 << 10;

/// What waits in a stream of HTTP/2 for its client, in bytes; HTTP/1 is bounded by [`HEAD_MAX`] as well.
const SEND_BUFFER: usize = 64 << 10;

/// How often an HTTP/2 client is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// The pause after a failed accept, which only time mends.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// File descriptors that are not for clients: worker, journal, control socket, standard streams.
const RESERVED_DESCRIPTORS: usize = 96;

/// How long a connection may take to end once its requests were told to.
const CUT_GRACE: Duration = Duration::from_secs(2);

/// The most connections at a time where the system does not set a limit.
const CONNECTIONS_MAX: usize = 16_384;

/// How an HTTP/2 connection begins (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves connections of `listener` until the service drains and the last connection has ended.
pub async fn serve(app: Arc<App>, listener: TcpListener) {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_MAX);
    server.http2().timer(TokioTimer::new()).keep_alive_interval(PING_INTERVAL).max_send_buf_size(SEND_BUFFER);
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(connection_limit()));
    loop {
        let (socket, peer, place) = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = app.draining.cancelled() => break,
        };
        let connection = serve_connection(app.clone(), server.clone(), connections.watcher(), socket, peer);
        app.requests.spawn(async move {
            connection.await;
            drop(place);
        });
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve_connection(
    app: Arc<App>,
    server: auto::Builder<TokioExecutor>,
    watcher: Watcher,
    socket: TcpStream,
    peer: SocketAddr,
) {
    // Without it a small event waits about 40 ms for the client's delayed acknowledgement.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let Some(tls) = &app.tls else {
        if let Some(()) = begun(&app, speaks(&socket)).await {
            serve_http(app, server, watcher, socket, peer).await;
        }
        return;
    };
    if let Some(stream) = begun(&app, tls.accept(socket)).await {
        let server = if tls::is_http2(&stream) { server.http2_only() } else { server.http1_only() };
        serve_http(app, server, watcher, stream, peer).await;
    }
}

/// What a connection begins with; `None` if it takes too long, fails, or the service drains.
async fn begun<T>(app: &App, beginning: impl Future<Output = std::io::Result<T>>) -> Option<T> {
    tokio::select! {
        begun = timeout(HEAD_TIMEOUT, beginning) => begun.ok()?.ok(),
        () = app.draining.cancelled() => None,
    }
}

async fn serve_http(
    app: Arc<App>,
    server: auto::Builder<TokioExecutor>,
    watcher: Watcher,
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    peer: SocketAddr,
) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let connection = server.serve_connection(TokioIo::new(Box::pin(stream)), service(app.clone(), peer));
    tokio::select! {
        // An error here is a client that left or does not speak HTTP; what it asked is on record.
        _ = watcher.watch(connection) => {}
        // The requests themselves end with an error event first; this ends a connection that reads nothing.
        () = async { app.cut.cancelled().await; sleep(CUT_GRACE).await } => {}
    }
}

/// The next connection, as soon as there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let place = places.clone().acquire_owned().await.expect("the places are never closed");
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => return (socket, peer, place),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// How many connections there may be at a time, so that the worker and the journal never lack a file descriptor.
fn connection_limit() -> usize {
    let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let descriptors = descriptors.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    descriptors.saturating_sub(RESERVED_DESCRIPTORS).clamp(8, CONNECTIONS_MAX)
}

/// Waits until a client has said enough to tell which protocol it speaks: hyper has no time limit for that.
async fn speaks(socket: &TcpStream) -> std::io::Result<()> {
    /// The pause before a look at what else came of a preface.
    const PAUSE: Duration = Duration::from_millis(5);
    let mut beginning = [0; HTTP2_PREFACE.len()];
    loop {
        let length = socket.peek(&mut beginning).await?;
        let is_beginning_of_preface = length < HTTP2_PREFACE.len() && HTTP2_PREFACE.starts_with(&beginning[..length]);
        if length == 0 || !is_beginning_of_preface {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}

fn service(
    app: Arc<App>,
    peer: SocketAddr,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = http::Response<Body>,
    Error = Infallible,
    Future: Send + 'static,
> + Clone {
    service_fn(move |request: Request<Incoming>| {
        let app = app.clone();
        async move { Ok(routes::handle(app, request.map(Body::new), peer).await) }
    })
}
