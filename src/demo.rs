//! `codex-proxy demo`: the real proxy and the real Codex on a scripted model, so that anyone can try everything without an account.

use std::path::Path;

use model_stub::ModelStub;
use uuid::Uuid;

use crate::app::{self, Service};
use crate::config::{self, Config, Sources};
use crate::exit::Exit;

const KEY_VARIABLE: &str = "PROXY_API_KEY";

/// Serves until a signal. What the user set is kept; the upstream, the key and the state folder are the demo's own.
pub async fn run(mut sources: Sources) -> Exit {
    let stub = match ModelStub::bind(([127, 0, 0, 1], 0).into()).await {
        Ok(stub) => stub.spawn(),
        Err(error) => {
            eprintln!("codex-proxy: cannot start the scripted model: {error}");
            return Exit::TemporaryFailure;
        }
    };
    let key = adapt(&mut sources, stub.base_url());
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
    let service = match Service::start(config, sources).await {
        Ok(service) => service,
        Err(error) => {
            eprintln!("codex-proxy: {error}");
            return error.exit();
        }
    };
    println!("codex-proxy listening on {}", service.base_url());
    eprintln!("{}", instructions(&service.base_url(), &key, &model, &state_dir));
    service.run().await;
    if let Err(error) = stub.stop().await {
        tracing::warn!(%error, "the scripted model did not stop in order");
    }
    Exit::Ok
}

/// Puts the demo's own values into `sources`, and returns the key as instructions may show it.
fn adapt(sources: &mut Sources, upstream: String) -> String {
    // The flag, because it wins over every other source.
    sources.flags.insert("upstream-base-url".to_owned(), upstream);
    sources.environment.insert("PROXY_UPSTREAM_API_KEY".to_owned(), throwaway_key());
    if sources.environment.get(KEY_VARIABLE).is_some_and(|key| !key.is_empty()) {
        return format!("${KEY_VARIABLE}");
    }
    let key = throwaway_key();
    sources.environment.insert(KEY_VARIABLE.to_owned(), key.clone());
    key
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
        "Try it:\n  curl -N {base_url}/chat/completions -H \"Authorization: Bearer {key}\" -H 'Content-Type: application/json' -d '{body}'\n\
         See what happened:\n  codex-trace --state-dir {} list",
        state_dir.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Purpose;

    const UPSTREAM: &str = "http://127.0.0.1:1/v1";

    fn adapted(environment: &[(&str, &str)]) -> (Config, String) {
        let environment = [("HOME", "/nowhere"), ("PROXY_UPSTREAM_BASE_URL", "https://paid.example/v1")]
            .iter()
            .chain(environment)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let flags = [("upstream-base-url".to_owned(), "https://paid.example/v1".to_owned())].into();
        let mut sources = Sources { flags, environment: environment.collect(), purpose: Purpose::Serve };
        let key = adapt(&mut sources, UPSTREAM.to_owned());
        (config::load(&sources).unwrap(), key)
    }

    #[test]
    fn the_scripted_model_wins_over_what_the_user_set() {
        assert_eq!(adapted(&[]).0.upstream_base_url.as_deref(), Some(UPSTREAM));
    }

    #[test]
    fn a_key_of_the_users_own_is_kept_and_not_shown() {
        use secrecy::ExposeSecret as _;
        let (config, shown) = adapted(&[(KEY_VARIABLE, "hush-hush")]);
        assert_eq!(config.api_key.unwrap().expose_secret(), "hush-hush");
        assert_eq!(shown, "$PROXY_API_KEY");
    }

    #[test]
    fn an_empty_key_counts_as_none() {
        use secrecy::ExposeSecret as _;
        let (config, shown) = adapted(&[(KEY_VARIABLE, "")]);
        assert!(shown.starts_with("demo-"), "{shown}");
        assert_eq!(config.api_key.unwrap().expose_secret(), shown);
    }
}
