//! A switch of backend under load: every turn ends on the backend it began on, and none fails.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use codex_completions_api::backend::app_server::AppServer;
use codex_completions_api::backend::app_server::catalog;
use codex_completions_api::backend::app_server::instructions::Policy;
use codex_completions_api::backend::app_server::supervisor::Supervisor;
use codex_completions_api::backend::app_server::worker::WorkerPlan;
use codex_completions_api::backend::locate::{self, Codex, Wanted};
use codex_completions_api::backend::process::Spawner;
use codex_completions_api::backend::proto::Proto;
use codex_completions_api::backend::proto::session::SessionPlan;
use codex_completions_api::backend::{Backend, BackendKind, SwitchError, Turn};
use codex_completions_api::config::{self, Config, Purpose, Sources};
use codex_completions_api::openai::chat::request::ChatRequest;
use codex_completions_api::projections::{Metrics, Projections};
use codex_completions_api::record::{Guarantee, Recorder, ScrubEvents, Writer};
use codex_completions_api::turn::{TurnEnd, TurnEvent};
use futures_util::future::join_all;
use journal::{Journal, NoScrub, Options, RequestId};
use model_stub::{ModelStub, RunningStub};
use scrubbers::Scrubber;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::{
    PATIENCE, Proxy, ask, ask_stream, codex, codex_proto, command, signal, stream_events, stream_text,
};

/// Both backends in this process, on a scripted model.
struct Bench {
    backend: Backend,
    model: RunningStub,
    tasks: TaskTracker,
    stop: CancellationToken,
    recorder: Recorder,
    writer: Writer,
    _folder: TempDir,
}

fn config(model: &RunningStub) -> Config {
    let environment = [
        ("HOME", "/"),
        ("PROXY_API_KEY", "k"),
        ("PROXY_UPSTREAM_BASE_URL", &model.base_url()),
        ("WORKER_STARTUP_TIMEOUT_MS", "30000"),
        ("WORKER_HANDSHAKE_TIMEOUT_MS", "30000"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let sources =
        Sources { flags: BTreeMap::new(), environment: environment.into_iter().collect(), purpose: Purpose::Serve };
    config::load(&sources).unwrap()
}

async fn find(wanted: &'static Wanted, binary: &Path) -> Codex {
    locate::locate(wanted, binary.to_str().unwrap(), "", PATIENCE).await.unwrap()
}

impl Bench {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = ModelStub::bind(([127, 0, 0, 1], 0).into()).await.unwrap().spawn();
        let config = Arc::new(config(&model));
        let journal = Journal::open(&folder.path().join("journal"), Options::default(), Arc::new(NoScrub)).unwrap();
        let scrubber = Arc::new(Scrubber::builder().build().unwrap());
        let projections = Projections::new(Metrics::new([]).unwrap());
        let (recorder, writer) =
            Recorder::start(journal, ScrubEvents::new(scrubber), projections, Guarantee::default()).unwrap();
        let (homes, own_binary) = (folder.path().join("homes"), PathBuf::from(env!("CARGO_BIN_EXE_codex-proxy")));
        let spawner = Spawner::new().unwrap();
        let (tasks, stop, wake) = (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
        let proto = SessionPlan {
            config: config.clone(),
            codex: find(&locate::PROTO, &codex_proto()).await,
            homes: homes.clone(),
            own_binary: own_binary.clone(),
            spawner: spawner.clone(),
            recorder: recorder.clone(),
        };
        let codex = find(&locate::APP_SERVER, &codex()).await;
        let catalog = catalog::catalog(&codex, folder.path(), &config.codex_model, PATIENCE).await.unwrap();
        let plan = WorkerPlan {
            config: config.clone(),
            codex,
            catalog,
            homes,
            own_binary,
            spawner,
            recorder: recorder.clone(),
        };
        let status = Supervisor::start(plan, wake.clone(), stop.clone(), &tasks);
        let app_server = AppServer::new(&config, Policy::read(&config).unwrap(), status, wake);
        let proto = Proto::new(proto, stop.clone(), tasks.clone());
        let backend = Backend::new(Some(app_server), Some(proto), Some(BackendKind::Proto));
        Self { backend, model, tasks, stop, recorder, writer, _folder: folder }
    }

    /// Runs a turn as a request would and returns its text and its worker.
    async fn run(&self, text: &str) -> (String, String) {
        let body = ask(&format!("delay:120:say:{text} one two three"));
        let plan = ChatRequest::parse(body, 1).unwrap().plan("gpt-5.2", None);
        let kind = self.backend.active().unwrap();
        let turns = self.backend.start_turns(kind, &plan, 1, RequestId::generate()).await.unwrap();
        let [mut turn] = <[Turn; 1]>::try_from(turns).unwrap();
        assert_eq!(BackendKind::of_worker(turn.worker()), kind);
        let mut answer = String::new();
        loop {
            match poll_fn(|cx| turn.poll_next(cx)).await {
                TurnEvent::Text(piece) => answer.push_str(&piece),
                TurnEvent::Ended(end) => {
                    assert_eq!(end, TurnEnd::Completed);
                    return (answer, turn.worker().to_string());
                }
                _ => {}
            }
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.recorder.close().await;
        self.writer.join();
        self.model.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_no_turn_fails() {
    let bench = Bench::start().await;
    assert!(bench.backend.is_ready(), "proto needs no start");
    assert_eq!(
        bench.backend.set_active(BackendKind::AppServer, Duration::ZERO).await,
        Err(SwitchError::NotReady { kind: BackendKind::AppServer, limit: Duration::ZERO })
    );
    assert_eq!(bench.backend.active(), Some(BackendKind::Proto), "nothing changes before the other is ready");

    let (ended, mut seen) = tokio::sync::watch::channel(0);
    let clients = join_all((0..8).map(|client| {
        let (bench, ended) = (&bench, &ended);
        async move {
            let mut workers = Vec::new();
            for turn in 0..6 {
                let (text, worker) = bench.run(&format!("{client}-{turn}")).await;
                assert_eq!(text, format!("{client}-{turn} one two three"));
                workers.push(worker);
                ended.send_modify(|ended| *ended += 1);
            }
            workers
        }
    }));
    let flips = async {
        // Spread over the 48 turns.
        for (flip, kind) in [BackendKind::AppServer, BackendKind::Proto].into_iter().cycle().take(8).enumerate() {
            seen.wait_for(|ended| *ended >= 5 * flip).await.unwrap();
            bench.backend.set_active(kind, PATIENCE).await.unwrap();
            assert_eq!(bench.backend.active(), Some(kind));
        }
    };
    let (workers, ()) = tokio::join!(clients, flips);
    let workers: Vec<String> = workers.into_iter().flatten().collect();
    assert_eq!(workers.len(), 48);
    for prefix in ["w", "p"] {
        assert!(workers.iter().any(|worker| worker.starts_with(prefix)), "{workers:?}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_command_under_load_no_stream_fails() {
    let binary = codex_proto();
    let proxy = Proxy::start_with(&[("CODEX_PROTO_BIN", binary.to_str().unwrap())]).await;
    let clients = join_all((0..6).map(|client| {
        let proxy = &proxy;
        async move {
            for turn in 0..6 {
                let text = format!("{client}-{turn} one two");
                let request = proxy.chat(&ask_stream(&format!("delay:100:say:{text}")));
                let (chunks, done) = stream_events(&request.send().await.unwrap().text().await.unwrap());
                assert!(done, "{chunks:?}");
                assert_eq!(stream_text(&chunks), text);
            }
        }
    }));
    let flips = async {
        // Spread over the 36 requests.
        for (flip, backend) in ["proto", "app-server", "proto", "app-server"].into_iter().enumerate() {
            let wanted = 6 * (flip + 1);
            proxy.until("more requests ran", async || proxy.model().requests().len() >= wanted).await;
            let mut switch = command(proxy.state.path());
            // Without the upstream's address its key is a mistake of the configuration.
            switch.env_remove("PROXY_UPSTREAM_API_KEY").args(["ctl", "backend", backend]);
            let output = switch.output().await.unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    };
    tokio::join!(clients, flips);
    let summaries = proxy.summaries().await;
    assert_eq!(summaries.len(), 36);
    assert!(summaries.iter().all(|summary| summary["outcome"] == "ok"));
    for prefix in ["w", "p"] {
        assert!(summaries.iter().any(|summary| summary["worker"].as_str().unwrap().starts_with(prefix)), "{prefix}");
    }
    let events = proxy.trace(&["events", "--json"]).await;
    assert_eq!(events.matches(r#""flag":"codex.backend""#).count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_file_and_signal_and_one_that_is_not_there_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let write = |setting: &str| std::fs::write(&file, format!("[codex]\n{setting}\n")).unwrap();
    write("use_app_server = true");
    let path = ("PROXY_CONFIG", file.to_str().unwrap());

    let binary = codex_proto();
    let proxy = Proxy::start_with(&[path, ("CODEX_PROTO_BIN", binary.to_str().unwrap())]).await;
    write("use_app_server = false");
    signal(proxy.pid(), "HUP");
    proxy.logged(|line| line.contains("configuration reloaded") && line.contains("codex.use_app_server")).await;
    assert_eq!(proxy.ask("say:hi").await.status(), 200);
    let worker = proxy.summaries().await[0]["worker"].as_str().unwrap().to_owned();
    assert!(worker.starts_with('p'), "{worker}");

    write("use_app_server = true");
    let proxy = Proxy::start_with(&[path]).await;
    write("use_app_server = false");
    signal(proxy.pid(), "HUP");
    proxy
        .logged(|line| line.contains("the configuration stays as it was") && line.contains("proto is not there"))
        .await;
    assert_eq!(proxy.ask("say:hi").await.status(), 200);
}
