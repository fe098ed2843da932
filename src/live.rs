//! What can be changed while the service runs: maintenance, keys, certificates, limits. Each change is an event that says who made it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use journal::EventBody;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::backend::{BACKEND_FLAG, BackendKind, SwitchError};
use crate::config::{self, Config, Row, Sources};
use crate::gateway::keys::{DEFAULT_KEY, file};
use crate::gateway::maintenance::Notice;
use crate::http::App;
use crate::http::tls::{Tls, TlsError};

/// How often the files of keys and certificates are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a reload applies. Everything else takes a restart.
const RELOADABLE: &[&str] = &[
    "codex.use_app_server",
    "limits.maintenance_mode",
    "limits.rate_enabled",
    "limits.rate_window_ms",
    "limits.rate_max",
    "limits.rate_global_max",
    "limits.max_streams",
    "limits.queue_max",
    "limits.queue_timeout_ms",
];

/// Changes a running service.
#[derive(Debug)]
pub struct Live {
    app: Arc<App>,
    sources: Sources,
    /// One change at a time.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The configuration that was read last.
    config: Arc<Config>,
    /// The file of keys that was read last.
    keys: Option<Stamp>,
    /// The files of the certificate that were read last.
    certificate: Vec<Option<Stamp>>,
}

/// Tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

/// What a reload did.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reloaded {
    /// The settings that are now as they were written.
    pub applied: Vec<String>,
    /// Those that were written differently and take a restart.
    pub restart_needed: Vec<String>,
    /// How many keys there are.
    pub keys: usize,
}

/// What the service is doing, for whoever asks at the control socket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Whether chat requests are served.
    pub ready: bool,
    /// The backend that new requests go to.
    pub backend: Option<String>,
    /// What clients are told while there is maintenance.
    pub maintenance: Option<Notice>,
    /// Requests that run.
    pub requests: usize,
    /// Requests that wait for a place on the worker.
    pub queued: usize,
    /// How many keys there are.
    pub keys: usize,
}

// === impl Live ===

impl Live {
    /// For a service that was started from `sources`.
    pub fn new(app: Arc<App>, sources: Sources) -> Self {
        let keys = Stamp::of(app.gateway.keys_file());
        let certificate = certificate_stamps(&app);
        let state = Mutex::new(State { config: app.config.clone(), keys, certificate });
        Self { app, sources, state }
    }

    /// Begins, changes or ends maintenance. It holds from the next request on.
    pub async fn set_maintenance(&self, notice: Option<Notice>, actor: &str) {
        let _one_at_a_time = self.state.lock().await;
        self.switch_maintenance(notice, actor);
    }

    /// Sends new requests to another backend as soon as that is ready; those that run end where they began.
    ///
    /// # Errors
    /// If it is not there, or not ready in time: everything stays as it was then.
    pub async fn set_backend(&self, backend: BackendKind, actor: &str) -> Result<(), SwitchError> {
        let _one_at_a_time = self.state.lock().await;
        self.switch_backend(backend, actor).await
    }

    /// Reads the configuration and the keys again, and applies what can be applied.
    ///
    /// # Errors
    /// What is wrong with them; everything stays as it was then.
    pub async fn reload(&self, actor: &str) -> Result<Reloaded, String> {
        let mut state = self.state.lock().await;
        let reloaded = self.try_reload(&mut state, actor).await;
        match &reloaded {
            Ok(Reloaded { applied, restart_needed, keys }) => {
                tracing::info!(kind = "config", actor, ?applied, ?restart_needed, keys, "configuration reloaded");
            }
            Err(error) => {
                tracing::error!(kind = "config", actor, %error, "the configuration stays as it was: what was written is wrong");
            }
        }
        reloaded
    }

    /// What the service is doing.
    pub fn status(&self) -> Status {
        Status {
            ready: self.app.check_available().is_ok(),
            backend: self.app.backend.active().map(|backend| backend.to_string()),
            maintenance: self.app.gateway.maintenance.notice(),
            requests: self.app.recorder.projections().requests_in_flight(),
            queued: self.app.gateway.limits().queue().waiting(),
            keys: self.app.gateway.keys.count(),
        }
    }

    /// Reads the files of keys and certificates again whenever they change, until `stop`.
    pub async fn watch_files(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            // What is wrong is told once, for the stamp is kept in any case.
            let mut state = self.state.lock().await;
            let keys = Stamp::of(self.app.gateway.keys_file());
            if keys != std::mem::replace(&mut state.keys, keys)
                && let Err(error) = self.read_keys("file")
            {
                tracing::error!(kind = "config", %error, "the keys stay as they were");
            }
            let certificate = certificate_stamps(&self.app);
            if certificate != std::mem::replace(&mut state.certificate, certificate.clone())
                && let Err(error) = self.renew_certificate("file")
            {
                tracing::error!(kind = "config", %error, "the certificate stays as it was");
            }
        }
    }

    async fn try_reload(&self, state: &mut State, actor: &str) -> Result<Reloaded, String> {
        let config = config::load(&self.sources).map_err(|mistakes| mistakes.to_string())?;
        // Before anything is applied: all of it is right, or none of it counts.
        file::read(self.app.gateway.keys_file()).map_err(|error| error.to_string())?;
        if config.use_app_server != state.config.use_app_server {
            let backend = if config.use_app_server { BackendKind::AppServer } else { BackendKind::Proto };
            self.switch_backend(backend, actor).await.map_err(|error| error.to_string())?;
        }
        self.renew_certificate(actor).map_err(|error| error.to_string())?;
        state.certificate = certificate_stamps(&self.app);
        let mut reloaded = Reloaded::default();
        for (before, after) in changed_rows(&state.config, &config) {
            if RELOADABLE.contains(&after.key.as_str()) {
                reloaded.applied.push(after.key.clone());
                self.tell(&after.key, before, after.value, actor);
            } else {
                reloaded.restart_needed.push(after.key);
            }
        }
        if config.maintenance_mode != state.config.maintenance_mode {
            self.switch_maintenance(config.maintenance_mode.then(Notice::default), actor);
        }
        if reloaded.applied.iter().any(|key| key != "limits.maintenance_mode") {
            self.app.gateway.set_limits(&config);
        }
        state.config = Arc::new(config);
        state.keys = Stamp::of(self.app.gateway.keys_file());
        self.read_keys(actor)?;
        reloaded.keys = self.app.gateway.keys.count();
        Ok(reloaded)
    }

    fn read_keys(&self, actor: &str) -> Result<(), String> {
        let gateway = &self.app.gateway;
        let entries = file::read(gateway.keys_file()).map_err(|error| error.to_string())?;
        let names = |entries: Vec<String>| entries.join(", ");
        let (before, after) = (gateway.keys.ids(), entries.iter().map(|entry| entry.id.clone()));
        let after: Vec<String> = self.app.config.api_key.iter().map(|_| DEFAULT_KEY.to_owned()).chain(after).collect();
        if gateway.keys.replace(self.app.config.api_key.as_ref(), entries) {
            self.tell("auth.keys", names(before), names(after), actor);
        }
        Ok(())
    }

    fn renew_certificate(&self, actor: &str) -> Result<(), TlsError> {
        let Some(tls) = &self.app.tls else { return Ok(()) };
        if let Some((before, after)) = tls.renew()? {
            tracing::info!(kind = "config", actor, certificate = after, "certificate renewed");
            self.tell("server.tls_cert", before, after, actor);
        }
        Ok(())
    }

    async fn switch_backend(&self, backend: BackendKind, actor: &str) -> Result<(), SwitchError> {
        let before = self.app.backend.set_active(backend, self.app.config.worker_startup_timeout).await?;
        if before != Some(backend) {
            let before = before.map_or("disabled", BackendKind::as_str).to_owned();
            self.tell(BACKEND_FLAG, before, backend.to_string(), actor);
        }
        Ok(())
    }

    fn switch_maintenance(&self, notice: Option<Notice>, actor: &str) {
        let before = self.app.gateway.maintenance.set(notice.clone());
        if before == notice {
            return;
        }
        self.record(EventBody::MaintenanceChanged {
            on: notice.is_some(),
            retry_after_s: notice.as_ref().map(|notice| notice.retry_after_s),
            message: notice.and_then(|notice| notice.message),
            actor: actor.to_owned(),
        });
    }

    fn tell(&self, flag: &str, from: String, to: String, actor: &str) {
        self.record(EventBody::FlagChanged { flag: flag.to_owned(), from, to, actor: actor.to_owned() });
    }

    /// In a task of its own: a journal that cannot be written is no reason to put a change off.
    fn record(&self, body: EventBody) {
        let recorder = self.app.recorder.clone();
        self.app.requests.spawn(async move { recorder.record(None, body).await });
    }
}

/// What is different in `after`: each with the value that it had before.
fn changed_rows(before: &Config, after: &Config) -> Vec<(String, Row)> {
    let (old, new) = (before.rows(), after.rows());
    let value = |key: &str| old.iter().find(|row| row.key == key).map(|row| row.value.clone()).unwrap_or_default();
    let mut changed: Vec<_> =
        new.into_iter().map(|row| (value(&row.key), row)).filter(|(was, row)| *was != row.value).collect();
    // Masked, a secret looks the same whatever it is.
    let secrets = |config: &Config| {
        [&config.api_key, &config.metrics_token, &config.upstream_api_key]
            .map(|secret| secret.as_ref().map(|secret| secret.expose_secret().to_owned()))
    };
    for ((key, was), is) in
        ["auth.api_key", "metrics.token", "upstream.api_key"].into_iter().zip(secrets(before)).zip(secrets(after))
    {
        if was != is && !changed.iter().any(|(_, row)| row.key == key) {
            changed.push((String::new(), Row { key: key.to_owned(), value: String::new(), origin: String::new() }));
        }
    }
    changed
}

fn certificate_stamps(app: &App) -> Vec<Option<Stamp>> {
    app.tls.iter().flat_map(Tls::files).map(Stamp::of).collect()
}

// === impl Stamp ===

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self { inode: found.ino(), size: found.size(), modified: (found.mtime(), found.mtime_nsec()) })
    }
}
