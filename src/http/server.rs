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
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};

use super::{App, routes};

/// The longest time that a request's head may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause after a failed accept, which is most often a lack of file descriptors that only time mends.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves connections of `listener` until the service drains and the last connection has ended.
pub async fn serve(app: Arc<App>, listener: TcpListener) {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    server.http2().timer(TokioTimer::new());
    let connections = GracefulShutdown::new();
    loop {
        let (socket, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = app.draining.cancelled() => break,
        };
        let connection = server.serve_connection_with_upgrades(io(socket), service(app.clone(), peer)).into_owned();
        let connection = connections.watch(connection);
        let cut = app.cut.clone();
        app.requests.spawn(async move {
            tokio::select! {
                // An error here is a client that left or does not speak HTTP; what it asked is on record.
                _ = connection => {}
                // The requests themselves end with an error event first; this ends a connection that reads nothing.
                () = async { cut.cancelled().await; tokio::time::sleep(Duration::from_secs(2)).await } => {}
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
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
