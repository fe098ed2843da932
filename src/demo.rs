//! `codex-proxy demo`: the real proxy and the real Codex on a scripted model, so that anyone can try everything without an account.

use std::path::Path;

use model_stub::ModelStub;
use uuid::Uuid;

use crate::app::{self, Service};
use crate::config::{self, Config, Sources};
use crate::exit::Exit;

/// Serves until a signal. What the user set is kept; the upstream, the key and the state folder are the demo's own.
pub async fn run(mut sources: Sources) -> Exit {
    let stub = match ModelStub::bind(([127, 0, 0, 1], 0).into()).await {
        Ok(stub) => stub.spawn(),
        Err(error) => {
            eprintln!("codex-proxy: cannot start the scripted model: {error}");
            return Exit::TemporaryFailure;
        }
    };
    let key = sources.environment.entry("PROXY_API_KEY".to_owned()).or_insert_with(throwaway_key).clone();
    sources.environment.insert("PROXY_UPSTREAM_BASE_URL".to_owned(), stub.base_url());
    sources.environment.insert("PROXY_UPSTREAM_API_KEY".to_owned(), throwaway_key());
    let mut config = match config::load(&sources) {
        Ok(config) => config,
        Err(mistakes) => {
            eprintln!("{mistakes}");
            return Exit::Configuration;
        }
    };
    if config.origin("server.state_dir") == Some(&config::Origin::Default) {
        config.state_dir = app::demo_state_dir(&config.state_dir);
    }
    let state_dir = config.state_dir.clone();
    let model = first_model(&config);
    let service = match Service::start(config).await {
        Ok(service) => service,
        Err(error) => {
            eprintln!("codex-proxy: {error}");
            return error.exit();
        }
    };
    let line = app::listening_line(service.address());
    println!("{line}");
    eprintln!("{}", instructions(&format!("http://{}/v1", service.address()), &key, &model, &state_dir));
    service.run().await;
    if let Err(error) = stub.stop().await {
        tracing::warn!(%error, "the scripted model did not stop in order");
    }
    Exit::Ok
}

fn throwaway_key() -> String {
    format!("demo-{}", Uuid::new_v4().simple())
}

fn first_model(config: &Config) -> String {
    config.models.advertised().next().unwrap_or(&config.codex_model).to_owned()
}

fn instructions(base_url: &str, key: &str, model: &str, state_dir: &Path) -> String {
    let body = format!(
        r#"{{"model":"{model}","stream":true,"messages":[{{"role":"user","content":"say:Hello from the real Codex."}}]}}"#
    );
    format!(
        "Try it:\n  curl -N {base_url}/chat/completions -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{body}'\n\
         See what happened:\n  codex-trace --state-dir {} list",
        state_dir.display()
    )
}
