//! The same as on the control socket, for keys of the right role, on a port of its own (`PROXY_ADMIN_LISTEN`).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use journal::{AuditRead, EventBody};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::control::{Peer, Refusal};
use super::roles;
use crate::gateway::rate::{Limiter, Rate};
use crate::http::App;

/// The longest time that a question may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections at a time: strangers must not take the file descriptors that clients need.
const CONNECTIONS_MAX: usize = 64;

/// The pause after a failed accept, which only time mends.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Of those who are kept out, so many an hour go on record: the ledger keeps them for long, and strangers must not fill it.
const NOTED_AN_HOUR: u32 = 60;

/// Who may come in.
#[derive(Clone)]
struct Guard {
    app: Arc<App>,
    noted: Arc<Limiter>,
}

/// Listens for keys.
#[derive(Debug)]
pub struct AdminListener {
    listener: TcpListener,
}

// === impl AdminListener ===

impl AdminListener {
    /// Listens at `address`.
    pub async fn bind(address: &str) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await? })
    }

    /// Where that is.
    pub fn address(&self) -> io::Result<std::net::SocketAddr> {
        self.listener.local_addr()
    }

    /// The next connection, as soon as there is a place for it.
    async fn accept(&self, places: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
        let place = places.clone().acquire_owned().await.expect("the places are never closed");
        loop {
            match self.listener.accept().await {
                Ok((socket, _)) => return (socket, place),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection on the admin listener");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Answers by `router` until `stop`, then cuts off what still runs.
    pub(super) async fn serve(self, app: Arc<App>, router: Router, stop: CancellationToken) {
        let noted = Rate::new(NOTED_AN_HOUR, Duration::from_secs(3600)).expect("one a minute is a rate");
        let guard = Guard { app: app.clone(), noted: Arc::new(Limiter::new(noted)) };
        let router = router.layer(from_fn_with_state(guard, admit));
        let (tasks, places) = (TaskTracker::new(), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
        loop {
            let (socket, place) = tokio::select! {
                accepted = self.accept(&places) => accepted,
                () = stop.cancelled() => break,
            };
            let connection = connection(app.clone(), socket, router.clone(), stop.clone());
            tasks.spawn(async move {
                connection.await;
                drop(place);
            });
        }
        tasks.close();
        tasks.wait().await;
    }
}

async fn connection(app: Arc<App>, socket: TcpStream, router: Router, stop: CancellationToken) {
    let served = async {
        match &app.tls {
            None => serve_http(socket, router).await,
            Some(tls) => {
                if let Ok(Ok(stream)) = timeout(HEAD_TIMEOUT, tls.accept(socket)).await {
                    serve_http(stream, router).await;
                }
            }
        }
    };
    tokio::select! {
        () = served => {}
        () = stop.cancelled() => {}
    }
}

async fn serve_http(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router) {
    let mut http = http1::Builder::new();
    // One question a connection, as on the control socket.
    http.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    // An error here is a client that left or does not speak HTTP.
    let _ = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
}

/// Lets keys of the right role in. Whoever is kept out is on record too.
async fn admit(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let Some(key) = guard.app.gateway.keys.authenticate(request.headers()) else {
        guard.note("nobody", &format!("{method} {path}")).await;
        return Refusal::denied(StatusCode::UNAUTHORIZED, "a key is needed: Authorization: Bearer …").into_response();
    };
    if !roles::may(key.role, &method, &path) {
        guard.note(&format!("key:{}", key.id), &format!("{method} {path}")).await;
        let (role, wanted) = (key.role, roles::that_may(&method, &path));
        let why = format!("a key of the role {role} may not do this: it takes one of the role {wanted}");
        return Refusal::denied(StatusCode::FORBIDDEN, why).into_response();
    }
    request.extensions_mut().insert(Peer::Key(key.id.clone()));
    next.run(request).await
}

// === impl Guard ===

impl Guard {
    async fn note(&self, actor: &str, what: &str) {
        if self.noted.spend().is_err() {
            return;
        }
        let (actor, filter) = (actor.to_owned(), what.chars().take(200).collect());
        let read = AuditRead { actor, action: "denied".to_owned(), filter, via: "admin".to_owned() };
        self.app.recorder.record(None, EventBody::AuditRead(read)).await;
    }
}
