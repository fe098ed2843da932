//! Binding, running and stopping the stub.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::log::RequestLog;
use crate::record::RecordedRequest;
use crate::service::{Shared, router};

/// A stub whose socket is bound and which does not answer yet.
#[derive(Debug)]
pub struct ModelStub {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// A stub that answers in the background, until it is stopped or dropped.
#[derive(Debug)]
pub struct RunningStub {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<Result<(), StubError>>,
    /// Ends `task` when this value goes away.
    stop: DropGuard,
}

/// Why a stub does not run.
#[derive(Debug, thiserror::Error)]
pub enum StubError {
    /// The socket could not be bound.
    #[error("model-stub cannot listen on {address}: {source}")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Accepting connections failed for good.
    #[error("model-stub cannot accept connections: {0}")]
    Serve(#[source] io::Error),
}

// === impl ModelStub ===

impl ModelStub {
    /// Binds the socket. Port 0 picks a free one.
    pub async fn bind(address: SocketAddr) -> Result<Self, StubError> {
        let failed = |source| StubError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, shared: Arc::default() })
    }

    /// Writes every request to `log` as well.
    #[must_use]
    pub fn with_log(mut self, log: RequestLog) -> Self {
        self.shared = Arc::new(Shared::with_log(log));
        self
    }

    /// The address it is bound to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a client takes as the base URL of the API: `http://HOST:PORT/v1`.
    pub fn base_url(&self) -> String {
        base_url(self.address)
    }

    /// Answers requests until `stop` resolves. Answers still going out are cut then.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), StubError> {
        // A small event must not wait for the acknowledgement of the one before. Where this fails the stub is only slower.
        let listener = self.listener.tap_io(|connection| drop(connection.set_nodelay(true)));
        let answers = self.shared.stop.clone();
        let shutdown = async move {
            stop.await;
            answers.cancel();
        };
        axum::serve(listener, router(self.shared)).with_graceful_shutdown(shutdown).await.map_err(StubError::Serve)
    }

    /// Answers requests in the background.
    pub fn spawn(self) -> RunningStub {
        let stop = CancellationToken::new();
        let (address, shared) = (self.address, Arc::clone(&self.shared));
        RunningStub {
            address,
            shared,
            task: tokio::spawn(self.serve(stop.clone().cancelled_owned())),
            stop: stop.drop_guard(),
        }
    }
}

fn base_url(address: SocketAddr) -> String {
    format!("http://{address}/v1")
}

// === impl RunningStub ===

impl RunningStub {
    /// The address it is bound to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a client takes as the base URL of the API: `http://HOST:PORT/v1`.
    pub fn base_url(&self) -> String {
        base_url(self.address)
    }

    /// The requests so far, in the order they came in: the last 4096 of them, and at most 256 MiB of bodies.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.records.all()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.records.clear();
    }

    /// Stops it, and waits until all its connections have ended.
    pub async fn stop(self) -> Result<(), StubError> {
        drop(self.stop);
        self.task.await.unwrap_or_else(|failed| Err(StubError::Serve(io::Error::other(failed))))
    }
}
