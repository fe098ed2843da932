//! Where the journal lies and how it is kept, as codex-proxy is configured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use codex_completions_api::config::{self, Config, Purpose, Sources};
use codex_completions_api::upkeep;
use journal::Options;
use retention::Policy;

use crate::failure::Failure;
use crate::remote::Remote;

/// What is known of the service whose journal is asked for.
pub(crate) struct Settings {
    /// Its state folder.
    pub(crate) state_dir: PathBuf,
    /// The file of the journal's master key; `None` for the default one among the journal's keys.
    pub(crate) key_file: Option<PathBuf>,
    /// Where it is asked instead of here.
    pub(crate) remote: Option<Remote>,
    /// Its configuration, or what is wrong with that.
    config: Result<Config, String>,
}

// === impl Settings ===

impl Settings {
    /// The service at `remote`, of which nothing is known here.
    pub(crate) fn elsewhere(remote: Remote) -> Self {
        let config =
            Err("the service is asked through its admin listener, and this has to happen on its machine".to_owned());
        Self { state_dir: PathBuf::new(), key_file: None, remote: Some(remote), config }
    }

    /// The flags, else what the service itself would use. A mistake elsewhere in the configuration keeps nobody from reading.
    pub(crate) fn find(state_dir: Option<&Path>, key_file: Option<&Path>) -> Result<Self, Failure> {
        let environment = config::process_environment();
        let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let named_state_dir = state_dir.map(Path::to_owned).or_else(|| variable("PROXY_STATE_DIR"));
        let named_key_file = key_file.map(Path::to_owned).or_else(|| variable("PROXY_JOURNAL_KEY_FILE"));
        let sources = Sources { flags: BTreeMap::new(), environment, purpose: Purpose::Inspect };
        let config = config::load(&sources).map_err(|mistakes| mistakes.to_string());
        let state_dir = match (named_state_dir, &config) {
            (Some(named), _) => named,
            (None, Ok(config)) => config.state_dir.clone(),
            (None, Err(mistakes)) => {
                return Err(Failure::Usage(format!(
                    "cannot tell the state folder, because the configuration of codex-proxy is wrong; give --state-dir DIR\n{mistakes}"
                )));
            }
        };
        let configured = config.as_ref().ok().and_then(|config| config.journal_key_file.clone());
        Ok(Self { state_dir, key_file: named_key_file.or(configured), remote: None, config })
    }

    /// Where the journal is, for people.
    pub(crate) fn place(&self) -> String {
        self.remote.as_ref().map_or_else(|| self.state_dir.display().to_string(), |remote| remote.url.clone())
    }

    /// The folder of the journal.
    pub(crate) fn journal_dir(&self) -> PathBuf {
        self.state_dir.join("journal")
    }

    /// How the journal is opened, which must be there.
    pub(crate) fn journal_options(&self) -> Options {
        let (create, key_file) = (false, self.key_file.clone());
        let configured = self.config.as_ref().map_or_else(
            |_| Options { create, ..Options::default() },
            |config| upkeep::journal_options(config, create),
        );
        Options { key_file, ..configured }
    }

    /// Where the service is reached, as far as its configuration can be read.
    pub(crate) fn base_url(&self) -> String {
        let Ok(config) = &self.config else { return "http://127.0.0.1:11435".to_owned() };
        let scheme = if config.tls_cert.is_some() { "https" } else { "http" };
        let host = &config.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        format!("{scheme}://{host}:{}", config.port)
    }

    /// The retention policy, or what is wrong with the configuration.
    pub(crate) fn policy(&self) -> Result<Policy, String> {
        let config = self.config.as_ref().map_err(Clone::clone)?;
        upkeep::policy(config).map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }
}
