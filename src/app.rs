//! Puts the parts together: the order in which they start, and the order in which they stop.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use journal::{EventBody, Journal};
use metrics_exporter_prometheus::BuildError;
use scrubbers::{Addresses, Scrubber};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::socket::BindError;
use crate::admin::{AdminListener, ControlServer};
use crate::backend::app_server::AppServer;
use crate::backend::app_server::catalog::{self, CatalogError};
use crate::backend::app_server::instructions::{self, FileError};
use crate::backend::app_server::supervisor::Supervisor;
use crate::backend::app_server::worker::WorkerPlan;
use crate::backend::home::{self, HomeError};
use crate::backend::locate::{self, Codex, LocateError, Wanted};
use crate::backend::process::Spawner;
use crate::backend::proto::Proto;
use crate::backend::proto::session::SessionPlan;
use crate::backend::{Backend, BackendKind};
use crate::config::{self, Config, MetricsCompat, Sources};
use crate::exit::Exit;
use crate::gateway::Gateway;
use crate::gateway::keys::file::KeysError;
use crate::http::tls::{Tls, TlsError};
use crate::http::{self, App};
use crate::live::Live;
use crate::logging;
use crate::projections::{Metrics, Projections};
use crate::record::{Guarantee, Recorder, ScrubEvents, Writer};
use crate::selftest::Proof;
use crate::state_dir::{StateDir, StateDirError};
use crate::upkeep::{self, Upkeep};

/// How long requests that were cut at the drain deadline may take to say so.
const CUT_LIMIT: Duration = Duration::from_secs(3);

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No Codex.
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// Codex does not tell its models.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}.\n{}", bind_remedy(source.kind(), *port))]
    Bind {
        /// Host and port.
        address: String,
        /// The port.
        port: u16,
        /// Why not.
        source: std::io::Error,
    },
    /// The admin listener's address is taken or not ours.
    #[error(
        "cannot listen on {address} for the admin API: {source}.\nSet PROXY_ADMIN_LISTEN (--admin-listen) to a free port of this machine."
    )]
    BindAdmin {
        /// Host and port.
        address: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The state folder cannot be used.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// The workers' folder cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The file with the base instructions cannot be read.
    #[error(transparent)]
    Instructions(#[from] FileError),
    /// The journal cannot be used.
    #[error("{0}")]
    Journal(#[from] journal::Error),
    /// The times and sizes of the configuration contradict each other.
    #[error("{0}")]
    Policy(String),
    /// The socket for operators cannot be made.
    #[error(transparent)]
    Control(#[from] BindError),
    /// The file of keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The scrubber cannot be built.
    #[error("cannot prepare the scrubber: {0}")]
    Scrubber(#[from] scrubbers::Error),
    /// The metrics cannot be set up.
    #[error("cannot prepare the metrics: {0}")]
    Metrics(#[from] BuildError),
    /// The operating system refused something basic.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

/// A service that is up.
#[derive(Debug)]
pub struct Service {
    app: Arc<App>,
    live: Arc<Live>,
    address: std::net::SocketAddr,
    recorder_thread: Writer,
    /// The tasks beside the requests.
    tasks: TaskTracker,
    /// Cancelled when those tasks must end.
    stop: CancellationToken,
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

// === impl StartError ===

impl StartError {
    /// The exit code for it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Locate(_) | Self::Catalog(CatalogError::Command { .. } | CatalogError::Malformed { .. }) => {
                Exit::Unavailable
            }
            Self::Policy(_)
            | Self::Keys(KeysError::Malformed { .. } | KeysError::Invalid(_))
            | Self::Instructions(_)
            | Self::Tls(_)
            | Self::Journal(journal::Error::OtherFormat { .. } | journal::Error::Key(_)) => Exit::Configuration,
            Self::Journal(journal::Error::Locked { .. } | journal::Error::Io { .. })
            | Self::Catalog(CatalogError::Cache { .. })
            | Self::Bind { .. }
            | Self::BindAdmin { .. }
            | Self::StateDir(_)
            | Self::Home(_)
            | Self::Keys(KeysError::Io { .. })
            | Self::Control(_) => Exit::TemporaryFailure,
            Self::Journal(_) | Self::Scrubber(_) | Self::Metrics(_) | Self::System(_) => Exit::Internal,
        }
    }
}

// === impl Service ===

impl Service {
    /// Starts everything, in the order in which one part relies on the other: what can be wrong with the machine is found
    /// before anything is touched, and nothing happens before it can be recorded.
    ///
    /// `sources` are what `config` was read from, to be read again.
    pub async fn start(config: Config, sources: Sources) -> Result<Self, StartError> {
        let config = Arc::new(config);
        let scrubber = Arc::new(scrubber(&config)?);
        logging::init(scrubber.clone());
        for warning in &config.warnings {
            tracing::warn!(kind = "config", "{warning}");
        }
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let hangup = signal(SignalKind::hangup())?;
        let instructions = instructions::Policy::read(&config)?;
        let codexes = Codexes::locate(&config).await?;
        let tls = Tls::new(&config)?;
        let listener = bind(&config).await?;
        let address = listener.local_addr()?;
        let admin = bind_admin(&config).await?;
        let state_dir = StateDir::prepare(&config.state_dir)?;
        let gateway = Gateway::new(&config)?;
        let proof = Proof::default();
        proof.begin(state_dir.path(), &scrubber, config.scrub_addresses);
        let policy = upkeep::policy(&config).map_err(|errors| {
            StartError::Policy(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?;
        let options = upkeep::journal_options(&config, true);
        let scrub = ScrubEvents::new(scrubber.clone());
        let journal = Journal::open(&state_dir.journal(), options, Arc::new(scrub.clone()))?;
        let (reader, last_known) = (journal.reader(), journal.last_known_time());
        let guarantee = Guarantee {
            durability: config.durability,
            on_failure: config.on_failure,
            deadline: config.journal_deadline,
        };
        let metrics = metrics(&config, &scrubber, codexes.active(&config))?;
        let (recorder, recorder_thread) = Recorder::start(journal, scrub, Projections::new(metrics), guarantee)?;
        let control = ControlServer::bind(state_dir.path())?;
        let active = codexes.active(&config);
        let plans = backend_plans(&config, codexes, &state_dir, &recorder).await?;

        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let started = EventBody::ServiceStarted {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            address: address.to_string(),
            config_digest: config::digest(&config),
        };
        recorder.record(None, started).await;
        let backend = backend(&config, plans, instructions, active, &stop, &tasks);
        let app = Arc::new(App {
            gateway,
            reader: reader.clone(),
            backend: Arc::new(backend),
            recorder: recorder.clone(),
            scrubber,
            proof,
            tls,
            requests: TaskTracker::new(),
            draining: CancellationToken::new(),
            cut: CancellationToken::new(),
            config,
        });
        tasks.spawn(http::server::serve(app.clone(), listener));
        let upkeep = Upkeep::new(recorder.clone(), reader.clone(), policy, last_known, app.config.anchor_file.clone());
        let live = Arc::new(Live::new(app.clone(), sources));
        let admin = admin.map(|listener| (listener, app.clone()));
        tasks.spawn(control.serve(recorder, reader, upkeep.clone(), Some(live.clone()), admin, stop.clone()));
        tasks.spawn(upkeep.run(stop.clone()));
        tasks.spawn(live.clone().watch_files(stop.clone()));
        Ok(Self { app, live, address, recorder_thread, tasks, stop, terminate, interrupt, hangup })
    }

    /// Where its API is.
    pub fn base_url(&self) -> String {
        let scheme = if self.app.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/v1", self.address)
    }

    /// Runs until a signal asks for the end, then ends in order: no new requests, the running ones, the worker, the journal.
    pub async fn run(mut self) {
        let reason = self.signalled().await;
        let app = self.app.clone();
        app.draining.cancel();
        app.recorder.stop_waiting();
        let requests = app.recorder.projections().requests_in_flight();
        app.recorder.record(None, EventBody::ServiceDraining { reason: reason.to_owned(), requests }).await;
        app.requests.close();
        tokio::select! {
            () = app.requests.wait() => {}
            () = tokio::time::sleep(app.config.drain_timeout) => {}
            _ = self.signalled() => tracing::warn!("a second signal: not waiting for requests any longer"),
        }
        let requests_cut = app.recorder.projections().requests_in_flight();
        app.cut.cancel();
        if tokio::time::timeout(CUT_LIMIT, app.requests.wait()).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        app.recorder.record(None, EventBody::ServiceStopped { requests_cut }).await;
        app.recorder.close().await;
        self.recorder_thread.join();
    }

    /// Waits for a signal that asks for the end.
    async fn signalled(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                // What it came to is in the log.
                _ = self.hangup.recv() => drop(self.live.reload("SIGHUP").await),
            }
        }
    }
}

/// The scrubber that `config` asks for.
pub fn scrubber(config: &Config) -> Result<Scrubber, scrubbers::Error> {
    let addresses = match config.scrub_addresses {
        config::Addresses::All => Addresses::All,
        config::Addresses::Public => Addresses::Public,
        config::Addresses::None => Addresses::None,
    };
    let secrets = [
        ("proxy-api-key", &config.api_key),
        ("metrics-token", &config.metrics_token),
        ("upstream-api-key", &config.upstream_api_key),
    ];
    let drop = config.scrub_content == config::Content::Drop;
    let builder = Scrubber::builder().addresses(addresses).drop_content(drop);
    let builder = secrets.into_iter().fold(builder, |builder, (name, secret)| match secret {
        Some(secret) => builder.secret(name, secret.expose_secret()),
        None => builder,
    });
    config.scrub.add_to(builder).build()
}

fn metrics(config: &Config, scrubber: &Scrubber, backend: Option<BackendKind>) -> Result<Metrics, BuildError> {
    let metrics = Metrics::new(config.models.advertised().map(str::to_owned))?
        .with_kinds(scrubber.kinds().chain([scrubbers::DROPPED]))
        .with_backend(backend);
    let metrics = match config.metrics_compat {
        Some(MetricsCompat::CodexV0) => metrics.with_compat(),
        None => metrics,
    };
    Ok(if config.maintenance_mode { metrics.in_maintenance() } else { metrics })
}

async fn bind(config: &Config) -> Result<TcpListener, StartError> {
    let failed =
        |source| StartError::Bind { address: format!("{}:{}", config.host, config.port), port: config.port, source };
    TcpListener::bind((config.host.as_str(), config.port)).await.map_err(failed)
}

async fn bind_admin(config: &Config) -> Result<Option<AdminListener>, StartError> {
    let Some(address) = &config.admin_listen else { return Ok(None) };
    let failed = |source| StartError::BindAdmin { address: address.clone(), source };
    let listener = AdminListener::bind(address).await.map_err(failed)?;
    tracing::info!(kind = "admin", address = %listener.address().map_err(failed)?, "admin listener");
    Ok(Some(listener))
}

fn bind_remedy(kind: ErrorKind, port: u16) -> String {
    match kind {
        ErrorKind::AddrInUse => {
            format!("Stop what uses port {port}, or choose another with PORT (--port); 0 picks a free one.")
        }
        ErrorKind::PermissionDenied => format!(
            "This user may not listen on port {port}: those below 1024 are mostly for root; choose a higher one with PORT (--port)."
        ),
        _ => "Set PROXY_HOST (--host) to an address of this machine, or to a name that leads to one.".to_owned(),
    }
}

/// The Codexes for the backends; without one there is no such backend.
struct Codexes {
    app_server: Option<Codex>,
    proto: Option<Codex>,
}

/// What the backends are started with.
struct BackendPlans {
    app_server: Option<WorkerPlan>,
    proto: Option<SessionPlan>,
}

impl Codexes {
    /// Finds what the configuration asks for. With the fallback in use, the app-server may be missing.
    async fn locate(config: &Config) -> Result<Self, LocateError> {
        let proto = match &config.codex_proto_bin {
            Some(binary) => Some(locate(config, &locate::PROTO, binary).await?),
            None => None,
        };
        if !config.use_app_server && proto.is_none() {
            return Ok(Self { app_server: None, proto });
        }
        let app_server = match locate(config, &locate::APP_SERVER, &config.codex_bin).await {
            Ok(codex) => Some(codex),
            Err(error) if config.use_app_server => return Err(error),
            Err(error) => {
                no_app_server(&error);
                None
            }
        };
        Ok(Self { app_server, proto })
    }

    /// Where requests go at first.
    fn active(&self, config: &Config) -> Option<BackendKind> {
        if config.use_app_server {
            Some(BackendKind::AppServer)
        } else {
            self.proto.as_ref().map(|_| BackendKind::Proto)
        }
    }
}

fn no_app_server(error: &dyn std::error::Error) {
    tracing::warn!(kind = "backend", %error, "the backend app-server is not there, and cannot be switched to");
}

async fn locate(config: &Config, wanted: &'static Wanted, binary: &Path) -> Result<Codex, LocateError> {
    let path = std::env::var("PATH").unwrap_or_default();
    locate::locate(wanted, &binary.to_string_lossy(), &path, config.worker_startup_timeout).await
}

async fn backend_plans(
    config: &Arc<Config>,
    codexes: Codexes,
    state_dir: &StateDir,
    recorder: &Recorder,
) -> Result<BackendPlans, StartError> {
    let Codexes { app_server, proto } = codexes;
    if app_server.is_none() && proto.is_none() {
        return Ok(BackendPlans { app_server: None, proto: None });
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let homes = home::prepare_base(config, runtime.as_deref())?;
    let (own_binary, spawner) = (std::env::current_exe()?, Spawner::new()?);
    let proto = proto.map(|codex| SessionPlan {
        config: config.clone(),
        codex,
        homes: homes.clone(),
        own_binary: own_binary.clone(),
        spawner: spawner.clone(),
        recorder: recorder.clone(),
    });
    let Some(codex) = app_server else { return Ok(BackendPlans { app_server: None, proto }) };
    let limit = config.worker_startup_timeout;
    let app_server = match catalog::catalog(&codex, &state_dir.catalogs(), &config.codex_model, limit).await {
        Ok(catalog) => {
            let (config, recorder) = (config.clone(), recorder.clone());
            Some(WorkerPlan { config, codex, catalog, homes, own_binary, spawner, recorder })
        }
        Err(error) if config.use_app_server => return Err(error.into()),
        Err(error) => {
            no_app_server(&error);
            None
        }
    };
    Ok(BackendPlans { app_server, proto })
}

/// The backends that there are plans for. The app-server's worker is started at once only if it is used.
fn backend(
    config: &Config,
    plans: BackendPlans,
    instructions: instructions::Policy,
    active: Option<BackendKind>,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> Backend {
    let wake = CancellationToken::new();
    if active == Some(BackendKind::AppServer) {
        wake.cancel();
    }
    let app_server = plans.app_server.map(|plan| {
        let status = Supervisor::start(plan, wake.clone(), stop.clone(), tasks);
        AppServer::new(config, instructions, status, wake)
    });
    let proto = plans.proto.map(|plan| Proto::new(plan, stop.clone(), tasks.clone()));
    Backend::new(app_server, proto, active)
}

/// The state folder of `demo`, beside the real one.
pub fn demo_state_dir(state_dir: &Path) -> PathBuf {
    let mut name = state_dir.file_name().unwrap_or_default().to_owned();
    name.push("-demo");
    state_dir.with_file_name(name)
}
