//! Listens on the control socket.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use journal::Reader;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::control::{Control, Peer};
use super::listener::AdminListener;
use super::routes::router;
use super::socket::{BindError, SocketFile};
use crate::http::App;
use crate::live::Live;
use crate::record::Recorder;
use crate::upkeep::Upkeep;

/// The longest time that a question may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long answers may go on once the service was told to stop.
const GRACE: Duration = Duration::from_secs(2);

/// The pause after a failed accept, which is most often a lack of file descriptors that only time mends.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The control socket of a running service.
#[derive(Debug)]
pub struct ControlServer {
    listener: UnixListener,
    file: SocketFile,
}

// === impl ControlServer ===

impl ControlServer {
    /// Listens below `state_dir`, whose journal the caller owns. Must be called within a tokio runtime.
    pub fn bind(state_dir: &Path) -> Result<Self, BindError> {
        SocketFile::bind(state_dir).map(|(listener, file)| Self { listener, file })
    }

    /// Answers until `stop`, then removes the socket and gives the last answers a short time to end. Once it returns, nothing
    /// of it holds the journal open but a check or a backup that was cut off and has not noticed yet. Without a `live` service there is
    /// nothing to switch, only a journal to read. With an `admin` listener, keys are answered there.
    pub async fn serve(
        self,
        recorder: Recorder,
        reader: Reader,
        upkeep: Upkeep,
        live: Option<Arc<Live>>,
        admin: Option<(AdminListener, Arc<App>)>,
        stop: CancellationToken,
    ) {
        let Self { listener, file } = self;
        let (tasks, cut) = (TaskTracker::new(), CancellationToken::new());
        let router = router(Control { recorder, reader, upkeep, tasks: tasks.clone(), stop: stop.clone() }, live);
        if let Some((admin, app)) = admin {
            tasks.spawn(admin.serve(app, router.clone(), stop.clone()));
        }
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((socket, _)) => drop(tasks.spawn(connection(socket, router.clone(), cut.clone()))),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection on the control socket");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                () = stop.cancelled() => break,
            }
        }
        drop((listener, file));
        tasks.close();
        if tokio::time::timeout(GRACE, tasks.wait()).await.is_err() {
            cut.cancel();
            tasks.wait().await;
        }
    }
}

async fn connection(socket: UnixStream, router: Router, cut: CancellationToken) {
    let peer = match socket.peer_cred() {
        Ok(peer) => Peer::User(peer.uid()),
        Err(error) => return tracing::warn!(%error, "cannot tell who asks on the control socket, so it gets no answer"),
    };
    let service = TowerToHyperService::new(router.layer(Extension(peer)));
    let mut http = http1::Builder::new();
    // One question a connection, so that none stays open for nothing when the service stops.
    http.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    tokio::select! {
        // An error here is a client that left or does not speak HTTP.
        _ = http.serve_connection(TokioIo::new(socket), service) => {}
        () = cut.cancelled() => {}
    }
}
