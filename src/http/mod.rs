//! The HTTP side: [`server`] accepts connections, with [`tls`] or without, [`routes`] tells requests apart, [`head`] and [`body`] take them in, [`exchange`] records
//! each from head to last byte, [`chat`], [`models`], [`usage`], [`health`] and [`metrics`] answer, [`error`] has what can go wrong.

pub mod body;
pub mod chat;
pub mod cors;
pub mod error;
pub mod exchange;
pub mod head;
pub mod health;
pub mod metrics;
pub mod models;
pub mod output;
pub mod routes;
pub mod server;
pub mod tls;
pub mod turns;
pub mod usage;

use std::sync::Arc;

use journal::Reader;
use scrubbers::{PseudonymKey, Scrubber};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::error::{ApiError, LoginHint};
use self::tls::Tls;
use crate::backend::Backend;
use crate::config::Config;
use crate::gateway::Gateway;
use crate::record::Recorder;
use crate::selftest::Proof;

/// What every handler shares.
#[derive(Debug)]
pub struct App {
    /// The configuration in force.
    pub config: Arc<Config>,
    /// Who may come in, how often, and when.
    pub gateway: Gateway,
    /// What runs the turns.
    pub backend: Arc<Backend>,
    /// Where everything is recorded.
    pub recorder: Recorder,
    /// Reads what was recorded.
    pub reader: Reader,
    /// Guards messages that quote the upstream.
    pub scrubber: Arc<Scrubber>,
    /// Whether made-up secrets are scrubbed.
    pub proof: Proof,
    /// Serves clients over TLS, if it is there.
    pub tls: Option<Tls>,
    /// The requests that run.
    pub requests: TaskTracker,
    /// Cancelled when the service takes no more requests.
    pub draining: CancellationToken,
    /// Cancelled when running requests must end.
    pub cut: CancellationToken,
}

// === impl App ===

impl App {
    /// Whether a turn can be started at all, whatever the body of the request.
    pub fn check_available(&self) -> Result<(), ApiError> {
        if self.draining.is_cancelled() {
            return Err(ApiError::ShuttingDown);
        }
        if self.proof.has_failed() || !self.recorder.admits() {
            return Err(ApiError::JournalUnavailable);
        }
        if self.backend.active().is_none() {
            return Err(ApiError::BackendDisabled);
        }
        if !self.backend.is_ready() {
            let expected = self.backend.app_server().and_then(|app_server| app_server.status().expected_in());
            return Err(ApiError::WorkerNotReady(expected));
        }
        Ok(())
    }

    /// `error` without the secrets that a worker or an upstream may have quoted in it, and with the way to the login if one is wanted.
    pub async fn presentable(&self, error: ApiError) -> ApiError {
        if error.is_of_login()
            && self.config.auth_login_url
            && let Some(app_server) = self.backend.app_server()
            && let Some(login) = app_server.login().await
        {
            return ApiError::NotLoggedIn(LoginHint { login, mode: self.config.auth_login_url_mode });
        }
        error.map_quoted(|text| self.scrubber.scrub_text(text, PseudonymKey::of_this_process()).into_owned())
    }
}
