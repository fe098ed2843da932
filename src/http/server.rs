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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::{App, routes};

/// The longest time that a request's head may take to arrive, the first one of a connection included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest head of a request, in bytes. Most servers accept 8 to 16 KiB.
const HEAD_MAX: usize = 64 << 10;

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
    server.http2().timer(TokioTimer::new()).keep_alive_interval(PING_INTERVAL);
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
    let spoke = tokio::select! {
        spoke = timeout(HEAD_TIMEOUT, speaks(&socket)) => matches!(spoke, Ok(Ok(()))),
        () = app.draining.cancelled() => false,
    };
    if !spoke {
        return;
    }
    let connection = server.serve_connection(io(socket), service(app.clone(), peer));
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

fn io(socket: TcpStream) -> TokioIo<TcpStream> {
    // Without it a small event waits about 40 ms for the client's delayed acknowledgement.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    TokioIo::new(socket)
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
