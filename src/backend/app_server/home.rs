//! A worker's private folders: its `CODEX_HOME` and an empty working folder.
//!
//! Codex writes upstream error bodies verbatim into sqlite files under its home, with any secret they quote. So a home lies on
//! memory where there is some, belongs to one worker, is wiped when the worker ends, and what a crash left is swept at
//! the next start.

use std::fmt::Write as _;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::private_folder;

/// The name of the provider in the generated `config.toml`.
const PROVIDER: &str = "proxy";

/// The variable through which the upstream's key reaches the worker.
pub const UPSTREAM_KEY_VARIABLE: &str = "CODEX_PROXY_UPSTREAM_API_KEY";

/// Folders of one worker. Dropping it removes them.
#[derive(Debug)]
pub struct WorkerHome {
    root: PathBuf,
}

/// A folder could not be prepared.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot prepare the workers' folder {}: {source}.\nIt must be of this user alone and writable; XDG_RUNTIME_DIR can name \
     another folder for it to lie in.",
    path.display()
)]
pub struct HomeError {
    path: PathBuf,
    source: std::io::Error,
}

/// Makes the folder for workers' homes and removes what an earlier proxy left in it.
///
/// # Errors
/// If it is not a folder of this user alone. Nothing in it was touched then.
pub fn prepare_base(state_dir: &Path, runtime_dir: Option<&Path>) -> Result<PathBuf, HomeError> {
    let base = base_folder(state_dir, runtime_dir);
    match private_folder::make(&base) {
        Ok(()) => {
            sweep(&base);
            Ok(base)
        }
        Err(source) => Err(HomeError { path: base, source }),
    }
}

/// Where workers' homes go: memory if there is some, else the state folder.
fn base_folder(state_dir: &Path, runtime_dir: Option<&Path>) -> PathBuf {
    let memory = Path::new("/dev/shm");
    match runtime_dir {
        Some(runtime) if runtime.is_dir() => runtime.join("codex-proxy"),
        _ if memory.is_dir() => memory.join(format!("codex-proxy-{}", rustix::process::getuid().as_raw())),
        _ => state_dir.join("workers"),
    }
}

/// Removes homes whose proxy is gone.
fn sweep(base: &Path) {
    let Ok(entries) = std::fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.split('-').next()?.parse::<i32>().ok());
        let alive = owner
            .and_then(rustix::process::Pid::from_raw)
            .is_some_and(|owner| rustix::process::test_kill_process(owner).is_ok());
        if !alive && let Err(error) = std::fs::remove_dir_all(entry.path()) {
            tracing::warn!(folder = %entry.path().display(), %error, "cannot remove what an earlier worker left");
        }
    }
}

// === impl WorkerHome ===

impl WorkerHome {
    /// Makes the folders of the worker called `worker` under `base` and writes its configuration.
    pub fn create(base: &Path, worker: &str, config: &Config, catalog: &str) -> Result<Self, HomeError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| HomeError { path, source }
        };
        // Made at the start, but such places are cleaned behind our back: at a logout, for one.
        private_folder::make(base).map_err(failed(base))?;
        let home = Self { root: base.join(format!("{}-{worker}", std::process::id())) };
        // A pid that came round again may have left a folder of the same name.
        let _ = std::fs::remove_dir_all(&home.root);
        for folder in [home.codex_home(), home.working_folder(), home.temporary_folder()] {
            create_private(&folder).map_err(failed(&folder))?;
        }
        let catalog_file = home.codex_home().join("catalog.json");
        std::fs::write(&catalog_file, catalog).map_err(failed(&catalog_file))?;
        let config_file = home.codex_home().join("config.toml");
        std::fs::write(&config_file, config_toml(config, &catalog_file)).map_err(failed(&config_file))?;
        if config.upstream_base_url.is_none() {
            // A link, because Codex rewrites the file in place when it refreshes its tokens.
            let link = home.codex_home().join("auth.json");
            symlink(operator_login(config), &link).map_err(failed(&link))?;
        }
        Ok(home)
    }

    /// The worker's `CODEX_HOME`.
    pub fn codex_home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// Where it puts temporary files; sqlite needs some.
    pub fn temporary_folder(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// The folder it starts in; empty.
    pub fn working_folder(&self) -> PathBuf {
        self.root.join("cwd")
    }
}

impl Drop for WorkerHome {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.root) {
            tracing::warn!(folder = %self.root.display(), %error, "cannot remove the worker's folder");
        }
    }
}

/// The operator's own login, which a worker without an upstream of its own uses.
pub fn operator_login(config: &Config) -> PathBuf {
    config.codex_home.join("auth.json")
}

fn create_private(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The worker's `config.toml`: every feature off that adds to a request or reaches for the machine. What each line is good
/// for was found with Codex 0.169.0; unknown keys are ignored by other versions.
fn config_toml(config: &Config, catalog: &Path) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut text = format!(
        "model_catalog_json = {}\nmodel = {}\nmodel_provider = \"{PROVIDER}\"\n{FIXED}\n[model_providers.{PROVIDER}]\n",
        quoted(&catalog.to_string_lossy()),
        quoted(&config.codex_model),
    );
    match &config.upstream_base_url {
        Some(url) => {
            let _ = writeln!(text, "name = \"upstream\"\nbase_url = {}", quoted(url));
            if config.upstream_api_key.is_some() {
                let _ = writeln!(text, "env_key = \"{UPSTREAM_KEY_VARIABLE}\"");
            }
        }
        None => text.push_str("name = \"OpenAI\"\nrequires_openai_auth = true\n"),
    }
    text.push_str(PROVIDER_FIXED);
    text
}

const FIXED: &str = r#"approval_policy = "never"
sandbox_mode = "read-only"
check_for_update_on_startup = false
web_search = "disabled"
project_doc_max_bytes = 0
# Above about 10,000 tokens Codex would cut tool results in the middle.
tool_output_token_limit = 10000000
include_permissions_instructions = false
include_apps_instructions = false
include_environment_context = false
include_collaboration_mode_instructions = false

[features]
shell_tool = false
apps = false
plugins = false
unified_exec = false
goals = false
view_image = false
skill_search = false
hooks = false
image_generation = false
tool_suggest = false
sleep_tool = false
memories = false
browser_use = false
computer_use = false
in_app_browser = false
remote_plugin = false
workspace_dependencies = false
enable_request_compression = false
shell_snapshot = false

[tools.experimental_request_user_input]
enabled = false

[agents]
enabled = false

[skills]
include_instructions = false

[skills.bundled]
enabled = false

[analytics]
enabled = false

[history]
persistence = "none"
"#;

/// No retries inside Codex: one after the first delta would repeat text that the client already has.
const PROVIDER_FIXED: &str = r#"wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
stream_idle_timeout_ms = 300000
supports_websockets = false
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_proxy_left_is_swept_and_a_living_ones_stays() {
        let runtime = tempfile::tempdir().unwrap();
        let base = prepare_base(Path::new("/nowhere"), Some(runtime.path())).unwrap();
        let (living, dead) = (base.join(format!("{}-w1", std::process::id())), base.join("2147483646-w1"));
        for home in [&living, &dead] {
            create_private(home).unwrap();
        }
        assert_eq!(prepare_base(Path::new("/nowhere"), Some(runtime.path())).unwrap(), base);
        assert!(living.exists() && !dead.exists());
    }

    #[test]
    fn a_link_in_place_of_the_folder_is_refused_and_not_swept_through() {
        let (runtime, victim) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let precious = victim.path().join("precious");
        std::fs::create_dir(&precious).unwrap();
        symlink(victim.path(), runtime.path().join("codex-proxy")).unwrap();
        let error = prepare_base(Path::new("/nowhere"), Some(runtime.path())).unwrap_err().to_string();
        assert!(error.contains("remove it") && error.contains("XDG_RUNTIME_DIR"), "{error}");
        assert!(precious.exists());
    }
}
