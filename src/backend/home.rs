//! A worker's private folders: its `CODEX_HOME` and an empty working folder.
//!
//! Codex writes upstream error bodies verbatim into sqlite files under its home, with any secret they quote. So a home lies on
//! memory where there is some, belongs to one worker, is wiped when the worker ends, and what a crash left is swept at
//! the next start.

use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use tokio::process::Command;

use crate::config::Config;
use crate::private_folder;

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
    "cannot prepare the workers' folder {}: {source}.\nIt must be of this user alone and writable; PROXY_CODEX_WORKDIR can name \
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
pub fn prepare_base(config: &Config, runtime_dir: Option<&Path>) -> Result<PathBuf, HomeError> {
    let base = match &config.codex_workdir {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(failed(folder))?;
            folder.join("codex-proxy")
        }
        None => base_folder(&config.state_dir, runtime_dir),
    };
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
    /// Makes the folders of the worker called `worker` under `base`. Without an upstream of its own it gets the operator's login.
    pub fn create(base: &Path, worker: &str, config: &Config) -> Result<Self, HomeError> {
        // Made at the start, but such places are cleaned behind our back: at a logout, for one.
        private_folder::make(base).map_err(failed(base))?;
        let home = Self { root: base.join(format!("{}-{worker}", std::process::id())) };
        // A pid that came round again may have left a folder of the same name.
        let _ = std::fs::remove_dir_all(&home.root);
        for folder in [home.codex_home(), home.working_folder(), home.temporary_folder()] {
            create_private(&folder).map_err(failed(&folder))?;
        }
        if config.upstream_base_url.is_none() {
            // A link, because Codex rewrites the file in place when it refreshes its tokens.
            let link = home.codex_home().join("auth.json");
            symlink(operator_login(config), &link).map_err(failed(&link))?;
        }
        Ok(home)
    }

    /// Writes the file `name` into the worker's `CODEX_HOME` and returns its path.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, HomeError> {
        let path = self.codex_home().join(name);
        std::fs::write(&path, text).map_err(failed(&path))?;
        Ok(path)
    }

    /// The folders and files that the worker may change.
    pub fn writable(&self, config: &Config) -> Vec<PathBuf> {
        let mut writable = vec![self.codex_home(), self.working_folder(), self.temporary_folder()];
        if config.upstream_base_url.is_none() {
            writable.push(operator_login(config));
        }
        writable
    }

    /// Lets `command` live here: its folders, and the upstream's key.
    pub fn furnish(&self, command: &mut Command, config: &Config) {
        command
            .current_dir(self.working_folder())
            .env("NO_COLOR", "1")
            .env("HOME", self.codex_home())
            .env("TMPDIR", self.temporary_folder())
            .env("SQLITE_TMPDIR", self.temporary_folder())
            .env("CODEX_HOME", self.codex_home());
        if let Some(key) = &config.upstream_api_key {
            command.env(UPSTREAM_KEY_VARIABLE, key.expose_secret());
        }
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

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> HomeError {
    let path = path.to_owned();
    move |source| HomeError { path, source }
}

/// The operator's own login, which a worker without an upstream of its own uses.
pub(super) fn operator_login(config: &Config) -> PathBuf {
    config.codex_home.join("auth.json")
}

fn create_private(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        crate::config::load(&crate::config::Sources {
            flags: [("state-dir".to_owned(), "/nowhere".to_owned())].into(),
            environment: [("HOME".to_owned(), "/nowhere".to_owned())].into(),
            purpose: crate::config::Purpose::Inspect,
        })
        .unwrap()
    }

    #[test]
    fn what_a_dead_proxy_left_is_swept_and_a_living_ones_stays() {
        let runtime = tempfile::tempdir().unwrap();
        let base = prepare_base(&config(), Some(runtime.path())).unwrap();
        let (living, dead) = (base.join(format!("{}-w1", std::process::id())), base.join("2147483646-w1"));
        for home in [&living, &dead] {
            create_private(home).unwrap();
        }
        assert_eq!(prepare_base(&config(), Some(runtime.path())).unwrap(), base);
        assert!(living.exists() && !dead.exists());
    }

    #[test]
    fn a_link_in_place_of_the_folder_is_refused_and_not_swept_through() {
        let (runtime, victim) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let precious = victim.path().join("precious");
        std::fs::create_dir(&precious).unwrap();
        symlink(victim.path(), runtime.path().join("codex-proxy")).unwrap();
        let error = prepare_base(&config(), Some(runtime.path())).unwrap_err().to_string();
        assert!(error.contains("remove it") && error.contains("PROXY_CODEX_WORKDIR"), "{error}");
        assert!(precious.exists());
    }
}
